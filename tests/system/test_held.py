"""What is held is released, refused or held again by reviewers with keys, all processes running."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from guard.cli.main import main
from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.report.ledger_verifier import verify_ledger
from schemas.entry import Entry, Kind

pytestmark = pytest.mark.long

SAMPLE = (pack_folder("c2") / "samples" / "position.cot").read_bytes()
LOOKED_AT = SAMPLE.replace(b"Two vehicles", b"Two convoys")
SETTLES_WITHIN_S = 90
CAVEATS = b"convoys\n"
WORDS = '[[source.stage]]\nname = "words"\n'
HOLDING = """
[[source.stage]]
name = "caveats"
use = "words"
parameters = { document = "caveats.txt", found = "hold" }
"""


def guard(*words: object) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def holding_pack(folder: Path) -> Path:
    """The pack `c2` with a list of words that people are to look at."""
    shutil.copytree(pack_folder("c2"), folder)
    policy = folder / "policy.toml"
    text = policy.read_text("utf-8").replace(WORDS, WORDS + HOLDING, 1)
    policy.write_text(text.replace('"words.txt"]', '"words.txt", "caveats.txt"]', 1))
    (folder / "caveats.txt").write_bytes(CAVEATS)
    return folder


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Demonstration]:
    faults = LinkFaults(direct=True)
    pack = holding_pack(open_folder / "pack")
    with Demonstration(open_folder / "site", pack, faults, insecure=False) as made:
        yield made


def wait_for(what: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + SETTLES_WITHIN_S
    while not what():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.05)


def entries(side: Path) -> list[Entry]:
    found: list[Entry] = []
    report = verify_ledger(
        side / "ledger", side / "trust" / "ledger.pub", see=lambda _, entry: found.append(entry)
    )
    assert report.ok, report.findings
    return found


def hold_one(flow: Demonstration) -> dict[str, Any]:
    """Drop what is held for people; gives the line that lists it."""
    before = {line["id"] for line in listed(flow)}
    flow.drop(LOOKED_AT, "position.cot")
    wait_for(flow.settled)
    (found,) = [line for line in listed(flow) if line["id"] not in before]
    return dict(found)


def listed(flow: Demonstration) -> list[dict[str, Any]]:
    done = guard("held", "list", "--site", flow.made.low, "--json")
    assert done.exit_code == 0, done.stderr
    return list(json.loads(done.stdout))


def decide(flow: Demonstration, decision: str, ident: str, reviewer: int, *more: object) -> Result:
    key = flow.folder / f"reviewer-{reviewer}.key"
    return guard(
        "held", decision, ident, "--site", flow.made.low, "--key", key, "--yes", "--json", *more
    )


def fates(flow: Demonstration, ident: str) -> list[Entry]:
    kinds = (Kind.COMMITTED, Kind.REFUSED, Kind.HELD)
    return [e for e in entries(flow.made.low) if e["kind"] in kinds and e.get("id") == ident]


def test_two_release_what_a_stage_held_and_it_is_delivered(flow: Demonstration) -> None:
    line = hold_one(flow)
    assert (line["stage"], line["reason"], line["sender"]) == ("caveats", "dirty-word", "alpha")
    assert line["decisions"] == 0
    shown = json.loads(
        guard("held", "show", line["id"][:8], "--site", flow.made.low, "--json").stdout
    )
    assert shown["ledger"] == "the ledger says the same"
    assert (shown["input"]["kind"], shown["would_release"]["kind"]) == ("text", "model")
    assert any("convoys" in text for text in shown["diff"])

    first = decide(flow, "release", line["id"], 1)
    assert first.exit_code == 0, first.stderr
    time.sleep(2.5)  # two looks of ingest: nothing may have come of one decision
    assert [it["decisions"] for it in listed(flow)] == [1]
    assert len(fates(flow, line["id"])) == 1
    second = decide(flow, "release", line["id"], 2)
    assert second.exit_code == 0, second.stderr
    wait_for(lambda: len(flow.follow().delivered) == 1)
    held, committed = fates(flow, line["id"])
    assert (held["kind"], committed["kind"]) == (Kind.HELD, Kind.COMMITTED)
    assert committed["hold"] == held["number"]
    assert committed["signers"] == "reviewer-1 release, reviewer-2 release"
    account = flow.follow()
    assert (len(account.committed), len(account.held), account.duplicates) == (1, 0, 0)
    wait_for(lambda: listed(flow) == [])
    (file,) = flow.delivered_files()
    assert b"Two convoys" in file.read_bytes()
