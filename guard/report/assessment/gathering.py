"""Gathering a report from the index: counts, times, people, changes.

Takes an index of verified ledgers and a period, gives an `Assessment`. Counts come from the index;
what is told of a single entry is read from its ledger.
"""

import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from guard.report.assessment.anomalies import anomalies
from guard.report.assessment.nouns import (
    Assessment,
    Bucket,
    Control,
    Count,
    Event,
    FlowTotals,
    Latency,
    LedgerState,
    Run,
)
from guard.report.index.places import key_beside
from guard.report.index.proofs import Roots
from guard.report.index.reading import Found, Indexed
from guard.report.index.searching import Index
from guard.report.reconcile import Reconciler, Reconciliation

BUCKETS = 96
LISTED_MAX = 200
_REFUSED = ("refused", "spool-refused")
_DECIDED = ("committed", *_REFUSED, "held")
_BY_PEOPLE = ("posture", "session-reset", "review", "resend", "key")
_ALL = 2**62


def gather(
    index: Index, begin_ms: int | None, end_ms: int | None, flow: str, made_ms: int
) -> Assessment:
    """begin_ms, end_ms: from, and before; None: all that is there. flow: "" for all."""
    ledgers = [each for each in index.ledgers if flow in ("", each.flow)]
    begin, end = _period(ledgers, begin_ms, end_ms)
    flows = sorted({each.flow for each in ledgers})
    found = Assessment(made_ms, begin, end, flows)
    for each in ledgers:
        found.ledgers.append(_state(index, each))
    found.demo = any(each.demo for each in found.ledgers)
    counts = _Counts(index, ledgers, begin, end)
    for name in flows:
        found.totals.append(_totals(index, counts, ledgers, name))
    found.refused_by_reason = counts.by("reason", "low", _REFUSED)
    found.refused_by_sender = counts.by("sender", "low", _REFUSED)
    found.refused_by_stage = counts.by("stage", "low", _REFUSED)
    found.held_by_reason = counts.by("reason", "", ("held",))
    found.alarms_by_reason = counts.by("reason", "", ("alarm",))
    found.labels = counts.by("label", "low", ("committed",))
    found.traffic = counts.traffic(begin, end)
    found.latency = [told for name in flows if (told := counts.latency(name))]
    for each in ledgers:
        found.decisions += _decisions(index, each, begin, end)
        found.runs += _runs(index, each, begin, end)
        found.changes += _changes(index, each, begin, end)
    for listed in (found.decisions, found.changes, found.runs):
        listed.sort(key=lambda event: event.time_ms)
    found.anomalies = anomalies(found, counts.first_seen("sender"), counts.first_seen("reason"))
    return found


def controls_in(content: dict[str, Any]) -> list[Control]:
    """The lines of docs/controls.toml."""
    return [
        Control(
            each["id"], each["title"], each["state"], each.get("by", ""), each.get("lacks", ""),
            list(each.get("tests", ())),
        )
        for each in content["control"]
    ]  # fmt: skip


