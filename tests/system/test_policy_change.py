"""A policy changed and a posture applied while messages flow, with all processes as they are."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from guard.cli.main import main
from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.edge.policy_files import read_policy_file, sign_policy
from guard.edge.site import load_site
from guard.report.ledger_verifier import verify_ledger
from schemas.entry import Entry, Kind
from schemas.posture import FIRST_LINE

pytestmark = pytest.mark.long

SAMPLE = (pack_folder("c2") / "samples" / "position.cot").read_bytes()
SETTLES_WITHIN_S = 90
DECIDES = (Kind.COMMITTED, Kind.REFUSED, Kind.HELD)


def guard(*words: object) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Demonstration]:
    faults = LinkFaults(direct=True)
    with Demonstration(open_folder / "site", pack_folder("c2"), faults, insecure=False) as made:
        yield made


def entries(side: Path) -> list[Entry]:
    found: list[Entry] = []
    report = verify_ledger(
        side / "ledger", side / "trust" / "ledger.pub", see=lambda _, entry: found.append(entry)
    )
    assert report.ok, report.findings
    return found


def wait_for(what: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + SETTLES_WITHIN_S
    while not what():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.05)


def new_policy(flow: Demonstration, side: str, *changes: tuple[str, str]) -> tuple[Path, str]:
    """The side's policy, changed and signed by both authors, in a folder; and VERSION:DIGEST."""
    site = flow.folder / side
    folder = flow.folder.parent / f"new-{side}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(site / "documents", folder / "documents")
    text = (site / "policy.toml").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "policy.toml").write_text(text)
    found = read_policy_file(folder / "policy.toml")
    keys = [flow.folder / f"author-{number}.key" for number in (1, 2)]
    sign_policy(found, side, keys, load_site(site).root)
    return folder, f"{found.policy.version}:{found.digest(side).hex()}"


class Dropping:
    """Somebody who drops a file every few milliseconds, until told to stop."""

    def __init__(self, flow: Demonstration) -> None:
        self._flow = flow
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._drop)

    def _drop(self) -> None:
        while not self._enough.wait(0.02):
            self._flow.drop(SAMPLE, "position.cot")

    def __enter__(self) -> "Dropping":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()


def test_every_message_is_decided_under_exactly_one_policy(flow: Demonstration) -> None:
    low, high = flow.made.low, flow.made.high
    first = f"1:{load_site(low).policy_digest.hex()}"
    new_low, second = new_policy(
        flow, "low", ("version = 1", "version = 2"), ("bytes_min = 32", "bytes_min = 33")
    )
    new_high, _ = new_policy(
        flow, "high", ("version = 1", "version = 2"), (f'"{first}"', f'"{first}", "{second}"')
    )
    with Dropping(flow):
        wait_for(lambda: len(flow.follow().delivered) > 5)
        for folder, side in ((new_high, high), (new_low, low)):
            done = guard("policy", "install", folder, "--site", side)
            assert done.exit_code == 0, done.stdout + done.stderr
            assert "Version 2 is in force." in done.stdout
        decided = flow.follow().decided
        wait_for(lambda: flow.follow().decided > decided + 10)
    wait_for(flow.settled)
    account = flow.follow()
    assert (account.gaps, account.lost, account.duplicates) == (0, 0, 0)
    assert len(account.committed) == len(account.delivered) == len(flow.dropped)

    told = [entry for entry in entries(low) if entry["kind"] in DECIDES]
    assert len({entry["id"] for entry in told}) == len(told)
    under = [str(entry["policy_digest"]) for entry in told]
    old, new = first.partition(":")[2], second.partition(":")[2]
    assert under == [old] * under.count(old) + [new] * under.count(new)
    assert under.count(old) > 5
    assert under.count(new) > 10

    by_sequence = {entry["sequence"]: entry["policy_digest"] for entry in told}
    arrived = [entry for entry in entries(high) if entry["kind"] == Kind.DELIVERING]
    assert {e["sequence"]: e["source_policy"] for e in arrived} == by_sequence
    runs = [entry for entry in entries(low) if entry["kind"] == Kind.RUN]
    assert [entry["policy_version"] for entry in runs] == [1, 2]
    assert not [e for e in (*entries(low), *entries(high)) if e.get("reason") == "poison"]


def test_a_policy_that_may_not_follow_changes_nothing(flow: Demonstration) -> None:
    low = flow.made.low
    before = load_site(low).policy_digest
    again, _ = new_policy(flow, "low", ("bytes_min = 32", "bytes_min = 33"))
    done = guard("policy", "install", again, "--site", low)
    assert done.exit_code == 3
    assert "has run with other content" in done.stderr
    newer, _ = new_policy(flow, "low", ("version = 1", "version = 2"))
    signature = (newer / "policy.sig").read_text().splitlines(keepends=True)
    (newer / "policy.sig").write_text("".join(signature[:-1]))
    assert guard("policy", "install", newer, "--site", low).exit_code == 3
    other, _ = new_policy(flow, "low", ("version = 1", "version = 2"), ('"c2"', '"c3"'))
    assert guard("policy", "install", other, "--site", low).exit_code == 3
    assert load_site(low).policy_digest == before
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)


