"""The sender's queue: strict precedence with ageing, and repeats.

Takes messages with a precedence, gives the queue that the next block is filled from, and says
below which sequence everything has been sent. Pure. Follows ACP 127 for the precedences and
docs/spec/link.md §7 (4) and §13.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from guard.link.params import AGEING_BLOCKS
from schemas.errors import Broken, Overload
from schemas.message import Precedence
from schemas.reasons import Reason


class StreamSource(Protocol):
    """Where the bytes of a stream come from: a file, a pipe."""

    total_bytes: int | None
    """The stream's size, or None until its end has been seen."""

    @property
    def ready(self) -> bool:
        """Whether `read_into` has something to give now (or knows of the end)."""

    def read_into(self, offset: int, out: memoryview) -> int:
        """Fill `out` from this offset on; gives how many bytes it wrote.

        Fewer than asked for is an end: of a stream of unknown size the good one; of one of known
        size it means that the bytes are not to be had, and the stream is given up.
        """


@dataclass(slots=True, eq=False)
class Waiting:
    """A message in the queue, `taken` bytes of which are already in blocks.

    Either an envelope (as it goes into records: `coding` and `plain_bytes` say how it is
    compressed) or a stream's source.
    """

    sequence: int
    precedence: int
    envelope: memoryview
    source: StreamSource | None = None
    coding: int = 0
    plain_bytes: int = 0
    taken: int = 0
    repeats_left: int = 0

    @property
    def ready(self) -> bool:
        """Whether a block could take something of it."""
        return self.source is None or self.source.ready


@dataclass(slots=True, eq=False)
class _Level:
    waiting: deque[Waiting] = field(default_factory=deque)
    passed_over: int = 0


class PrecedenceQueue:
    """One first-in-first-out queue a precedence, bounded together in bytes."""

    def __init__(self, bytes_max: int) -> None:
        self._levels = [_Level() for _ in Precedence]
        self._bytes_max = bytes_max
        self._bytes = 0
        # A heap of repeats: when one is due, its number in order of coming, itself.
        self._later: list[tuple[int, int, Waiting]] = []
        self._later_count = 0
        self._unsent: list[int] = []  # a heap of sequences; what was sent leaves it when lowest
        self._sent: Counter[int] = Counter()

    def __bool__(self) -> bool:
        """Whether anything waits, repeats too."""
        return bool(self._later) or any(level.waiting for level in self._levels)

    @property
    def ready(self) -> bool:
        """Whether the next block has something to be filled with."""
        return any(level.waiting and level.waiting[0].ready for level in self._levels)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of all envelopes that are still needed."""
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
        heappush(self._unsent, message.sequence)

    def next_level(self) -> deque[Waiting] | None:
        """The queue for the next block: the highest that waits, or one passed over too often; None
        if none can give anything."""
        able = [level for level in self._levels if level.waiting and level.waiting[0].ready]
        if not able:
            return None
        best = able[-1]
        for level in able[:-1]:  # the lowest one comes first
            if level.passed_over >= AGEING_BLOCKS:
                best = level
                break
        for level in self._levels:
            level.passed_over = level.passed_over + 1 if level in able and level is not best else 0
        return best.waiting

    def repeat_later(self, message: Waiting, due_ns: int) -> None:
        """Keep a message that was sent, to be sent once more from this time on."""
        message.repeats_left -= 1
        message.taken = 0
        self._later_count += 1
        heappush(self._later, (due_ns, self._later_count, message))

    def next_repeat_ns(self) -> int | None:
        """When the next repeat is due, or None."""
        return self._later[0][0] if self._later else None

    def bring_repeats(self, now_ns: int) -> None:
        """Put the repeats that are due back into their queues."""
        while self._later and self._later[0][0] <= now_ns:
            message = heappop(self._later)[2]
            self._levels[message.precedence].waiting.append(message)

    def sent(self, message: Waiting) -> None:
        """The message has been handed out for the last time."""
        self._bytes -= len(message.envelope)
        self._sent[message.sequence] += 1
        while self._unsent and self._sent[self._unsent[0]]:
            sequence = heappop(self._unsent)
            self._sent[sequence] -= 1
            if not self._sent[sequence]:
                del self._sent[sequence]

    def first_unsent(self) -> int | None:
        """The lowest sequence that has not been handed out wholly, repeats too; None: all have."""
        return self._unsent[0] if self._unsent else None
