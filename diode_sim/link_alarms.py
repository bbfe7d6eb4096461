"""Alarms only with cause, and none missing: what a receiver may and must tell about its links.

Takes which datagrams came whole and when, judges alarms. Pure. Follows docs/spec/link.md §9 (4),
§11 and §15 (4).
"""

from guard.link.events import Alarm, LinkBack, LinkDead, Silence
from guard.link.params import LinkParams
from schemas.reasons import Reason


def tick_ns_max(params: LinkParams) -> int:
    """How rarely a receiver at rest is ticked at least: often enough for its silence time."""
    return max(1_000_000_000, params.silence_ns // 16)


class Arrivals:
    """What has come, in all and in the present life of the receiver."""

    def __init__(self, params: LinkParams, links: int) -> None:
        self._links = links
        self.tag = params.tag
        self.sessions = 0  # of the sender, so far
        self.lives = 0  # of the receiver, so far
        self.damaged = 0
        self.again = 0  # datagrams that cables gave twice; the world tells
        self._start(0)

    def _start(self, now_ns: int) -> None:
        self.datagrams = 0
        self.session = 0  # of the newest heartbeat that came whole
        self.any_ns = now_ns
        self.beat_ns: int | None = None
        self.link_beat_ns: list[int | None] = [None] * self._links
        self._newest = [-1] * self._links
        self.told_silence = False

    def life_began(self, now_ns: int) -> None:
        """The receiver started."""
        self.lives += 1
        self._start(now_ns)

    def note(self, now_ns: int, damaged: bool) -> None:
        """A datagram came."""
        self.datagrams += 1
        self.any_ns = now_ns
        self.damaged += damaged

    def beat(self, now_ns: int, session: int, number: int, link: int, opened: int) -> bool:
        """A heartbeat came whole. Whether it is of the newest session and above all of its link."""
        if session < max(self.session, opened):
            return False
        if session > self.session:
            self.session, self._newest = session, [-1] * self._links
        if number <= self._newest[link]:
            return False
        self._newest[link] = number
        self.beat_ns = self.link_beat_ns[link] = now_ns
        self.told_silence = False
        return True


class AlarmRules:
    """What each alarm needs for a cause."""

    def __init__(self, params: LinkParams, seen: Arrivals, *, in_order: bool) -> None:
        self._silence_ns = params.silence_ns
        self._missed_ns = params.silence_ns + 2 * tick_ns_max(params)
        self._seen = seen
        self._in_order = in_order

    def wrong(self, event: Silence | LinkDead | LinkBack | Alarm, now_ns: int) -> str | None:
        """Why an alarm was wrong, or None."""
        match event:
            case Silence():
                self._seen.told_silence = True
                if self._recent(self._seen.beat_ns, now_ns):
                    return "the link is called silent, and a heartbeat came in time"
            case LinkDead(link):
                if self._recent(self._seen.link_beat_ns[link], now_ns):
                    return f"link {link} is called dead, and a heartbeat came by it in time"
            case LinkBack():
                pass
            case Alarm(reason):
                if not self._has_cause(reason):
                    return f"an alarm {reason} has no cause: {event.sentence}"
        return None

    def missed(self, now_ns: int) -> str | None:
        """Which alarm should have come by now, or None."""
        quiet_ns = now_ns - self._seen.any_ns
        if self._seen.told_silence or quiet_ns < self._missed_ns:
            return None
        return "nothing at all has come for the silence time, and no one was told"

    def _recent(self, at_ns: int | None, now_ns: int) -> bool:
        return at_ns is not None and now_ns - at_ns < self._silence_ns

    def _has_cause(self, reason: Reason) -> bool:
        seen = self._seen
        unproven = bool(seen.damaged) and not seen.tag
        match reason:
            case Reason.DATAGRAM_MALFORMED:  # untagged: also after an outage, link §5 (5 c)
                return bool(seen.damaged) or not seen.tag
            case Reason.DATAGRAM_TAG:
                return bool(seen.damaged)
            case Reason.DATAGRAM_SESSION:
                return seen.sessions > 1 or unproven
            case Reason.BLOCK_TAG:
                return unproven
            case Reason.DATAGRAM_REPLAYED:
                return bool(seen.again) or not self._in_order or unproven
        return False
