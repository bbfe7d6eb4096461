"""The labels and clearances that come along: what the documents say of them is so."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import Malformed
from schemas.label.access import decide
from schemas.label.clauses import Denied, Rule
from schemas.label.clearance import ClearanceTable
from schemas.label.clearance_file import read_table
from schemas.label.equivalence import Equivalence
from schemas.label.validity import validate
from tests.schemas.label.policies import DOCUMENTS, NAMES, NOW_MS, form

LABELS: list[dict[str, Any]] = tomllib.loads((DOCUMENTS / "labels.toml").read_text("utf-8"))[
    "label"
]
CLEARANCES = {path.stem: path for path in sorted((DOCUMENTS / "clearances").glob("*.toml"))}
SPECIFICATION = Path(__file__).parents[3] / "docs" / "spec" / "labels.md"


def table(name: str) -> ClearanceTable:
    return read_table(CLEARANCES[name].read_bytes())


@pytest.mark.parametrize("told", LABELS, ids=lambda told: told["text"])
def test_a_label_is_what_the_documents_say(told: dict[str, Any]) -> None:
    mine = form(told["policy"])
    label = mine.read(told["text"], policy_named=True)
    assert mine.write(label) == told["text"]
    if "rule" in told:
        with pytest.raises(Denied) as caught:
            validate(label, mine.spif, NOW_MS)
        assert caught.value.rule.value.code == told["rule"]
        return
    valid = validate(label, mine.spif, NOW_MS)
    seen = []
    for name in CLEARANCES:
        if table(name).policy == told["policy"]:
            try:
                decide(valid, table(name).under(mine.spif), NOW_MS)
                seen.append(name)
            except Denied:
                continue
    assert seen == sorted(told["may_see"])
    for other, wanted in told["becomes"].items():
        theirs = form(other)
        try:
            translated = Equivalence.between(mine.spif, theirs.spif).translate(valid, NOW_MS)
            found = theirs.write(translated.valid.label)
        except Denied as error:
            found = error.rule.value.code
        assert found == wanted


def test_every_policy_has_labels_clearances_and_somewhere_to_go() -> None:
    for name in NAMES:
        mine = [told for told in LABELS if told["policy"] == name]
        assert any("rule" in told for told in mine)
        assert any(told.get("may_see") for told in mine)
        assert any(len(text) > 2 for told in mine for text in told.get("becomes", {}).values())


@pytest.mark.parametrize(
    ("untrusted", "words"),
    [
        (b"\xff", "not TOML"), (b"classifications = [", "not TOML"), (b"", "classifications"),
        (b"classifications = []", "classifications"),
        (b'classifications = ["A"]\nmore = 1', "more"), (b"x = 1\n" * 20_000, "larger"),
        (b'classifications = ["A"]\n[categories]\nT = "v"', "categories"),
    ],
)  # fmt: skip
def test_what_is_no_clearance_file(untrusted: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read_table(untrusted)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy": "ALLIANCE"}, "A1"),
        ({"classifications": ["COSMIC"]}, "A3"),
        ({"categories": {"Nothing": ["x"]}}, "A3"),
        ({"categories": {"Releasable To": ["NOBODY"]}}, "A3"),
        ({"categories": {"Releasable To": []}}, "no value"),
        ({"not_after": "tomorrow"}, "of the form"),
        ({"not_after": "2026-01-01T00:00:00"}, "of the form"),
    ],
)
def test_a_clearance_that_does_not_fit_its_policy(changes: dict[str, Any], words: str) -> None:
    whole = {"policy": "KESTRIA", "classifications": ["SECRET"]} | changes
    with pytest.raises(Malformed, match=words):
        ClearanceTable.model_validate(whole).under(form("KESTRIA").spif)


def test_the_specification_lists_every_rule_with_its_source() -> None:
    text = SPECIFICATION.read_text("utf-8")
    for rule in Rule:
        clause = rule.value
        row = f"| {clause.code} | {clause.says} | {clause.source} |"
        assert row in text, row
