"""When a message was where, and how long it took, as far as the two ledgers tell.

Takes what was found of a message, gives moments and durations in milliseconds. Reads the index.
"""

from dataclasses import dataclass

from guard.report.index.reading import Found
from guard.report.index.searching import Index


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds since 1970, UTC; None where a ledger does not tell. accepted: whole seconds."""

    accepted_ms: int | None = None
    decided_ms: int | None = None
    sent_ms: int | None = None
    delivered_ms: int | None = None

    def lines(self) -> list[str]:
        """For people, a line a step."""
        steps = (
            ("accepted to decided", self.accepted_ms, self.decided_ms),
            ("decided to sent", self.decided_ms, self.sent_ms),
            ("sent to delivered", self.sent_ms, self.delivered_ms),
        )
        return [
            f"{what}: {(end - begin) / 1000:.3f} s" + _whole_seconds(what) + _two_clocks(what)
            for what, begin, end in steps
            if begin is not None and end is not None
        ]


def times_of(index: Index, found: list[Found]) -> Times:
    """Of the message that these entries are about."""
    accepted_ms = decided_ms = sent_ms = delivered_ms = None
    for each in found:
        entry, kind = each.entry, each.entry.get("kind")
        if each.indexed.side == "low" and kind in ("committed", "refused", "held"):
            accepted_ms, decided_ms = 1000 * int(entry["accepted_s"]), int(entry["time_ms"])
        if kind == "committed":
            sent = index.sending(each.row.ledger, each.row.number, int(entry["sequence"]))
            sent_ms = int(sent.entry["time_ms"]) if sent else None
        if kind == "delivering":
            done = index.first_after(each.row.ledger, each.row.number, "delivered")
            delivered_ms = int(done.entry["time_ms"]) if done else None
    return Times(accepted_ms, decided_ms, sent_ms, delivered_ms)


def _whole_seconds(what: str) -> str:
    return " (accepted is told in whole seconds)" if what.startswith("accepted") else ""


def _two_clocks(what: str) -> str:
    return " (by two clocks)" if what.endswith("delivered") else ""
