"""The index against ledgers: what is found is what stands there, and what changed is noticed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.edge.keys import public_of
from guard.report.index.building import bring_up_to_date
from guard.report.index.places import ledgers_under
from guard.report.index.proofs import inclusion_path, proof_of
from guard.report.index.searching import Index, Question
from guard.report.index.tables import open_index
from guard.report.index.times import times_of
from schemas.entry import Entry
from schemas.errors import Malformed
from schemas.reasons import Reason
from tests.guard.core.test_merkle import definition_path, definition_root, leaves_of
from tests.guard.ledgers import keys_of, open_ledger
from tests.guard.sites import NOW_MS, SEEDS, hexed, high_entries, low_entries, write

SCRIPT = Path(__file__).parents[3] / "docs" / "check_proof.py"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    low = low_entries(1500)
    write(folder, "low", low)
    write(folder, "high", high_entries(low))
    return folder


def index_of(site: Path, file: Path) -> Index:
    connection = open_index(file)
    bring_up_to_date(connection, ledgers_under((site,)), NOW_MS)
    return Index(connection)


@pytest.fixture(scope="module")
def index(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return index_of(site, tmp_path_factory.mktemp("cache") / "index")


NAMES = (
    "1234", hexed(1371, "id")[:32], hexed(1371, "id")[:9], hexed(1371, "payload"),
    hexed(1371, "accepted")[:20], hexed(1371, "b"), hexed(1371, "envelope"), "01371-event.cot",
    "1371-event.cot",
)  # fmt: skip


@pytest.mark.parametrize("which", NAMES)
def test_a_message_is_found_by_each_of_its_names_on_both_sides(index: Index, which: str) -> None:
    found = index.message(which)
    assert [(each.indexed.side, each.entry["kind"]) for each in found] == [
        ("low", "committed"), ("high", "delivering")]  # fmt: skip
    assert {each.entry["id"] for each in found} == {hexed(1371, "id")[:32]}
    times = times_of(index, found)
    assert (times.accepted_ms, times.decided_ms) == (14_000, 14_710)
    assert (times.sent_ms, times.delivered_ms) == (14_711, 14_714)


@pytest.mark.parametrize(("which", "said"), [("nothing", "knows"), ("event.cot", "names several")])
def test_a_name_of_none_or_of_several_is_said(index: Index, which: str, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        index.message(which)


QUESTIONS: dict[str, tuple[Question, Callable[[Entry], bool]]] = {
    "sender": (Question(sender="bravo"), lambda e: e.get("sender") == "bravo"),
    "verdict": (Question(verdict="refused"), lambda e: e["kind"] == "refused"),
    "stage": (Question(stage="words"), lambda e: e.get("stage") == "words"),
    "reason": (Question(reason="dirty-word"), lambda e: e.get("reason") == "dirty-word"),
    "label": (Question(label="RESTRICTED"), lambda e: e.get("label") == "RESTRICTED"),
    "time": (
        Question(begin_ms=2000, end_ms=3000), lambda e: 2000 <= int(e["time_ms"]) < 3000,
    ),
    "kind": (Question(kind="epoch"), lambda e: e["kind"] == "epoch"),
    "both": (
        Question(sender="alpha", label="RESTRICTED"),
        lambda e: e.get("sender") == "alpha" and e.get("label") == "RESTRICTED",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_search_gives_what_a_walk_through_the_ledgers_gives_page_by_page(
    index: Index, name: str
) -> None:
    question, wanted = QUESTIONS[name]
    pages, after = [], ""
    while True:
        page, after = index.ask(question, 33, after)
        pages += page
        if not after:
            break
    everything, _ = index.ask(Question(), 10_000)
    expected = [each.told() for each in everything if wanted(each.entry)]
    assert expected
    assert [each.told() for each in pages] == expected
    assert [each.row.time_ms for each in pages] == sorted(each.row.time_ms for each in pages)


def test_flow_and_side_are_those_of_the_ledgers_name(index: Index) -> None:
    page, _ = index.ask(Question(flow="c2", side="high"), 10)
    assert {each.indexed.side for each in page} == {"high"}
    assert index.ask(Question(flow="other"), 10) == ([], "")


@pytest.mark.parametrize("number", [0, 1, 1000, 1023, 1024, 1025, 2047, 2048, 2500, 2800])
def test_a_proof_holds_for_the_script_that_is_printed_in_the_docs(
    index: Index, site: Path, tmp_path: Path, number: int
) -> None:
    (found,) = [e for e in _of_low(index) if e.row.number == number]
    proof = proof_of(index, found, public_of(SEEDS["low"]))
    assert len(SCRIPT.read_text().splitlines()) <= 100
    right = _check(tmp_path, [proof], public_of(SEEDS["low"]).hex())
    assert (right.returncode, f"entry {number} of" in right.stdout) == (0, True)
    for harm in (
        {"line": proof["line"].replace("time_ms", "time_mz")}, {"entry": number + 1},
        {"path": proof["path"][1:]}, {"previous_link": "00" * 32 if number else "11" * 32},
        {"certificates": proof["certificates"][1:]}, {"ledger": "checkvalve/c2/high"},
        {"checkpoint": proof["checkpoint"].replace("\n", "\n1", 1)},
    ):  # fmt: skip
        wrong = _check(tmp_path, [proof | harm], public_of(SEEDS["low"]).hex())
        assert wrong.returncode == 1, harm
    other = _check(tmp_path, [proof], public_of(SEEDS["high"]).hex())
    assert other.returncode == 1


def _of_low(index: Index) -> list:  # type: ignore[type-arg]  # of Found
    return index.ask(Question(side="low"), 10_000)[0]


def _check(
    folder: Path, proofs: list[dict[str, object]], key: str
) -> subprocess.CompletedProcess[str]:
    file = folder / "proof.json"
    file.write_text(json.dumps(proofs))
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(file), f"checkvalve/c2/low={key}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.data())
def test_the_path_is_the_definition(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    number = data.draw(st.integers(0, size - 1))
    path = inclusion_path(lambda low, high: definition_root(leaves[low:high]), number, size)
    assert path == definition_path(number, leaves)


def test_what_has_not_changed_is_not_read_again_and_what_has_is(tmp_path: Path) -> None:
    low = low_entries(50)
    write(tmp_path, "low", low)
    connection = open_index(tmp_path / "index")
    read: list[int] = []
    bring_up_to_date(connection, ledgers_under((tmp_path,)), NOW_MS, read.append)
    bring_up_to_date(connection, ledgers_under((tmp_path,)), NOW_MS, read.append)
    before = Index(connection).ledgers[0].size
    assert sum(read) == before
    writer = open_ledger(tmp_path / "low" / "ledger", SEEDS["low"], "checkvalve/c2/low")
    writer.append([{"kind": "stop", "time_ms": 9}])
    writer.close()
    bring_up_to_date(connection, ledgers_under((tmp_path,)), NOW_MS, read.append)
    assert Index(connection).ledgers[0].size == before + 1


def test_an_entry_that_was_changed_after_it_was_indexed_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, "low", low_entries(50))
    index = index_of(tmp_path, tmp_path / "index")
    path = min((tmp_path / "low" / "ledger").glob("*.journal"))
    path.write_bytes(path.read_bytes().replace(b"00007-event.cot", b"00007-Event.cot"))
    with pytest.raises(Malformed) as raised:
        index.message("7")
    assert raised.value.reason is Reason.LEDGER_TREE


def test_a_file_that_is_no_index_is_made_anew(tmp_path: Path) -> None:
    write(tmp_path, "low", low_entries(5))
    (tmp_path / "index").write_bytes(b"no database at all" * 100)
    assert index_of(tmp_path, tmp_path / "index").message("3")


def test_the_keys_of_the_ledger_are_not_asked_for(site: Path) -> None:
    """What an auditor has is a copy without secrets."""
    assert not (site / "low" / "sealing").exists()
    assert keys_of(site / "low" / "ledger").exists()
    assert os.access(site, os.R_OK)
