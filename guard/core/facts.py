"""What a ledger's entries say about where to go on after a stop or a crash.

The audit role shows each entry it recovers to one of these and tells the result to the tail of
its lane before anything else: the ledger, and nothing else, decides what has been settled. Pure:
entries in, numbers out.
"""

from schemas.entry import Entry, Kind
from schemas.sequences import RangeSet

DELIVERING_MAX = 100_000
HANDLED_RANGES_MAX = 4096
REVIEWED_RANGES_MAX = 4096
CLOSING_MAX = 256


class SourceFacts:
    """The source side: which accepted messages are settled, how far the outbox is sealed and sent,
    what `send` goes on from: the newest session of the link (`session`: its counter is never below
    it), the newest resend begun and ended, and the time of the newest gap notice; and which holds
    reviewers have decided (`reviewed`; `closing`: id -> number of the last that went on)."""

    def __init__(self) -> None:
        self.settled = 0
        self.sequence = 0
        self.sealed = 0
        self.envelope = ""
        self.session = 0
        self.reviewed = RangeSet()
        self.closing: dict[str, int] = {}
        self.sent = 0
        self.resend = self.resent = self.notice_s = 0

    def see(self, entry: Entry) -> None:
        """Take one entry, in the ledger's order."""
        if "number" in entry:
            self.settled = max(self.settled, int(entry["number"]) + 1)
        if entry["kind"] == Kind.FACTS:
            self.settled, self.session = int(entry["settled"]), int(entry["session"])
            self.sequence, self.sealed = int(entry["sequence"]), int(entry["sealed"])
            self.envelope = str(entry["envelope"])
            self.reviewed = RangeSet.read(str(entry.get("reviewed", "")))
            lines = (line.split(" ") for line in str(entry.get("closing", "")).splitlines())
            self.closing = {ident: int(number) for ident, number in lines}
            self.sent = int(entry.get("sent", 0))
            self.resend, self.resent = int(entry.get("resend", 0)), int(entry.get("resent", 0))
            self.notice_s = int(entry.get("notice_s", 0))
        if "hold" in entry:
            self._reviewed(entry)
        if entry["kind"] == Kind.SENT:
            self.sent = max(self.sent, int(entry["last"]))
        if entry["kind"] == Kind.RESEND and int(entry["resend"]) == self.resend + 1:
            self.resend += 1  # one after another: nobody uses up the numbers
            self.notice_s = max(self.notice_s, int(entry["notice_s"]))
        if entry["kind"] == Kind.RESENT and int(entry["resend"]) == self.resend:
            self.resent = self.resend
        if entry["kind"] in (Kind.SESSION, Kind.SESSION_RESET):
            self.session = max(self.session, int(entry["session"]))
        if entry["kind"] == Kind.COMMITTED:
            self.sequence = int(entry["sequence"])
            self.sealed = int(entry["sealed"]) + 1
            self.envelope = str(entry["envelope"])

    def _reviewed(self, entry: Entry) -> None:  # held §6 (3)
        """The entry of what became of a held message after review."""
        self.reviewed.add(int(entry["hold"]))
        while len(self.reviewed) > REVIEWED_RANGES_MAX:
            self.reviewed.close_lowest_hole()
        if entry["kind"] != Kind.HELD:
            self.closing[str(entry["id"])] = int(entry["hold"])
            while len(self.closing) > CLOSING_MAX:
                del self.closing[next(iter(self.closing))]

    def state(self) -> dict[str, int | str]:
        """settled: accepted numbers below it are settled; sequence: the last one given;
        sealed: records of the sealed journal that the ledger covers; envelope: the digest of the
        last of them; sent: the last sequence that was handed to the link; reviewed: numbers of
        decided holds, as ranges; closing: "ID NUMBER" lines of the last that left `held/`.
        """
        return {
            "settled": self.settled,
            "sequence": self.sequence,
            "sealed": self.sealed,
            "envelope": self.envelope,
            "reviewed": self.reviewed.text(),
            "closing": "\n".join(f"{ident} {number}" for ident, number in self.closing.items()),
            "sent": self.sent,
        }

    def of_send(self) -> dict[str, int]:
        """Where `send` goes on."""
        return {
            "session": self.session, "resend": self.resend, "resent": self.resent,
            "notice_s": self.notice_s,
        }  # fmt: skip

    def entry(self, time_ms: int) -> Entry:
        """All of it, so that the entries that said it may be let go."""
        return {"kind": Kind.FACTS, "time_ms": time_ms, **self.of_send(), **self.state()}


class DestinationFacts:
    """The destination side: what was handled, and which deliveries were under way."""

    def __init__(self) -> None:
        self.settled = 0
        self.session = 0
        self.handled = RangeSet()
        self.delivering: dict[str, str] = {}
        self.delivered = True
        self.sent = 0  # this side sends nothing

    def see(self, entry: Entry) -> None:
        """Take one entry, in the ledger's order."""
        kind = entry["kind"]
        if kind == Kind.FACTS:
            self.settled, self.session = int(entry["settled"]), int(entry["session"])
            self.handled = RangeSet.read(str(entry["handled"]))
            self.delivered = bool(entry["delivered"])
            lines = (line.partition(" ") for line in str(entry["delivering"]).splitlines())
            self.delivering = {ident: queues for ident, _, queues in lines}
        if kind == Kind.SESSION:
            self.session = max(self.session, int(entry["session"]))
        if "number" in entry:
            self.settled = max(self.settled, int(entry["number"]) + 1)
        # what `verify` held may be forged: its number is the true message's still
        held = kind == Kind.HELD and entry.get("stage") != "verify"
        if (kind == Kind.DELIVERING or held) and int(entry["sequence"]):
            self.handled.add(int(entry["sequence"]))
            while len(self.handled) > HANDLED_RANGES_MAX:
                self.handled.close_lowest_hole()  # too old to come: docs/spec/link.md §8 (3)
        if kind == Kind.DELIVERING:
            if self.delivered:
                self.delivering.clear()  # a new batch: it was synced after the renames before it
            self.delivered = False
            if len(self.delivering) < DELIVERING_MAX:
                self.delivering[str(entry["id"])] = str(entry["queues"])
        if kind == Kind.DELIVERED:
            self.delivered = True

    def state(self) -> dict[str, int | str]:
        """settled: landed records below it are settled; handled: sequence numbers, as ranges;
        delivering: ids (with their queues) of the newest batch, whose renames a power cut may have
        undone; delivered: 1 if they were recorded as done.
        """
        return {
            "settled": self.settled,
            "handled": self.handled.text(),
            "delivering": "\n".join(f"{i} {queues}" for i, queues in self.delivering.items()),
            "delivered": int(self.delivered),
        }

    def entry(self, time_ms: int) -> Entry:
        """All of it, so that the entries that said it may be let go."""
        return {"kind": Kind.FACTS, "time_ms": time_ms, "session": self.session, **self.state()}
