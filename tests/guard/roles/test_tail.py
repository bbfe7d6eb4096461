"""The end of a lane over real sockets: notices and frames paired, whatever the chain does."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from guard.core.durable_words import DURABLE
from guard.core.frame import Frame
from guard.core.notice import What
from guard.edge.sockets import SMALL_PACKET_BYTES_MAX, Ear, Mouth, Outlet, one_way_pair
from guard.edge.spec import Spec
from guard.roles.tail import STRAYS_MAX, Lane, Scribe
from schemas.errors import Broken
from schemas.message import Message
from schemas.reasons import Reason
from tests.guard.core.lane import fed, make_lane

CHAIN = make_lane()
Told = tuple[int | None, int | None, str]
"""Of an arrival: the notice's number, the frame's number, the fault's reason."""


@dataclass
class Ends:
    """The lane under test, and the ends of the head and of the last stage."""

    lane: Lane
    head: socket.socket
    chain: socket.socket

    def tell(self, *numbers: int, what: What = What.FED) -> None:
        for number in numbers:
            self.head.send(replace(fed(number=number), what=what).write())

    def clear(self, *numbers: int) -> None:
        for number in numbers:
            self.give(CHAIN.run(number=number))

    def give(self, frame: Frame) -> None:
        outlet = Outlet(os.dup(self.chain.fileno()))
        outlet.give(frame)
        outlet.close()

    def arrived(self) -> list[Told]:
        return [
            (
                arrival.notice.number if arrival.notice else None,
                arrival.frame.number if arrival.frame else None,
                arrival.fault.reason if arrival.fault else "",
            )
            for arrival in self.lane.arrivals()
        ]


@pytest.fixture
def ends() -> Iterator[Ends]:
    cleared, accepted = one_way_pair(), one_way_pair()
    descriptors = {"cleared": os.dup(cleared[0].fileno()), "accepted": os.dup(accepted[0].fileno())}
    lane = Lane(Spec("release", "x:y", "low", descriptors, {"payload_bytes_max": 200_000}))
    yield Ends(lane, accepted[1], cleared[1])
    lane._cleared._socket.close()
    lane._accepted._socket.close()
    for pair in (cleared, accepted):
        for end in pair:
            end.close()


def test_each_message_arrives_with_what_the_head_told_of_it(ends: Ends) -> None:
    ends.tell(1, 2)
    assert ends.arrived() == []
    ends.clear(1, 2)
    assert ends.arrived() == [(1, 1, ""), (2, 2, "")]


def test_what_takes_no_chain_keeps_its_place(ends: Ends) -> None:
    ends.tell(1)
    ends.tell(2, what=What.STOPPED)
    ends.tell(3)
    ends.tell(4, what=What.EVENT)
    assert ends.arrived() == []
    ends.clear(1, 3)
    assert ends.arrived() == [(1, 1, ""), (2, None, ""), (3, 3, ""), (4, None, "")]


def test_a_message_that_the_chain_lost_is_held_and_the_next_is_unharmed(ends: Ends) -> None:
    ends.tell(1, 2, 3)
    ends.clear(1, 3)
    assert ends.arrived() == [(1, 1, ""), (2, None, Reason.RECEIPT_MISSING), (3, 3, "")]


def test_a_message_that_comes_twice_is_taken_once(ends: Ends) -> None:
    ends.tell(1, 2)
    ends.clear(1, 1, 2, 2)
    told = ends.arrived()
    assert told.count((1, 1, "")) == told.count((2, 2, "")) == 1
    assert told[-1] == (None, None, Reason.DUPLICATE)  # once a batch, for both
    assert len(told) == 3


def test_two_messages_that_were_swapped_are_not_taken_for_each_other(ends: Ends) -> None:
    ends.tell(1, 2)
    ends.clear(2, 1)
    assert ends.arrived() == [
        (1, None, Reason.RECEIPT_MISSING), (2, 2, ""), (None, None, Reason.DUPLICATE),
    ]  # fmt: skip


def test_what_nobody_fed_is_dropped(ends: Ends) -> None:
    ends.clear(9)
    assert ends.arrived() == [(None, None, Reason.DUPLICATE)]


def test_a_number_that_no_notice_has_harms_no_later_message(ends: Ends) -> None:
    ends.tell(1, 2)
    ends.clear(2**62, 1, 2)
    assert ends.arrived() == [(1, 1, ""), (2, 2, ""), (None, None, Reason.DUPLICATE)]
    ends.tell(3)
    ends.clear(3)
    assert ends.arrived() == [(3, 3, "")]


