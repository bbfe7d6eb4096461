"""When drops become an alarm: at most one a reason and interval.

Takes the receiver's counters and the time, gives alarms. Pure.
"""

from collections.abc import Mapping

from guard.link.events import Alarm
from schemas.reasons import Reason

INTERVAL_NS = 10_000_000_000

_SENTENCES: dict[str, str] = {
    Reason.DATAGRAM_MALFORMED: "{0} datagrams are not of this link's format; "
    "check for foreign traffic on the link, and that both ends have the same MTU and both tags or "
    "neither",
    Reason.DATAGRAM_TAG: "{0} datagrams carry a wrong tag; "
    "check that both sides have the same link key, else they are forged or damaged",
    Reason.DATAGRAM_SESSION: "{0} datagrams belong to another session than the newest; "
    "a second sender runs, or a recording is played back",
    Reason.BLOCK_TAG: "{0} blocks or heartbeats do not open under their key; "
    "check the link key, and that only one sender has it",
    Reason.BLOCK_MALFORMED: "{0} opened blocks break the format; "
    "check that both ends have the same compression, else the source side is not sound",
    Reason.DATAGRAM_REPLAYED: "{0} datagrams came a second time; "
    "the network doubles them, or a recording is played back",
    "kernel_drops": "this host dropped {0} buffers because the receiver's socket was full: nothing "
    "on the wire lost them; raise net.core.rmem_max (guard doctor) or lower the sender's rate",
    "buffer_missing_bytes": "the receiver's socket has {0:,} bytes less memory than its rate "
    "wants: raise net.core.rmem_max (guard doctor says to what)",
    "buffer_nearly_full": "the receiver's socket is more than 80 % full: datagrams will be dropped "
    "by this host; lower the sender's rate or give the receiver a core of its own",
}
_REASONS: dict[str, Reason] = {
    "kernel_drops": Reason.LINK_BUFFER,
    "buffer_missing_bytes": Reason.LINK_BUFFER,
    "buffer_nearly_full": Reason.LINK_BUFFER,
}


class Alarms:
    """Remembers what was told, and when."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[int, int]] = {}

    def due(self, counters: Mapping[str, int], now_ns: int) -> list[Alarm]:
        """An alarm for each count that rose since it was last told."""
        found: list[Alarm] = []
        for name, sentence in _SENTENCES.items():
            count, at_ns = self._told.get(name, (0, now_ns - INTERVAL_NS))
            now_count = counters.get(name, 0)
            if now_count > count and now_ns - at_ns >= INTERVAL_NS:
                self._told[name] = (now_count, now_ns)
                reason = _REASONS.get(name) or Reason(name)
                found.append(Alarm(reason, sentence.format(now_count - count)))
        return found
