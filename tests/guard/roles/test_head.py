"""The head of a lane over real sockets: notice before message, and starting again after a break."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread

import pytest

from guard.core.notice import Notice, Place, What, read_notice
from guard.core.release import Cleared, Judge
from guard.edge.durable_number import DurableNumber, read_number
from guard.edge.sockets import Ear, Inlet, Mouth, one_way_pair
from guard.edge.spec import Spec, Value
from guard.roles.head import Fed, Feeder
from schemas.errors import Broken
from schemas.message import Message
from schemas.receipt import NO_MAC, message_digest
from tests.guard.core.lane import HEAD_KEY, META, SCOPE


def to_feed(number: int) -> Fed:
    message = Message.make(replace(META, id=f"{number:032x}"), b"message %d" % number)
    return Fed(
        number,
        number.to_bytes(16, "big"),
        message.meta.kept_digest(),
        message,
        Place(0, number * 100, 100),
        {"sender": "alpha"},
    )


@dataclass
class Lane:
    """A feeder, and the ends of the tail and of the first stage."""

    feeder: Feeder
    notices: Ear
    frames: Inlet
    settled: Mouth

    def notice(self) -> Notice:
        packet = self.notices.hear()
        assert packet
        return read_notice(packet)

    def frame_number(self) -> int:
        taken = self.frames.take()
        assert taken is not None
        return taken[0].number

    def settle(self, below: int) -> None:
        self.settled.tell(json.dumps({"settled": below}).encode())

    def tail(self, breaks_at: int | None) -> list[tuple[str, int]]:
        """Take and settle what comes until the feeder is gone; or break at a message's turn."""
        seen: list[tuple[str, int]] = []
        while packet := self.notices.hear():
            notice = read_notice(packet)
            seen.append((notice.what.name, notice.number))
            if notice.what is What.FED:
                assert self.frame_number() == notice.number
            if notice.what is What.FED and notice.number == breaks_at:
                break
            self.settle(notice.number + 1)
        self.settled.close()
        return seen

    def close(self) -> None:
        feeder = self.feeder
        ours = (feeder._accepted, feeder._fed, feeder._settled)
        for end in (*ours, self.notices, self.frames, self.settled):
            end._socket.close()


def make_lane(folder: Path, settled_below: int | None = 0, *, ended_by_us: bool = False) -> Lane:
    """A feeder that has heard where to go on; None: it has not. ended_by_us: the lane before."""
    accepted, fed, settled = one_way_pair(), one_way_pair(), one_way_pair()
    descriptors = {
        "accepted": accepted[1].detach(), "fed": fed[1].detach(), "settled": settled[0].detach(),
    }  # fmt: skip
    values: dict[str, Value] = {"scope": SCOPE.hex(), "ended_by_us": int(ended_by_us)}
    spec = Spec("ingest", "x:y", "low", descriptors, values, {"head": HEAD_KEY})
    lane = Lane(
        Feeder(spec, folder),
        Ear(accepted[0].detach()),
        Inlet(fed[0].detach(), 200_000),
        Mouth(settled[1].detach()),
    )
    if settled_below is not None:
        lane.settle(settled_below)
        lane.feeder.first_settled()
    return lane


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    made = make_lane(tmp_path)
    yield made
    made.close()


def test_the_tail_hears_of_a_message_what_the_chain_gets(lane: Lane) -> None:
    fed = to_feed(3)
    lane.feeder.feed(fed)
    notice = lane.notice()
    taken = lane.frames.take()
    assert taken is not None
    frame = taken[0]
    assert notice.digest == message_digest(fed.message.meta_bytes, fed.message.payload)
    assert (notice.number, notice.id, notice.place) == (frame.number, frame.id, fed.place)
    assert notice.about == fed.about
    assert frame.message == fed.message
    assert frame.last_mac != NO_MAC
    assert isinstance(Judge(SCOPE, HEAD_KEY, [])(frame, notice), Cleared)


def test_what_takes_no_chain_is_told_and_not_fed(lane: Lane) -> None:
    lane.feeder.stop(4, bytes(16), Place(0, 0, 9), {"reason": "poison"})
    lane.feeder.event(5, {"kind": "gap"})
    assert [lane.notice().what for _ in range(2)] == [What.STOPPED, What.EVENT]
    with pytest.raises(BlockingIOError):
        lane.frames.take(wait=False)


def test_the_ledger_says_where_to_go_on(lane: Lane) -> None:
    lane.settled.tell(b'{"settled":7,"sequence":3}')
    assert lane.feeder.first_settled() == {"settled": 7, "sequence": 3}
    for below in (8, 9):
        lane.settle(below)
    assert lane.feeder.hear_settled()
    assert lane.feeder.settled == 9
    lane.settled.close()
    assert not lane.feeder.hear_settled()


