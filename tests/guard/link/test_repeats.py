"""Repeats: an outage shorter than the pause costs nothing, and no gap is told before the last."""

from dataclasses import replace

import pytest

from guard.link.params import LinkParams
from schemas.errors import Overload
from tests.guard.link.pair import MS, SMALL, Pair, envelopes
from tests.guard.link.streaming import BytesSource, MemorySink

TWICE = replace(SMALL, repeats=1, repeat_pause_ms=300)


def nothing(_: list[bytes]) -> list[bytes]:
    return []


@pytest.mark.parametrize("starts_at", range(0, 600, 50))
def test_an_outage_shorter_than_the_pause_is_survived(starts_at: int) -> None:
    sink = MemorySink()
    pair = Pair(TWICE, sink=sink)
    sent = envelopes(starts_at, 60)
    for at in range(60):
        pair.channel = nothing if starts_at <= at * 10 < starts_at + 290 else list
        pair.offer([sent[at]], first=2 * at + 1, precedence=at % 5)
        pair.offer_stream(2 * at + 2, BytesSource(bytes(at * 30)), precedence=at % 5)
        pair.run(for_ms=10)
    pair.channel = list
    pair.run(for_ms=1000, step_ms=10)
    assert [pair.landed[n] for n in range(1, 121, 2)] == sent
    assert pair.streams == {2 * at + 2: at * 30 for at in range(60)}
    assert not pair.gaps
    assert pair.sender.counters["repeats"] == 120
    assert pair.receiver.counters["messages_landed"] == 60


def test_a_gap_is_told_only_after_the_last_repeat() -> None:
    pair = Pair(replace(TWICE, repeats=2))
    pair.run()
    pair.channel = lambda ds: [d for d in ds if d[3] & 1]  # heartbeats alone
    pair.offer([bytes(50)])
    for at_ms in range(0, 600, 20):
        pair.run(for_ms=20)
        assert not pair.gaps, at_ms
        assert pair.sender.complete_below <= 1, at_ms
    pair.settle()
    assert pair.sender.idle
    assert pair.gaps == [(1, 1)]
    assert pair.sender.complete_below == 2
    assert pair.sender.counters["messages"] == 1


def test_what_landed_before_its_repeat_is_dropped() -> None:
    pair = Pair(replace(TWICE, repeats=3))
    pair.offer(envelopes(3, 10))
    pair.run(for_ms=1500)
    assert len(pair.landed) == 10
    assert pair.receiver.counters["messages_repeated"] == 30
    assert not pair.late


def test_repeats_wait_in_bounded_memory_and_the_queue_says_when_it_is_full() -> None:
    pair = Pair(replace(TWICE, queue_bytes_max=2**16, envelope_bytes_max=2**15))
    refused = sequence = 0
    for _ in range(200):
        try:
            pair.offer([bytes(4000)], first=sequence + 1)
            sequence += 1
        except Overload:
            refused += 1
        assert pair.sender.waiting_bytes <= 2**16
        pair.run(for_ms=10)
    assert refused
    pair.settle()
    assert set(pair.landed) == set(range(1, sequence + 1))
    assert pair.sender.waiting_bytes == 0
    assert pair.sender.idle


def test_a_sequence_offered_twice_is_repeated_twice() -> None:
    """Both are due at the same time."""
    pair = Pair(TWICE)
    for _ in range(3):
        pair.sender.offer(1, 0, b"again and again")
        pair.sender.offer(2, 0, b"this too")
    pair.run(for_ms=1000)
    assert pair.landed == {1: b"again and again", 2: b"this too"}
    assert pair.sender.counters["repeats"] == 6
    assert pair.sender.idle
    assert not pair.gaps


def test_a_repeat_gives_way_to_a_higher_precedence() -> None:
    slow = LinkParams(mtu_bytes=256, k_max=8, r_max=3, rate_bits_per_s=200_000, repeats=1,
                      repeat_pause_ms=100, burst_wire_bytes=1000)  # fmt: skip
    pair = Pair(slow)
    pair.offer([bytes(4000)])
    while pair.sender.counters["repeats"] == 0:
        pair.run()
    pair.run(for_ms=150)  # the repeat is on its way
    assert not pair.sender.idle
    blocks = pair.sender.counters["blocks"]
    pair.sender.offer(2, 3, b"flash")
    while 2 not in pair.landed:
        pair.run()
    assert pair.sender.counters["blocks"] - blocks <= 2
    assert not pair.sender.idle


def test_wake_tells_when_the_next_repeat_is_due() -> None:
    pair = Pair(replace(TWICE, heartbeat_ms=10_000, silence_ms=60_000))
    pair.run()
    pair.offer([b"x"])
    pair.run()
    assert pair.sender.wake_ns(pair.now_ns) == pair.now_ns + 300 * MS
