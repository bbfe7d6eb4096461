"""The sender's queue: strict precedence with ageing.

Takes messages with a precedence, gives the queue that the next block is filled from. Pure.
Follows ACP 127 for the precedences and docs/spec/link.md §7 (4) and §13.
"""

from collections import deque
from dataclasses import dataclass, field

from guard.link.params import AGEING_BLOCKS
from schemas.errors import Broken, Overload
from schemas.message import Precedence
from schemas.reasons import Reason


@dataclass(slots=True)
class Waiting:
    """A message in the queue, `taken` bytes of which are already in blocks."""

    sequence: int
    precedence: int
    envelope: memoryview
    taken: int = 0


@dataclass(slots=True)
class _Level:
    waiting: deque[Waiting] = field(default_factory=deque)
    passed_over: int = 0


class PrecedenceQueue:
    """One first-in-first-out queue a precedence, bounded together in bytes."""

    def __init__(self, bytes_max: int) -> None:
        self._levels = [_Level() for _ in Precedence]
        self._bytes_max = bytes_max
        self._bytes = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def waiting_bytes(self) -> int:
        """Bytes of all envelopes that are not wholly in blocks."""
        return self._bytes

    def put(self, message: Waiting) -> None:
        """Append a message. Raises `Overload` if the queue is full."""
        size = len(message.envelope)
        if self._bytes + size > self._bytes_max:
            raise Overload(Reason.LINK_QUEUE_FULL, "the link's queue is full; offer it again later")
        if not 0 <= message.precedence < len(self._levels):
            raise Broken(Reason.ARGUMENT, "a precedence is a number from 0 to 4")
        self._levels[message.precedence].waiting.append(message)
        self._bytes += size
        self._count += 1

    def next_level(self) -> deque[Waiting]:
        """The queue for the next block: the highest that waits, or one passed over too often."""
        best: _Level | None = None
        for level in reversed(self._levels):
            if level.waiting and (best is None or level.passed_over >= AGEING_BLOCKS):
                best = level
        if best is None:
            raise Broken(Reason.ARGUMENT, "nothing waits on the link")
        for level in self._levels:
            level.passed_over = level.passed_over + 1 if level.waiting and level is not best else 0
        return best.waiting

    def took_last(self, level: deque[Waiting]) -> Waiting:
        """Remove the head of this queue: all of it is in blocks."""
        message = level.popleft()
        self._bytes -= len(message.envelope)
        self._count -= 1
        return message

    def first_waiting(self) -> int | None:
        """The lowest sequence that is not wholly in blocks, or None."""
        heads = [level.waiting[0].sequence for level in self._levels if level.waiting]
        return min(heads) if heads else None
