"""Messages that wait before the chain sees them: in the journal, in order, over restarts."""

import json
import os
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard.core.notice import Notice, What, read_notice
from guard.edge.clock import now_s
from guard.edge.durable_number import put, read_number
from guard.edge.journal import JournalWriter
from guard.edge.segments import first_numbers, walk
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
SEGMENT_BYTES_MAX = 64 * 1024
LAID = 2000  # several segments of them, and more than a lane takes that nobody reads


def accepted(journal: JournalWriter, *times_s: int) -> None:
    for time_s in times_s:
        meta = Meta(f"{journal.next_number:032x}", "c2", "patrol", "a.cot", time_s)
        message = Message.make(meta, b"payload")
        origin = b"1.2.%x.4.61" % journal.next_number
        journal.append(write_accepted(message.meta_bytes, origin, message.payload))
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
    due = due_of(tmp_path, journal)

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


def due_of(folder: Path, journal: JournalWriter, delay_s: int = 10) -> Callable[[int], list[int]]:
    """Gives the numbers that are due at a time."""
    delayed = Delayed(folder / "accepted", 0, delay_s)
    return lambda at_s: [each.number for each in delayed.due(at_s, journal.next_number)]


def test_all_that_a_clock_left_that_was_ahead_waits_once_not_one_by_one(
    tmp_path: Path, journal: JournalWriter
) -> None:
    due = due_of(tmp_path, journal)
    accepted(journal, 10_000, 10_001, 90, 10_002, 122)  # 90: decided on by reviewers
    assert due(120) == []
    assert due(130) == []
    assert due(131) == [0, 1, 2, 3]
    assert due(132) == []
    assert due(133) == [4]


def test_what_a_clock_leaves_that_is_ahead_once_more_does_not_go_with_what_it_left_before(
    tmp_path: Path, journal: JournalWriter
) -> None:
    due = due_of(tmp_path, journal)
    accepted(journal, 10_000)
    assert due(120) == []
    accepted(journal, 20_000)
    assert due(131) == [0]
    assert due(141) == []
    assert due(142) == [1]
    accepted(journal, 20_001)
    assert due(200) == []
    assert due(210) == []
    assert due(211) == [2]


def test_a_clock_that_is_set_back_twice_lets_nothing_go_early(
    tmp_path: Path, journal: JournalWriter
) -> None:
    due = due_of(tmp_path, journal)
    accepted(journal, 100, 100)
    assert due(50) == []
    assert due(105) == []
    assert due(70) == []
    assert due(60) == []
    assert due(70) == []
    assert due(71) == [0, 1]


def test_where_nothing_waits_all_is_due_whatever_the_clock_says(
    tmp_path: Path, journal: JournalWriter
) -> None:
    due = due_of(tmp_path, journal, delay_s=0)
    accepted(journal, 100, 10_000)
    assert due(100) == [0, 1]


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


def test_a_stopped_flow_feeds_nothing_of_what_waited_where_nothing_waits_any_more(
    folder: Path,
) -> None:
    first = start(folder, delay_s=3600)
    for name in ("a.cot", "b.cot"):
        drop(folder, name)
    wait_for(lambda: taken_in(folder) == ["a.cot", "b.cot"])
    first.stop()

    orders(folder, Orders(version=1, stop=True))
    second = start(folder)
    assert fed(second, 1000) == []
    orders(folder, Orders(version=2))
    found: list[Notice] = []
    while len(found) < 2:
        found += fed(second, 200)
    drop(folder, "c.cot")
    while len(found) < 3:
        found += fed(second, 200)
    assert [notice.about["name"] for notice in found] == ["a.cot", "b.cot", "c.cot"]
    second.stop()


