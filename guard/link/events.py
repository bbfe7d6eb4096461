"""What the receiver tells its role.

Frozen values, nothing else. See docs/spec/link.md §8 to §10, §14 and §15.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from schemas.reasons import Reason
from schemas.sequences import Range


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


class Piece(NamedTuple):
    """Bytes of a stream, for the place where the stream lands; no bytes: only its end is told.

    `total` is 0 while the stream's size is not known. `data` stays as it is until three more
    pieces have been given. What a sink must keep for a restart of the receiver is the
    precedence, the total, and which bytes it has.
    """

    sequence: int
    offset: int
    data: memoryview
    precedence: int = 0
    total: int = 0


class PieceSink(Protocol):
    """Where the pieces of streams go, each at the moment it is opened.

    No byte comes twice, unless pieces overlap: then those of the later one that are new land, and
    the others with them.
    """

    def land(self, piece: Piece) -> None:
        """Put it in its place."""

    def drop(self, sequence: int) -> None:
        """Forget what has landed of this stream: too many are in progress."""


@dataclass(frozen=True, slots=True)
class StreamLanded:
    """Every byte of a stream is in its place. Late: it had been reported as a gap."""

    sequence: int
    total: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class StreamGap:
    """The sender has sent this stream for the last time, and these bytes (first to last) of it
    did not land. `total` is 0 if its end did not come; it told then how far it goes at least."""

    sequence: int
    total: int
    missing: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class LinkDead:
    """Of several links this one (from 0) is silent while another is heard; since when."""

    link: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class LinkBack:
    """A link that was dead is heard again."""

    link: int


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


Event = (
    Landed | Gap | StreamLanded | StreamGap | LinkDead | LinkBack | SessionOpened | Alarm
    | Silence | Checkpoint
)  # fmt: skip
"""Everything that `Receiver.take` and `Receiver.tick` give."""
