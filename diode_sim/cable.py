"""A cable in virtual time: the same link as the proxy's, without sockets.

Takes runs of datagrams and the time, gives the datagrams that arrive, in order. Pure and wholly
determined by the options and the seed. Times are in ns since the cable's start, never go back, and
may jump: nothing is done between two calls that a call in between would have changed.
"""

from diode_sim.line import Counters, Run, datagrams_in
from diode_sim.options import Options
from diode_sim.wire import Wire


class Cable:
    """One way, from `send` to `arrivals`. `seed` stands in for the options' own."""

    def __init__(self, options: Options, seed: int) -> None:
        self._wire = Wire(options.model_copy(update={"seed": seed}), self._arrive)
        self._arrived: list[bytes] = []
        self._arrived_ns = 0

    @property
    def counters(self) -> Counters:
        """What happened so far; `datagrams_out` are those that arrived."""
        return self._wire.counters

    def send(self, now_ns: int, run: Run, segment_bytes: int) -> None:
        """Datagrams of `segment_bytes` each, the last one at most, leave the sender. Copied."""
        self._wire.advance(now_ns)
        self._wire.take(now_ns, memoryview(bytearray(run)), segment_bytes or len(run))
        if self._arrived:
            self._arrived_ns = now_ns

    def next_ns(self) -> int | None:
        """When the next datagram arrives, as far as is known now; None: none is under way."""
        return self._arrived_ns if self._arrived else self._wire.next_ns()

    def arrivals(self, now_ns: int) -> list[bytes]:
        """The datagrams that have arrived by now and were not given before, in their order."""
        self._wire.advance(now_ns)
        arrived, self._arrived = self._arrived, []
        return arrived

    def _arrive(self, run: Run, segment_bytes: int) -> None:
        count = datagrams_in(run, segment_bytes)
        self._wire.counters.datagrams_out += count
        self._arrived += [
            bytes(run[at * segment_bytes : (at + 1) * segment_bytes]) for at in range(count)
        ]
