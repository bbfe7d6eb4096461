"""Messages that wait before the chain sees them: in the journal, in order, over restarts."""

import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.core.notice import Notice, What, read_notice
from guard.edge.clock import now_s
from guard.edge.durable_number import parse
from guard.edge.journal import JournalWriter
from guard.edge.segments import walk
from guard.edge.sockets import readable
from guard.roles.delayed import Delayed
from schemas.accepted import read_accepted, write_accepted
from schemas.message import Message, Meta
from schemas.orders import Orders
from schemas.reasons import Reason
from tests.guard.roles.test_ingest import Running, folder, start, wait_for
from tests.guard.roles.test_ingest import accepted as taken_in

__all__ = ["folder"]
DELAY_S = 2


def accepted(journal: JournalWriter, *times_s: int) -> None:
    for time_s in times_s:
        meta = Meta(f"{journal.next_number:032x}", "c2", "patrol", "a.cot", time_s)
        message = Message.make(meta, b"payload")
        journal.append(write_accepted(message.meta_bytes, b"1.2.3.4.61", message.payload))
    journal.sync()
    journal.mark(journal.next_number)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalWriter]:
    (tmp_path / "accepted").mkdir()
    made = JournalWriter.open(tmp_path / "accepted")
    yield made
    made.close()


def test_each_waits_its_time_and_the_first_holds_up_the_rest(
    tmp_path: Path, journal: JournalWriter
) -> None:
    accepted(journal, 100, 101, 105, 90)
    delayed = Delayed(tmp_path / "accepted", 0, 10)

    def due(at_s: int) -> list[int]:
        return [each.number for each in delayed.due(at_s)]

    assert due(110) == []  # at 100.9 and at 110.0 it had waited 9.1 s
    assert due(111) == [0]
    assert due(111) == []
    assert due(114) == [1]
    assert due(116) == [2, 3]  # the last was accepted long ago, and came in behind the others
    accepted(journal, 107)
    assert due(50) == []  # a clock that is set back
    assert due(118) == [4]
    accepted(journal, 10_000)  # by a clock that was ahead, and was put right since
    assert due(120) == []
    assert due(130) == []
    assert due(131) == [5]
    delayed._reader.close()


def fed(running: Running, within_ms: int) -> list[Notice]:
    ear = running.ears[0]
    found = []
    while readable(ear, wait_ms=within_ms)[0]:
        packet = ear.hear()
        assert packet
        found.append(read_notice(packet))
    return found


def drop(folder: Path, name: str) -> None:
    beside = folder / "spool" / "drop" / "patrol" / ".beside"
    beside.write_bytes(name.encode())
    os.rename(beside, beside.with_name(name))


def test_a_drop_is_taken_at_once_and_fed_later_in_its_order(folder: Path) -> None:
    running = start(folder, delay_s=DELAY_S)
    for name in ("a.cot", "b.cot", "c.cot"):
        drop(folder, name)
    found: list[Notice] = []
    while len(found) < 3:
        found += fed(running, 200)
    for notice in found:
        assert now_s() > int(notice.about["accepted_s"]) + DELAY_S
    assert [notice.about["name"] for notice in found] == ["a.cot", "b.cot", "c.cot"]
    running.stop()


def test_what_waits_is_there_after_a_start_and_a_stopped_flow_feeds_nothing(folder: Path) -> None:
    first = start(folder, delay_s=3600)
    drop(folder, "a.cot")
    wait_for(lambda: taken_in(folder) == ["a.cot"])
    assert fed(first, 300) == []
    first.stop()

    (taken_s,) = times_s(folder)
    wait_for(lambda: now_s() > taken_s + 1)
    orders(folder, Orders(version=1, stop=True))
    second = start(folder, delay_s=1)  # due at once
    assert fed(second, 1000) == []
    orders(folder, Orders(version=2))
    found: list[Notice] = []
    while not found:
        found = fed(second, 200)
    assert [notice.about["name"] for notice in found] == ["a.cot"]
    second.stop()


def test_what_a_later_policy_finds_too_large_is_held_and_has_its_signature(folder: Path) -> None:
    first = start(folder, delay_s=3600)
    (folder / "spool" / "drop" / "patrol" / "a.cot.p7s").write_bytes(b"signed")
    drop(folder, "a.cot")
    wait_for(lambda: taken_in(folder) == ["a.cot"])
    first.stop()
    (record,) = walk(folder / "accepted")
    meta_bytes, _, payload = read_accepted(record.payload)
    assert b64decode(Message(meta_bytes, payload).meta.signature) == b"signed"

    second = start(folder, delay_s=1, payload_bytes_max=3)
    found: list[Notice] = []
    while not found:
        found = fed(second, 200)
    (notice,) = found
    assert (notice.what, notice.about["verdict"]) == (What.STOPPED, "hold")
    assert notice.about["reason"] == Reason.TOO_LARGE
    second.stop()


def test_a_start_looks_for_drops_that_came_back_only_where_one_can(
    tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "accepted").mkdir()
    journal = JournalWriter.open(tmp_path / "accepted")
    accepted(journal, *[now_s()] * 5000)
    journal.close()
    running = start(folder, delay_s=3600)
    clear = tmp_path / "accepted" / "clear"
    wait_for(lambda: clear.exists() and parse(clear.read_bytes(), clear) == 5000)
    running.stop()
    again = start(folder, delay_s=3600)
    drop(folder, "a.cot")
    wait_for(lambda: len(taken_in(folder)) == 5001)
    assert again.ingest._known() == {origin for _, origin in records(folder)[5000:]}
    again.stop()


def records(folder: Path) -> list[tuple[bytes, bytes]]:
    found = [read_accepted(record.payload) for record in walk(folder / "accepted")]
    return [(meta, origin) for meta, origin, _ in found]


def times_s(folder: Path) -> list[int]:
    found = [read_accepted(record.payload) for record in walk(folder / "accepted")]
    return [Message(meta, payload).meta.accepted_s for meta, _, payload in found]


def orders(folder: Path, given: Orders) -> None:
    made = folder / "posture" / "made"
    made.write_bytes(given.write())
    os.replace(made, folder / "posture" / "orders.json")
