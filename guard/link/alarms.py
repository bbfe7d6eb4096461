"""When drops become an alarm: at most one a reason and interval.

Takes the receiver's counters and the time, gives alarms. Pure.
"""

from collections.abc import Mapping

from guard.link.events import Alarm
from schemas.reasons import Reason

INTERVAL_NS = 10_000_000_000

_SENTENCES = {
    Reason.DATAGRAM_MALFORMED: "{0} datagrams are not of this link's format; "
    "check for foreign traffic on the link, and that both sides' policies give the same MTU",
    Reason.DATAGRAM_TAG: "{0} datagrams carry a wrong tag; "
    "check that both sides have the same link key, else they are forged or damaged",
    Reason.DATAGRAM_SESSION: "{0} datagrams belong to another session than the newest; "
    "a second sender runs, or a recording is played back",
    Reason.BLOCK_TAG: "{0} blocks or heartbeats do not open under their key; "
    "check the link key, and that only one sender has it",
    Reason.BLOCK_MALFORMED: "{0} opened blocks break the format; the source side is not sound",
    Reason.DATAGRAM_REPLAYED: "{0} datagrams came a second time; "
    "the network doubles them, or a recording is played back",
}


class Alarms:
    """Remembers what was told, and when."""

    def __init__(self) -> None:
        self._told: dict[Reason, tuple[int, int]] = {}

    def due(self, counters: Mapping[str, int], now_ns: int) -> list[Alarm]:
        """An alarm for each reason whose count rose since it was last told."""
        found: list[Alarm] = []
        for reason, sentence in _SENTENCES.items():
            count, at_ns = self._told.get(reason, (0, now_ns - INTERVAL_NS))
            now_count = counters.get(reason, 0)
            if now_count > count and now_ns - at_ns >= INTERVAL_NS:
                self._told[reason] = (now_count, now_ns)
                found.append(Alarm(reason, sentence.format(now_count - count)))
        return found
