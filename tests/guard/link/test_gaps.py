"""What is lost is reported exactly, once, and nothing else ever is."""

import random
from dataclasses import replace

from guard.link.events import Alarm, Silence
from guard.link.params import LinkParams
from guard.link.sender import Sender
from schemas.reasons import Reason
from tests.guard.link.pair import FLOW, KEY, MS, SMALL, Pair, drain, envelopes


def nothing(_: list[bytes]) -> list[bytes]:
    return []


def test_a_gap_in_the_middle_is_exact() -> None:
    pair = Pair()
    pair.offer(envelopes(1, 5))
    pair.run()
    pair.channel = nothing
    pair.offer(envelopes(2, 3), first=6)
    pair.run()
    pair.channel = list
    pair.offer(envelopes(3, 4), first=9)
    pair.settle()
    assert set(pair.landed) == {1, 2, 3, 4, 5, 9, 10, 11, 12}
    assert pair.gaps == [(6, 8)]


def test_a_gap_at_the_tail_is_told_by_the_heartbeat() -> None:
    pair = Pair()
    pair.offer(envelopes(1, 5))
    pair.run()
    pair.channel = nothing
    pair.offer(envelopes(2, 2), first=6)
    pair.run()
    pair.channel = list
    pair.settle()
    assert pair.gaps == [(6, 7)]


def test_disorder_within_the_give_up_time_is_no_gap() -> None:
    """Blocks arrive after the heartbeat that claims them."""
    pair = Pair()
    pair.run()
    late: list[bytes] = []
    pair.offer(envelopes(4, 6, sizes=(500,)))
    pair.now_ns += MS
    late += drain(pair.sender, pair.now_ns)
    pair.run(for_ms=110, step_ms=10)  # a heartbeat
    assert not pair.landed
    assert not pair.gaps
    random.Random(1).shuffle(late)
    for datagram in late:
        pair.hear(datagram)
    pair.settle()
    assert set(pair.landed) == set(range(1, 7))
    assert not pair.gaps


def test_messages_that_wait_in_the_sender_are_no_gap() -> None:
    """FLASH overtakes a long ROUTINE message: the lower sequence is not missing."""
    pair = Pair(replace(SMALL, rate_bits_per_s=1_000_000, burst_wire_bytes=1000))
    pair.offer([bytes(60_000)])
    pair.run(for_ms=100)
    pair.sender.offer(2, 3, b"flash")
    pair.run(for_ms=100)
    assert pair.landed == {2: b"flash"}
    pair.run(for_ms=1500, step_ms=5)
    assert not pair.gaps
    assert set(pair.landed) == {1, 2}


def test_a_lost_flash_is_told_while_routine_still_waits() -> None:
    pair = Pair(replace(SMALL, rate_bits_per_s=1_000_000, burst_wire_bytes=1000))
    pair.offer([bytes(200_000)])
    pair.run(for_ms=100)
    flash = b"\x5a" * 100
    pair.sender.offer(2, 3, flash)
    # The FLASH block is the one of a single symbol: k = 1 at offset 16, and no heartbeat.
    pair.channel = lambda ds: [d for d in ds if d[16] != 1 or d[3] & 1]
    pair.run(for_ms=600)
    assert pair.gaps == [(2, 2)]
    assert not pair.landed


def test_a_gap_may_be_filled_by_a_repeat_and_is_then_late() -> None:
    pair = Pair(channel=nothing)
    pair.offer([b"one", b"two"])
    pair.run()
    pair.channel = list
    pair.settle()
    assert pair.gaps == [(1, 2)]
    pair.sender.offer(2, 0, b"two")
    pair.settle()
    assert pair.landed == {2: b"two"}
    assert pair.late == {2}
    assert pair.gaps == [(1, 2)]
    assert pair.receiver.counters["messages_late"] == 1
    assert pair.receiver.checkpoint_state().gaps == ((1, 1),)


def test_an_unrecoverable_block_costs_only_the_messages_in_it() -> None:
    pair = Pair()
    for n in range(10):
        pair.channel = nothing if n == 4 else list
        pair.offer(envelopes(n, 2, sizes=(30,)), first=2 * n + 1)
        pair.run()
    pair.settle()
    assert pair.gaps == [(9, 10)]
    assert len(pair.landed) == 18


def test_silence_is_told_once_until_it_ends() -> None:
    pair = Pair()
    pair.run(for_ms=100)
    pair.channel = nothing
    pair.run(for_ms=5000, step_ms=50)
    assert len([e for e in pair.other if isinstance(e, Silence)]) == 1
    pair.channel = list
    pair.run(for_ms=200)
    pair.channel = nothing
    pair.run(for_ms=5000, step_ms=50)
    assert len([e for e in pair.other if isinstance(e, Silence)]) == 2


def test_silence_from_the_start_is_told() -> None:
    pair = Pair(channel=nothing)
    pair.run(for_ms=5000, step_ms=50)
    assert [type(e) for e in pair.other] == [Silence]


def test_a_wrong_key_raises_an_alarm_and_lands_nothing() -> None:
    pair = Pair()
    pair.sender = Sender(SMALL, bytes(32), 1, FLOW, pair.receiver._codec)
    assert bytes(32) != KEY
    pair.offer(envelopes(1, 20))
    pair.settle()
    alarms = [e for e in pair.other if isinstance(e, Alarm)]
    assert [a.reason for a in alarms] == [Reason.DATAGRAM_TAG]
    assert not pair.landed


def test_the_rare_heartbeats_of_a_slow_link_are_not_silence() -> None:
    radio = LinkParams(mtu_bytes=576, k_max=4, r_max=3, rate_bits_per_s=2_400,
                       burst_wire_bytes=600, frame_overhead_bytes=0)  # fmt: skip
    pair = Pair(radio)
    pair.sender.set_checkpoint(bytes(600))
    pair.run(for_ms=300_000, step_ms=500)
    assert not [e for e in pair.other if isinstance(e, Silence)]
    pair.channel = nothing
    pair.run(for_ms=300_000, step_ms=500)
    assert len([e for e in pair.other if isinstance(e, Silence)]) == 1