def test_a_stop_leaves_the_rest_where_it_waits_and_what_is_dropped_comes_behind_it(
    folder: Path,
) -> None:
    laid(folder)
    running = start(folder)
    wait_for(lambda: (read_number(folder / "accepted" / "fed") or 0) > 0)
    orders(folder, Orders(version=1, stop=True))  # meanwhile the lane is full: nobody reads it
    before = lane(running, 500)
    assert 0 < len(before) < LAID
    drop(folder, "b.cot")
    assert lane(running, 500) == []
    orders(folder, Orders(version=2))
    assert before + lane(running, 2000) == list(range(LAID + 1))
    assert taken_in(folder)[-1] == "b.cot"
    running.stop()


def lane(running: Running, quiet_ms: int) -> list[int]:
    """The numbers of what is fed, with the messages taken, until nothing has come for a while."""
    notices, frames = running.ears[:2]
    numbers = []
    while any(ready := readable(notices, frames, wait_ms=quiet_ms)):
        if ready[0]:
            packet = notices.hear()
            assert packet
            numbers.append(read_notice(packet).number)
        if ready[1]:
            frames.hear()
    return numbers


def test_a_record_of_what_was_fed_beyond_the_journals_end_passes_over_no_message(
    folder: Path,
) -> None:
    (folder / "accepted").mkdir()
    put(folder / "accepted" / "fed", 50)
    running = start(folder)
    drop(folder, "a.cot")
    wait_for(lambda: lane(running, 100) == [0])
    running.stop()


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
    wait_for(lambda: cleared(folder) == 5000)
    running.stop()
    again = start(folder, delay_s=3600)
    drop(folder, "a.cot")
    wait_for(lambda: len(taken_in(folder)) == 5001)
    assert again.ingest._known() == {origin for _, origin in records(folder)[5000:]}
    again.stop()


def laid(folder: Path) -> list[Path]:
    """A journal of messages in small segments, which are given."""
    writer = JournalWriter.open(folder / "accepted", SEGMENT_BYTES_MAX)
    accepted(writer, *[now_s()] * LAID)
    writer.close()
    assert len(segments(folder)) > 3
    return segments(folder)


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "accepted").glob("*.journal"))


def cleared(folder: Path) -> int | None:
    return read_number(folder / "accepted" / "clear")


def starts_and_takes_a_drop(folder: Path) -> None:
    running = start(folder, settled_before=LAID)
    wait_for(lambda: len(segments(folder)) == 1)
    drop(folder, "b.cot")
    wait_for(lambda: taken_in(folder)[-1] == "b.cot")
    running.stop()


def test_a_side_that_had_messages_wait_once_starts_when_the_journal_has_let_them_go(
    folder: Path,
) -> None:
    *_, newest = laid(folder)
    put(folder / "accepted" / "clear", 10)  # by a policy with delay_s: this one has none
    running = start(folder, settled_before=LAID)
    wait_for(lambda: segments(folder) == [newest])
    running.stop()
    assert cleared(folder) == LAID
    starts_and_takes_a_drop(folder)


def test_a_side_that_ended_while_the_journal_let_go_starts_again(folder: Path) -> None:
    first, second, *_ = laid(folder)
    put(folder / "accepted" / "clear", 10)
    running = start(folder, delay_s=3600)
    wait_for(lambda: running.ingest._delayed is not None)
    second.unlink()
    second.mkdir()  # the removal of the first two ends here
    running.settling.tell(json.dumps({"settled": LAID}).encode())
    running.ended()
    assert running.ended_by == [Reason.DISK]
    assert not first.exists()
    assert cleared(folder) == LAID
    second.rmdir()
    starts_and_takes_a_drop(folder)


def test_a_side_that_could_not_start_any_more_starts_and_knows_all_that_is_kept(
    folder: Path,
) -> None:
    laid(folder)
    writer = JournalWriter.open(folder / "accepted")
    writer.drop_below(LAID // 2)
    writer.close()
    put(folder / "accepted" / "clear", 10)
    assert 10 < first_numbers(folder / "accepted")[0] <= LAID // 2
    running = start(folder, settled_before=LAID // 2, delay_s=3600)
    drop(folder, "b.cot")
    wait_for(lambda: taken_in(folder)[-1] == "b.cot")
    assert running.ingest._known() == {origin for _, origin in records(folder)}
    running.stop()


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
