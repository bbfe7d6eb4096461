"""What is held is released, refused or held again by reviewers with keys, all processes running."""

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from guard.cli.main import main
from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.edge.policy_files import read_policy_file, sign_policy
from guard.edge.site import load_site
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


@pytest.fixture(scope="module")
def flow() -> Iterator[Demonstration]:
    """One running flow for all of these tests; each has a message of its own."""
    folder = Path(tempfile.mkdtemp(prefix="checkvalve-test-"))
    folder.chmod(0o711)  # as root each role has a user of its own
    pack = holding_pack(folder / "pack")
    with Demonstration(folder / "site", pack, LinkFaults(direct=True), insecure=False) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def wait_for(what: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + SETTLES_WITHIN_S
    while not what():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.2)


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


def newest(flow: Demonstration, ident: str) -> Entry:
    return fates(flow, ident)[-1]


def decide_anew(flow: Demonstration, idents: list[str], decided: dict[str, int]) -> bool:
    """Both release what is held and was not decided yet; gives whether all are committed."""
    kinds = (Kind.COMMITTED, Kind.REFUSED, Kind.HELD)
    told = {e["id"]: e for e in entries(flow.made.low) if e["kind"] in kinds}
    for ident in idents:
        fate = told[ident]
        if fate["kind"] == Kind.HELD and decided.get(ident) != fate["number"]:
            decided[ident] = int(fate["number"])
            for reviewer in (1, 2):
                done = decide(flow, "release", ident, reviewer)
                assert done.exit_code == 0, done.stderr
    return all(told[ident]["kind"] == Kind.COMMITTED for ident in idents)


def reply(flow: Demonstration, ident: str) -> str:
    path = flow.made.low / "replies" / "alpha" / f"{ident}.json"
    return str(json.loads(path.read_text())["outcome"])


def exact(flow: Demonstration) -> bool:
    """Whether every drop is in exactly one place, and nothing twice."""
    account = flow.follow()
    assert (account.duplicates, account.lost) == (0, 0)
    return account.decided == len(flow.dropped)


def test_two_release_what_a_stage_held_and_it_is_delivered(flow: Demonstration) -> None:
    before = len(flow.follow().delivered)
    line = hold_one(flow)
    assert (line["stage"], line["reason"], line["sender"]) == ("caveats", "dirty-word", "alpha")
    assert line["decisions"] == 0
    assert reply(flow, line["id"]) == "held for review"
    shown = guard("held", "show", line["id"][:8], "--site", flow.made.low, "--json")
    told = json.loads(shown.stdout)
    assert told["ledger"] == "the ledger says the same"
    assert (told["input"]["kind"], told["would_release"]["kind"]) == ("text", "model")
    assert any("convoys" in text for text in told["diff"])

    first = decide(flow, "release", line["id"], 1)
    assert first.exit_code == 0, first.stderr
    time.sleep(2.5)  # two looks of ingest: nothing may have come of one decision
    assert [it["decisions"] for it in listed(flow)] == [1]
    assert len(fates(flow, line["id"])) == 1
    assert decide(flow, "release", line["id"], 2).exit_code == 0
    wait_for(lambda: len(flow.follow().delivered) == before + 1)
    held, committed = fates(flow, line["id"])
    assert (held["kind"], committed["kind"]) == (Kind.HELD, Kind.COMMITTED)
    assert committed["hold"] == held["number"]
    assert committed["decisions"] == "reviewer-1 release, reviewer-2 release"
    assert exact(flow)
    wait_for(lambda: listed(flow) == [])
    assert reply(flow, line["id"]) == "released"
    assert any(b"Two convoys" in file.read_bytes() for file in flow.delivered_files())


def test_two_refuse_and_it_is_refused_for_good(flow: Demonstration) -> None:
    ident = hold_one(flow)["id"]
    for reviewer in (1, 2):
        assert decide(flow, "refuse", ident, reviewer).exit_code == 0
    wait_for(lambda: newest(flow, ident)["kind"] == Kind.REFUSED)
    assert newest(flow, ident)["reason"] == "review-refused"
    wait_for(lambda: listed(flow) == [])
    wait_for(lambda: reply(flow, ident) == "refused")
    assert exact(flow)


def test_two_who_disagree_begin_again(flow: Demonstration) -> None:
    ident = hold_one(flow)["id"]
    assert decide(flow, "release", ident, 1).exit_code == 0
    assert decide(flow, "refuse", ident, 2).exit_code == 0
    wait_for(lambda: newest(flow, ident).get("decision") == "disagreed")
    (line,) = listed(flow)
    assert (line["id"], line["stage"], line["decisions"]) == (ident, "caveats", 0)
    assert "disagreed" in line["sentence"]
    for reviewer in (1, 2):
        assert decide(flow, "release", ident, reviewer).exit_code == 0
    wait_for(lambda: newest(flow, ident)["kind"] == Kind.COMMITTED)
    wait_for(flow.settled)
    assert exact(flow)


