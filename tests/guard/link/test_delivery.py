"""What a sender offers lands once, whatever the network does within the code's power."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.link.events import Checkpoint, SessionOpened
from guard.link.params import LinkParams
from schemas.reasons import Reason
from tests.guard.link.pair import SMALL, Channel, Pair, envelopes


def lossy(seed: int, loss: float, duplicate: float = 0.0, reorder: bool = False) -> Channel:
    chance = random.Random(seed)

    def channel(datagrams: list[bytes]) -> list[bytes]:
        kept = [d for d in datagrams if chance.random() >= loss]
        kept += [d for d in kept if chance.random() < duplicate]
        if reorder:
            chance.shuffle(kept)
        return kept

    return channel


SHAPES = {
    "small": SMALL,
    "default": LinkParams(rate_bits_per_s=10**11),
    "jumbo": LinkParams(mtu_bytes=9000, ip_version=6, rate_bits_per_s=10**11),
    "untagged": replace(SMALL, tag=False),
    "interleaved": replace(SMALL, interleave_blocks=4),
    "one symbol": replace(SMALL, k_max=1, r_max=3),
    "widest": LinkParams(mtu_bytes=576, k_max=230, r_max=25, rate_bits_per_s=10**11),
}


@pytest.mark.parametrize("params", SHAPES.values(), ids=SHAPES)
def test_messages_of_all_sizes_and_precedences_arrive(params: LinkParams) -> None:
    pair = Pair(params)
    sent = [*envelopes(1, 30), bytes(100_000), b"", b"x"]
    for sequence, envelope in enumerate(sent, 1):
        pair.sender.offer(sequence, sequence % 5, envelope)
    pair.settle()
    assert [pair.landed[n] for n in range(1, len(sent) + 1)] == sent
    assert pair.other == [SessionOpened(1)]
    assert not pair.gaps
    assert pair.sender.idle
    assert pair.sender.complete_below == len(sent) + 1


@pytest.mark.parametrize("params", SHAPES.values(), ids=SHAPES)
def test_loss_duplicates_and_disorder_are_repaired_or_reported(params: LinkParams) -> None:
    pair = Pair(params, lossy(5, loss=0.03, duplicate=0.1, reorder=True))
    sent = envelopes(2, 100)
    for at in range(0, 100, 10):
        pair.offer(sent[at : at + 10], at + 1)
        pair.run()
    pair.settle()
    expected = set(range(1, 101))
    assert set(pair.landed) | pair.missing == expected
    assert not set(pair.landed) & pair.missing
    assert all(sent[n - 1] == envelope for n, envelope in pair.landed.items())
    assert len(pair.landed) >= 95
    assert pair.receiver.counters[Reason.DATAGRAM_REPLAYED] > 0


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.05, 0.3, 0.9]),
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
    interleave=st.sampled_from([1, 3]),
)
def test_every_message_lands_or_is_reported(
    seed: int, loss: float, sizes: list[int], interleave: int
) -> None:
    params = replace(SMALL, interleave_blocks=interleave)
    channel = lossy(seed, loss, duplicate=0.1, reorder=True)
    pair = Pair(params, channel)
    chance = random.Random(seed)
    sent = [chance.randbytes(size) for size in sizes]
    for sequence, envelope in enumerate(sent, 1):
        pair.sender.offer(sequence, chance.randrange(5), envelope)
        if chance.random() < 0.5:
            pair.run()
    pair.settle()
    pair.channel = list
    pair.settle()  # a heartbeat gets through at last
    assert set(pair.landed) | pair.missing == set(range(1, len(sent) + 1))
    assert not set(pair.landed) & pair.missing
    assert all(sent[n - 1] == envelope for n, envelope in pair.landed.items())


def test_any_k_symbols_are_enough_and_fewer_are_reported() -> None:
    """The share of blocks repaired is that of the code's bound, exactly."""
    chance = random.Random(9)
    for lost in range(8):
        pair = Pair()
        pair.run()  # the session's first heartbeat

        def channel(datagrams: list[bytes], lost: int = lost) -> list[bytes]:
            dropped = chance.sample(datagrams, lost) if len(datagrams) > lost else []
            return [d for d in datagrams if d not in dropped]

        pair.channel = channel
        pair.offer([bytes(900)])  # k = 5, r = 3
        pair.run()
        assert (1 in pair.landed) == (lost <= 3)
        pair.channel = list
        pair.settle()
        assert pair.missing == (set() if lost <= 3 else {1})


def test_a_lone_small_message_leaves_at_once_with_three_repair_symbols() -> None:
    pair = Pair(LinkParams())
    pair.run()
    pair.offer([bytes(1000)])
    bursts = pair.sender.due(pair.now_ns)
    assert len(bursts) == 1
    assert len(bursts[0].buffer) == 4 * bursts[0].segment_bytes
    assert pair.sender.idle


def test_a_burst_is_lost_without_harm_under_interleaving() -> None:
    """D x r datagrams in a row."""
    params = replace(SMALL, interleave_blocks=16, r_max=4, repair_percent=50, window_blocks=64)
    for start in (0, 10, 50):
        pair = Pair(params)
        pair.run()
        pair.channel = lambda d, start=start: d[:start] + d[start + 64 :]  # type: ignore[misc] # the default binds the loop's value
        pair.offer([bytes(16 * params.block_bytes_max)])
        pair.run()
        assert set(pair.landed) == {1}


def test_datagrams_in_one_buffer_give_the_same_as_one_by_one() -> None:
    pair = Pair(LinkParams())
    sent = envelopes(3, 50)
    pair.offer(sent)
    for _ in range(20):
        pair.now_ns += 1_000_000
        for burst in pair.sender.due(pair.now_ns):
            pair._note(pair.receiver.take(burst.buffer, burst.segment_bytes, pair.now_ns))
    assert [pair.landed[n] for n in range(1, 51)] == sent


def test_the_last_datagram_of_a_buffer_may_be_shorter() -> None:
    """As UDP_GRO gives them: a large block's datagrams and the first of a small one behind them."""
    pair = Pair(LinkParams())
    pair.run()
    pair.offer([bytes(20_000)])
    (large,) = pair.sender.due(pair.now_ns + 10**8)[-1:]
    buffer, size = bytes(large.buffer), large.segment_bytes
    pair.offer([b"small"], first=2)
    (small,) = pair.sender.due(pair.now_ns + 2 * 10**8)[-1:]
    assert small.segment_bytes < size
    joined = memoryview(buffer + bytes(small.buffer[: small.segment_bytes]))
    pair._note(pair.receiver.take(joined, size, pair.now_ns))
    assert pair.landed == {1: bytes(20_000), 2: b"small"}
    counted = pair.receiver.counters
    assert counted["datagrams"] == counted["symbols_taken"] + counted["symbols_spare"] + 1


def test_a_checkpoint_rides_in_heartbeats_in_pieces() -> None:
    pair = Pair(channel=lossy(4, loss=0.3))
    pair.sender.set_checkpoint(bytes(range(200)) * 3)
    pair.run(for_ms=6000, step_ms=20)
    assert pair.other.count(Checkpoint(bytes(range(200)) * 3)) == 1
    pair.sender.set_checkpoint(b"newer")
    pair.run(for_ms=2000, step_ms=20)
    assert pair.other[-1] == Checkpoint(b"newer")