def test_a_side_does_not_go_back_to_a_policy_it_has_left(flow: Demonstration) -> None:
    low = flow.made.low
    kept = flow.folder.parent / "kept"
    shutil.copytree(low, kept, ignore=shutil.ignore_patterns("run", "spool", "ledger"))
    newer, _ = new_policy(flow, "low", ("version = 1", "version = 2"))
    assert guard("policy", "install", newer, "--site", low).exit_code == 0
    flow.end()
    for name in ("policy.toml", "policy.sig"):
        shutil.copyfile(kept / name, low / name)
    refused = guard("run", "low", "--site", low)
    assert refused.exit_code == 3
    assert "is version 1, and this side has run version 2" in refused.stderr


POSTURE = f'{FIRST_LINE}\nformat = 1\nversion = {{}}\nflow = "c2"\nreason = "exercise"\n'


def sign(flow: Demonstration, text: str, *authors: int) -> Path:
    file = flow.folder.parent / "posture"
    file.write_text(text)
    for number in authors:
        key, root = flow.folder / f"author-{number}.key", flow.made.low / "trust" / "root"
        done = guard("policy", "posture", "sign", file, "--key", key, "--root", root)
        assert done.exit_code == 0, done.stderr
    return file


def apply(flow: Demonstration, side: Path, text: str, *authors: int) -> Result:
    return guard("policy", "posture", "apply", sign(flow, text, *authors), "--site", side)


def test_one_person_stops_a_running_flow_and_two_let_it_go_on(flow: Demonstration) -> None:
    low = flow.made.low
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)
    done = apply(flow, low, POSTURE.format(1) + "stop = true\n", 1)
    assert (done.exit_code, done.stdout) == (0, "Posture version 1 is in force.\n")
    wait_for(lambda: any(e["kind"] == Kind.POSTURE for e in entries(low)))
    for _ in range(3):
        flow.drop(SAMPLE, "position.cot")
    alone = apply(flow, low, POSTURE.format(2), 2)
    assert alone.exit_code == 3
    assert "2 persons must sign" in alone.stderr
    flow.end()
    flow.start_side("high").await_line("event", "running")
    flow.start_side("low").await_line("event", "running")  # it holds after a restart too
    wait_for(lambda: [e["kind"] for e in entries(low)].count(Kind.POSTURE) == 2)
    assert "stop = true" in guard("policy", "posture", "show", "--site", low).stdout
    assert len(list((low / "spool/drop/alpha").glob("*.cot"))) == 3
    assert flow.follow().decided == 1
    both = apply(flow, low, POSTURE.format(2), 1, 2)
    assert both.exit_code == 0, both.stderr
    wait_for(flow.settled)
    assert len(flow.follow().delivered) == 4
    postures = [e for e in entries(low) if e["kind"] == Kind.POSTURE]
    assert [(e["version"], e["signers"]) for e in postures] == [
        (1, "author-1"), (1, "author-1"), (2, "author-1,author-2"),
    ]  # fmt: skip


def test_what_a_posture_holds_is_held_on_either_side(flow: Demonstration) -> None:
    low, high = flow.made.low, flow.made.high
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)
    held_high = POSTURE.format(1) + '[[hold]]\ntype = "application/cot+*"\n'
    assert apply(flow, high, held_high, 2).exit_code == 0
    wait_for(lambda: any(e["kind"] == Kind.POSTURE for e in entries(high)))
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)
    assert apply(flow, low, POSTURE.format(1) + "payload_bytes_max = 10\n", 2).exit_code == 0
    wait_for(lambda: any(e["kind"] == Kind.POSTURE for e in entries(low)))
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)
    account = flow.follow()
    assert (len(account.delivered), len(account.held_high), len(account.held)) == (1, 1, 1)
    for side in (low, high):
        (held,) = [e for e in entries(side) if e["kind"] == Kind.HELD]
        assert held["reason"] == "posture"
        assert (side / "held" / str(held["id"]) / "output").stat().st_size > 0


def test_a_posture_that_is_taken_away_by_hand_stops_the_next_start(flow: Demonstration) -> None:
    low = flow.made.low
    assert apply(flow, low, POSTURE.format(4) + "stop = true\n", 1).exit_code == 0
    wait_for(lambda: any(e["kind"] == Kind.POSTURE for e in entries(low)))
    active = low / "posture" / "active"
    kept = active.read_bytes()
    active.unlink()  # what runs goes on as it is
    guard_status = guard("status", "--site", low, "--json")
    assert guard_status.exit_code == 0
    flow.drop(SAMPLE, "position.cot")
    time.sleep(2.5)  # two looks of the supervisor: nothing may have come of it
    assert flow.follow().decided == 0
    flow.end()
    refused = guard("run", "low", "--site", low)
    assert refused.exit_code == 3
    assert "is gone, and posture 4 was in force" in refused.stderr
    sign(flow, POSTURE.format(5), 1)
    shutil.copyfile(flow.folder.parent / "posture", active)
    assert guard("run", "low", "--site", low).exit_code == 3  # looser, and signed by one only
    active.write_bytes(kept)
    assert guard("policy", "posture", "show", "--site", low, "--json").exit_code == 0
