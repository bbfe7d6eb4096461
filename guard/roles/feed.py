"""What a role tells the metrics role: numbers only, one way, never waited for.

A feed packet is JSON: the process's name and its counters since its start. A packet that finds no
room is dropped; the next one has the newer numbers.
"""

import json
from collections import defaultdict

from guard.edge.clock import monotonic_ns
from guard.edge.sockets import Mouth
from guard.edge.spec import Spec

INTERVAL_NS = 500_000_000


class Feed:
    """Counters of one process, told at most twice a second."""

    def __init__(self, spec: Spec) -> None:
        self._mouth = Mouth(spec.descriptors["feed"])
        self._name = spec.name
        self._next_ns = 0
        self._latency_ns: list[int] = []
        self.counters: defaultdict[str, int] = defaultdict(int)

    def add(self, counter: str, amount: int = 1) -> None:
        """Count something up."""
        self.counters[counter] += amount

    def handled(self, started_ns: int, ended_ns: int) -> None:
        """Count one message of a stage and how long it took; tell the counters if it is time."""
        self.counters["messages"] += 1
        self.counters["busy_ns"] += ended_ns - started_ns
        if ended_ns >= self._next_ns:
            self.tell_if_due()

    def took(self, latency_ns: int) -> None:
        """Note how long one message took; at most 1,000 between two packets are told."""
        if len(self._latency_ns) < 1000:
            self._latency_ns.append(latency_ns)

    def tell_if_due(self) -> None:
        """Tell the counters if half a second has gone since the last time."""
        now_ns = monotonic_ns()
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + INTERVAL_NS
            self.tell()

    def tell(self) -> None:
        """Tell the counters now."""
        packet = {
            "name": self._name,
            "counters": self.counters,
            "latency_us": [ns // 1000 for ns in self._latency_ns],
        }
        self._latency_ns.clear()
        self._mouth.tell_if_room(json.dumps(packet, separators=(",", ":")).encode())
