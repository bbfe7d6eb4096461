"""Sealed messages by sequence number, from the journal that `send` has been through.

Takes the `sealed` folder and ranges of sequence numbers below the mark; gives records, or that one
is no longer kept. Reads only. Record n of the journal has sequence n + 1 (docs/spec/resend.md §2).
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from guard.core.journal_record import SEGMENT_HEADER_BYTES
from guard.edge.segments import Segment, after, first_numbers, malformed
from schemas.sequences import Range

FIRST_SEQUENCE = 1
_AT_ONCE = 64


def kept_records(directory: Path, ranges: Iterable[Range]) -> Iterator[tuple[int, bytes | None]]:
    """(sequence, record) of each number in these ascending ranges; None: no longer kept.

    Raises `Malformed(RECORD_MALFORMED)` when a record that should be there is not whole.
    """
    for first, last in ranges:
        at = first
        while at <= last:
            segment = _segment_with(directory, at - FIRST_SEQUENCE)
            if segment is None:
                yield at, None
                at += 1
                continue
            with contextlib.closing(segment):
                for sequence, record in _from(segment, directory, at, last):
                    yield sequence, record
                    at = sequence + 1


def _segment_with(directory: Path, number: int) -> Segment | None:
    """The segment that holds this record; None when it is gone."""
    holding = [first for first in first_numbers(directory) if first <= number]
    if not holding:
        return None
    with contextlib.suppress(FileNotFoundError):  # dropped meanwhile
        return Segment.open(directory, holding[-1])
    return None


def _from(segment: Segment, directory: Path, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """Records of one segment from a sequence on, at least that one, at most to the last."""
    offset, number = SEGMENT_HEADER_BYTES, segment.first
    given = False
    while number <= last - FIRST_SEQUENCE:
        found = segment.whole_records(offset, number, _AT_ONCE)
        if not found:
            break
        for each in found:
            sequence = each.position.number + FIRST_SEQUENCE
            if first <= sequence <= last:
                given = True
                yield sequence, each.payload
        offset, number = after(found[-1].position)
    if not given:
        raise malformed(directory, f"record {first - FIRST_SEQUENCE} is not whole")
