"""Envelopes in pieces.

Takes part records in any order, gives an envelope when its parts cover it. Pure; memory is bounded
by the number of envelopes in pieces. Follows docs/spec/link.md §7 (3).
"""

from guard.link.records import Record
from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.sequences import RangeSet

PARTIALS_MAX = 1024  # small ones: each block's last, where blocks are done out of order
ENVELOPES_MAX = 6  # large ones: one a precedence, and one more
RANGES_MAX = 65_536  # of one envelope


class _Partial:
    __slots__ = ("bytes", "held", "like")

    def __init__(self, record: Record) -> None:
        self.bytes = bytearray(record.total)
        self.held = RangeSet()
        self.like = _like(record)


class Partials:
    """The envelopes in pieces of one session."""

    def __init__(self, envelope_bytes_max: int) -> None:
        self._bytes_max = ENVELOPES_MAX * envelope_bytes_max
        self._bytes = 0
        self._partials: dict[int, _Partial] = {}

    def __len__(self) -> int:
        return len(self._partials)

    def take(self, record: Record) -> memoryview | None:
        """Put a part in its place; gives the envelope, as it was sent, if no part is missing."""
        partial = self._partials.pop(record.sequence, None)
        if partial is None:
            partial = _Partial(record)
            self._bytes += record.total
        elif partial.like != _like(record):
            self._partials[record.sequence] = partial
            raise Malformed(Reason.BLOCK_MALFORMED, "two parts of an envelope disagree")
        end = record.offset + len(record.data)
        partial.bytes[record.offset : end] = record.data
        partial.held.add(record.offset, end - 1)
        if partial.held.is_just(0, record.total - 1):
            self._bytes -= record.total
            return memoryview(partial.bytes)
        self._partials[record.sequence] = partial  # now the one touched last
        if len(partial.held) > RANGES_MAX:
            self._forget(record.sequence)
        while len(self._partials) > PARTIALS_MAX or self._bytes > self._bytes_max:
            self._forget(next(iter(self._partials)))
        return None

    def forget(self, first: int, last: int) -> None:
        """Drop what is in pieces of these sequences."""
        for sequence in [held for held in self._partials if first <= held <= last]:
            self._forget(sequence)

    def _forget(self, sequence: int) -> None:
        self._bytes -= len(self._partials.pop(sequence).bytes)


def _like(record: Record) -> tuple[int, ...]:
    """What all parts of an envelope have in common. (A part's plain size is its envelope's.)"""
    coded = record.plain_bytes if record.coding else 0
    return record.total, record.precedence, record.coding, coded
