"""Loss stays where it happened: what a lost block held, told by the slow receiver, and no more."""

import random
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.link.params import LinkParams
from schemas.reasons import Reason
from tests.guard.link import slow_receiver as slow
from tests.guard.link.pair import FLOW, KEY, MS, SMALL, Pair, cut, drain
from tests.guard.link.streaming import BytesSource, MemorySink

# ------------------------------------------------------------------ lost and damaged blocks


def number_of(datagram: bytes) -> int:
    return int.from_bytes(datagram[8:16], "big")


def held_by_block(datagrams: list[bytes], tagged: bool) -> dict[int, list[slow.Record]]:
    """Which records each block holds, from the page alone."""
    found = {}
    for number in {number_of(d) for d in datagrams if not d[3] & 1}:
        receiver = slow.SlowReceiver(KEY, FLOW, 1, tagged)
        for datagram in datagrams:
            if not datagram[3] & 1 and number_of(datagram) == number:
                receiver.take(datagram)
        found[number] = list(receiver._records())
    return found


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(0, 2500), min_size=2, max_size=14),
    tag=st.booleans(),
    interleave=st.sampled_from([1, 2]),
)
def test_a_lost_block_costs_what_has_bytes_in_it_and_damage_costs_nothing(
    seed: int, sizes: list[int], tag: bool, interleave: int
) -> None:
    chance = random.Random(seed)
    sink = MemorySink()
    params = replace(SMALL, tag=tag, interleave_blocks=interleave)
    pair = Pair(params, sink=sink)
    pair.run()
    data = {n: chance.randbytes(size) for n, size in enumerate(sizes, 1)}
    kinds = {n: chance.choice(["message", "stream"]) for n in data}
    datagrams: list[bytes] = []
    for n, one in data.items():
        if kinds[n] == "message":
            pair.sender.offer(n, chance.randrange(5), one)
        else:
            pair.offer_stream(n, BytesSource(one), chance.randrange(5))
        if chance.random() < 0.4:
            pair.now_ns += MS
            datagrams += drain(pair.sender, pair.now_ns)
    pair.now_ns += MS
    datagrams += drain(pair.sender, pair.now_ns)
    blocks = held_by_block(datagrams, tag)
    lost = {number for number in blocks if chance.random() < 0.25}
    damaged = {
        number: chance.randrange(next(d[16] + d[17] for d in datagrams if number_of(d) == number))
        for number in set(blocks) - lost
        if chance.random() < 0.5
    }
    left: dict[int, int] = defaultdict(int)
    for datagram in datagrams:
        number = number_of(datagram)
        if datagram[3] & 1:
            pair.hear(datagram)
        elif number in lost:
            left[number] += 1
            if left[number] < datagram[16]:  # one symbol too few
                pair.hear(datagram)
        elif damaged.get(number) == datagram[18]:
            pair.hear(datagram[:50] + bytes([datagram[50] ^ 4]) + datagram[51:])
        else:
            pair.hear(datagram)
    pair.settle()

    gone: dict[int, set[int]] = defaultdict(set)
    for number in lost:
        for record in blocks[number]:
            gone[record.sequence] |= set(range(record.offset, record.offset + len(record.data)))
    assert pair.missing == set(gone)
    assert set(pair.landed) | set(pair.streams) == set(data) - set(gone)
    for n in set(data) - set(gone):
        assert (pair.landed[n] if n in pair.landed else bytes(sink.streams.get(n, b""))) == data[n]
    for told in pair.stream_gaps:
        holes = {n for first, last in told.missing for n in range(first, last + 1)}
        assert holes == gone[told.sequence]  # every piece told the size: exact to the end
    if tag:
        assert pair.receiver.counters[Reason.DATAGRAM_TAG] == len(damaged)
    assert pair.receiver.counters[Reason.BLOCK_TAG] == 0
    assert pair.receiver.counters[Reason.BLOCK_MALFORMED] == 0


# ------------------------------------------------------------------ the shortcut of §5 (6)

WIDE = LinkParams(rate_bits_per_s=10**11)


