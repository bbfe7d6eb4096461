"""Streams land in place: in any order, once, over restarts; what is missing is told to the byte."""

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.link.params import LinkParams
from guard.link.records import Kind, Record
from guard.link.streams import HOLES_MAX, STREAMS_MAX, Streams
from schemas.errors import Malformed
from schemas.reasons import Reason
from tests.guard.link.pair import MS, SMALL, Pair, drain
from tests.guard.link.streaming import BytesSource, DiskSink, FileSource, HoldingSink, MemorySink

STREAMING = replace(SMALL, repeats=1, repeat_pause_ms=50)


def beats(datagrams: list[bytes]) -> list[bytes]:
    """Only the heartbeats."""
    return [datagram for datagram in datagrams if datagram[3] & 1]


def lost(pieces: tuple[tuple[int, int], ...]) -> int:
    return sum(last - first + 1 for first, last in pieces)


def file_of(folder: Path, seed: int, size: int) -> Path:
    path = folder / f"source {seed}"
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


@pytest.mark.parametrize("known", [True, False], ids=["known size", "unknown size"])
@pytest.mark.parametrize("size", [0, 1, 1392, 1393, 50_000])
@pytest.mark.parametrize(
    "params", [SMALL, LinkParams(rate_bits_per_s=10**11)], ids=["small", "1500"]
)
def test_a_stream_lands_whole(size: int, known: bool, params: LinkParams) -> None:
    sink = MemorySink()
    pair = Pair(params, sink=sink)
    data = random.Random(size).randbytes(size)
    pair.offer_stream(1, BytesSource(data, known=known))
    pair.offer([b"after it"], first=2)
    pair.settle()
    assert pair.streams == {1: size}
    assert bytes(sink.streams.get(1, b"")) == data
    assert sink.given_bytes == size
    assert pair.landed == {2: b"after it"}
    assert pair.sender.counters["stream_bytes"] == size
    assert not pair.gaps


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=6),
    loss=st.sampled_from([0.0, 0.1, 0.4]),
    known=st.booleans(),
)
def test_any_order_loss_and_duplicates(
    seed: int, sizes: list[int], loss: float, known: bool
) -> None:
    chance = random.Random(seed)

    def channel(datagrams: list[bytes]) -> list[bytes]:
        kept = [d for d in datagrams if chance.random() >= loss]
        kept += [d for d in kept if chance.random() < 0.2]
        chance.shuffle(kept)
        return kept

    sink = MemorySink()
    pair = Pair(STREAMING, channel, sink=sink)
    data = [chance.randbytes(size) for size in sizes]
    for sequence, one in enumerate(data, 1):
        pair.offer_stream(sequence, BytesSource(one, known=known), chance.randrange(5))
        pair.run(for_ms=chance.randrange(1, 4))
    pair.settle()
    pair.channel = list
    pair.settle()
    assert set(pair.streams) | pair.missing == set(range(1, len(sizes) + 1))
    assert not set(pair.streams) & pair.missing
    for sequence in pair.streams:
        assert bytes(sink.streams.get(sequence, b"")) == data[sequence - 1]
    for told in pair.stream_gaps:
        landed, whole = sink.streams.get(told.sequence, bytearray()), data[told.sequence - 1]
        holes = {n for first, last in told.missing for n in range(first, last + 1)}
        assert told.total in (0, len(whole))
        far = told.total or len(landed)
        assert all(landed[n] == whole[n] for n in range(far) if n not in holes)


