"""Records: written and read back; any bytes are records or malformed; compressed ones expand."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.link.params import PIECE_BYTES_MAX, SEQUENCE_MAX, STREAM_BYTES_MAX, LinkParams
from guard.link.records import Kind, Record, read_records, write_record
from schemas.errors import Malformed
from schemas.reasons import Reason
from tests.guard.link.pair import SMALL, Channel, Pair
from tests.guard.link.streaming import BytesSource, MemorySink

ENVELOPE_BYTES_MAX = 2000


class RunLengthCoder:
    """A small, real compression: (count, byte) pairs."""

    coding = 1

    def shrink(self, plain: bytes | memoryview) -> bytes | None:
        coded = bytearray()
        for byte, run in groupby(plain):
            left = sum(1 for _ in run)
            while left:
                coded += bytes([min(left, 255), byte])
                left -= min(left, 255)
        return bytes(coded) if len(coded) < len(plain) else None

    def expand(self, coding: int, coded: memoryview, plain_bytes: int) -> bytes:
        counts = coded[0::2]
        if coding != self.coding or len(coded) % 2 or sum(counts) != plain_bytes:
            raise Malformed(Reason.BLOCK_MALFORMED, "no run lengths")
        return b"".join(
            bytes([byte]) * count for count, byte in zip(counts, coded[1::2], strict=True)
        )


def read_until_malformed(block: memoryview) -> tuple[list[Record], Malformed]:
    found = []
    try:
        for record in read_records(block, ENVELOPE_BYTES_MAX):
            found.append(record)
    except Malformed as error:
        return found, error
    raise AssertionError("nothing is malformed")


@st.composite
def records(draw: st.DrawFn) -> Record:
    kind = draw(st.sampled_from([Kind.WHOLE, Kind.PART, Kind.PIECE]))
    data = draw(st.binary(min_size=kind == Kind.PART, max_size=60))
    coding = draw(st.integers(0, 3)) if data else 0
    plain = draw(st.integers(len(data), ENVELOPE_BYTES_MAX)) if coding else len(data)
    offset, total = 0, len(data)
    if kind == Kind.PART:
        total = draw(st.integers(len(data), ENVELOPE_BYTES_MAX))
        offset = draw(st.integers(0, total - len(data)))
    elif kind == Kind.PIECE:
        offset = draw(st.integers(0, STREAM_BYTES_MAX - plain))
        total = draw(st.sampled_from([0, offset + plain, STREAM_BYTES_MAX]))
        if not plain:
            total = offset
    sequence = draw(st.integers(0, SEQUENCE_MAX))
    precedence = draw(st.integers(0, 4))
    return Record(kind, sequence, precedence, offset, total, memoryview(data), coding, plain)


@given(st.lists(records(), max_size=8), st.integers(0, 40))
def test_what_is_written_is_read(wanted: list[Record], padding: int) -> None:
    block = memoryview(bytearray(sum(36 + len(record.data) for record in wanted) + padding))
    at = 0
    for record in wanted:
        at = write_record(block, at, record)
    assert list(read_records(block, ENVELOPE_BYTES_MAX)) == wanted
    cut = block[: at - 1]  # the last byte is gone: what stood before it is still read
    if wanted and len(wanted[-1].data):
        found, _ = read_until_malformed(cut)
        assert found == wanted[:-1]


@given(st.binary(max_size=120))
def test_any_bytes_are_records_or_malformed(noise: bytes) -> None:
    for untrusted in (noise, b"\x03\0\0\0" + noise, b"\x01\0\0\0" + bytes(3) + noise):
        try:
            found = list(read_records(memoryview(untrusted), ENVELOPE_BYTES_MAX))
        except Malformed:
            continue
        for record in found:
            assert record.sequence <= SEQUENCE_MAX
            assert record.precedence <= 4
            assert record.kind == Kind.PIECE or record.total <= ENVELOPE_BYTES_MAX


HEAD = b"\x03\0\0\0"


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x04" + bytes(15),  # no such kind
        b"\x01\x05" + bytes(14),  # no such precedence
        b"\x01\0\x04" + bytes(17),  # no such coding
        b"\x01\0\0\x01" + bytes(12),
        b"\x01\0\0\0\0\0\0\0\x40" + bytes(7),  # sequence 2^62
        b"\x01\0\x01\0" + bytes(12) + b"\0\0\x07\xd1",  # expands beyond the envelope bound
        b"\x02\0\0\0" + bytes(12 + 16),  # an empty part
        HEAD + bytes(12) + (5).to_bytes(8, "big") + (6).to_bytes(8, "big"),  # empty in the middle
        HEAD + bytes(12) + (5).to_bytes(8, "big") + bytes(8),  # the same, the end not known
        HEAD + b"\0\0\0\2" + bytes(8) + (5).to_bytes(8, "big") + (6).to_bytes(8, "big") + b"xy",
        HEAD + b"\0\0\0\1" + bytes(8) + (2**62 - 1).to_bytes(8, "big") + bytes(8) + b"x",
        HEAD + b"\0\0\0\1" + bytes(8) + bytes(8) + (2**62).to_bytes(8, "big") + b"x",
        b"\x03\0\x01\0\0\0\0\1" + bytes(24) + (PIECE_BYTES_MAX + 1).to_bytes(4, "big") + b"x",
        bytes(5) + b"\x01",  # padding that is not zero
    ],
)  # fmt: skip
def test_records_beyond_the_rules_are_malformed(wrong: bytes) -> None:
    sound = memoryview(bytearray(20))
    write_record(sound, 0, Record(Kind.WHOLE, 7, 0, 0, 4, memoryview(b"here"), 0, 4))
    found, error = read_until_malformed(memoryview(bytes(sound) + wrong))
    assert error.reason == Reason.BLOCK_MALFORMED
    assert [record.sequence for record in found] == [7]  # what stood before it counts


def lossless(datagrams: list[bytes]) -> list[bytes]:
    return datagrams


def every_fourth_lost(datagrams: list[bytes]) -> list[bytes]:
    return [d for n, d in enumerate(datagrams) if n % 4 != 1]


@pytest.mark.parametrize("channel", [lossless, every_fourth_lost])
@pytest.mark.parametrize(
    "params", [SMALL, LinkParams(rate_bits_per_s=10**11)], ids=["small", "1500"]
)
def test_compressed_messages_and_streams_arrive(params: LinkParams, channel: Channel) -> None:
    sink = MemorySink()
    pair = Pair(params, channel, coder=RunLengthCoder(), sink=sink)
    runs = b"".join(bytes([n % 256]) * (n % 700) for n in range(1500))
    rough = bytes(n * n % 251 for n in range(70_000))
    sent = [b"", b"x", runs[:3000], rough[:3000], runs[:200_000], bytes(150_000)]
    for sequence, envelope in enumerate(sent, 1):
        pair.sender.offer(sequence, sequence % 5, envelope)
    streams = [runs, rough, b"", runs[:5000] + rough + runs, bytes(2 * 2**20)]
    for sequence, data in enumerate(streams, 7):
        pair.offer_stream(sequence, BytesSource(data, known=sequence % 2 == 0))
    pair.run(for_ms=40)
    pair.settle()
    if channel is lossless:
        assert [pair.landed[n] for n in range(1, 7)] == sent
        assert pair.streams == {n: len(data) for n, data in enumerate(streams, 7)}
    for n in pair.streams:
        assert bytes(sink.streams.get(n, b"")) == streams[n - 7]
    assert set(pair.landed) | set(pair.streams) | pair.missing == set(range(1, 12))
    plain = sum(map(len, sent)) + sum(map(len, streams))
    assert pair.sender.counters["wire_bytes"] < plain  # repairs, headers and all
    assert pair.sender.counters["message_bytes"] == sum(map(len, sent))
    assert pair.sender.counters["stream_bytes"] == sum(map(len, streams))


def test_a_link_without_a_coder_takes_nothing_compressed() -> None:
    pair = Pair(SMALL, coder=RunLengthCoder(), sink=MemorySink())
    pair.coder = None
    pair.restart_receiver()
    pair.offer([bytes(1000)])
    pair.run()
    pair.offer_stream(2, BytesSource(bytes(1000)))
    pair.settle()
    assert pair.receiver.counters[Reason.BLOCK_MALFORMED] == 2
    assert pair.gaps == [(1, 2)]