class Whole:
    """A session that is open, and the next block in one buffer."""

    def __init__(self, params: LinkParams = WIDE, size: int = 20_000) -> None:
        self.pair = Pair(params)
        self.pair.run()
        self.pair.offer([bytes([7]) * size])
        (self.burst,) = self.pair.sender.due(self.pair.now_ns)
        self.rows = cut(self.burst)
        assert len(self.rows) == self.rows[0][16] + self.rows[0][17]
        self.before = dict(self.pair.receiver.counters)

    def give(self, rows: list[bytes]) -> None:
        buffer = memoryview(b"".join(rows))
        self.pair._note(self.pair.receiver.take(buffer, len(rows[0]), self.pair.now_ns))

    def counted(self, name: str) -> int:
        return self.pair.receiver.counters[name] - self.before[name]


def flipped(row: bytes, at: int) -> bytes:
    return row[:at] + bytes([row[at] ^ 1]) + row[at + 1 :]


@pytest.mark.parametrize("tag", [True, False], ids=["tagged", "untagged"])
def test_a_whole_block_counts_its_sources_as_taken_and_its_repairs_as_spare(tag: bool) -> None:
    whole = Whole(replace(WIDE, tag=tag))
    k = whole.rows[0][16]
    whole.give(whole.rows)
    assert set(whole.pair.landed) == {1}
    assert whole.counted("symbols_taken") == k
    assert whole.counted("symbols_spare") == len(whole.rows) - k
    whole.give(whole.rows)
    assert whole.counted(Reason.DATAGRAM_REPLAYED) == len(whole.rows)
    assert whole.counted("datagrams") == 2 * len(whole.rows)


def test_a_damaged_symbol_of_a_whole_block_is_found_by_its_tag_unless_it_is_spare() -> None:
    for at in range(len(Whole().rows)):
        whole = Whole()
        rows = [flipped(row, 60) if n == at else row for n, row in enumerate(whole.rows)]
        whole.give(rows)
        assert set(whole.pair.landed) == {1}, at
        spare = at >= whole.rows[0][16]
        assert whole.counted(Reason.DATAGRAM_TAG) == (0 if spare else 1), at
        total = whole.counted("symbols_taken") + whole.counted("symbols_spare")
        assert total == len(rows) - (0 if spare else 1)


@pytest.mark.parametrize("place", [0, 2, 3, 4, 8, 15, 16, 17, 18, 19, 20, 22])
@pytest.mark.parametrize("of", [0, -1], ids=["the first header", "a repair symbol's header"])
def test_a_header_that_disagrees_leaves_it_to_the_tags(place: int, of: int) -> None:
    whole = Whole()
    rows = list(whole.rows)
    rows[of] = flipped(rows[of], place)
    whole.give(rows)
    assert set(whole.pair.landed) == {1}
    wrong = whole.counted(Reason.DATAGRAM_TAG) + whole.counted(Reason.DATAGRAM_MALFORMED)
    assert wrong == 1


@pytest.mark.parametrize("ahead", [0, 1, 100, 5000, 2**39])
@pytest.mark.parametrize("tag", [True, False], ids=["tagged", "untagged"])
def test_a_whole_block_of_thin_air_changes_nothing(ahead: int, tag: bool) -> None:
    whole = Whole(replace(WIDE, tag=tag))
    number = number_of(whole.rows[0]) + ahead
    forged = [
        row[:8] + number.to_bytes(8, "big") + row[16:24] + bytes(8) + b"\x5a" * (len(row) - 32)
        for row in whole.rows
    ]
    whole.give(forged)
    counted = Reason.DATAGRAM_TAG if tag else "datagrams"
    assert whole.counted(counted) == len(forged)
    if tag or ahead:
        whole.give(whole.rows)
        assert set(whole.pair.landed) == {1}
    whole.pair.offer([b"the next"], first=2)
    whole.pair.settle()
    if tag or ahead != 1:  # untagged, the block that was named is lost
        assert whole.pair.landed[2] == b"the next"


def test_a_whole_block_far_ahead_is_taken_by_its_tags() -> None:
    """After an outage of more than half a window."""
    pair = Pair(SMALL)
    pair.run()
    pair.channel = lambda _: []
    pair.offer([bytes(400_000)])
    pair.run(for_ms=10)
    assert pair.sender.counters["blocks"] > SMALL.window_blocks
    pair.offer([b"here"], first=2)
    (burst,) = pair.sender.due(pair.now_ns + MS)
    pair._note(pair.receiver.take(burst.buffer, burst.segment_bytes, pair.now_ns))
    assert pair.landed == {2: b"here"}
    pair.channel = list
    pair.settle()
    assert pair.gaps == [(1, 1)]
