"""The receiver's keys: which link key a session is under, and the datagram tags under that.

Takes the link key, and the one that follows if it is known; gives keys by session number, and which
datagrams carry the tag of their session's key. Pure. Follows docs/spec/link.md §4 (7) and §5.
"""

import numpy as np
from numpy.typing import NDArray

from guard.link.keys import NextKey, tag_key
from guard.link.params import SESSION_MAX, LinkParams
from guard.link.tags import DatagramTags
from guard.link.wire import Bytes2


class Keyring:
    """The keys of one flow's receiver."""

    def __init__(
        self, params: LinkParams, link_key: bytes, flow: int, following: NextKey | None
    ) -> None:
        """following: the link key after this one, and from which session on; None: not known."""
        self._key = link_key
        self._next = NextKey(link_key, SESSION_MAX + 1) if following is None else following
        self._tags: tuple[DatagramTags, DatagramTags] | None = None
        if params.tag:
            self._tags = (
                DatagramTags(tag_key(link_key, flow), params.datagram_bytes_max),
                DatagramTags(tag_key(self._next.key, flow), params.datagram_bytes_max),
            )

    def key_of(self, session: int) -> bytes:
        """The link key of a session."""
        return self._next.key if session >= self._next.first_session else self._key

    def count_right(self, session: int, rows: Bytes2) -> int:
        """How many of these datagrams, all of one session, carry their tag. A link without tags
        has nothing against any."""
        if self._tags is None:
            return len(rows)
        tags = self._tags[session >= self._next.first_session]
        return int(np.count_nonzero(tags.matches(rows)))

    def right(self, sessions: np.ndarray, rows: Bytes2) -> NDArray[np.bool_]:
        """Which of these datagrams carry their tag, `sessions` being what each says."""
        if self._tags is None:
            return np.ones(len(rows), dtype=np.bool_)
        right = self._tags[0].matches(rows)
        of_next = sessions >= self._next.first_session
        if of_next.any():
            right = np.where(of_next, self._tags[1].matches(rows), right)
        return right
