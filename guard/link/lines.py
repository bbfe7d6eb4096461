"""Several links side by side: which of them is heard, and which has fallen silent.

Takes what came by which link and the time, gives what changed. Pure. Heartbeats leave on every
link, so a link that is silent while another is heard is dead. Follows docs/spec/link.md §15.
"""

from guard.link.events import Event, LinkBack, LinkDead
from schemas.errors import Broken
from schemas.reasons import Reason

LINKS_MAX = 8  # a bit each beside every symbol


class Lines:
    """The links of one flow, by number from 0."""

    def __init__(self, count: int, silence_ns: int) -> None:
        if not 0 < count <= LINKS_MAX:
            raise Broken(Reason.ARGUMENT, f"a flow has 1 to {LINKS_MAX} links")
        self._silence_ns = silence_ns
        self._heard_ns: list[int | None] = [None] * count
        self._dead = [False] * count
        self._since_ns: int | None = None

    def heard(self, link: int, now_ns: int) -> None:
        """Something authentic of the open session came by this link."""
        self._heard_ns[link] = now_ns

    def changes(self, now_ns: int) -> list[Event]:
        """Links that died or came back since the last call; none while all are silent."""
        if self._since_ns is None:
            self._since_ns = now_ns
        heard = [self._since_ns if at is None else at for at in self._heard_ns]
        silent = [now_ns - at >= self._silence_ns for at in heard]
        found: list[Event] = []
        if len(silent) > 1 and not all(silent):
            for link, (now, before) in enumerate(zip(silent, self._dead, strict=True)):
                if now and not before:
                    found.append(LinkDead(link, heard[link]))
                if before and not now:
                    found.append(LinkBack(link))
            self._dead = silent
        return found
