"""Which sequences have landed, and which gaps were told: exactly once each.

Takes landed sequences and the sender's claims of what it has sent, gives new gaps; and the state
that must be durable. Pure. Follows docs/spec/link.md §8 and §10.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Self

from guard.link.heartbeat import Heartbeat
from schemas.sequences import Range, RangeSet

RANGES_MAX = 4096
FIRST_SEQUENCE = 1


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """What a receiver must keep: write it before the events it follows from are acted on.

    session         newest session that was opened (0: none yet)
    landed          ranges (first, last) of sequences that have landed
    gaps            ranges of sequences that were reported as gaps and have not landed since
    first_sequence  the flow's first: nothing below it is ever missing
    """

    session: int = 0
    landed: tuple[Range, ...] = ()
    gaps: tuple[Range, ...] = ()
    first_sequence: int = FIRST_SEQUENCE

    @classmethod
    def rebuild(
        cls,
        session: int,
        landed: Iterable[int],
        gaps: Iterable[Range] = (),
        first_sequence: int = FIRST_SEQUENCE,
    ) -> Self:
        """From what the journal holds: landed sequences and reported gaps, in any order."""
        ranges = RangeSet((sequence, sequence) for sequence in landed)
        return cls.rebuild_ranges(session, ranges, gaps, first_sequence)

    @classmethod
    def rebuild_ranges(
        cls, session: int, landed: RangeSet, gaps: Iterable[Range], first_sequence: int = 1
    ) -> Self:
        """From ranges of landed sequences and of reported gaps, which may overlap by now."""
        told = RangeSet()
        for first, last in gaps:
            for hole in landed.missing(first, last):
                told.add(*hole)
        return cls(session, landed.ranges(), told.ranges(), first_sequence)


class Arrival(Enum):
    """What a landing means."""

    NEW = "new"
    LATE = "late"
    REPEATED = "repeated"


class Arrivals:
    """The sets of one flow, bounded."""

    def __init__(self, state: ReceiverState) -> None:
        self._first = state.first_sequence
        self._landed = RangeSet(state.landed)
        self._gaps = RangeSet(state.gaps)
        if state.first_sequence > 0:
            self._landed.add(0, state.first_sequence - 1)

    def has(self, sequence: int) -> bool:
        """Whether it has landed, or would come too late."""
        return sequence in self._landed

    def land(self, sequence: int) -> Arrival:
        """Mark a sequence as landed."""
        if sequence in self._landed:
            return Arrival.REPEATED
        self._landed.add(sequence, sequence)
        late = bool(self._gaps) and self._gaps.remove(sequence, sequence)
        return Arrival.LATE if late else Arrival.NEW

    def gaps(self, beat: Heartbeat) -> list[Range]:
        """What a ripe heartbeat shows to be missing and was not told before. link §10 (2)"""
        claims = [(self._first, beat.complete_below - 1)]  # empty if nothing is claimed
        claims += [(last - 1, last - 1) for last in beat.last_completed if last]
        told: list[Range] = []
        for claim in claims:
            for hole in self._landed.missing(*claim):
                for new in self._gaps.missing(*hole):
                    self._gaps.add(*new)
                    told.append(new)
        while len(self._gaps) > RANGES_MAX:  # beyond it what lies between two counts as told
            self._gaps.close_lowest_hole()
        return sorted(told)

    def bound(self) -> int:
        """Close the lowest holes beyond the bound; gives how many. link §8 (3)"""
        closed = 0
        while len(self._landed) > RANGES_MAX:
            first, last = self._landed.close_lowest_hole()
            self._gaps.remove(first, last)
            closed += 1
        return closed

    def state(self, session: int) -> ReceiverState:
        """What must be durable."""
        return ReceiverState(session, self._landed.ranges(), self._gaps.ranges(), self._first)
