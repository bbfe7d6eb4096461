"""Which process is at fault, of those that ended together."""

import os
import subprocess
import threading
from collections.abc import Iterator

import pytest

from guard.edge.endings import Ended, cause_of, domains_ended, ended_together
from guard.edge.processes import Process
from guard.edge.seats import Seat
from guard.low import LOW
from schemas.reasons import Reason

SAW = Ended("ingest", False, 70, Reason.LEDGER_UNWRITABLE, "the tail ended before it began")
AUDIT = Ended("audit", False, 70, Reason.KEY_MISSING, "the key cannot be read")
FULL = Ended("audit", False, 70, Reason.LEDGER_UNWRITABLE, "no space left")
STAGE = Ended("stage:words", True, -9, "", "")
CALM = Ended("stage:label", True, 0, "", "")


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ([SAW, AUDIT], ("audit: the key cannot be read", Reason.KEY_MISSING)),
        ([SAW, FULL], ("audit: no space left", Reason.LEDGER_UNWRITABLE)),
        ([CALM, SAW, AUDIT], ("audit: the key cannot be read", Reason.KEY_MISSING)),
        ([SAW, STAGE], ("stage:words ended (signal 9)", "none")),
        ([CALM, SAW], ("ingest: the tail ended before it began", Reason.LEDGER_UNWRITABLE)),
    ],
)
def test_the_process_at_fault_is_named_and_not_who_saw_it_end(
    ended: list[Ended], told: tuple[str, str]
) -> None:
    assert cause_of(ended) == told
    assert cause_of(ended[::-1]) == told


def program(popen: "subprocess.Popen[bytes]") -> Process:
    ready, nobody = os.pipe()
    os.close(nobody)
    return Process("one", popen, os.pidfd_open(popen.pid), ready)


@pytest.fixture
def lane() -> Iterator[dict[str, Seat]]:
    """The lane's processes, each a program that ends in good order when its input does."""
    found = {role.name: Seat(role.name, role) for role in LOW.roles if role.domain == "lane"}
    for seat in found.values():
        seat.process = program(subprocess.Popen(["cat"], stdin=subprocess.PIPE))
    yield found
    for seat in found.values():
        assert seat.process is not None
        assert seat.process.popen.stdin is not None
        seat.process.popen.stdin.close()
        seat.process.end()


def process(seat: Seat) -> Process:
    assert seat.process is not None
    return seat.process


def test_who_is_slow_to_die_is_at_fault_and_not_who_has_seen_it_end(lane: dict[str, Seat]) -> None:
    audit, send = lane["audit"], lane["send"]
    assert domains_ended(list(lane.values())) == []
    process(audit).popen.communicate()
    assert domains_ended(list(lane.values())) == ["lane"]
    dies = threading.Timer(0.1, process(send).popen.kill)
    dies.start()
    ended = ended_together(list(lane.values()))
    dies.join()
    assert {each.name for each in ended} == {"audit", "send"}
    assert cause_of(ended) == ("send ended (signal 9)", "none")


def test_who_ends_in_good_order_and_alone_is_named(lane: dict[str, Seat]) -> None:
    process(lane["audit"]).popen.communicate()
    assert cause_of(ended_together(list(lane.values()))) == ("audit ended (exit 0)", "none")


def test_who_saw_the_ledger_gone_is_not_named_for_the_killed_audit(lane: dict[str, Seat]) -> None:
    reading, writing = os.pipe()
    os.write(writing, f"{Reason.LEDGER_UNWRITABLE}|the tail ended".encode())
    os.close(writing)
    failed = subprocess.Popen(["sh", "-c", "cat; exit 70"], stdin=subprocess.PIPE)
    before, ingest = process(lane["ingest"]), lane["ingest"]
    ingest.process = Process("ingest", failed, os.pidfd_open(failed.pid), reading)
    failed.communicate()
    dies = threading.Timer(0.1, process(lane["audit"]).popen.kill)
    dies.start()
    ended = ended_together(list(lane.values()))
    dies.join()
    assert cause_of(ended) == ("audit ended (signal 9)", "none")
    ingest.process.end()
    ingest.process = before