def test_a_gap_names_exactly_the_bytes_that_are_missing() -> None:
    """Blocks of the stream are lost; what is told missing is what they held."""
    sink = MemorySink()
    pair = Pair(SMALL, sink=sink)
    pair.run()
    data = bytes(range(1, 256)) * 100
    pair.offer_stream(1, BytesSource(data))
    pair.offer([b"mine"], first=2, precedence=1)
    gone = {3, 4, 9}
    pair.channel = lambda ds: [
        d for d in ds if d[3] & 1 or int.from_bytes(d[8:16], "big") not in gone
    ]
    pair.settle()
    (told,) = pair.stream_gaps
    landed = sink.streams[1].ljust(len(data), b"\0")
    holes = [n for n, byte in enumerate(landed) if not byte]  # no byte of the stream is zero
    assert [n for first, last in told.missing for n in range(first, last + 1)] == holes
    assert (told.sequence, told.total) == (1, len(data))
    each = SMALL.block_bytes_max - 32
    assert lost(told.missing) == 3 * each
    assert pair.gaps == [(1, 1)]
    assert pair.landed == {2: b"mine"}  # loss stays where it happened


def test_the_lost_end_of_a_stream_is_missing_as_far_as_it_is_known() -> None:
    for known in (True, False):
        pair = Pair(SMALL, sink=MemorySink())
        pair.run()
        data = bytes(10_000)
        pair.offer_stream(1, BytesSource(data, known=known))
        pair.channel = lambda ds: [d for d in ds if d[3] & 1 or d[15] < 3]
        pair.settle()
        each = SMALL.block_bytes_max - 32
        (told,) = pair.stream_gaps
        assert told.total == (10_000 if known else 0)
        assert told.missing == (((3 * each, 9_999),) if known else ())
        assert pair.gaps == [(1, 1)]


def test_a_repeat_with_blocks_of_another_shape_fills_the_holes() -> None:
    """FLASH messages in between shift the pieces of the repeat; they overlap what has landed."""
    sink = MemorySink()
    pair = Pair(STREAMING, sink=sink)
    pair.run()
    data = random.Random(4).randbytes(30_000)
    pair.channel = lambda ds: [d for d in ds if d[3] & 1 or d[15] % 3]
    pair.offer([bytes(100)])
    pair.offer_stream(2, BytesSource(data))
    pair.run(for_ms=2)
    assert not pair.streams
    pair.channel = list
    pair.offer([bytes(777)], first=3)  # shares the first block of the repeat
    pair.settle()
    assert pair.streams == {2: 30_000}
    assert sink.streams[2] == data
    assert not pair.gaps
    assert not pair.stream_gaps
    assert pair.receiver.counters["stream_bytes"] == 30_000
    assert pair.receiver.counters["pieces_repeated"] > 5