def test_without_a_tail_the_head_does_not_begin(tmp_path: Path) -> None:
    lane = make_lane(tmp_path, None)
    lane.settled.close()
    with pytest.raises(Broken):
        lane.feeder.first_settled()
    lane.close()


def run(
    folder: Path, in_lane: int | None, numbers: range, breaks_at: int | None, *,
    ended_by_us: bool = False,
) -> tuple[list[tuple[str, int]], bool]:  # fmt: skip
    """Start a head over what is not settled: what its tail saw, and whether the lane broke."""
    if in_lane is not None:
        DurableNumber(folder / "fed").set(in_lane)
    made = make_lane(folder, numbers.start, ended_by_us=ended_by_us)
    seen: list[tuple[str, int]] = []
    tail = Thread(target=lambda: seen.extend(made.tail(breaks_at)))
    tail.start()
    try:
        made.feeder.refeed(to_feed(number) for number in numbers)
        broke = False
    except BrokenPipeError:  # quietly: who broke the lane says why
        broke = True
    made.feeder._accepted._socket.close()
    tail.join(10)
    made.close()
    return seen, broke


def test_after_a_start_without_a_break_all_is_fed(tmp_path: Path) -> None:
    seen, broke = run(tmp_path, None, range(5, 9), None)
    assert seen == [("FED", n) for n in range(5, 9)]
    assert not broke


def test_after_a_break_what_was_in_the_lane_goes_one_at_a_time(tmp_path: Path) -> None:
    seen, broke = run(tmp_path, 6, range(5, 9), None)
    assert seen == [("FED", n) for n in range(5, 9)]
    assert not broke
    assert read_number(tmp_path / "alone") is None


def test_the_message_that_breaks_the_lane_alone_is_stopped_and_no_other(tmp_path: Path) -> None:
    seen, broke = run(tmp_path, 7, range(5, 9), breaks_at=6)
    assert broke
    assert seen == [("FED", 5), ("FED", 6)]
    assert read_number(tmp_path / "alone") == 6
    seen, broke = run(tmp_path, None, range(6, 9), breaks_at=6)
    assert not broke
    assert seen == [("STOPPED", 6), ("FED", 7), ("FED", 8)]


def test_a_lane_that_the_supervisor_ended_was_ended_by_no_message(tmp_path: Path) -> None:
    seen, broke = run(tmp_path, 7, range(5, 9), breaks_at=6)
    assert (broke, read_number(tmp_path / "alone")) == (True, 6)
    seen, broke = run(tmp_path, None, range(6, 9), breaks_at=6, ended_by_us=True)
    assert (seen, broke) == ([("FED", 6)], True)
    seen, _ = run(tmp_path, None, range(6, 9), breaks_at=6)
    assert seen == [("STOPPED", 6), ("FED", 7), ("FED", 8)]  # and this time it was the message


def test_an_attempt_is_on_disk_before_the_message_goes(tmp_path: Path) -> None:
    DurableNumber(tmp_path / "fed").set(5)
    made = make_lane(tmp_path)
    made.settled.close()
    with pytest.raises(BrokenPipeError):
        made.feeder.refeed([to_feed(5)])
    assert read_number(tmp_path / "alone") == 5
    made.close()


def test_asked_to_stop_it_leaves_the_rest_and_suspects_none(tmp_path: Path) -> None:
    DurableNumber(tmp_path / "fed").set(9)
    made = make_lane(tmp_path, 5)
    seen: list[tuple[str, int]] = []
    tail = Thread(target=lambda: seen.extend(made.tail(None)))
    tail.start()
    made.feeder.refeed(map(to_feed, range(5, 9)), lambda: made.feeder.settled == 6)
    made.feeder._accepted._socket.close()
    tail.join(10)
    made.close()
    assert seen == [("FED", 5)]
    assert read_number(tmp_path / "alone") is None


def test_asked_to_stop_it_suspects_not_even_what_takes_longer_than_a_stop(tmp_path: Path) -> None:
    DurableNumber(tmp_path / "fed").set(5)
    made, stopping = make_lane(tmp_path, 5), Event()

    def feed() -> None:
        with pytest.raises(BrokenPipeError):
            made.feeder.refeed([to_feed(5)], stopping.is_set)

    head = Thread(target=feed)
    head.start()
    assert made.frame_number() == 5
    assert read_number(tmp_path / "alone") == 5
    stopping.set()
    until_s = time.monotonic() + 10
    while read_number(tmp_path / "alone") is not None:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    made.settled.close()  # killed, at last
    head.join(10)
    assert not head.is_alive()
    assert read_number(tmp_path / "alone") is None
    made.close()