@pytest.mark.parametrize("packet", [b"", b"garbage", bytes(500)])
def test_what_is_no_frame_holds_the_message_whose_turn_it_was(ends: Ends, packet: bytes) -> None:
    ends.tell(1, 2)
    ends.chain.send(packet)
    ends.clear(2)
    assert ends.arrived() == [(1, None, Reason.FRAME_MALFORMED), (2, 2, "")]


def test_a_large_message_leaves_no_descriptor_behind(ends: Ends) -> None:
    large = replace(CHAIN.run(number=1), message=Message(b"meta", bytes(100_000)))
    before = len(os.listdir("/proc/self/fd"))
    for number in range(1, 5):
        ends.tell(number)
        ends.give(replace(large, number=number))
        assert ends.arrived() == [(number, number, "")]
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_lane_ends_when_all_that_was_fed_has_come_out(ends: Ends) -> None:
    ends.tell(1)
    ends.head.close()
    assert ends.arrived() == []
    assert not ends.lane.ended
    ends.clear(1)
    ends.chain.close()
    assert ends.arrived() == [(1, 1, "")]
    ends.arrived()
    assert ends.lane.ended


def test_a_chain_that_ended_early_does_not_end_the_lane(ends: Ends) -> None:
    ends.tell(1)
    ends.head.close()
    ends.chain.close()
    assert ends.arrived() == []
    assert not ends.lane.ended


@dataclass
class Ledger:
    """A scribe, and the ends of the audit role."""

    scribe: Scribe
    entries: Ear
    durable: Mouth

    def heard(self) -> list[list[dict[str, object]]]:
        packets = []
        while packet := self.entries.hear_now():
            packets.append(json.loads(packet))
        return packets


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    entries, durable = one_way_pair(), one_way_pair()
    scribe_mouth, scribe_ear = Mouth(entries[1].detach()), Ear(durable[0].detach())
    audit_ear, audit_mouth = Ear(entries[0].detach()), Mouth(durable[1].detach())
    yield Ledger(Scribe(scribe_mouth, scribe_ear), audit_ear, audit_mouth)
    for end in (scribe_mouth, scribe_ear, audit_ear, audit_mouth):
        end._socket.close()


def test_nothing_goes_on_before_the_ledger_has_it(ledger: Ledger) -> None:
    ledger.durable.tell(DURABLE.pack(0, 5, b"a" * 32, 7))  # nothing of this batch yet
    ledger.durable.tell(DURABLE.pack(1, 7, b"b" * 32, 7))
    ledger.scribe.write([{"kind": "committed"}, {"kind": "held"}])
    assert ledger.heard() == [[{"kind": "committed"}, {"kind": "held"}]]
    assert (ledger.scribe.size, ledger.scribe.root) == (7, b"b" * 32)


def test_without_a_ledger_nothing_goes_on(ledger: Ledger) -> None:
    ledger.durable.close()
    with pytest.raises(Broken) as caught:
        ledger.scribe.write([{"kind": "committed"}])
    assert caught.value.reason == Reason.LEDGER_UNWRITABLE
    with pytest.raises(Broken):
        ledger.scribe.first_state()


def test_many_entries_are_told_in_packets_that_fit_and_none_is_missing(ledger: Ledger) -> None:
    entries: list[dict[str, int | str]] = [
        {"number": n, "words": "\U0001f600" * 500} for n in range(60)
    ]
    ledger.scribe.tell(entries)
    packets = ledger.heard()
    assert len(packets) > 1
    assert [entry["number"] for packet in packets for entry in packet] == list(range(60))
    assert all(len(json.dumps(p, separators=(",", ":"))) <= SMALL_PACKET_BYTES_MAX for p in packets)


def test_where_to_go_on_is_what_the_ledger_says(ledger: Ledger) -> None:
    ledger.durable.tell(b'{"settled":4,"sequence":2}')
    assert ledger.scribe.first_state() == {"settled": 4, "sequence": 2}


def test_a_flood_of_frames_that_nobody_fed_is_one_alarm_a_batch_and_then_an_end(
    ends: Ends,
) -> None:
    ends.tell(1)
    for _ in range(STRAYS_MAX // 2):
        ends.clear(2**40, 2**40 + 1)
        assert ends.arrived() == [(None, None, Reason.DUPLICATE)]
    ends.clear(2**40)
    with pytest.raises(Broken, match="1000 frames that nobody fed"):
        ends.arrived()
