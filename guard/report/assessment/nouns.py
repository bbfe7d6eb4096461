"""What a report says, as data: the same for every format in which it is written.

Times are milliseconds since 1970, UTC. Everything comes from verified ledgers, or from files beside
them that say whose word they are. `asdict` of an `Assessment` is the report in JSON.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the verifier says of one ledger."""

    flow: str
    side: str
    origin: str
    directory: str
    ok: bool
    demo: bool
    entries: int
    checkpoints: int
    root: str
    epoch: int
    pruned: int
    anchored: int
    first_ms: int | None
    last_ms: int | None
    findings: list[str]
    doubts: list[str]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class FlowTotals:
    """Messages of a flow in the period; the last six of all time, from both ledgers together.

    refused includes what was refused before it was a message. held: on the low side, and not
    decided by reviewers before the period's end. released, review_refused: of committed and
    refused, those that reviewers decided. unmatched: see `guard audit reconcile`; None where one
    of the two ledgers is not here.
    """

    flow: str
    committed: int
    released: int
    refused: int
    review_refused: int
    held: int
    delivered: int
    held_high: int
    alarms: int
    sent: int | None = None
    gaps: int | None = None
    under_way: int | None = None
    lost: int | None = None
    duplicates: int | None = None
    unmatched: int | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """So many of something, in a flow."""

    flow: str
    what: str
    count: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was decided from this time on, until the next bucket."""

    begin_ms: int
    passed: int
    refused: int
    held: int


@dataclass(frozen=True, slots=True)
class Latency:
    """From the decision on one side to the output queue on the other, by two clocks. ms."""

    flow: str
    count: int
    p50: float
    p90: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that people did, or that changed: when, where, what, who, and its entry."""

    time_ms: int
    flow: str
    side: str
    entry: int
    what: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a side: what it ran with, from this entry on."""

    time_ms: int
    flow: str
    side: str
    entry: int
    policy_version: int
    policy_digest: str
    trust_root_version: int
    trust_root: str
    software: str
    software_digest: str
    confinement: str
    insecure: bool
    cause: str


@dataclass(frozen=True, slots=True)
class Control:
    """A line of the table of controls."""

    id: str
    title: str
    state: str
    by: str
    lacks: str
    tests: list[str]


@dataclass(slots=True)
class Assessment:
    """A report. demo: of a demonstration, in whole or in part, and so not of real use."""

    made_ms: int
    begin_ms: int
    end_ms: int
    flows: list[str]
    demo: bool = False
    ledgers: list[LedgerState] = field(default_factory=list)
    totals: list[FlowTotals] = field(default_factory=list)
    refused_by_reason: list[Count] = field(default_factory=list)
    refused_by_sender: list[Count] = field(default_factory=list)
    refused_by_stage: list[Count] = field(default_factory=list)
    held_by_reason: list[Count] = field(default_factory=list)
    alarms_by_reason: list[Count] = field(default_factory=list)
    labels: list[Count] = field(default_factory=list)
    traffic: list[Bucket] = field(default_factory=list)
    latency: list[Latency] = field(default_factory=list)
    decisions: list[Event] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    anomalies: list[Event] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every ledger holds and no message is unaccounted for."""
        return all(each.ok for each in self.ledgers) and not any(
            each.lost or each.unmatched for each in self.totals
        )

    @property
    def insecure_runs(self) -> list[Run]:
        """Runs with parts of the sandbox switched off."""
        return [run for run in self.runs if run.insecure]
