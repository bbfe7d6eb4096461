"""Segments of a journal, for reading: their names, and the whole records in one.

Takes a directory, gives numbers, payloads and positions. May open and read files there, nothing
else. Follows docs/spec/journal.md §3.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from guard.core.journal_record import (
    NUMBER_MAX,
    RECORD_BYTES_MAX,
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    read_payload,
    read_record_header,
    read_segment_header,
)
from schemas.errors import Malformed
from schemas.reasons import Reason

MARK_NAME = "mark"
SUFFIX = ".journal"
_NAME = re.compile(r"([0-9]{20})\.journal")
_CHUNK_BYTES = 64 * 1024
_ALL = 2**62
_NUMBER_AT = slice(8, 16)


class Position(NamedTuple):
    """A record: its number; the segment's first number, offset of its header, payload's length."""

    number: int
    segment: int
    offset: int
    length: int


class Stands(Protocol):
    """Where a record stands, without its number."""

    @property
    def segment(self) -> int:
        """The segment's first number."""

    @property
    def offset(self) -> int:
        """Of the record's header in the segment, in bytes."""

    @property
    def length(self) -> int:
        """Of the payload, in bytes."""


class Found(NamedTuple):
    """A whole record that was read: where it stands and its payload."""

    position: Position
    payload: bytes


def malformed(directory: Path, sentence: str) -> Malformed:
    """The error for a damaged journal."""
    return Malformed(Reason.RECORD_MALFORMED, f"the journal {directory}: {sentence}")


def segment_path(directory: Path, first: int) -> Path:
    """The file of the segment with this first number."""
    return directory / f"{first:020d}{SUFFIX}"


def first_numbers(directory: Path) -> list[int]:
    """The first number of each segment, ascending. Raises `Malformed` for a name that is none."""
    firsts = []
    for name in os.listdir(directory):
        if not name.endswith(SUFFIX):
            continue
        match = _NAME.fullmatch(name)
        if match is None or int(match[1]) > NUMBER_MAX:
            raise malformed(directory, f"{name!r} is no segment's name")
        firsts.append(int(match[1]))
    return sorted(firsts)


class Segment:
    """One segment, open for reading."""

    def __init__(self, descriptor: int, directory: Path, first: int, salt: int) -> None:
        self._descriptor = descriptor
        self._directory = directory
        self.first = first
        self.salt = salt

    @classmethod
    def open(cls, directory: Path, first: int) -> Self:
        """Raises FileNotFoundError; `Malformed` when the header is not whole."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(segment_path(directory, first), flags)
        salt = read_segment_header(os.pread(descriptor, SEGMENT_HEADER_BYTES, 0), first)
        if salt is None:
            os.close(descriptor)
            raise malformed(directory, f"segment {first} has no whole header")
        return cls(descriptor, directory, first, salt)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)

    @property
    def size_bytes(self) -> int:
        """Of the file, with what is set aside."""
        return os.fstat(self._descriptor).st_size

    def part(self, offset: int, size: int) -> bytes:
        """At most so many bytes from this offset on."""
        return os.pread(self._descriptor, size, offset)

    def rest(self, offset: int) -> bytes:
        """All bytes from this offset on."""
        parts = []
        while part := os.pread(self._descriptor, 16 * 1024 * 1024, offset):
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def whole_records(self, offset: int, number: int, count_max: int) -> list[Found]:
        """Records from `number` on, whose header stands at `offset`, up to one not whole.

        Gives at least one if there is one, and not more than a chunk of 64 KiB holds, or one.
        """
        chunk = memoryview(os.pread(self._descriptor, _CHUNK_BYTES, offset))
        found: list[Found] = []
        at = 0
        while len(found) < count_max:
            length = read_record_header(chunk, at, number, self.salt)
            if length is None:
                break
            end = at + RECORD_HEADER_BYTES + length
            if end > len(chunk):
                if found:
                    break
                chunk = memoryview(os.pread(self._descriptor, end, offset))
            payload = read_payload(chunk, at, length, self.salt)
            if payload is None:
                break
            found.append(Found(Position(number, self.first, offset + at, length), payload))
            at = end
            number += 1
        return found

    def walk(self) -> Iterator[Found]:
        """All whole records from the first on."""
        offset, number = SEGMENT_HEADER_BYTES, self.first
        while found := self.whole_records(offset, number, _ALL):
            yield from found
            offset, number = after(found[-1].position)

    def read(self, place: Stands) -> bytes:
        """The payload of the record that stands there. Raises `Malformed`."""
        if not 1 <= place.length <= RECORD_BYTES_MAX or place.offset < SEGMENT_HEADER_BYTES:
            raise malformed(self._directory, "no record can stand at such a place")
        raw = os.pread(self._descriptor, RECORD_HEADER_BYTES + place.length, place.offset)
        number = int.from_bytes(raw[_NUMBER_AT], "big")
        length = read_record_header(raw, 0, number, self.salt)
        if length == place.length and number >= self.first:
            payload = read_payload(memoryview(raw), 0, place.length, self.salt)
            if payload is not None:
                return payload
        raise malformed(
            self._directory, f"no whole record at {place.offset} in segment {self.first}"
        )


def after(position: Position) -> tuple[int, int]:
    """(offset, number) of the record after this one, in the same segment."""
    return position.offset + RECORD_HEADER_BYTES + position.length, position.number + 1


def walk(directory: Path, begin: int = 0) -> Iterator[Found]:
    """All whole records of a journal, mark or no mark: for a copy, or one that nobody writes.

    begin: segments that hold only records below it are passed over. Ends at the last whole record
    of the last segment. Raises `Malformed` when a segment that is not the last one does not lead
    to the next.
    """
    firsts = first_numbers(directory)
    for at, first in enumerate(firsts):
        if at + 1 < len(firsts) and firsts[at + 1] <= begin:
            continue
        segment = Segment.open(directory, first)
        number = first
        try:
            for found in segment.walk():
                yield found
                number = found.position.number + 1
        finally:
            segment.close()
        if at + 1 < len(firsts) and firsts[at + 1] != number:
            raise malformed(directory, f"record {number} is not whole and others follow")
