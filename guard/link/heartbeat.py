"""Heartbeats: what the sender says of itself at a fixed interval.

Takes and gives the heartbeat's fields; the reader raises `Malformed` and nothing else. Also
cuts a checkpoint into pieces and joins them. Pure. Follows docs/spec/link.md §9.
"""

from dataclasses import dataclass, field
from struct import Struct

from guard.link.params import CHECKPOINT_BYTES_MAX, NUMBER_MAX, SEQUENCE_MAX
from schemas.errors import Malformed
from schemas.message import Precedence
from schemas.reasons import Reason

LEVELS = len(Precedence)
_FIXED = Struct(f">QQ{LEVELS}QQIHHH")


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The fields of §9. Bounds: sequences <= 2^62, checkpoint <= 8,192 bytes."""

    blocks_complete: int
    complete_below: int
    last_completed: tuple[int, ...]
    clock_ns: int
    checkpoint_version: int = 0
    checkpoint_bytes: int = 0
    piece_offset: int = 0
    piece: bytes = b""

    def write(self) -> bytes:
        """The plaintext, not yet padded."""
        fixed = _FIXED.pack(
            self.blocks_complete,
            self.complete_below,
            *self.last_completed,
            self.clock_ns,
            self.checkpoint_version,
            self.checkpoint_bytes,
            self.piece_offset,
            len(self.piece),
        )
        return fixed + self.piece

    @classmethod
    def read(cls, plaintext: bytes) -> "Heartbeat":
        """Read an opened heartbeat, padding included."""
        if len(plaintext) < _FIXED.size:
            raise _malformed("is cut short")
        blocks, below, *rest = _FIXED.unpack_from(plaintext)
        last = tuple(rest[:LEVELS])
        clock_ns, version, total, offset, size = rest[LEVELS:]
        end = _FIXED.size + size
        if max(below, *last) > SEQUENCE_MAX + 1 or blocks > NUMBER_MAX + 1:
            raise _malformed("has a number out of bounds")
        if total > CHECKPOINT_BYTES_MAX or offset + size > total or end > len(plaintext):
            raise _malformed("has a checkpoint out of bounds")
        if plaintext.count(0, end) != len(plaintext) - end:
            raise _malformed("is followed by padding that is not zero")
        piece = plaintext[_FIXED.size : end]
        return cls(blocks, below, last, clock_ns, version, total, offset, piece)


@dataclass(slots=True)
class CheckpointJoiner:
    """Joins the pieces of one checkpoint version; a new version starts afresh.

    rounds: how often one was whole, new or not.
    """

    _version: int = -1
    _bytes: bytearray = field(default_factory=bytearray)
    _held: set[int] = field(default_factory=set)
    _last: bytes = b""
    rounds: int = 0

    def take(self, beat: Heartbeat) -> bytes | None:
        """The whole checkpoint when this heartbeat completes one that is new, else None."""
        if not beat.checkpoint_bytes:
            return None
        if beat.checkpoint_version != self._version or len(self._bytes) != beat.checkpoint_bytes:
            self._version = beat.checkpoint_version
            self._bytes = bytearray(beat.checkpoint_bytes)
            self._held = set()
        end = beat.piece_offset + len(beat.piece)
        self._bytes[beat.piece_offset : end] = beat.piece
        self._held.update(range(beat.piece_offset, end))
        if len(self._held) < beat.checkpoint_bytes:
            return None
        self._held.clear()
        self.rounds += 1
        whole = bytes(self._bytes)
        if whole == self._last:
            return None
        self._last = whole
        return whole


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.BLOCK_MALFORMED, f"an opened heartbeat {what}")
