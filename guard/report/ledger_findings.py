"""What a verifier says of a ledger: findings, each with its place and what follows from it.

Pure. A part of the ledger's verifier: shares no code with the writer.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from schemas.reasons import Reason


class Severity(StrEnum):
    """How bad a finding is."""

    FINDING = "finding"  # the ledger is not what was signed, or says what an honest side would not
    DOUBT = "doubt"  # the ledger holds; what it tells needs a person's eye


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: a code, where, what it means for a reader, how bad."""

    reason: Reason
    place: str
    consequence: str
    severity: Severity = Severity.FINDING

    def __str__(self) -> str:
        return f"{self.place}: {self.consequence} ({self.reason})"


@dataclass(slots=True)
class Verification:
    """What was found. `ok` when nothing but doubts; notes are no findings.

    entries, checkpoints  whole and in their place, before the first break of the tree
    root                  over these entries, in hexadecimal
    checkpoint            the newest one over them, a signed note
    pruned                so many of the first entries were let go (§9)
    anchored              so many of the first entries are under a checkpoint from elsewhere
    epoch, epoch_begins   whose key signed last, and the first entry under it
    first_ms, last_ms     `time_ms` of the first and last entry; None when there is none
    demo                  a run says that it is a demonstration's: not for real use
    """

    origin: str = ""
    entries: int = 0
    checkpoints: int = 0
    root: str = ""
    checkpoint: str = ""
    pruned: int = 0
    anchored: int = 0
    epoch: int = 0
    epoch_begins: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    segments: int = 0
    bytes_read: int = 0
    demo: bool = False
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all checks passed, on at least one checkpoint."""
        return all(finding.severity is Severity.DOUBT for finding in self.findings)

    @property
    def doubts(self) -> bool:
        """Whether there is something for a person's eye."""
        return any(finding.severity is Severity.DOUBT for finding in self.findings)
