"""Filling blocks: from the messages of one queue to the plaintext of a block.

Takes a queue of one precedence and a block's memory, writes records until the block is full or
nothing waits; the bytes of a stream are read straight to their place. Pure but for the stream's
own source. Follows docs/spec/link.md §6 (6), §7 and §13.
"""

from collections import deque

from guard.link.params import (
    ALIGN_SHARE,
    PIECE_BYTES_MAX,
    STREAM_ALIGN_BYTES,
    STREAM_BYTES_MAX,
)
from guard.link.precedence import StreamSource, Waiting
from guard.link.records import (
    PART_BYTES,
    PLAIN_BYTES,
    WHOLE_BYTES,
    Coder,
    Kind,
    Record,
    write_head,
    write_record,
)

_CODED_MIN_BYTES = 256  # less room than this is not worth compressing into
_RATIO_STEP = 0.9


class Filler:
    """Writes records; what it has taken whole is in `finished` until the sender fetches it.

    `given_up` are streams whose source failed: their sequence will be a gap on the other side.
    """

    def __init__(self, coder: Coder | None) -> None:
        self._coder = coder
        self._ratio = 1.0  # plain bytes a coded byte, as the last pieces had it
        self._scratch = bytearray(0)
        self.finished: list[Waiting] = []
        self.given_up: list[Waiting] = []

    def fill(self, level: deque[Waiting], plain: memoryview) -> int:
        """Fill one block from the queue; gives the bytes used."""
        at = 0
        while level and level[0].ready:
            message = level[0]
            if message.source is None:
                after, over = self._envelope(message, plain, at)
            else:
                after, over = self._piece(message, message.source, plain, at)
            if over:
                level.popleft()
            elif after == at or message.source is not None:
                return after
            at = after
        return at

    def _envelope(self, message: Waiting, plain: memoryview, at: int) -> tuple[int, bool]:
        total, taken, coding = len(message.envelope), message.taken, message.coding
        more = PLAIN_BYTES if coding else 0
        kind, size = Kind.WHOLE, total
        if taken or at + WHOLE_BYTES + more + total > len(plain):
            kind = Kind.PART
            size = min(total - taken, len(plain) - at - PART_BYTES - more)
            if size <= 0:
                return at, False
        data = message.envelope[taken : taken + size]
        at = write_record(plain, at, Record(
            kind, message.sequence, message.precedence, taken, total, data,
            coding, message.plain_bytes,
        ))  # fmt: skip
        message.taken = taken + size
        if message.taken < total:
            return at, False
        self.finished.append(message)
        return at, True

    def _piece(
        self, message: Waiting, source: StreamSource, plain: memoryview, at: int
    ) -> tuple[int, bool]:
        """One piece of a stream: the place after it, and whether the stream is over."""
        room = len(plain) - at - PART_BYTES
        coder = self._coder if room >= _CODED_MIN_BYTES else None
        plain_room = int((room - PLAIN_BYTES) * self._ratio) if coder else room
        left = STREAM_BYTES_MAX if source.total_bytes is None else source.total_bytes
        left -= message.taken
        want = _piece_bytes(min(plain_room, PIECE_BYTES_MAX), left)
        if room < 0 or want <= 0 < left:
            return at, False
        out = self._scratch_of(want) if coder else plain[at + PART_BYTES :][:want]
        got = source.read_into(message.taken, out)
        if got < want and source.total_bytes is not None:
            self.given_up.append(message)
            return at, True
        if got < want:
            source.total_bytes = message.taken + got
        coded = None
        if coder and got:
            coded = coder.shrink(out[:got])
            self._ratio = max(1.0, _RATIO_STEP * got / len(coded)) if coded else 1.0
            if coded is None or len(coded) + PLAIN_BYTES > room:
                coded, got = None, _piece_bytes(room, got)
        record = Record(
            Kind.PIECE, message.sequence, message.precedence, message.taken,
            source.total_bytes or 0, out[:got] if coded is None else memoryview(coded),
            coder.coding if coder and coded else 0, got,
        )  # fmt: skip
        if coder:
            at = write_record(plain, at, record)
        else:  # the bytes stand in their place already
            at = write_head(plain, at, record, got) + got
        message.taken += got
        over = message.taken == source.total_bytes
        if over:
            self.finished.append(message)
        return at, over

    def _scratch_of(self, size: int) -> memoryview:
        if len(self._scratch) < size:
            self._scratch = bytearray(size)
        return memoryview(self._scratch)[:size]


def _piece_bytes(room: int, left: int) -> int:
    """Bytes of the next piece: all that is left, else whole pages where that gives up little of
    the room, else what there is room for."""
    if left <= room:
        return left
    whole = room - room % STREAM_ALIGN_BYTES
    return whole if room - whole <= room // ALIGN_SHARE else room
