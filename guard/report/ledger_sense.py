"""Whether what a ledger says makes sense: numbers without holes, a clock that goes on, no rollback.

Takes entries in their order, gives findings. The tree shows that nothing was changed after it was
signed; this shows what an honest side would not have written. Pure. A part of the ledger's
verifier: shares no code with the writer. Follows docs/spec/ledger.md §6 (4).
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from guard.report.ledger_entries import Entry
from guard.report.ledger_findings import Finding, Severity
from guard.report.ledger_policies import Ran
from schemas.reasons import Reason
from schemas.sequences import RangeSet

BACKWARD_MS_MAX = 5_000
# Their time is when it happened; they wait in a journal or folder while a lane is down.
_TOLD_LATER = frozenset({"alarm", "gap", "key", "link-state", "session", "witness"})
FORWARD_MS_MAX = 86_400_000
KIND_FINDINGS_MAX = 20


@dataclass(slots=True)
class Sense:
    """One pass. now_ms: when it is judged; an entry from a later time than a day after is odd."""

    now_ms: int
    findings: list[Finding] = field(default_factory=list)
    ran: Ran = field(default_factory=Ran)
    _sequence: int = -1
    _sealed: int = -1
    _sent: int = 0
    _policy: int = 0
    _root: int = 0
    _time_ms: int = 0
    _ahead: bool = False
    _begun: bool = False
    _told: dict[str, int] = field(default_factory=dict)
    _decided: RangeSet = field(default_factory=RangeSet)

    def see(self, number: int, entry: Entry) -> None:
        """The next entry."""
        kind = entry.get("kind")
        if kind == "committed":
            self._committed(number, entry)
        elif kind == "sent":
            self._sent_up_to(number, entry)
        elif kind == "run":
            self._run(number, entry)
        elif kind == "facts":
            self._sequence, self._sealed = _number(entry, "sequence"), _number(entry, "sealed") - 1
            with suppress(ValueError):
                self._decided = RangeSet.read(str(entry.get("reviewed", "")))
        if "hold" in entry:
            self._hold_decided(number, _number(entry, "hold"))
        if not self._begun:
            self._begun = True
            if number == 0 and kind != "run":
                self._find(
                    Reason.LEDGER_CHAIN, number, "a ledger begins with a run, and this is none"
                )
        time_ms = entry.get("time_ms")
        if type(time_ms) is int and entry.get("kind") not in _TOLD_LATER:
            self._clock(number, time_ms)

    def see_all(self, first: int, entries: Iterable[Entry]) -> None:
        """A batch, from this number on."""
        for number, entry in enumerate(entries, first):
            self.see(number, entry)

    def _committed(self, number: int, entry: Entry) -> None:
        sequence, sealed = _number(entry, "sequence"), _number(entry, "sealed")
        if self._sequence >= 0 and sequence != self._sequence + 1:
            self._find(
                Reason.LEDGER_CHAIN, number,
                f"sequence number {sequence} follows {self._sequence}: messages are missing"
                " here, or a number was given twice",
            )  # fmt: skip
        if self._sealed >= 0 and sealed != self._sealed + 1:
            self._find(
                Reason.LEDGER_CHAIN, number,
                f"record {sealed} of the outbox follows {self._sealed}: not all are covered",
            )  # fmt: skip
        self._sequence, self._sealed = sequence, sealed

    def _sent_up_to(self, number: int, entry: Entry) -> None:
        last = _number(entry, "last")
        if last > self._sequence >= 0:
            self._find(
                Reason.LEDGER_CHAIN, number,
                f"message {last} was sent, it says, and none after {self._sequence} was committed",
            )  # fmt: skip
        self._sent = max(self._sent, last)

    def _hold_decided(self, number: int, hold: int) -> None:
        if hold in self._decided:
            self._find(
                Reason.LEDGER_CHAIN, number,
                f"hold {hold} was decided by reviewers before: what they signed was used twice",
            )  # fmt: skip
        self._decided.add(hold)

    def _run(self, number: int, entry: Entry) -> None:
        self.ran.see(entry)
        policy, root = _number(entry, "policy_version"), _number(entry, "trust_root_version")
        for what, version, newest in (
            ("policy", policy, self._policy), ("trust root", root, self._root),
        ):  # fmt: skip
            if version < newest:
                self._find(
                    Reason.POLICY_ROLLED_BACK, number,
                    f"the side ran with {what} version {version} after version {newest}",
                )  # fmt: skip
        self._policy, self._root = max(self._policy, policy), max(self._root, root)
        if entry.get("insecure"):
            self._find(
                Reason.SANDBOX_MISSING, number,
                "the side ran insecurely from here on: parts of the sandbox were off",
                Severity.DOUBT,
            )  # fmt: skip

    def _clock(self, number: int, time_ms: int) -> None:
        if time_ms < self._time_ms - BACKWARD_MS_MAX:
            behind_s = (self._time_ms - time_ms) / 1000
            self._find(
                Reason.CLOCK, number,
                f"the clock went back by {behind_s:.0f} s: times around here cannot be relied on",
                Severity.DOUBT,
            )  # fmt: skip
            self._time_ms = time_ms
        elif time_ms > self._time_ms:
            self._time_ms = time_ms
        if time_ms > self.now_ms + FORWARD_MS_MAX and not self._ahead:
            self._ahead = True
            self._find(
                Reason.CLOCK, number, "it is from a time that has not come yet", Severity.DOUBT
            )

    def _find(
        self, reason: Reason, number: int, consequence: str, severity: Severity = Severity.FINDING
    ) -> None:
        count = self._told[reason] = self._told.get(reason, 0) + 1
        if count <= KIND_FINDINGS_MAX:
            self.findings.append(Finding(reason, f"entry {number}", consequence, severity))


def _number(entry: Entry, name: str) -> int:
    value = entry.get(name)
    return value if type(value) is int else 0
