"""A line: batches of datagrams through a channel, in the order in which they leave.

Takes runs of datagrams in one buffer, gives runs to a `put` function; no sockets, no clock. A run
to which nothing happens is handed on as a view of the buffer it came in, so `put` must be done
with it (or have copied it) before the buffer is used again.
"""

import heapq
from collections.abc import Callable
from dataclasses import asdict, dataclass

from diode_sim.clock import Clock
from diode_sim.models import CHUNK_DATAGRAMS, Channel, Fates

Run = memoryview | bytes
Put = Callable[[Run, int, int], None]
"""(run, segment_bytes, delay_ns): datagrams of `segment_bytes` each, the last one at most."""


@dataclass(slots=True)
class Counters:
    """Datagrams; nothing held:
    out = in - lost - down - queue_dropped + duplicated + repeated - failed - overflowed.

    down           came while the link was down
    queue_dropped  found the queue of a link of limited rate full
    repeated       came once more from a link that is stuck
    failed         the kernel would not send them
    overflowed     the delay line was full
    receive_drops  dropped by the kernel before the link saw them, in the kernel's own count (of
                   buffers, not datagrams), so not part of the sum
    """

    datagrams_in: int = 0
    datagrams_out: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0
    truncated: int = 0
    down: int = 0
    queue_dropped: int = 0
    repeated: int = 0
    failed: int = 0
    overflowed: int = 0
    receive_drops: int = 0

    def as_dict(self) -> dict[str, int]:
        """By name; `in` and `out` for short."""
        values = asdict(self)
        return {"in": values.pop("datagrams_in"), "out": values.pop("datagrams_out"), **values}


def datagrams_in(run: Run, segment_bytes: int) -> int:
    """How many datagrams a run is; an empty run is one empty datagram."""
    return -(-len(run) // segment_bytes) if segment_bytes else 1


class Line:
    """Numbers datagrams as they come and does to each what the clock and the channel say."""

    def __init__(
        self, channel: Channel, counters: Counters, put: Put, clock: Clock | None = None
    ) -> None:
        self._clock = clock if clock is not None and not clock.is_clean else None
        self._wait_ns = 0  # for the rate, of the datagrams in hand
        self._channel = channel
        self._count = counters
        self._put = put
        self._index = 0
        self._fates = channel.fates(0)
        self._odd = self._fates.odd().tolist()
        self._next_odd = 0
        self._overtaken: list[tuple[int, int, bytes, int]] = []
        self._order = 0

    @property
    def holds(self) -> bool:
        """Whether datagrams wait to be overtaken."""
        return bool(self._overtaken)

    def take(self, batch: memoryview, segment_bytes: int, now_ns: int = 0) -> None:
        """Pass on a batch; bytes of it are changed in place where a bit is flipped."""
        total = datagrams_in(batch, segment_bytes)
        self._count.datagrams_in += total
        clock = self._clock
        if clock is None:
            self._pass(batch, segment_bytes, total)
        elif clock.has_rate:
            for at in range(total):
                one = batch[at * segment_bytes : (at + 1) * segment_bytes]
                self._one_by_rate(clock, one, segment_bytes, now_ns)
            self._wait_ns = 0
        elif clock.down(now_ns):
            self._count.down += total
            self._skip(total)
        else:
            self._pass(batch, segment_bytes, total)

    def _one_by_rate(
        self, clock: Clock, datagram: memoryview, segment_bytes: int, now_ns: int
    ) -> None:
        """Into the queue, and as it leaves that: is the link up?"""
        wait_ns = clock.queued_ns(now_ns, len(datagram))
        if wait_ns is None:
            self._count.queue_dropped += 1
            self._skip(1)
        elif clock.down(now_ns + wait_ns):
            self._count.down += 1
            self._skip(1)
        else:
            self._wait_ns = wait_ns
            self._pass(datagram, segment_bytes, 1)

    def _pass(self, batch: memoryview, segment_bytes: int, total: int) -> None:
        if self._channel.is_clean:
            self._put(batch, segment_bytes, self._wait_ns)
            return
        at = 0
        while at < total:
            clear = min(total - at, self._clear_datagrams())
            if clear:
                run = batch[at * segment_bytes : (at + clear) * segment_bytes]
                self._put(run, segment_bytes, self._wait_ns + int(self._fates.delay_us[0]) * 1000)
            else:
                clear = 1
                self._odd_one(batch[at * segment_bytes : (at + 1) * segment_bytes])
            at += clear
            self._go_on(clear)

    def _skip(self, datagrams: int) -> None:
        """These do not get as far as their fates."""
        while datagrams and not self._channel.is_clean:
            some = min(datagrams, CHUNK_DATAGRAMS - self._index % CHUNK_DATAGRAMS)
            end = self._index % CHUNK_DATAGRAMS + some
            while self._next_odd < len(self._odd) and self._odd[self._next_odd] < end:
                self._next_odd += 1
            self._go_on(some)
            datagrams -= some

    def let_go(self) -> None:
        """Pass on all that wait to be overtaken: nothing more may come."""
        while self._overtaken:
            _, _, datagram, delay_ns = heapq.heappop(self._overtaken)
            self._put(datagram, len(datagram), delay_ns)

    def _clear_datagrams(self) -> int:
        """How many datagrams from here on just pass, before something is to be done."""
        offset = self._index % CHUNK_DATAGRAMS
        odd = self._odd[self._next_odd] if self._next_odd < len(self._odd) else CHUNK_DATAGRAMS
        clear = odd - offset
        if self._overtaken:
            clear = min(clear, self._overtaken[0][0] - self._index + 1)
        return clear

    def _go_on(self, datagrams: int) -> None:
        self._index += datagrams
        if not self._index % CHUNK_DATAGRAMS:
            self._fates = self._channel.fates(self._index // CHUNK_DATAGRAMS)
            self._odd = self._fates.odd().tolist()
            self._next_odd = 0
        while self._overtaken and self._overtaken[0][0] < self._index:
            _, _, datagram, delay_ns = heapq.heappop(self._overtaken)
            self._put(datagram, len(datagram), delay_ns)

    def _odd_one(self, datagram: memoryview) -> None:
        """The datagram to which something happens."""
        offset = self._odd[self._next_odd]
        self._next_odd += 1
        fates: Fates = self._fates
        if fates.lost[offset]:
            self._count.lost += 1
            return
        length = len(datagram)
        if fates.truncated[offset] and length:
            length = int(fates.keep[offset]) % length
            datagram = datagram[:length]
            self._count.truncated += 1
        if fates.corrupted[offset] and length:
            bit = int(fates.flip[offset]) % (8 * length)
            datagram[bit >> 3] ^= 1 << (bit & 7)
            self._count.corrupted += 1
        copies = 2 if fates.duplicated[offset] else 1
        self._count.duplicated += copies - 1
        after = int(fates.after_datagrams[offset])
        self._count.reordered += 1 if after else 0
        delay_ns = self._wait_ns + int(fates.delay_us[offset]) * 1000
        for _ in range(copies):
            if after:
                self._order += 1
                waiting = (self._index + after, self._order, bytes(datagram), delay_ns)
                heapq.heappush(self._overtaken, waiting)
            else:
                self._put(datagram, length, delay_ns)
