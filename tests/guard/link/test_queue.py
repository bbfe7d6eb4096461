"""The sender's order and pace: precedence with ageing, the token bucket, bounded memory."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.link.heartbeat import Heartbeat
from guard.link.pacing import GATHER_NS, TokenBucket
from guard.link.params import LinkParams
from guard.link.precedence import PrecedenceQueue, Waiting
from schemas.errors import Broken, Malformed, Overload
from schemas.reasons import Reason
from schemas.sequences import RangeSet
from tests.guard.link.pair import MS, SMALL, Pair, drain

SLOW = replace(SMALL, rate_bits_per_s=1_000_000, burst_wire_bytes=1_000)


def test_flash_leaves_before_everything_that_waits() -> None:
    pair = Pair(SLOW)
    for sequence, precedence in enumerate((0, 1, 2, 3, 4, 0, 4), 1):
        pair.sender.offer(sequence, precedence, bytes(1000))
    pair.run(for_ms=1000)
    assert list(pair.landed) == [5, 7, 4, 3, 2, 1, 6]


def test_a_flash_waits_for_at_most_one_block() -> None:
    pair = Pair(SLOW)
    pair.offer([bytes(100_000)])
    pair.run(for_ms=300)
    before = pair.sender.counters["blocks"]
    pair.sender.offer(2, 3, b"flash")
    while 2 not in pair.landed:
        pair.run()
    assert pair.sender.counters["blocks"] - before <= 2


def test_routine_is_never_starved() -> None:
    queue = PrecedenceQueue(10**6)
    queue.put(Waiting(1, 0, memoryview(b"routine")))
    queue.put(Waiting(2, 2, memoryview(b"immediate")))
    for sequence in range(3, 200):
        queue.put(Waiting(sequence, 4, memoryview(b"flash override")))
    served = []
    for _ in range(60):
        level = queue.next_level()
        assert level is not None
        message = level.popleft()
        served.append(message.precedence)
        queue.sent(message)
    assert 0 in served
    assert 2 in served
    assert served.count(4) >= 50


def test_a_full_queue_says_so_and_keeps_what_it_has() -> None:
    pair = Pair(replace(SLOW, queue_bytes_max=2**16, envelope_bytes_max=2**16))
    pair.offer([bytes(60_000)])
    with pytest.raises(Overload) as caught:
        pair.sender.offer(2, 4, bytes(10_000))
    assert caught.value.reason == Reason.LINK_QUEUE_FULL
    pair.run(for_ms=2000, step_ms=5)
    assert set(pair.landed) == {1}
    pair.sender.offer(2, 4, bytes(10_000))
    pair.run(for_ms=500)
    assert set(pair.landed) == {1, 2}


@pytest.mark.parametrize(
    ("sequence", "precedence", "size"),
    [(-1, 0, 1), (2**62, 0, 1), (1, 5, 1), (1, 0, 17 * 2**20 + 1)],
)
def test_what_the_link_cannot_carry_is_our_own_mistake(
    sequence: int, precedence: int, size: int
) -> None:
    with pytest.raises(Broken):
        Pair(LinkParams()).sender.offer(sequence, precedence, bytes(size))


@given(
    st.integers(1_000, 10**9),
    st.integers(256, 10**6),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 256)), max_size=60),
)
def test_the_bucket_never_gives_more_than_rate_and_depth(
    rate: int, depth: int, asks: list[tuple[int, int]]
) -> None:
    bucket = TokenBucket(rate, depth)
    now_ns, taken = 1, 0
    for wait_ns, size in asks:
        now_ns += wait_ns
        at_ns = bucket.take(size, now_ns)
        if at_ns > now_ns:  # refused: exactly then it may
            now_ns = at_ns
            assert bucket.take(size, now_ns) == now_ns
        taken += size
        assert taken * 8 * 10**9 <= depth * 8 * 10**9 + (now_ns - 1) * rate


def test_the_clock_going_back_gives_nothing() -> None:
    bucket = TokenBucket(8_000, 1_000)
    assert bucket.take(1_000, 10**9) == 10**9
    assert bucket.take(1, 0) > 0
    assert bucket.take(1_000, 10**9 + 1) == 2 * 10**9


def test_all_that_leaves_keeps_to_the_rate_headers_and_repairs_included() -> None:
    pair = Pair(replace(SMALL, rate_bits_per_s=2_000_000, burst_wire_bytes=2_000))
    pair.offer([bytes(200_000)])
    wire = 0
    for ms in range(200):
        now_ns = ms * MS
        wire += sum(len(d) + 28 + 38 for d in drain(pair.sender, now_ns))
        assert wire <= 2_000 + 2_000_000 // 8 * ms // 1000
        assert pair.sender.wake_ns(now_ns) > now_ns
    assert wire > 45_000


def test_wake_is_when_something_is_due() -> None:
    pair = Pair(replace(SMALL, rate_bits_per_s=100_000, burst_wire_bytes=300))
    now_ns, in_vain = 10 * MS, 0
    pair.offer([bytes(1000)])
    while not pair.sender.idle:
        list(drain(pair.sender, now_ns))
        wake_ns = pair.sender.wake_ns(now_ns)
        assert wake_ns > now_ns
        assert not list(drain(pair.sender, wake_ns - GATHER_NS - 1))
        in_vain += not list(drain(pair.sender, wake_ns))
        now_ns = wake_ns
    # A heartbeat may be due before the bucket has enough for it.
    assert in_vain <= pair.sender.counters["heartbeats"]


def test_a_paced_sender_gathers_what_may_leave_together_and_loses_none_of_its_rate() -> None:
    params = LinkParams(k_max=40, design_loss_ppm=0, rate_bits_per_s=10**9, repair_percent=10)
    pair = Pair(params)
    pair.offer([bytes(1_000_000) for _ in range(12)])
    now_ns, calls = 0, 0
    while True:
        list(drain(pair.sender, now_ns))
        if pair.sender.idle:
            break
        now_ns, calls = pair.sender.wake_ns(now_ns), calls + 1
    assert calls < pair.sender.counters["blocks"] / 1.5
    assert pair.sender.counters["wire_bytes"] * 8 / (now_ns / 1e9) > 0.97 * 10**9


def test_heartbeats_are_not_starved_by_smaller_datagrams() -> None:
    radio = LinkParams(mtu_bytes=576, rate_bits_per_s=9_600, burst_wire_bytes=620)
    pair = Pair(radio)
    pair.sender.set_checkpoint(bytes(600))  # heartbeats of the largest size
    for sequence in range(1, 200):
        pair.sender.offer(sequence, 0, bytes(20))  # four datagrams: 487 ms of the link
        pair.run(for_ms=480, step_ms=20)
    beats = pair.sender.counters["heartbeats"]
    assert beats >= 199 * 480 * MS // radio.heartbeat_ns(radio.datagram_bytes_max) - 2


def test_heartbeats_take_at_most_a_twentieth_of_a_slow_link() -> None:
    radio = LinkParams(mtu_bytes=576, k_max=4, r_max=3, rate_bits_per_s=2_400, silence_ms=60_000,
                       burst_wire_bytes=600, frame_overhead_bytes=0)  # fmt: skip
    pair = Pair(radio)
    pair.sender.set_checkpoint(bytes(600))
    wire = sum(len(d) + 28 for ms in range(0, 600_000, 100) for d in drain(pair.sender, ms * MS))
    assert wire <= 600 * 2_400 // 8 // 20 + 600


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), st.booleans()), max_size=40))
def test_ranges_are_what_a_set_of_numbers_is(steps: list[tuple[int, int, bool]]) -> None:
    ranges, plain = RangeSet(), set[int]()
    for first, more, adding in steps:
        numbers = set(range(first, first + more + 1))
        if adding:
            ranges.add(first, first + more)
            plain |= numbers
        else:
            assert ranges.remove(first, first + more) == bool(plain & numbers)
            plain -= numbers
        held = ranges.ranges()
        assert {n for low, high in held for n in range(low, high + 1)} == plain
        assert all(high + 1 < low for (_, high), (low, _) in pairwise(held))
        gone = {n for low, high in ranges.missing(5, 40) for n in range(low, high + 1)}
        assert gone == set(range(5, 41)) - plain


@given(st.binary(max_size=200))
def test_a_heartbeat_is_read_or_malformed(noise: bytes) -> None:
    for untrusted in (noise, bytes(66) + noise):
        try:
            beat = Heartbeat.read(untrusted)
        except Malformed:
            continue
        assert untrusted.startswith(beat.write())


@pytest.mark.parametrize(
    "wrong",
    [
        {"mtu_bytes": 100}, {"k_max": 0}, {"k_max": 253}, {"r_max": 2},
        {"rate_bits_per_s": 0}, {"ip_version": 5}, {"heartbeat_ms": 1000, "silence_ms": 1000},
        {"window_blocks": 8, "interleave_blocks": 8}, {"queue_bytes_max": 2**16},
        {"window_bytes_max": 2**20, "mtu_bytes": 9000}, {"k_max": True}, {"burst_wire_bytes": 1000},
    ],
)  # fmt: skip
def test_parameters_beyond_their_bounds_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Malformed):
        LinkParams(**wrong)  # type: ignore[arg-type] # wrong on purpose


@given(st.integers(1_000, 10**6), st.integers(1_000, 10**6))
def test_a_bucket_that_is_slowed_fills_at_the_new_rate_and_keeps_what_it_holds(
    first: int, second: int
) -> None:
    bucket = TokenBucket(first, 1_000)
    assert bucket.take(1_000, 0) == 0
    bucket.set_rate(second, 0)
    due_ns = bucket.take(1_000, 0)
    assert due_ns == -(-8_000 * 10**9 // second)
    assert bucket.take(1_000, due_ns) == due_ns
