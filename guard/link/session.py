"""What the receiver keeps of one session: its keys, its blocks, its heartbeats.

Takes a session's number, gives the value that the receiver works on. Pure. Follows
docs/spec/link.md §4 (3), (4) and §9.
"""

from collections import Counter

from guard.link.fec import Codec
from guard.link.heartbeat import CheckpointJoiner, Heartbeat
from guard.link.keys import SessionSeal
from guard.link.lines import LINKS_MAX
from guard.link.opening import BlockOpener
from guard.link.params import LinkParams
from guard.link.partials import Partials
from guard.link.window import BlockWindow
from guard.link.wire import Header, associated_data
from schemas.errors import Forged


class Session:
    """The open session, or the one candidate for it."""

    def __init__(
        self, params: LinkParams, link_key: bytes, flow: int, number: int, codec: Codec,
        counters: Counter[str], now_ns: int,
    ) -> None:  # fmt: skip
        self.number = number
        self.seal = SessionSeal(link_key, flow, number)
        self.opener = BlockOpener(params, number, self.seal)
        self.window = BlockWindow(params, self.opener, codec, counters)
        self.partials = Partials(params.envelope_bytes_max)
        self.joiner = CheckpointJoiner()
        self.newest_heartbeat = -1
        self.newest_by_link = [-1] * LINKS_MAX  # the newest heartbeat of each
        self.unripe: Heartbeat | None = None  # the oldest that is not ripe
        self.unripe_until_ns = 0
        self.next_unripe: Heartbeat | None = None  # the newest after it
        self.heard_ns = now_ns


def heartbeat_opens(link_key: bytes, flow: int, header: Header, sealed: bytes) -> bool:
    """Whether a heartbeat is under its session's key. link §4 (4)"""
    seal = SessionSeal(link_key, flow, header.session)
    try:
        seal.open_heartbeat(header.number, sealed, associated_data(header))
    except Forged:
        return False
    return True