def test_who_may_not_decide_and_what_was_changed_is_refused(flow: Demonstration) -> None:
    ident = hold_one(flow)["id"]
    author = guard("held", "release", ident, "--site", flow.made.low, "--yes",
                   "--key", flow.folder / "author-1.key")  # fmt: skip
    assert author.exit_code == 3
    assert "no reviewer's key" in author.stderr
    for reviewer in (1, 1):
        assert decide(flow, "release", ident, reviewer).exit_code == 0
    wait_for(lambda: any(
        e["kind"] == Kind.REVIEW and "decided twice" in str(e["sentence"])
        for e in entries(flow.made.low)
    ))  # fmt: skip
    file = flow.made.low / "held" / ident / "input"
    content = file.read_bytes()
    file.write_bytes(content.replace(b"convoys", b"VEHICLE"))
    refused = decide(flow, "release", ident, 2)
    assert refused.exit_code == 3
    assert "was changed since it was held" in refused.stderr
    file.write_bytes(content)
    assert decide(flow, "release", ident, 2, "--out", flow.folder / "late").exit_code == 0
    file.write_bytes(content.replace(b"convoys", b"VEHICLE"))
    assert guard("held", "put", flow.folder / "late", "--site", flow.made.low).exit_code == 0
    wait_for(lambda: any(
        e["kind"] == Kind.REVIEW and "was changed since" in str(e["sentence"])
        for e in entries(flow.made.low)
    ))  # fmt: skip
    file.write_bytes(content)
    assert newest(flow, ident)["kind"] == Kind.HELD
    for reviewer in (1, 2):
        assert decide(flow, "refuse", ident, reviewer).exit_code == 0
    wait_for(lambda: newest(flow, ident)["kind"] == Kind.REFUSED)
    assert guard("held", "put", flow.folder / "late", "--site", flow.made.low).exit_code == 0
    wait_for(lambda: len([e for e in entries(flow.made.low) if e["kind"] == Kind.REVIEW]) >= 4)
    assert newest(flow, ident)["kind"] == Kind.REFUSED
    assert exact(flow)


def test_kills_at_any_moment_neither_lose_nor_double_what_was_decided(
    flow: Demonstration,
) -> None:
    before = len(flow.follow().delivered)
    idents = [hold_one(flow)["id"] for _ in range(6)]
    decided: dict[str, int] = {}
    for at, ident in enumerate(idents):
        decide_anew(flow, [ident], decided)
        time.sleep(0.3 * at)  # another place in ingest's second each time
        role = ("ingest", "release", "audit")[at % 3]
        wait_for(lambda role=role: role in flow.pids("low"))  # type: ignore[misc]  # bound now
        with contextlib.suppress(ProcessLookupError):  # its lane ended meanwhile
            os.kill(flow.pids("low")[role], signal.SIGKILL)
    wait_for(lambda: decide_anew(flow, idents, decided))  # what a kill made look like poison too
    wait_for(lambda: len(flow.follow().delivered) == before + len(idents))
    assert exact(flow)
    wait_for(lambda: listed(flow) == [])


def test_a_policy_that_comes_in_between_starts_it_over(flow: Demonstration) -> None:
    low = flow.made.low
    ident = hold_one(flow)["id"]
    assert decide(flow, "release", ident, 1).exit_code == 0
    folder = flow.folder.parent / "new"
    shutil.copytree(low / "documents", folder / "documents")
    text = (low / "policy.toml").read_text("utf-8").replace("version = 1", "version = 2", 1)
    (folder / "policy.toml").write_text(text)
    keys = [flow.folder / f"author-{number}.key" for number in (1, 2)]
    sign_policy(read_policy_file(folder / "policy.toml"), "low", keys, load_site(low).root)
    assert guard("policy", "install", folder, "--site", low).exit_code == 0
    wait_for(lambda: any(
        e["kind"] == Kind.REVIEW and e["id"] == ident and e["reason"] == "review-stale"
        for e in entries(low)
    ))  # fmt: skip
    assert decide(flow, "release", ident, 2).exit_code == 0
    time.sleep(2.5)  # two looks of ingest
    assert newest(flow, ident)["kind"] == Kind.HELD
    assert decide(flow, "release", ident, 1).exit_code == 0
    wait_for(lambda: newest(flow, ident)["kind"] == Kind.COMMITTED)
    assert str(newest(flow, ident)["review"]).count("policy 2 ") == 1
