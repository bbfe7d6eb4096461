"""What the receiver tells its role.

Frozen values, nothing else. See docs/spec/link.md §8 to §10.
"""

from dataclasses import dataclass

from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Landed:
    """An envelope is here, for the first and only time. Late: it had been reported as a gap."""

    sequence: int
    precedence: int
    envelope: bytes
    late: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """The sender has sent these sequences, first to last, and they did not land."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A new session of the sender began. Keep the number durably before what follows."""

    session: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an operator should look at; at most one a reason and interval."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Silence:
    """No authentic datagram since this time (the receiver's clock): told once a silence."""

    since_ns: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The source ledger's newest checkpoint, as the sender gave it."""

    checkpoint: bytes


Event = Landed | Gap | SessionOpened | Alarm | Silence | Checkpoint
"""Everything that `Receiver.take` and `Receiver.tick` give."""
