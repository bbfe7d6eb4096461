"""Two ledgers held against each other: what was sent arrived, or is known not to have; no more.

Takes the entries of both, gives what does not agree. Pure: whoever calls has verified both. The
digests in the manifest tie an arrival to the very bytes that were committed.
"""

from dataclasses import dataclass, field

from guard.report.ledger_entries import Entry
from schemas.sequences import RangeSet

LISTED_MAX = 1_000
_ID_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which the two do not agree, of the messages `first` to `last`."""

    what: str
    first: int
    last: int
    sentence: str


@dataclass(slots=True)
class Reconciliation:
    """Counts of messages by sequence number, and the differences, at most `LISTED_MAX` of them.

    sent         handed to the link
    unsent       committed, and still in the outbox
    delivered, held, gaps, under_way   where the sent ones are; under way: beyond the last that
                 the destination's ledger tells of, so that nothing is known of them yet
    lost         sent, and passed over by the destination's ledger without a word
    duplicates   that came again and were dropped
    count        of all messages that differ
    """

    committed: int = 0
    sent: int = 0
    unsent: int = 0
    delivered: int = 0
    held: int = 0
    gaps: int = 0
    under_way: int = 0
    lost: int = 0
    duplicates: int = 0
    count: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether both tell the same."""
        return not self.count


class Reconciler:
    """Both ledgers, entry by entry; then `result`."""

    def __init__(self) -> None:
        self._committed: dict[int, tuple[str, str, str, str]] = {}
        self._sent = 0
        self._delivered: dict[int, str] = {}
        self._held: set[int] = set()
        self._gaps = RangeSet()
        self._result = Reconciliation()
        self._arrivals: list[Entry] = []

    def see_low(self, number: int, entry: Entry) -> None:
        """The next entry of the source side's ledger."""
        if entry.get("kind") == "committed":
            ident, payload, envelope, policy = (
                str(entry.get(name, "")) for name in ("id", "payload", "envelope", "policy_digest")
            )
            self._committed[_number(entry, "sequence")] = ident, payload, envelope, policy
        elif entry.get("kind") == "sent":
            self._sent = max(self._sent, _number(entry, "last"))

    def see_high(self, number: int, entry: Entry) -> None:
        """The next entry of the destination side's ledger."""
        kind = entry.get("kind")
        if kind == "delivering" or (kind == "held" and entry.get("sequence")):
            self._arrivals.append(entry)
        elif kind == "gap":
            self._gaps.add(_number(entry, "first"), _number(entry, "last"))
        elif kind == "duplicate":
            self._result.duplicates += 1

    def result(self) -> Reconciliation:
        """After all entries of both."""
        result = self._result
        for entry in self._arrivals:
            self._arrived(entry)
        self._held -= self._delivered.keys()
        arrived = RangeSet()
        for sequence in sorted({*self._delivered, *self._held}):
            arrived.add(sequence, sequence)
        missing = RangeSet(self._gaps.ranges())
        for first, last in arrived.ranges():
            missing.remove(first, last)
        found = RangeSet(arrived.ranges())
        for first, last in self._gaps.ranges():
            found.add(first, last)
        told = min(found.last or 0, self._sent)
        result.under_way = self._sent - told
        for first, last in found.missing(1, told):
            result.lost += last - first + 1
            self._differ("lost", first, last, "sent; nothing on the other side tells of it")
        result.committed, result.sent = len(self._committed), self._sent
        result.unsent = sum(sequence > self._sent for sequence in self._committed)
        result.delivered, result.held = len(self._delivered), len(self._held)
        result.gaps = missing.count
        return result

    def _arrived(self, entry: Entry) -> None:
        sequence, ident = _number(entry, "sequence"), str(entry.get("id", ""))
        if entry.get("kind") == "held":
            self._held.add(sequence)
        elif self._delivered.setdefault(sequence, ident) != ident:
            self._differ(
                "doubled", sequence, sequence, "two messages were delivered under this number"
            )
        committed = self._committed.get(sequence)
        if committed is None:
            self._differ(
                "foreign", sequence, sequence, "arrived; the source side never committed it"
            )
            return
        source, payload, envelope, policy = committed
        told = [
            (ident in (source, envelope[:_ID_CHARACTERS]), "id"),
            (entry.get("sealed_payload", payload) in (payload, ""), "payload"),
            (entry.get("source_policy", policy) in (policy, ""), "policy"),
        ]
        for same, what in told:
            if not same and entry.get("kind") == "delivering":
                sentence = f"arrived with another {what} than was committed"
                self._differ("different", sequence, sequence, sentence)

    def _differ(self, what: str, first: int, last: int, sentence: str) -> None:
        result = self._result
        result.count += last - first + 1
        if len(result.differences) < LISTED_MAX:
            result.differences.append(Difference(what, first, last, sentence))


def _number(entry: Entry, name: str) -> int:
    """0 where an honest side would have a number: it then matches nothing."""
    value = entry.get(name)
    return value if type(value) is int else 0
