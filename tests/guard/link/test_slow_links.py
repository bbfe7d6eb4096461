"""From 2,400 bit/s up: a FLASH message waits for at most the block that is on the wire."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.cli.link_options import receive_params
from guard.link.params import BLOCK_MS_MAX, LinkParams
from tests.guard.link.pair import MS, Pair
from tests.guard.link.streaming import BytesSource, MemorySink


def radio(rate_bits_per_s: int) -> LinkParams:
    return LinkParams(
        mtu_bytes=576, r_max=3, rate_bits_per_s=rate_bits_per_s, frame_overhead_bytes=0,
        silence_ms=60_000, give_up_ms=1_000,
    )  # fmt: skip


def wire_ns(params: LinkParams, datagrams: int) -> int:
    """How long so many datagrams of the largest size take."""
    wire = params.wire_bytes(params.datagram_bytes_max)
    return datagrams * wire * 8 * 10**9 // params.rate_bits_per_s


@pytest.mark.parametrize("bulk", ["message", "stream"])
@pytest.mark.parametrize("rate", [2_400, 9_600, 64_000, 1_000_000])
def test_flash_waits_for_at_most_one_block(rate: int, bulk: str) -> None:
    params = radio(rate)
    pair = Pair(params, sink=MemorySink())
    pair.sender.set_checkpoint(bytes(600))  # heartbeats as long as they get
    size = rate * 5  # some 40 s of the link, and as much for the repairs
    if bulk == "message":
        pair.offer([bytes(size)])
    else:
        pair.offer_stream(1, BytesSource(bytes(size)))
    step_ms = max(1, 20_000 // (rate // 100))
    pair.run(for_ms=2000, step_ms=step_ms)
    k = params.block_symbols_max
    block = k + params.repair_symbols(k)
    own = 1 + params.repair_symbols(1)
    chance = random.Random(rate)
    for sequence in range(2, 8):
        pair.run(for_ms=chance.randrange(500, 3000), step_ms=step_ms)
        assert not pair.sender.idle
        blocks, offered_ns = pair.sender.counters["blocks"], pair.now_ns
        pair.sender.offer(sequence, 3, b"flash " * 10)
        while sequence not in pair.landed:
            pair.run(for_ms=step_ms, step_ms=step_ms)
        assert pair.sender.counters["blocks"] - blocks <= 1  # its own
        waited_ns = pair.now_ns - offered_ns
        assert waited_ns <= wire_ns(params, block + own + 1) + 2 * step_ms * MS
    assert 1 not in pair.landed
    assert 1 not in pair.streams
    assert not pair.gaps


@given(
    rate=st.integers(1_000, 400_000_000_000),
    mtu=st.sampled_from([256, 576, 1500, 9000, 65_535]),
    r_max=st.integers(3, 60),
    percent=st.integers(0, 400),
)
def test_a_block_is_a_tenth_of_a_second_at_most_or_one_symbol(
    rate: int, mtu: int, r_max: int, percent: int
) -> None:
    params = LinkParams(
        mtu_bytes=mtu,
        r_max=r_max,
        repair_percent=percent,
        rate_bits_per_s=rate,
        window_bytes_max=2**30,
    )
    k = params.block_symbols_max
    assert 1 <= k <= params.k_max
    block_ns = wire_ns(params, k + params.repair_symbols(k))
    assert k == 1 or block_ns <= BLOCK_MS_MAX * MS
    if k < params.k_max:  # and no shorter than it must be
        longer = k + 1 + params.repair_symbols(k + 1)
        assert wire_ns(params, longer) > (BLOCK_MS_MAX - 1) * MS - wire_ns(params, 1)


@pytest.mark.parametrize("rate", [2_400, 9_600])
def test_a_400_byte_event_is_one_symbol_of_a_slow_link(rate: int) -> None:
    pair = Pair(radio(rate))
    pair.run(for_ms=3000, step_ms=50)
    pair.offer([bytes(400)])
    before = pair.sender.counters["datagrams"]
    pair.run(for_ms=10_000, step_ms=50)
    assert pair.landed == {1: bytes(400)}
    assert pair.sender.counters["datagrams"] - before == 4


@pytest.mark.parametrize("mtu", [1500, 9000])
def test_the_tools_receiver_has_room_for_the_deepest_interleave(mtu: int) -> None:
    params = receive_params(mtu, ("127.0.0.1:1",), 10**9, tag=True, heartbeat_ms=100)
    assert params.window_bytes_max // params.slot_bytes >= 64 + 2
    assert params.window_bytes_max < 180 * 2**20
