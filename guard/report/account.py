"""The account of a flow: every dropped message in exactly one place, from the two ledgers alone.

Takes ledger entries, gives counts and what does not add up. Pure: whoever calls reads the ledgers.
`sent = delivered + held_high + gaps + lost`: a gap is one that is still open, and what came late,
after its gap was told, counts as delivered. An id that is committed twice or delivered twice is a
duplicate.
"""

from collections import Counter
from dataclasses import dataclass, field

from schemas.entry import Entry, Kind
from schemas.sequences import RangeSet


@dataclass(slots=True)
class Account:
    """What both ledgers told so far. Feed entries in the order of each ledger."""

    committed: dict[str, tuple[int, str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    held: dict[str, int] = field(default_factory=dict)
    delivering: dict[str, int] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    under_way: set[str] = field(default_factory=set)
    held_high: set[int] = field(default_factory=set)
    late: int = 0
    handled: RangeSet = field(default_factory=RangeSet)
    refusals: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    sent_last: int = 0
    told_lost: RangeSet = field(default_factory=RangeSet)
    gap_ranges: list[tuple[int, int]] = field(default_factory=list)

    def see_low(self, entry: Entry) -> None:
        """One entry of the source side's ledger."""
        kind = entry["kind"]
        if kind == Kind.SENT:
            self.sent_last = max(self.sent_last, int(entry["last"]))
        if kind not in (Kind.COMMITTED, Kind.REFUSED, Kind.SPOOL_REFUSED, Kind.HELD):
            return
        ident = str(entry["id"])
        if "hold" in entry and self.held.get(ident) == int(entry["hold"]):
            del self.held[ident]  # reviewers decided it: this entry is what became of it
        again = ident in self.committed or ident in self.refused or ident in self.held
        if again and kind == Kind.SPOOL_REFUSED and ident in self.refused:
            return  # told again after a crash before it was moved away: the same drop
        self.duplicates += again
        if kind == Kind.COMMITTED:
            self.committed[ident] = (int(entry["sequence"]), str(entry["name"]))
        elif kind == Kind.HELD:
            self.held[ident] = int(entry.get("number", 0))
        else:
            self.refused.add(ident)
            self.refusals[str(entry["reason"])] += 1

    def see_high(self, entry: Entry) -> None:
        """One entry of the destination side's ledger."""
        kind = entry["kind"]
        if kind == Kind.DELIVERING:
            self.duplicates += str(entry["id"]) in self.delivering
            self.late += self._was_told_lost(int(entry["sequence"]))
            self.delivering[str(entry["id"])] = int(entry["sequence"])
            self.under_way.add(str(entry["id"]))
            self.handled.add(int(entry["sequence"]))
            self.held_high.discard(int(entry["sequence"]))  # something forged had its number
        elif kind == Kind.DELIVERED:
            self.delivered |= self.under_way
            self.under_way.clear()
        elif kind == Kind.HELD and int(entry["sequence"]) not in self.handled:
            self.held_high |= {int(entry["sequence"])} - {0}
        elif kind == Kind.GAP:
            self.gap_ranges.append((int(entry["first"]), int(entry["last"])))
            self.told_lost.add(*self.gap_ranges[-1])

    def _was_told_lost(self, sequence: int) -> bool:
        """Whether it comes after a gap that has it, for the first time."""
        return sequence in self.told_lost and sequence not in self.handled

    @property
    def decided(self) -> int:
        """Messages of the source side that are committed, refused or held."""
        return len(self.committed) + len(self.refused) + len(self.held)

    @property
    def gaps(self) -> int:
        """Sequence numbers that were reported lost and have not come since."""
        left = RangeSet(self.gap_ranges)
        for first, last in self.handled.ranges():
            left.remove(first, last)
        for number in self.held_high:
            left.remove(number, number)
        return left.count

    @property
    def sent(self) -> int:
        """Messages handed to the link."""
        return self.sent_last

    @property
    def lost(self) -> int:
        """Sent, and neither delivered nor held there nor reported: must be 0."""
        found = RangeSet(self.gap_ranges)
        for number in sorted(self.delivering[ident] for ident in self.delivered):
            found.add(number)
        for number in self.held_high:
            found.add(number)
        return sum(last - first + 1 for first, last in found.missing(1, self.sent))
