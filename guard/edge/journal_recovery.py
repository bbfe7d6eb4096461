"""The recovery of a journal when its writer opens it: what is whole, and what is cut off.

Takes a directory, gives where the journal ends; may cut off a tail that was never synced. Raises
`Malformed` for damage: nothing that was synced is ever skipped. Follows docs/spec/journal.md §4.
"""

import itertools
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from guard.core.journal_record import (
    SALT_BYTES,
    SEGMENT_HEADER_BYTES,
    find_synced_after,
    read_mark,
    write_segment_header,
)
from guard.edge import durable
from guard.edge.segments import (
    MARK_NAME,
    Segment,
    after,
    first_numbers,
    malformed,
    segment_path,
)

_CHUNK_BYTES = 1024 * 1024


class Recovered(NamedTuple):
    """Where a journal ends: segments' first numbers, the last one's salt and end, next number."""

    firsts: list[int]
    salt: int
    end_bytes: int
    next_number: int


def recover(directory: Path, mark: int | None, known: int = 0) -> Recovered:
    """Read every segment, cut a torn tail off, sync. Raises `Malformed`, `OSError`.

    known: closed segments with records below it only are not read again.
    """
    firsts = first_numbers(directory)
    if not firsts:
        firsts = [0]
        make_segment(directory, 0)
    _remake_unused(directory, firsts)
    for first, following in itertools.pairwise(firsts):
        if following <= known:
            continue
        _check_closed(directory, first, following)
    last = Segment.open(directory, firsts[-1])
    try:
        offset, number = SEGMENT_HEADER_BYTES, last.first
        synced_bytes = offset
        for found in last.walk():
            offset, number = after(found.position)
            if mark is not None and number <= mark:
                synced_bytes = offset
        _check_tail(directory, last, offset, number)
        _write_again(directory, last, synced_bytes, offset)
    finally:
        last.close()
    if mark is not None and mark > number:  # §4 (5)
        raise malformed(directory, f"records {number} to {mark - 1} were synced and are missing")
    file = durable.AppendFile(segment_path(directory, last.first), offset)
    file.cut(offset)
    file.close()
    durable.sync_directory(directory)
    return Recovered(firsts, last.salt, offset, number)


def make_segment(directory: Path, first: int) -> int:
    """A new segment, durable and empty; gives its salt."""
    salt = _new_salt()
    durable.create(segment_path(directory, first), write_segment_header(first, salt))
    return salt


def _new_salt() -> int:
    return int.from_bytes(secrets.token_bytes(SALT_BYTES), "big")


def read_mark_file(directory: Path) -> int | None:
    """The mark of a journal; None when there is none or it is not whole."""
    try:
        return read_mark((directory / MARK_NAME).read_bytes())
    except FileNotFoundError:
        return None


def _write_again(directory: Path, segment: Segment, begin: int, end: int) -> None:
    """§4 (7): what no mark vouches for may be in the page cache alone, after a sync that failed."""
    descriptor = os.open(segment_path(directory, segment.first), os.O_WRONLY | os.O_CLOEXEC)
    try:
        while begin < end:
            part = segment.part(begin, min(end - begin, _CHUNK_BYTES))
            begin += os.pwrite(descriptor, part, begin)
    finally:
        os.close(descriptor)


def _remake_unused(directory: Path, firsts: list[int]) -> None:
    """§4 (4): a last segment with nothing after its header was never used: it gets a new header.

    In its place: where the others were dropped, its name alone says where the numbers stand.
    """
    first = firsts[-1]
    path = segment_path(directory, first)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        unused = os.fstat(descriptor).st_size <= SEGMENT_HEADER_BYTES
    finally:
        os.close(descriptor)
    if unused:
        file = durable.AppendFile(path, 0, aside_bytes=0)
        file.write(write_segment_header(first, _new_salt()))
        file.cut(SEGMENT_HEADER_BYTES)
        file.close()
        durable.sync_directory(directory)


def _check_closed(directory: Path, first: int, following: int) -> None:
    """§3 (3)."""
    segment = Segment.open(directory, first)
    try:
        offset, number = SEGMENT_HEADER_BYTES, first
        for found in segment.walk():
            offset, number = after(found.position)
        if number != following or offset != segment.size_bytes:
            raise malformed(directory, f"record {number} is damaged, and others follow")
    finally:
        segment.close()


def _check_tail(directory: Path, segment: Segment, offset: int, number: int) -> None:
    """§4 (3)."""
    if find_synced_after(segment.rest(offset), number, segment.salt):
        raise malformed(directory, f"record {number} is damaged, and others follow")