def _period(ledgers: list[Indexed], begin_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    firsts = [t for each in ledgers if (t := each.verification["first_ms"]) is not None]
    lasts = [t for each in ledgers if (t := each.verification["last_ms"]) is not None]
    begin = min(firsts, default=0) if begin_ms is None else begin_ms
    end = max(lasts, default=0) + 1 if end_ms is None else end_ms
    return begin, max(begin + 1, end)


def _state(index: Index, each: Indexed) -> LedgerState:
    told = each.verification
    anchored, disagreement = _witnessed(index, each)
    findings = [
        (finding["severity"], f"{finding['place']}: {finding['consequence']}")
        for finding in told["findings"]
    ]
    findings += [("finding", disagreement)] * bool(disagreement)
    return LedgerState(
        each.flow, each.side, each.origin, str(each.directory),
        bool(told["ok"]) and not disagreement,
        bool(told["demo"]), told["entries"], told["checkpoints"],
        told["root"], told["epoch"], told["pruned"], anchored, told["first_ms"],
        told["last_ms"], [text for severity, text in findings if severity == "finding"],
        [text for severity, text in findings if severity != "finding"], told["notes"],
    )  # fmt: skip


def _witnessed(index: Index, each: Indexed) -> tuple[int, str]:
    """(entries under the newest checkpoint that the other side heard, in what it is another)."""
    others = [other for other in index.ledgers if (other.flow, other.side) == (each.flow, "high")]
    heard = index.newest_before(others[0].ledger, _ALL, "witness") if others else None
    if each.side != "low" or heard is None:
        return 0, ""
    origin, size, root, *_ = str(heard.entry["checkpoint"]).split("\n")
    count = int(size)
    if origin != each.origin:
        return 0, f"the high side heard of another ledger, {origin!r}"
    if count > each.size:
        return 0, f"the high side heard of {count} entries, and {each.size} are here: it was cut"
    key = bytes.fromhex(key_beside(each.directory).read_text("ascii").strip())
    if Roots(index, each, key).root(0, count) != b64decode(root):
        return 0, f"the high side heard another history of its first {count} entries"
    return count, ""


class _Counts:
    """Counts in a period, by flow."""

    def __init__(self, index: Index, ledgers: list[Indexed], begin: int, end: int) -> None:
        self._connection: sqlite3.Connection = index.connection
        self._ledgers, self._begin, self._end = ledgers, begin, end

    def of(self, flow: str, side: str, kinds: tuple[str, ...]) -> int:
        """Entries of these kinds."""
        where, values = self._where(self._of(flow, side), kinds)
        return self._one(f"SELECT count(*) FROM entries WHERE {where}", values)  # noqa: S608 - of constants

    def by_reviewers(self, flow: str, kind: str) -> int:
        """Messages that became this because reviewers decided so."""
        where, values = self._where(self._of(flow, "low"), (kind,))
        chosen = " AND stage = 'review'" if kind == "refused" else ""
        return self._one(
            f"SELECT count(*) FROM entries WHERE {where}{chosen}"  # noqa: S608 - of constants
            " AND (ledger, number) IN (SELECT ledger, number FROM persons)", values,
        )  # fmt: skip

    def still_held(self, flow: str) -> int:
        """Messages that were held in the period, with no later fate before its end."""
        where, values = self._where(self._of(flow, "low"), ("held",))
        return self._one(
            f"SELECT count(*) FROM entries WHERE {where} AND NOT EXISTS ("  # noqa: S608 - of constants
            " SELECT 1 FROM entries AS later WHERE later.id = entries.id AND later.id != ''"
            " AND later.ledger = entries.ledger AND later.number > entries.number"
            " AND later.kind IN ('committed', 'refused', 'held') AND later.time_ms < ?)",
            [*values, self._end],
        )  # fmt: skip

    def _one(self, query: str, values: list[Any]) -> int:
        return int(self._connection.execute(query, values).fetchone()[0])

    def by(self, column: str, side: str, kinds: tuple[str, ...]) -> list[Count]:
        """The same by a column, most first."""
        found = []
        for flow in sorted({each.flow for each in self._ledgers}):
            where, values = self._where(self._of(flow, side), kinds)
            query = f"SELECT {column}, count(*) FROM entries WHERE {where} GROUP BY {column}"  # noqa: S608 - of constants
            rows = self._connection.execute(query, values)
            found += [Count(flow, str(what) or "-", count) for what, count in rows]
        return sorted(found, key=lambda each: (-each.count, each.flow, each.what))[:LISTED_MAX]

    def traffic(self, begin: int, end: int) -> list[Bucket]:
        """What the low sides decided over the period."""
        width = max(1, -(-(end - begin) // BUCKETS))
        where, values = self._where(self._of("", "low"), _DECIDED)
        query = f"SELECT (time_ms - ?) / ?, kind, count(*) FROM entries WHERE {where} GROUP BY 1, 2"  # noqa: S608 - of constants
        counts: dict[tuple[int, str], int] = {}
        for bucket, kind, count in self._connection.execute(query, (begin, width, *values)):
            counts[bucket, kind] = count
        return [
            Bucket(
                begin + number * width, counts.get((number, "committed"), 0),
                sum(counts.get((number, kind), 0) for kind in _REFUSED),
                counts.get((number, "held"), 0),
            )
            for number in range(-(-(end - begin) // width))
        ]  # fmt: skip

    def latency(self, flow: str) -> Latency | None:
        """From `committed` to `delivering` of the same number."""
        low, high = self._of(flow, "low"), self._of(flow, "high")
        query = f"""
            SELECT high.time_ms - low.time_ms FROM entries AS low JOIN entries AS high
            ON high.sequence = low.sequence AND high.ledger IN ({high}) AND high.kind = 'delivering'
            WHERE low.ledger IN ({low}) AND low.kind = 'committed'
            AND low.sequence > 0 AND high.sequence > 0
            AND low.time_ms >= ? AND low.time_ms < ? ORDER BY 1
        """  # noqa: S608 - of numbers
        values = [row[0] for row in self._connection.execute(query, (self._begin, self._end))]
        if not values:
            return None
        p50, p90, p99 = (
            float(values[min(len(values) - 1, int(share * len(values)))])
            for share in (0.5, 0.9, 0.99)
        )
        return Latency(flow, len(values), p50, p90, p99, float(values[-1]))

    def first_seen(self, column: str) -> dict[tuple[str, str], int]:
        """(flow, value) -> when it was first seen, at any time."""
        found: dict[tuple[str, str], int] = {}
        for each in self._ledgers:
            query = f"SELECT {column}, min(time_ms) FROM entries WHERE ledger = ? GROUP BY 1"  # noqa: S608 - of constants
            for value, time_ms in self._connection.execute(query, (each.ledger,)):
                if value:
                    key = each.flow, str(value)
                    found[key] = min(found.get(key, time_ms), time_ms)
        return found

    def _of(self, flow: str, side: str) -> str:
        return ", ".join(
            str(each.ledger) for each in self._ledgers
            if flow in ("", each.flow) and side in ("", each.side)
        ) or "-1"  # fmt: skip

    def _where(self, ledgers: str, kinds: tuple[str, ...]) -> tuple[str, list[Any]]:
        marks = ", ".join("?" * len(kinds))
        where = f"kind IN ({marks}) AND time_ms >= ? AND time_ms < ? AND ledger IN ({ledgers})"
        return where, [*kinds, self._begin, self._end]


def _totals(index: Index, counts: _Counts, ledgers: list[Indexed], flow: str) -> FlowTotals:
    sides = {each.side: each for each in ledgers if each.flow == flow}
    period = (
        counts.of(flow, "low", ("committed",)), counts.by_reviewers(flow, "committed"),
        counts.of(flow, "low", _REFUSED), counts.by_reviewers(flow, "refused"),
        counts.still_held(flow), counts.of(flow, "high", ("delivering",)),
        counts.of(flow, "high", ("held",)), counts.of(flow, "", ("alarm",)),
    )  # fmt: skip
    if sides.keys() != {"low", "high"}:
        return FlowTotals(flow, *period)
    both = _reconciled(index, sides["low"], sides["high"])
    return FlowTotals(
        flow, *period, both.sent, both.gaps, both.under_way, both.lost, both.duplicates, both.count
    )


def _reconciled(index: Index, low: Indexed, high: Indexed) -> Reconciliation:
    reconciler = Reconciler()
    for found in index.in_order(low.ledger, ("committed", "sent")):
        reconciler.see_low(found.row.number, found.entry)
    for found in index.in_order(high.ledger, ("delivering", "held", "gap", "duplicate")):
        reconciler.see_high(found.row.number, found.entry)
    return reconciler.result()


def _within(found: Iterator[Found], begin: int, end: int) -> Iterator[Found]:
    return (each for each in found if begin <= each.row.time_ms < end)


def _event(found: Found, what: str, who: str = "") -> Event:
    each = found.indexed
    return Event(found.row.time_ms, each.flow, each.side, found.row.number, what, who)


def _decisions(index: Index, each: Indexed, begin: int, end: int) -> list[Event]:
    """What people decided while it ran."""
    events = [_reviewed(found) for found in _within(index.by_reviewers(each.ledger), begin, end)]
    for kind in _BY_PEOPLE:
        for found in _within(index.of_kind(each.ledger, kind), begin, end):
            entry = found.entry
            who = ", ".join(
                str(entry[name]).replace(",", ", ")
                for name in ("signers", "who")
                if entry.get(name)
            )
            fields = ("act", "key", "id", "numbers", "reason", "session")
            told = [str(entry[name]) for name in fields if entry.get(name)]
            events.append(_event(found, " ".join([kind, *told]), who))
    return events


def _reviewed(found: Found) -> Event:
    """A message that went on because reviewers decided."""
    entry = found.entry
    became = entry["kind"] if entry["kind"] != "held" else "held again"
    who = str(entry.get("decisions") or entry.get("reviewers", ""))
    return _event(found, f"{entry.get('decision', '')} {entry.get('id')}: {became}", who)


def _runs(index: Index, each: Indexed, begin: int, end: int) -> list[Run]:
    runs = []
    for found in _within(index.of_kind(each.ledger, "run"), begin, end):
        entry = found.entry
        runs.append(Run(
            found.row.time_ms, each.flow, each.side, found.row.number,
            int(entry.get("policy_version", 0)), str(entry.get("policy_digest", "")),
            int(entry.get("trust_root_version", 0)), str(entry.get("trust_root", "")),
            str(entry.get("software", "")), str(entry.get("software_digest", "")),
            str(entry.get("confinement", "")), bool(entry.get("insecure")),
            str(entry.get("cause", "")),
        ))  # fmt: skip
    return runs


_WATCHED = (
    ("policy", "policy_version", "policy_digest"),
    ("trust root", "trust_root_version", "trust_root"),
    ("software", "software", "software_digest"),
    ("confinement", "confinement", ""),
)


def _changes(index: Index, each: Indexed, begin: int, end: int) -> list[Event]:
    """Where a run began with something else than the one before, and each new key of the ledger."""
    events: list[Event] = []
    before: dict[str, Any] = {}
    for found in index.of_kind(each.ledger, "run"):
        entry = found.entry
        for what, field, digest in _WATCHED:
            now = entry.get(field), entry.get(digest, "")
            if before.get(what, now) != now and begin <= found.row.time_ms < end:
                told = f"{what} {now[0]} {str(now[1])[:16]}".strip()
                events.append(_event(found, f"{told} after {before[what][0]}"))
            before[what] = now
    for found in _within(index.of_kind(each.ledger, "epoch"), begin, end):
        events.append(_event(found, f"ledger key of epoch {found.entry.get('epoch')}"))
    return events
