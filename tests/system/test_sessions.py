"""Start order, restarts, recordings, clocks and second senders, with the real roles of both sides.

Contract: a receiver started late reports what it missed; a sender restarted is a new session; a
recorded session delivers nothing; a clock step changes nothing; two senders at once is an alarm.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from guard.demonstration import Child, Demonstration, _free_port
from guard.edge.ledger_files import LedgerReader, entries_of
from guard.edge.making import make_site, pack_folder
from guard.edge.session_counter import counter_state
from guard.edge.side_status import read_counters
from schemas.entry import Entry, Kind
from schemas.reasons import Reason
from tests.system import stepped
from tests.system.tap import Tap

pytestmark = pytest.mark.long
WITHIN_S = 60.0
EVENT = (pack_folder("c2") / "samples" / "chat.cot").read_bytes()
YEAR_S = 365 * 86_400
WATCHED_WITHIN_S = 2.5  # a supervisor looks at its keys once a second


@dataclass(slots=True)
class Flow(Demonstration):
    """Both sides with a tap between them; a test starts and stops them one by one."""

    tap: Tap = field(init=False)
    port: int = field(init=False, default_factory=_free_port)
    running: dict[str, Child] = field(init=False, default_factory=dict)

    def _start_all(self) -> None:
        self.tap = Tap(self.port)
        self.made = make_site(self.folder, self.pack, self.tap.address, f"127.0.0.1:{self.port}")
        self._ledgers = [LedgerReader(s / "ledger") for s in (self.made.low, self.made.high)]

    def start(self, *sides: str) -> None:
        for side in sides:
            self.running[side] = self.start_side(side)
        for side in sides:
            self.running[side].await_line("event", "running")

    def stop(self, side: str) -> None:
        self.running.pop(side).end()

    def drop_many(self, count: int) -> None:
        for _ in range(count):
            self.drop(EVENT, "event.cot")

    def settle(self) -> None:
        wait(self.settled, "not every message came to its place")

    def entries(self, side: str, kind: Kind) -> list[Entry]:
        found = entries_of(self.folder / side / "ledger")
        return [entry for _, entry in found if entry["kind"] == kind]

    def sessions(self, side: str) -> list[int]:
        return [int(entry["session"]) for entry in self.entries(side, Kind.SESSION)]

    def alarms(self) -> set[str]:
        """But for silence, which a side that is stopped is meant to raise."""
        told = {str(entry["reason"]) for entry in self.entries("high", Kind.ALARM)}
        return told - {Reason.LINK_SILENT}

    def counted(self, name: str) -> int:
        return read_counters(self.made.high).get("receive", {}).get(name, 0)

    def delivered(self) -> int:
        return len(list(self.delivered_files()))


def wait(until: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while not until():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Flow]:
    with Flow(open_folder / "site", pack_folder("c2")) as running, running.tap:
        yield running


def test_a_receiver_started_late_reports_what_it_missed_and_a_sender_restarted_is_a_new_session(
    flow: Flow,
) -> None:
    flow.start("low")
    flow.drop_many(20)
    wait(lambda: flow.follow().sent == 20, "not all were sent")
    flow.start("high")
    wait(lambda: flow.follow().gaps == 20, "the missed ones were not reported")
    flow.drop_many(5)
    flow.settle()
    assert [p.name for p in (flow.made.high / "queue" / "gaps").iterdir()] == ["1-20.json"]
    assert flow.sessions("low") == flow.sessions("high") == [1]

    flow.stop("low")
    flow.start("low")
    flow.drop_many(3)
    flow.settle()
    os.kill(flow.pids("low")["send"], signal.SIGKILL)
    wait(lambda: flow.sessions("high") == [1, 2, 3], "no third session")
    flow.drop_many(3)
    flow.settle()
    assert flow.sessions("low") == [1, 2, 3]
    assert counter_state(flow.made.low / "cursor") == "3"
    account = flow.account
    assert (account.gap_ranges, account.lost, account.duplicates) == ([(1, 20)], 0, 0)
    assert len(account.delivered) == flow.delivered() == 11
    assert not flow.alarms()


def test_a_recorded_session_played_again_delivers_nothing_and_is_an_alarm(flow: Flow) -> None:
    flow.start("high", "low")
    wait(lambda: bool(flow.entries("high", Kind.WITNESS)), "an idle side's ledger is not witnessed")
    flow.drop_many(10)
    flow.settle()
    first = list(flow.tap.recorded)
    flow.tap.play(first)  # while the session goes on
    wait(lambda: Reason.DATAGRAM_REPLAYED in flow.alarms(), "no alarm: the session goes on")
    wait(lambda: flow.counted(Reason.DATAGRAM_REPLAYED) >= 10, "the metrics do not have it")

    flow.stop("low")
    flow.start("low")
    flow.drop_many(10)
    flow.settle()
    flow.tap.play(first)  # in the session after it
    wait(lambda: Reason.DATAGRAM_SESSION in flow.alarms(), "no alarm: an older session")
    wait(lambda: flow.counted(Reason.DATAGRAM_SESSION) == len(first), "not every one is counted")

    flow.stop("low")
    flow.stop("high")
    recorded = list(flow.tap.recorded)
    flow.start("high")  # it remembers sessions and messages; nobody else sends
    flow.tap.play(recorded)
    wait(lambda: flow.counted("datagrams") == len(recorded), "the recording did not arrive")
    older = [each for each in recorded if each[4:8] == bytes([0, 0, 0, 1])]  # link §3: session
    assert flow.counted(Reason.DATAGRAM_SESSION) == len(older)
    assert (flow.counted("messages_landed"), flow.counted("messages_repeated")) == (0, 10)
    account = flow.follow()
    assert (account.duplicates, account.gaps, account.lost) == (0, 0, 0)
    assert len(account.delivered) == flow.delivered() == 20
    assert not flow.entries("high", Kind.DUPLICATE)
    assert flow.sessions("high") == [1, 2]


def test_two_senders_at_once_are_an_alarm_with_one_session_and_with_two(flow: Flow) -> None:
    clone = flow.folder / "clone"
    shutil.copytree(flow.made.low, clone)  # as when a host's disk is copied
    flow.start("high", "low")
    flow.drop_many(2)
    flow.settle()
    assert not flow.alarms()
    second = start_clone(flow, clone)  # it has the same counter, so it takes the same session
    wait(lambda: Reason.DATAGRAM_REPLAYED in flow.alarms(), "no alarm: the same session")
    wait(lambda: flow.counted(Reason.DATAGRAM_REPLAYED) > 0, "the metrics do not have it")
    second.end()
    start_clone(flow, clone)
    wait(lambda: flow.sessions("high") == [1, 2], "the second sender was not heard")
    wait(lambda: Reason.DATAGRAM_SESSION in flow.alarms(), "no alarm: a higher session")
    wait(lambda: flow.counted(Reason.DATAGRAM_SESSION) > 0, "the metrics do not have it")
    told = {str(e["reason"]): str(e["sentence"]) for e in flow.entries("high", Kind.ALARM)}
    assert "a second sender runs" in told[Reason.DATAGRAM_SESSION]
    assert flow.delivered() == 2


def start_clone(flow: Flow, clone: Path) -> Child:
    command = ["-m", "guard", "run", "low", "--site", str(clone), "--json"]
    second = flow._start("a second low side", command)
    second.await_line("event", "running")
    return second


def test_steps_of_the_wall_clock_change_nothing(flow: Flow) -> None:
    clocks = {side: flow.folder / f"{side}.offset" for side in ("low", "high")}

    def step(side: str, seconds: int) -> None:
        if not clocks[side].exists():
            clocks[side].write_bytes(stepped.OFFSET.pack(0))
        with open(clocks[side], "r+b") as file:
            file.write(stepped.OFFSET.pack(seconds))

    def start(side: str) -> None:
        command = [sys.executable, stepped.__file__, str(clocks[side]),
                   "run", side, "--site", str(flow.folder / side), "--json"]  # fmt: skip
        child = Child(subprocess.Popen(command, stdout=subprocess.PIPE, text=True), side)
        flow._children.append(child)
        flow.running[side] = child
        child.await_line("event", "running")

    step("high", 0)
    step("low", YEAR_S // 3)
    start("high")
    start("low")
    flow.drop_many(3)
    flow.settle()
    for low_s, high_s in ((0, 2 * YEAR_S // 3), (2 * YEAR_S // 3, 0)):  # while certificates hold
        step("low", low_s)
        step("high", high_s)
        flow.drop_many(3)
        flow.settle()
    for low_s, high_s in ((-20 * YEAR_S, 20 * YEAR_S), (20 * YEAR_S, -20 * YEAR_S)):
        step("low", low_s)
        step("high", high_s)
        flow.drop_many(3)  # they pass before the sides see that no certificate holds, or wait
        time.sleep(WATCHED_WITHIN_S)
        step("low", 0)
        step("high", 0)
        flow.settle()
    flow.stop("low")  # a third of a year before its first start
    start("low")
    flow.drop_many(3)
    flow.settle()
    sent_s = [int(entry["time_ms"]) // 1000 for entry in flow.entries("low", Kind.SENT)]
    assert max(sent_s) - min(sent_s) > YEAR_S // 2  # the steps did reach the processes
    for side in ("low", "high"):  # and the supervisors, which went on when certificates held again
        assert "has expired" in str(flow.entries(side, Kind.RUN)[1]["cause"])
    assert flow.sessions("low") == flow.sessions("high") == [1, 2, 3]
    assert (len(flow.account.delivered), flow.account.gaps, flow.account.lost) == (18, 0, 0)
    assert not flow.alarms()
