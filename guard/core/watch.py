"""Whether a stage is busy or hung, told from outside: from numbers, without asking it.

Takes how many messages a process has begun and ended, its processor time and the clock, gives a
sentence once one message has taken more of either than it may. No I/O. What a process writes about
itself is not believed for more than this: one that lies is found by the lane's patience.
"""

from dataclasses import dataclass

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process has done so far: two counts, and its processor time in nanoseconds."""

    begun: int
    ended: int
    cpu_ns: int


class Watch:
    """Watches one process; `look` often enough: a message is timed from the look that saw it."""

    def __init__(self, message_ms_max: int, message_cpu_ms_max: int) -> None:
        self._wall_ms_max = message_ms_max
        self._cpu_ms_max = message_cpu_ms_max
        self._since = Spent(0, 0, 0)
        self._since_ns = 0

    @property
    def look_ms(self) -> int:
        """How often to look."""
        return max(20, min(500, self._wall_ms_max // 4, self._cpu_ms_max // 4))

    def look(self, spent: Spent, now_ns: int) -> str:
        """Why the message that is on may go on no longer, or "" while it may, or none is on."""
        if spent.begun == spent.ended or spent.begun != self._since.begun:
            self._since, self._since_ns = spent, now_ns
            return ""
        cpu_ms = (spent.cpu_ns - self._since.cpu_ns) // _NS_PER_MS
        if cpu_ms > self._cpu_ms_max:
            return f"one message took more than {self._cpu_ms_max} ms of processor time"
        if (now_ns - self._since_ns) // _NS_PER_MS > self._wall_ms_max:
            return f"one message took more than {self._wall_ms_max} ms"
        return ""
