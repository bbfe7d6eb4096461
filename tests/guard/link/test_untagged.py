"""Without tags: a wrong symbol is searched for, a wrong number does not lead the window away."""

import random
from dataclasses import replace

import numpy as np
import pytest

from guard.link.arrivals import ReceiverState
from guard.link.fec import ReferenceCodec, Symbols
from guard.link.keys import tag_key
from guard.link.opening import TRIES_MAX
from guard.link.params import NUMBER_MAX, LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from guard.link.tags import DatagramTags
from schemas.reasons import Reason
from tests.guard.link.pair import FLOW, KEY, MS, SMALL, Pair, drain, envelopes

UNTAGGED = replace(SMALL, tag=False)


def renumbered(datagram: bytes, number: int) -> bytes:
    return datagram[:8] + number.to_bytes(8, "big") + datagram[16:]


def flipped(datagram: bytes, at: int = 40) -> bytes:
    return datagram[:at] + bytes([datagram[at] ^ 1]) + datagram[at + 1 :]


def test_any_one_wrong_symbol_is_found() -> None:
    """Each of the eight in turn, in order and shuffled, the right one after it or not at all."""
    for wrong in range(8):
        for seed in range(4):
            pair = Pair(UNTAGGED)
            pair.run()
            pair.offer([bytes(900)])  # k = 5, r = 3
            datagrams = list(drain(pair.sender, pair.now_ns + MS))
            assert len(datagrams) == 8
            given = [flipped(d) if n == wrong else d for n, d in enumerate(datagrams)]
            random.Random(seed).shuffle(given)
            for datagram in given[: len(given) if seed % 2 else 7]:
                pair.hear(datagram)
            pair.settle()
            assert pair.landed == {1: bytes(900)}, (wrong, seed)


class CountingCodec(ReferenceCodec):
    """The reference, and how often it rebuilt."""

    rebuilt = 0

    def rebuild(self, k: int, symbols: Symbols, lost: list[int], repairs: list[int]) -> None:
        self.rebuilt += 1
        super().rebuild(k, symbols, lost, repairs)


def test_the_search_is_bounded() -> None:
    """Every symbol of a large block is wrong, two are lost: it is given up after so many tries."""
    wide = LinkParams(mtu_bytes=256, k_max=60, r_max=40, repair_percent=60,
                      rate_bits_per_s=10**11, tag=False)  # fmt: skip
    codec = CountingCodec()
    pair = Pair(wide)
    pair.receiver = Receiver(wide, KEY, FLOW, codec, ReceiverState())
    pair.run()
    pair.offer([bytes(wide.block_bytes_max - 16)])
    datagrams = list(drain(pair.sender, pair.now_ns + MS))
    assert len(datagrams) == 96
    for datagram in datagrams[2:]:
        pair.hear(flipped(datagram))
    assert TRIES_MAX // 2 < codec.rebuilt <= TRIES_MAX
    assert pair.receiver.counters[Reason.BLOCK_TAG] == 1
    pair.offer([b"after"], first=2)
    pair.settle()
    assert pair.landed == {2: b"after"}
    assert pair.gaps == [(1, 1)]


@pytest.mark.parametrize("number", [10**4, 2**39, NUMBER_MAX])
@pytest.mark.parametrize("before", ["first", "open"])
def test_a_number_out_of_thin_air_does_not_end_the_session(number: int, before: str) -> None:
    pair = Pair(UNTAGGED)
    template = next(d for d in drain(sender_of(UNTAGGED), MS) if not d[3] & 1)
    if before == "open":
        pair.offer(envelopes(1, 5))
        pair.run()
    pair.hear(renumbered(template, number))
    pair.settle()  # at the latest the first heartbeat puts it right
    pair.offer(envelopes(2, 20), first=6)
    for _ in range(20):
        pair.run()
        pair.hear(renumbered(template, number))
    pair.settle()
    assert set(range(6, 26)) <= set(pair.landed)
    if before == "open":
        assert not pair.gaps
        assert pair.receiver.counters[Reason.DATAGRAM_MALFORMED] == 21


def sender_of(params: LinkParams) -> Sender:
    other = Pair(params)
    other.offer([bytes(400)])
    return other.sender


def test_after_an_outage_longer_than_the_window_the_next_heartbeat_leads_on() -> None:
    pair = Pair(UNTAGGED)
    pair.run()
    pair.channel = lambda _: []
    pair.offer([bytes(500_000)])
    pair.run(for_ms=10)
    assert pair.sender.counters["blocks"] > UNTAGGED.window_blocks
    # No heartbeat yet, and no block whole: one that is would prove itself, and lead on.
    pair.channel = lambda ds: [d for d in ds if not d[3] & 1 and d[18]]
    pair.offer([b"too early"], first=2)
    pair.run()
    assert not pair.landed
    pair.channel = list
    pair.run(for_ms=120)
    pair.offer([b"in time"], first=3)
    pair.settle()
    assert pair.landed == {3: b"in time"}
    assert pair.gaps == [(1, 2)]


def test_one_forgery_that_passes_the_tag_costs_at_most_until_the_next_heartbeat() -> None:
    """As one in 2^64 would; here it is made with the key."""
    pair = Pair(SMALL)
    pair.offer(envelopes(3, 5))
    pair.run()
    template = next(d for d in drain(sender_of(SMALL), MS) if not d[3] & 1)
    forged = bytearray(renumbered(template, 2**39))
    rows = np.frombuffer(forged, dtype=np.uint8).reshape(1, -1)
    DatagramTags(tag_key(KEY, FLOW), len(forged)).write(rows)
    pair.hear(bytes(forged))
    pair.offer([b"lost"], first=6)
    pair.run()
    assert 6 not in pair.landed
    pair.settle()
    pair.offer(envelopes(4, 20), first=7)
    pair.settle()
    assert pair.gaps == [(6, 6)]
    assert set(pair.landed) == set(range(1, 27)) - {6}
