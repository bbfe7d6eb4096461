"""A lane that is started again: what it does not do again, what it mends, whom it names for it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.demonstration import Demonstration, LinkFaults
from guard.edge.durable_number import read_number
from guard.edge.journal_recovery import read_mark_file
from guard.edge.ledger_files import entries_of
from guard.edge.making import pack_folder
from schemas.entry import Kind
from tests.support.asking import Scanned, asking_pack
from tests.system.test_policy_change import wait_for

CALM_S = 1.5  # who lived for a second was well
LEVELS = 1100

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders to users"),
]


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Demonstration]:
    pack = pack_folder("events")
    with Demonstration(open_folder / "site", pack, LinkFaults(direct=True)) as made:
        yield made


@pytest.fixture(params=["pooled", "message"])
def asking(open_folder: Path, request: pytest.FixtureRequest) -> Iterator[Scanned]:
    """A flow whose sides ask a scanner that never answers: each message stays for some seconds."""
    (open_folder / "clamd" / "run").mkdir(parents=True)
    pack = asking_pack(open_folder, request.param)
    with Scanned(open_folder / "site", pack, LinkFaults(direct=True)) as made:
        yield made


def status(flow: Demonstration) -> tuple[int, str, str]:
    told = json.loads((flow.made.low / "run" / "status.json").read_text())
    return told["restarts"], told["state"], told["cause"]


def restarts(flow: Demonstration) -> tuple[int, str]:
    return status(flow)[:2]


def await_restart(flow: Demonstration, before: int) -> None:
    wait_for(lambda: restarts(flow)[0] > before and restarts(flow)[1] == "running")


def kill(flow: Demonstration, name: str = "reply", *, seen_late: bool = False) -> None:
    """seen_late: the supervisor looks when the neighbours have seen it and ended too."""
    time.sleep(CALM_S)
    wait_for(lambda: restarts(flow)[1] == "running")
    before, _ = restarts(flow)
    supervisor = flow.side("low").popen
    if seen_late:
        supervisor.send_signal(signal.SIGSTOP)
    os.kill(flow.pids("low")[name], signal.SIGKILL)
    if seen_late:
        time.sleep(1)
        supervisor.send_signal(signal.SIGCONT)
    await_restart(flow, before)


def drop_sample(flow: Demonstration) -> None:
    sample = next(iter(sorted((pack_folder("events") / "samples").glob("*.json"))))
    flow.drop(sample.read_bytes(), "event.json")


def await_alone(flow: Demonstration) -> None:
    wait_for(lambda: read_number(flow.made.low / "accepted" / "alone") is not None)


def test_folders_are_handed_over_once_and_again_when_a_lane_does_not_stay_up(
    flow: Demonstration,
) -> None:
    low = flow.made.low
    strange = low / "replies" / "alpha" / "strange.json"  # one of a million, in a long run
    strange.write_bytes(b"{}")
    kill(flow)
    assert strange.stat().st_uid == 0  # nobody went through them all
    drop_sample(flow)
    wait_for(flow.settled)  # ingest has its journal open: who is ready may not have, yet
    accepted = low / "accepted"
    for path in (*accepted.iterdir(), accepted):
        os.chown(path, 0, 0)
    accepted.chmod(0o700)
    kill(flow)  # ingest cannot open its own journal, until it is handed over anew
    drop_sample(flow)
    wait_for(flow.settled)
    assert accepted.stat().st_uid != 0
    assert strange.stat().st_uid == strange.parent.stat().st_uid


def test_a_drop_directory_that_was_replaced_is_handed_over(
    flow: Demonstration, open_folder: Path
) -> None:
    drop, made = flow.made.low / "spool" / "drop" / "alpha", open_folder / "new"
    made.mkdir(mode=0o700)
    os.chown(made, 2000, 2000)
    time.sleep(CALM_S)
    before, _ = restarts(flow)
    drop.rename(open_folder / "before")
    made.rename(drop)
    await_restart(flow, before)
    assert status(flow)[2].startswith("ingest: a drop directory was moved")
    drop_sample(flow)
    wait_for(flow.settled)
    assert drop.stat().st_uid == 2000


def test_a_deep_directory_of_a_senders_keeps_no_side_from_starting(
    flow: Demonstration, open_folder: Path
) -> None:
    spool, deep = flow.made.low / "spool", open_folder / "deep"
    subprocess.run(["mkdir", "-p", f"{deep}/{'a/' * LEVELS}"], check=True)
    deep.chmod(0o777)  # or it could not be moved
    deep.rename(spool / "drop" / "alpha" / "deep")
    try:
        wait_for(lambda: any((spool / "refused" / "alpha").iterdir()))
        flow.side("low").end()
        flow.start_side("low").await_line("event", "running")
        drop_sample(flow)
        wait_for(lambda: any(flow.delivered_files()))
        (kept,) = (spool / "refused" / "alpha").iterdir()
        assert (kept / "a").stat().st_uid == 0
    finally:
        subprocess.run(["rm", "-rf", spool / "refused"], check=True)  # Python's own recurses


def test_a_scanners_directory_that_is_made_anew_is_no_messages_fault(
    asking: Scanned, open_folder: Path
) -> None:
    folder = open_folder / "clamd" / "run"
    asking.drop(b"asked about in vain\n", "a.txt")
    wait_for(lambda: bool(read_mark_file(asking.made.low / "accepted")))
    for number in range(2):
        before, _ = restarts(asking)
        folder.rename(folder.with_name(f"old-{number}"))
        folder.mkdir()
        await_restart(asking, before)
        assert "the scanner's socket" in status(asking)[2]
        await_alone(asking)
    wait_for(asking.settled)
    entries = [entry for _, entry in entries_of(asking.made.low / "ledger")]
    assert [each["reason"] for each in entries if each["kind"] == Kind.HELD] == ["not-scanned"]


def test_who_ends_is_named_and_not_who_saw_it_with_a_message_alone_or_not(asking: Scanned) -> None:
    asking.drop(b"asked about in vain\n", "a.txt")
    wait_for(lambda: bool(read_mark_file(asking.made.low / "accepted")))
    kill(asking, "scanner:antivirus", seen_late=True)
    assert status(asking)[2] == "scanner:antivirus ended (signal 9)"
    await_alone(asking)
    kill(asking, "release", seen_late=True)
    assert status(asking)[2] == "release ended (signal 9)"
