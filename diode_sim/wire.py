"""A wire: what comes in at some time goes out at some later time, or not, or twice.

Takes batches of datagrams and the time in ns since its start, gives runs of datagrams to `put`.
Pure: the real proxy and the cable of virtual time are both this one, so what a seed does to
datagrams is the same in both. A run to which nothing happens is put at once, as a view of the
buffer it came in.
"""

import heapq
from collections.abc import Callable

from diode_sim.clock import MS, Clock
from diode_sim.line import Counters, Line, Run, datagrams_in
from diode_sim.models import make_channel
from diode_sim.options import Options

LATE_BYTES_MAX = 512 * 1024 * 1024


class Wire:
    """One direction of one link. Times never go back."""

    def __init__(self, options: Options, put: Callable[[Run, int], None]) -> None:
        self.counters = Counters()
        self._out = put
        self._clock = Clock(options)
        self._line = Line(make_channel(options), self.counters, self._put, self._clock)
        self._linger_ns = options.linger_ms * MS
        self._now_ns = 0
        self._newest_ns = 0
        self._late: list[tuple[int, int, bytes, int]] = []
        self._late_bytes = 0
        self._late_order = 0
        self._last = b""  # what a stuck link repeats
        self._repeat_ns: int | None = None
        stuck = self._clock.stuck
        if stuck and stuck.repeat_ms:
            self._repeat_ns, self._every_ns = stuck.from_ms * MS, stuck.repeat_ms * MS

    def take(self, now_ns: int, batch: memoryview, segment_bytes: int) -> None:
        """Datagrams come in; bytes of them may be changed in place. First `advance` to now."""
        self._now_ns = self._newest_ns = now_ns
        self._line.take(batch, segment_bytes, now_ns)

    def next_ns(self) -> int | None:
        """When something is due to go out of itself, or None."""
        dues_ns = [self._newest_ns + self._linger_ns] if self._line.holds else []
        if self._late:
            dues_ns.append(self._late[0][0])
        if self._repeat_ns is not None:
            dues_ns.append(self._repeat_ns)
        return min(dues_ns, default=None)

    def advance(self, now_ns: int) -> None:
        """Put out what is due by now, in the order of the times at which it was."""
        while (due_ns := self.next_ns()) is not None and due_ns <= now_ns:
            self._now_ns = due_ns
            if self._line.holds and due_ns == self._newest_ns + self._linger_ns:
                self._line.let_go()
            elif self._late and due_ns == self._late[0][0]:
                self._pop()
            else:
                self._repeat(due_ns)
        self._now_ns = now_ns

    def drain(self) -> None:
        """Put out all that is held, however late it is."""
        self._line.let_go()
        while self._late:
            self._pop()

    def _put(self, run: Run, segment_bytes: int, delay_ns: int) -> None:
        if not delay_ns:
            self._leave(run, segment_bytes)
        elif self._late_bytes + len(run) > LATE_BYTES_MAX:
            self.counters.overflowed += datagrams_in(run, segment_bytes)
        else:
            self._late_bytes += len(run)
            self._late_order += 1
            due_ns = self._now_ns + delay_ns
            heapq.heappush(self._late, (due_ns, self._late_order, bytes(run), segment_bytes))

    def _pop(self) -> None:
        _, _, run, segment_bytes = heapq.heappop(self._late)
        self._late_bytes -= len(run)
        self._leave(run, segment_bytes)

    def _leave(self, run: Run, segment_bytes: int) -> None:
        if self._repeat_ns is not None:
            at = (datagrams_in(run, segment_bytes) - 1) * segment_bytes
            self._last = bytes(run[at:])
        self._out(run, segment_bytes)

    def _repeat(self, now_ns: int) -> None:
        self._repeat_ns = now_ns + self._every_ns
        if self._last:
            self.counters.repeated += 1
            self._out(self._last, len(self._last))
