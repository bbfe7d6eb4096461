"""What time does to datagrams: outages, flapping, a stuck link, a rate and its queue.

Takes options, a seed and times in ns since the link's start, gives whether the link is up, and how
long a datagram waits its turn. Pure. Whether the link is up follows from the seed and the time
alone; the queue follows from what came before. Whole numbers throughout.
"""

from collections.abc import Callable

from diode_sim.chance import below_at, stream
from diode_sim.options import Flap, Options, Outages, Stuck, Window

MS = 1_000_000
_S = 1_000_000_000

IsDown = Callable[[int], bool]
"""Whether nothing passes at this time in ns."""


class Clock:
    """The models of one link that go by time."""

    def __init__(self, options: Options) -> None:
        self._down: list[IsDown] = []
        if options.windows:
            self._down.append(_windows(options.windows))
        if options.outages:
            self._down.append(_outages(options.outages, stream(options.seed, "outages")))
        if options.flap:
            self._down.append(_Flapping(options.flap, stream(options.seed, "flap")).down)
        self.stuck: Stuck | None = options.stuck
        self._stuck_ns = options.stuck.from_ms * MS if options.stuck else None
        self._queue = _Queue(options) if options.rate_bits_per_s else None

    @property
    def is_clean(self) -> bool:
        """Whether time changes nothing."""
        return not self._down and self._stuck_ns is None and self._queue is None

    @property
    def has_rate(self) -> bool:
        """Whether each datagram is to ask `queued_ns`."""
        return self._queue is not None

    def down(self, now_ns: int) -> bool:
        """Whether nothing passes now."""
        if self._stuck_ns is not None and now_ns >= self._stuck_ns:
            return True
        return any(is_down(now_ns) for is_down in self._down)

    def queued_ns(self, now_ns: int, datagram_bytes: int) -> int | None:
        """How long after now a datagram that comes now has left; None: the queue is full."""
        return self._queue.take(now_ns, datagram_bytes) if self._queue else 0


class _Queue:
    """First in, first out, at a constant rate; what does not fit at its end is dropped."""

    def __init__(self, options: Options) -> None:
        self._rate = options.rate_bits_per_s
        self._overhead_bytes = options.overhead_bytes
        self._most = options.queue_bytes * 8 * _S  # in bit-nanoseconds: no rounding
        self._held = 0
        self._at_ns = 0

    def take(self, now_ns: int, datagram_bytes: int) -> int | None:
        """Time passes, then the datagram joins; gives how long until its last bit has left.

        The one that is leaving takes room too, but an empty queue takes any one datagram.
        """
        self._held = max(0, self._held - (now_ns - self._at_ns) * self._rate)
        self._at_ns = now_ns
        size = (datagram_bytes + self._overhead_bytes) * 8 * _S
        if self._held and self._held + size > self._most:
            return None
        self._held += size
        return -(-self._held // self._rate)


class _Flapping:
    """Walks the stretches from the start; they are kept only as the end of the present one."""

    def __init__(self, flap: Flap, seed: int) -> None:
        self._means_ms = flap.up_ms, flap.down_ms
        self._seed = seed
        self._start()

    def _start(self) -> None:
        self._stretch = -1
        self._from_ns = self._until_ns = 0
        self._next()

    def _next(self) -> None:
        self._stretch += 1
        mean_ms = self._means_ms[self._stretch % 2]
        length_ms = 1 + below_at(self._seed, self._stretch, 2 * mean_ms - 1)
        self._from_ns, self._until_ns = self._until_ns, self._until_ns + length_ms * MS

    def down(self, now_ns: int) -> bool:
        """Every second stretch is down."""
        if now_ns < self._from_ns:
            self._start()
        while now_ns >= self._until_ns:
            self._next()
        return self._stretch % 2 == 1


def _windows(windows: tuple[Window, ...]) -> IsDown:
    spans = [(one.start_ms * MS, (one.start_ms + one.length_ms) * MS) for one in windows]
    return lambda now_ns: any(start <= now_ns < end for start, end in spans)


def _outages(outages: Outages, seed: int) -> IsDown:
    every_ns, length_ns = outages.every_ms * MS, outages.length_ms * MS
    latest_ns = every_ns - length_ns

    def down(now_ns: int) -> bool:
        stretch, at_ns = divmod(now_ns, every_ns)
        start_ns = below_at(seed, stretch, latest_ns + 1) if outages.at_random else latest_ns
        return start_ns <= at_ns < start_ns + length_ns

    return down
