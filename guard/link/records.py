"""Records: what a block's plaintext is made of.

Takes envelopes or pieces of them, gives the bytes of a block; and back. Pure; the reader raises
`Malformed` and nothing else. Follows docs/spec/link.md §7.
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from guard.link.params import SEQUENCE_MAX
from schemas.errors import Malformed
from schemas.message import Precedence
from schemas.reasons import Reason

KIND_PADDING = 0
KIND_WHOLE = 1
KIND_PART = 2

WHOLE = Struct(">BBHIQ")
PART = Struct(">QQ")
WHOLE_BYTES = WHOLE.size
PART_BYTES = WHOLE.size + PART.size


class Record(NamedTuple):
    """A piece of an envelope: `data` stands at `offset` of `total` bytes."""

    sequence: int
    precedence: int
    offset: int
    total: int
    data: memoryview

    @property
    def whole(self) -> bool:
        """Whether the record is all of its envelope."""
        return len(self.data) == self.total


def write_record(out: memoryview, at: int, record: Record) -> int:
    """Write one record at this place; gives the place after it."""
    size = len(record.data)
    kind = KIND_WHOLE if record.whole else KIND_PART
    WHOLE.pack_into(out, at, kind, record.precedence, 0, size, record.sequence)
    at += WHOLE_BYTES
    if kind == KIND_PART:
        PART.pack_into(out, at, record.offset, record.total)
        at += PART.size
    out[at : at + size] = record.data
    return at + size


def read_records(plaintext: memoryview, envelope_bytes_max: int) -> Iterator[Record]:
    """The records of an opened block, views into it. Raises `Malformed` at the first bad one."""
    at, end = 0, len(plaintext)
    while at < end and plaintext[at] != KIND_PADDING:
        if end - at < WHOLE_BYTES:
            raise _malformed("is cut short")
        kind, precedence, zero, size, sequence = WHOLE.unpack_from(plaintext, at)
        at += WHOLE_BYTES
        offset, total = 0, size
        if kind == KIND_PART:
            if end - at < PART.size or size == 0:
                raise _malformed("is cut short")
            offset, total = PART.unpack_from(plaintext, at)
            at += PART.size
        elif kind != KIND_WHOLE:
            raise _malformed("is of no known kind")
        if (
            zero
            or precedence > Precedence.FLASH_OVERRIDE
            or sequence > SEQUENCE_MAX
            or size > end - at
            or total > envelope_bytes_max
            or offset + size > total
        ):
            raise _malformed("is out of bounds")
        yield Record(sequence, precedence, offset, total, plaintext[at : at + size])
        at += size
    if end - at != bytes(plaintext[at:]).count(0):
        raise _malformed("is followed by padding that is not zero")


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.BLOCK_MALFORMED, f"a record of an opened block {what}")