def test_a_receiver_killed_in_the_middle_goes_on_with_what_the_disk_holds(tmp_path: Path) -> None:
    source = file_of(tmp_path, 5, 60_000)
    sink = DiskSink(tmp_path)
    pair = Pair(STREAMING, sink=sink)
    pair.run()
    pair.offer_stream(1, FileSource(source), precedence=2)
    pair.now_ns += MS
    first = list(drain(pair.sender, pair.now_ns))
    for datagram in first[: len(first) // 2]:
        pair.hear(datagram)
    held = sink.held()
    assert [(stream.sequence, stream.precedence, stream.total) for stream in held] == [
        (1, 2, 60_000)
    ]
    before = held[0].held.count
    assert 20_000 < before < 40_000
    pair.restart_receiver(held)  # killed; what comes now is lost, as with no one listening
    pair.settle()  # the repeat
    assert pair.streams == {1: 60_000}
    assert hashlib.sha256(sink.path(1).read_bytes()).digest() == (
        hashlib.sha256(source.read_bytes()).digest()
    )
    assert pair.receiver.counters["stream_bytes"] == 60_000 - before  # nothing landed twice
    assert not pair.gaps


def test_what_overflowed_while_the_receiver_was_down_is_told_exactly(tmp_path: Path) -> None:
    sink = DiskSink(tmp_path)
    pair = Pair(SMALL, sink=sink)  # no repeats
    pair.run()
    pair.offer_stream(1, FileSource(file_of(tmp_path, 6, 40_000)))
    pair.now_ns += MS
    datagrams = list(drain(pair.sender, pair.now_ns))
    for datagram in datagrams[:200]:
        pair.hear(datagram)
    pair.restart_receiver(sink.held())
    for datagram in datagrams[260:]:
        pair.hear(datagram)
    pair.settle()
    (told,) = pair.stream_gaps
    (held,) = sink.held()
    assert told.missing == tuple(held.held.missing(0, 39_999))
    blocks = {int.from_bytes(d[8:16], "big") for d in datagrams[200:260]}
    assert lost(told.missing) <= len(blocks) * SMALL.block_bytes_max
    assert pair.gaps == [(1, 1)]


def test_a_stream_whole_on_disk_lands_though_the_receiver_died_before_it_said_so(
    tmp_path: Path,
) -> None:
    sink = DiskSink(tmp_path)
    pair = Pair(SMALL, sink=sink)
    pair.run()
    state = pair.receiver.checkpoint_state()
    pair.offer_stream(1, FileSource(file_of(tmp_path, 9, 5_000)))
    pair.run()
    assert pair.streams == {1: 5_000}
    pair.streams.clear()  # no one was told
    pair.restart_receiver(sink.held(), state)
    pair.settle()
    assert pair.streams == {1: 5_000}
    assert not pair.gaps
    pair.restart_receiver(sink.held())
    pair.settle()
    assert pair.streams == {1: 5_000}  # not told twice


def test_a_gap_that_is_filled_by_another_offer_lands_late_with_only_what_was_missing() -> None:
    sink = MemorySink()
    pair = Pair(SMALL, sink=sink)
    pair.run()
    data = random.Random(10).randbytes(20_000)
    pair.channel = lambda ds: [d for d in ds if d[3] & 1 or d[15] % 4]
    pair.offer_stream(1, BytesSource(data))
    pair.settle()
    (told,) = pair.stream_gaps
    pair.channel = list
    pair.start_sender()  # streams are kept over sessions
    pair.offer_stream(1, BytesSource(data))
    pair.settle()
    assert pair.streams == {1: 20_000}
    assert pair.late == {1}
    assert sink.streams[1] == data
    assert sink.given_bytes == 20_000
    assert lost(told.missing) > 0


def test_a_source_that_shrinks_is_given_up_and_told_as_a_gap(tmp_path: Path) -> None:
    source = file_of(tmp_path, 7, 30_000)
    for cut_to in (0, 10_000):
        pair = Pair(SMALL, sink=MemorySink())
        pair.run()
        stream = FileSource(source)
        stream.total_bytes = 30_000
        source.write_bytes(bytes(cut_to))
        pair.offer_stream(1, stream)
        pair.settle()  # nothing else is offered: the gap is told all the same
        assert pair.sender.given_up == [1]
        assert pair.sender.idle
        assert pair.gaps == [(1, 1)]
        assert not pair.streams
        pair.offer([b"goes on"], first=2)
        pair.settle()
        assert pair.landed == {2: b"goes on"}


def test_a_stream_that_waits_for_its_source_holds_up_no_higher_precedence() -> None:
    pair = Pair(SMALL, sink=MemorySink())
    source = BytesSource(b"from a pipe" * 500, known=False)
    source.ready = False
    pair.offer_stream(1, source)
    pair.sender.offer(2, 1, b"priority")
    pair.settle()
    assert pair.landed == {2: b"priority"}
    assert not pair.gaps
    source.ready = True
    pair.settle()
    assert pair.streams == {1: 5500}


def test_many_small_streams_in_a_block_stay_whole_until_three_more_pieces() -> None:
    sink = HoldingSink()
    pair = Pair(LinkParams(rate_bits_per_s=10**11), sink=sink)
    chance = random.Random(8)
    data = {n: chance.randbytes(chance.choice((50, 300, 20_000, 130_000))) for n in range(1, 61)}
    for n, one in data.items():
        pair.offer_stream(n, BytesSource(one))
        if n % 6 == 0:
            pair.run()
    pair.settle()
    sink.flush()
    assert {n: bytes(one) for n, one in sink.streams.items()} == data


def test_a_link_without_a_sink_takes_no_streams() -> None:
    pair = Pair(SMALL)
    pair.offer_stream(1, BytesSource(bytes(100)))
    pair.settle()
    assert pair.receiver.counters[Reason.BLOCK_MALFORMED] == 1
    assert pair.gaps == [(1, 1)]


def test_a_narrow_link_wastes_no_room_on_whole_pages() -> None:
    slow = LinkParams(rate_bits_per_s=2_000_000)
    room = slow.block_bytes_max - 32
    assert room > 4096
    assert room % 4096 > room // 16
    pair = Pair(slow, sink=MemorySink())
    pair.offer_stream(1, BytesSource(bytes(100_000)))
    pair.run(for_ms=1500, step_ms=5)
    assert pair.streams == {1: 100_000}
    assert pair.sender.counters["blocks"] == -(-100_000 // (slow.block_bytes_max - 32))


# ------------------------------------------------------------------ unsound hands, sound key


def piece(sequence: int, offset: int, size: int, total: int = 0, precedence: int = 0) -> Record:
    return Record(Kind.PIECE, sequence, precedence, offset, total, memoryview(bytes(size)), 0, size)


def test_a_hundred_thousand_holes_are_bounded_and_the_stream_can_still_be_filled() -> None:
    streams = Streams()
    taken = sum(streams.take(piece(1, 2 * n, 1))[1] for n in range(100_000))
    assert taken == HOLES_MAX
    stream = streams.find(1)
    assert stream is not None
    assert len(stream.held) == HOLES_MAX
    assert streams.take(piece(1, 1, 1))[1] == 1  # closes a hole
    assert streams.take(piece(1, 10**9, 5))[1] == 5  # there is room for one more again
    assert streams.take(piece(1, 2 * 10**9, 5))[1] == 0
    assert streams.take(piece(1, 10**9 - 3, 3))[1] == 3  # touches what is there


def test_thousands_of_streams_are_bounded_and_the_one_in_use_stays() -> None:
    streams = Streams()
    for n in range(5000):
        streams.take(piece(10**6 + n, 7, 1, total=10))
        streams.take(piece(1, n, 1))
        assert len(streams) <= STREAMS_MAX
    used = streams.find(1)
    assert used is not None
    assert used.held.ranges() == ((0, 4999),)


@pytest.mark.parametrize(
    "second",
    [
        piece(1, 90, 20),  # beyond the end
        piece(1, 10, 10, total=99),  # another end
        piece(1, 0, 5, total=100, precedence=1),
        piece(1, 120, 0, total=120),  # the end told again, elsewhere
        piece(1, 0, 0),  # an empty stream
    ],
)
def test_pieces_that_disagree_are_malformed_and_change_nothing(second: Record) -> None:
    streams = Streams()
    streams.take(piece(1, 0, 50, total=100))
    with pytest.raises(Malformed):
        streams.take(second)
    stream, new = streams.take(piece(1, 50, 50))
    assert new == 50
    assert stream.complete


def test_an_end_before_what_has_landed_is_malformed() -> None:
    streams = Streams()
    streams.take(piece(1, 0, 50))
    with pytest.raises(Malformed):
        streams.take(piece(1, 10, 20, total=30))
    assert not streams.take(piece(1, 60, 0, total=60))[0].complete


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=30))
def test_new_bytes_are_counted_as_a_set_would(places: list[tuple[int, int]]) -> None:
    streams, plain = Streams(), set[int]()
    for offset, size in places:
        if not size:
            continue
        bytes_of = set(range(offset, offset + size))
        stream, new = streams.take(piece(1, offset, size))
        assert new == len(bytes_of - plain)
        plain |= bytes_of
        assert stream.seen_bytes == max(plain) + 1
        holes = {n for first, last in stream.missing() for n in range(first, last + 1)}
        assert holes == set(range(max(plain))) - plain
