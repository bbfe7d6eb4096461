"""Labels in running flows, both directions: real processes, sandbox, link and ledgers.

Up, `c2` maps the labels of the lower side's policy; down, `c2_release` lets pass only what a label
releases. What stands in the ledgers names the rule of every decision.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from guard.cli.main import main
from guard.core.trust import SignedRoot
from guard.edge.making import pack_folder
from guard.edge.trust import ROOT
from schemas.trust_root import Direction
from tests.system.test_crossing import demo

pytestmark = pytest.mark.long
RULE = re.compile(r"\[[A-Z][0-9]{1,2}, [^\]]+\]")


@pytest.mark.parametrize(
    ("pack", "own", "others"),
    [("c2", "ALLIANCE", "KESTRIA"), ("c2_release", "KESTRIA", "ALLIANCE")],
)
def test_only_what_its_label_allows_arrives_labelled_by_the_destinations_policy(
    pack: str, own: str, others: str, open_folder: Path
) -> None:
    code, result = demo("--pack", pack, "--keep", str(open_folder / "kept"))
    assert code == 0
    assert (result["low_ledger"], result["high_ledger"]) == ("verified", "verified")
    assert not any(result[it] for it in ("lost", "duplicates", "unaccounted", "held_high"))
    site = open_folder / "kept" / "site"
    cases = tomllib.loads((pack_folder(pack) / "samples/hostile/expected.toml").read_text("utf-8"))
    held = sum(case.get("held", False) for case in cases["case"])
    good = len(list((pack_folder(pack) / "samples").glob("*.cot")))
    assert (result["held"], result["delivered"]) == (held, good)
    delivered = sorted((site / "high/queue").glob("**/*.cot"))
    assert len(delivered) == good
    for file in delivered:
        label = json.loads(file.with_suffix(".meta.json").read_text("utf-8"))["label"]
        first, _, second = label.partition(" || ")
        assert (first.split()[0], second.split()[0]) == (others, own)
        assert f'access="{second}"' in file.read_text("utf-8")
    for case in cases["case"]:
        if case["reason"].startswith("label-"):
            entry = decision_of(site / "low", case["file"])
            assert (entry["reason"], entry["stage"]) == (case["reason"], case["stage"])
            # what is no label at all breaks the form of labels, and no rule about them
            assert RULE.search(entry["sentence"]) or entry["reason"] == "label-malformed"


def decision_of(low: Path, name: str) -> dict[str, str]:
    """What the low side's ledger says of the file of this name, which was stopped."""
    words = ["audit", "show", "--site", str(low), "--json", "--", f"-{name}"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    (entry,) = [it for it in json.loads(done.stdout) if it["kind"] in ("refused", "held")]
    stopped: dict[str, str] = entry
    return stopped


def test_a_flow_down_runs_only_as_a_release_that_the_trust_root_lists(open_folder: Path) -> None:
    demo("--pack", "c2_release", "--count", "1", "--keep", str(open_folder / "kept"))
    signed = (open_folder / "kept/site/low/trust" / ROOT).read_bytes()
    root = SignedRoot.read(signed, "the trust root").check()
    assert root.direction("HIGH", "LOW") is Direction.DOWN
    assert root.releases == {"c2_release": ("HIGH", "LOW")}
