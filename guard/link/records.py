"""Records: what a block's plaintext is made of.

Takes envelopes, pieces of them or pieces of a stream, gives the bytes of a block; and back. Pure;
the reader raises `Malformed` and nothing else. Follows docs/spec/link.md §7.
"""

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct
from typing import NamedTuple, Protocol

from guard.link.params import PIECE_BYTES_MAX, SEQUENCE_MAX, STREAM_BYTES_MAX
from schemas.errors import Malformed
from schemas.message import Precedence
from schemas.reasons import Reason

CODING_MAX = 3  # link §7 (6)


class Kind(IntEnum):
    """What a record is; 0 is padding."""

    PADDING = 0
    WHOLE = 1
    PART = 2
    PIECE = 3


_HEAD = Struct(">BBBBIQ")
_PLACE = Struct(">QQ")
_PLAIN = Struct(">I")
WHOLE_BYTES = _HEAD.size
PART_BYTES = _HEAD.size + _PLACE.size
PLAIN_BYTES = _PLAIN.size


class Coder(Protocol):
    """What compresses and expands: see `guard.link.compression`."""

    @property
    def coding(self) -> int:
        """What it writes, and the only one that it reads. link §7 (6)"""

    def shrink(self, plain: bytes | memoryview) -> bytes | None:
        """The coded bytes, or None if they would not be fewer."""

    def expand(self, coding: int, coded: memoryview, plain_bytes: int) -> bytes:
        """Exactly `plain_bytes` bytes. Raises `Malformed`."""


class Record(NamedTuple):
    """`data` stands at `offset` of `total` bytes.

    Of a whole and a part, `coding` says how the envelope is compressed and `plain_bytes` how long
    it is then; of a piece, the same of its data alone, whose `offset` and `total` are those of
    the plain stream (total 0: not known yet).
    """

    kind: int
    sequence: int
    precedence: int
    offset: int
    total: int
    data: memoryview
    coding: int = 0
    plain_bytes: int = 0


def write_head(out: memoryview, at: int, record: Record, size: int) -> int:
    """Write a record's head for `size` bytes of data at this place; gives where they belong."""
    kind, sequence, precedence, offset, total, _, coding, plain_bytes = record
    _HEAD.pack_into(out, at, kind, precedence, coding, 0, size, sequence)
    at += WHOLE_BYTES
    if kind != Kind.WHOLE:
        _PLACE.pack_into(out, at, offset, total)
        at += _PLACE.size
    if coding:
        _PLAIN.pack_into(out, at, plain_bytes)
        at += PLAIN_BYTES
    return at


def write_record(out: memoryview, at: int, record: Record) -> int:
    """Write one record at this place; gives the place after it."""
    size = len(record.data)
    at = write_head(out, at, record, size)
    out[at : at + size] = record.data
    return at + size


def read_records(plaintext: memoryview, envelope_bytes_max: int) -> Iterator[Record]:
    """The records of an opened block, views into it. Raises `Malformed` at the first bad one."""
    at, end = 0, len(plaintext)
    while at < end and plaintext[at]:
        if end - at < WHOLE_BYTES:
            raise _malformed("is cut short")
        kind, precedence, coding, zero, size, sequence = _HEAD.unpack_from(plaintext, at)
        at += WHOLE_BYTES
        offset, total = 0, size
        if kind in (Kind.PART, Kind.PIECE):
            if end - at < _PLACE.size:
                raise _malformed("is cut short")
            offset, total = _PLACE.unpack_from(plaintext, at)
            at += _PLACE.size
        elif kind != Kind.WHOLE:
            raise _malformed("is of no known kind")
        plain_bytes = size
        if coding:
            if end - at < PLAIN_BYTES:
                raise _malformed("is cut short")
            (plain_bytes,) = _PLAIN.unpack_from(plaintext, at)
            at += PLAIN_BYTES
        if (
            zero
            or coding > CODING_MAX
            or precedence > Precedence.FLASH_OVERRIDE
            or sequence > SEQUENCE_MAX
            or size > end - at
        ):
            raise _malformed("is out of bounds")
        if kind == Kind.PIECE:
            _check_piece(offset, total, plain_bytes)
        elif max(total, plain_bytes) > envelope_bytes_max or offset + size > total:
            raise _malformed("is out of bounds")
        elif kind == Kind.PART and not size:
            raise _malformed("is an empty part")
        data = plaintext[at : at + size]
        yield Record(kind, sequence, precedence, offset, total, data, coding, plain_bytes)
        at += size
    if end - at != bytes(plaintext[at:]).count(0):
        raise _malformed("is followed by padding that is not zero")


def _check_piece(offset: int, total: int, plain_bytes: int) -> None:
    """link §7 (5): an empty piece does nothing but tell where the stream ends."""
    if plain_bytes > PIECE_BYTES_MAX or max(offset + plain_bytes, total) > STREAM_BYTES_MAX:
        raise _malformed("is a piece out of bounds")
    if total and offset + plain_bytes > total:
        raise _malformed("is a piece beyond its stream's end")
    if not plain_bytes and offset != total:
        raise _malformed("is an empty piece in the middle of its stream")


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.BLOCK_MALFORMED, f"a record of an opened block {what}")
