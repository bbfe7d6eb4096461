"""The sentences and tables of a report, the same in text, HTML and CSV.

Takes an `Assessment`, gives titles, rows and sentences. What came from senders is still as it was:
who writes it out escapes it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from guard.report.assessment.nouns import Assessment, Count, Event, FlowTotals

_DIGEST_SHOWN = 16

Cell = str | int


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its short name (of a file), title, what it shows, heads, and rows of texts and
    numbers."""

    name: str
    title: str
    about: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    @property
    def of_numbers(self) -> list[bool]:
        """Which columns are of numbers, with "-" where there is none."""
        columns = range(len(self.heads))
        return [any(isinstance(row[at], int) for row in self.rows) for at in columns]


def cell_text(cell: Cell) -> str:
    """For people: a number in groups of three digits, a text as it is."""
    return cell if isinstance(cell, str) else f"{cell:,}"


def moment(time_ms: int | None) -> str:
    """For people, UTC."""
    if time_ms is None:
        return "-"
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def verdict(found: Assessment) -> str:
    """The report in one sentence."""
    bad = [each.origin for each in found.ledgers if not each.ok]
    lost = sum(each.lost or 0 for each in found.totals)
    unmatched = sum(each.unmatched or 0 for each in found.totals)
    if bad:
        return f"Not every ledger can be relied on: {', '.join(bad)} does not verify."
    if lost:
        return f"Every ledger verifies, and {lost} messages were lost without a word."
    if unmatched:
        return f"Every ledger verifies, and {unmatched} messages are not the same on both sides."
    one_sided = [each.flow for each in found.totals if each.sent is None]
    if one_sided:
        return (
            "Every ledger verifies; the other side's ledger of"
            f" {', '.join(one_sided)} is not here, so nothing is said of what was lost."
        )
    return "Every ledger verifies, and every message that was sent is accounted for."


def tables(found: Assessment) -> list[Table]:
    """All tables, in the order of the report."""
    return [
        _ledgers(found), _totals(found), _runs_insecure(found),
        _counts("refused-by-reason", "Refused, by reason", found.refused_by_reason, "reason"),
        _counts("refused-by-sender", "Refused, by sender", found.refused_by_sender, "sender"),
        _counts("refused-by-stage", "Refused, by stage", found.refused_by_stage, "stage"),
        _counts("held-by-reason", "Held at any time, by reason", found.held_by_reason, "reason"),
        _counts("alarms", "Alarms, by reason", found.alarms_by_reason, "reason"),
        _counts("labels", "Labels of what passed", found.labels, "label"),
        _traffic(found), _latency(found),
        _events("decisions", "What people decided", found.decisions, "by"),
        _events("changes", "Changes of policy, trust root, software and keys", found.changes, ""),
        _runs(found),
        _events("anomalies", "Unlike the rest of the period", found.anomalies, ""),
        _controls(found),
    ]  # fmt: skip


def _ledgers(found: Assessment) -> Table:
    rows = [
        (
            each.flow, each.side, "verified" if each.ok else "does not verify",
            each.entries, each.root[:_DIGEST_SHOWN],
            each.anchored if each.side == "low" else "-",
            "; ".join([*each.findings, *each.doubts]) or "-",
        )
        for each in found.ledgers
    ]  # fmt: skip
    return Table(
        "ledgers", "The ledgers",
        "Anchored: so many entries are under a checkpoint that the high side heard over the link.",
        ("flow", "side", "state", "entries", "root begins", "anchored", "findings and doubts"),
        rows,
    )  # fmt: skip


def _totals(found: Assessment) -> Table:
    def row(each: FlowTotals) -> tuple[Cell, ...]:
        period = (
            each.committed, each.released, each.refused, each.review_refused, each.held,
            each.delivered, each.held_high,
        )  # fmt: skip
        ever = (each.sent, each.gaps, each.under_way, each.lost, each.unmatched)
        return (each.flow, *period, *("-" if count is None else count for count in ever))

    return Table(
        "totals", "What passed, what was refused, what was lost",
        "The first seven are of the period; held: what is still held at its end. The rest is of all"
        " time and from both ledgers: sent = delivered + held on the high side + gaps + under way +"
        " lost.",
        ("flow", "passed", "of these released by reviewers", "refused",
         "of these refused by reviewers", "held", "delivered", "held, high side", "sent", "gaps",
         "under way", "lost", "not the same on both sides"),
        [row(each) for each in found.totals],
    )  # fmt: skip


def _runs_insecure(found: Assessment) -> Table:
    rows = [
        (moment(run.time_ms), run.flow, run.side, str(run.entry), run.confinement)
        for run in found.insecure_runs
    ]
    return Table(
        "insecure-runs", "What ran insecurely", "Runs with parts of the sandbox switched off.",
        ("since", "flow", "side", "entry", "confinement"), rows,
    )  # fmt: skip


def _counts(name: str, title: str, counts: Iterable[Count], what: str) -> Table:
    rows = [(each.flow, each.what, each.count) for each in counts]
    return Table(name, title, "Of the period.", ("flow", what, "messages"), rows)


def _traffic(found: Assessment) -> Table:
    rows = [
        (moment(each.begin_ms), each.passed, each.refused, each.held)
        for each in found.traffic
        if each.passed or each.refused or each.held
    ]
    return Table(
        "traffic", "Traffic over time",
        "What the low sides decided, at its time: what was held and released later is at both."
        " Times without any are left out.",
        ("from", "passed", "refused", "held"), rows,
    )  # fmt: skip


def _latency(found: Assessment) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (each.flow, each.count, *(round(value) for value in
                                  (each.p50, each.p90, each.p99, each.most)))
        for each in found.latency
    ]  # fmt: skip
    return Table(
        "latency", "From the decision to the output queue",
        "Milliseconds, by the clocks of two hosts: they may differ.",
        ("flow", "messages", "half within", "90 % within", "99 % within", "longest"), rows,
    )  # fmt: skip


def _events(name: str, title: str, events: Iterable[Event], who: str) -> Table:
    heads = ("time", "flow", "side", "entry", "what") + ((who,) if who else ())
    rows = [
        (moment(each.time_ms), each.flow or "-", each.side or "-", str(each.entry),
         each.what, *((each.who or "-",) if who else ()))
        for each in events
    ]  # fmt: skip
    return Table(name, title, "", heads, rows)


def _runs(found: Assessment) -> Table:
    rows = [
        (
            moment(run.time_ms), run.flow, run.side,
            f"{run.policy_version} {run.policy_digest[:_DIGEST_SHOWN]}",
            f"{run.trust_root_version} {run.trust_root[:_DIGEST_SHOWN]}", run.software,
            _shortened(run.software_digest), run.cause or "started",
        )
        for run in found.runs
    ]  # fmt: skip
    return Table(
        "runs", "Configuration and software of each run",
        "Digests are cut to how they begin; the JSON form has them whole.",
        ("since", "flow", "side", "policy", "trust root", "software", "its digest", "why"), rows,
    )  # fmt: skip


def _shortened(digest: str) -> str:
    """How a digest begins; what says in words that there is none, whole."""
    return digest if " " in digest else digest[:_DIGEST_SHOWN]


def _controls(found: Assessment) -> Table:
    rows = [
        (each.id, each.title, each.state, each.by or "-", each.lacks or "-", len(each.tests))
        for each in found.controls
    ]
    return Table(
        "controls", "Controls",
        "What the software gives for NIST SP 800-53 controls, in the project's own words. Tests:"
        " how many show it; they are named in the JSON form.",
        ("control", "title", "state", "by what", "what lacks", "tests"), rows,
    )  # fmt: skip
