"""Streams in progress: which bytes of each have landed, and what is still missing.

Takes the places of pieces in any order, says which are new and when a stream is complete. The bytes
themselves land where the receiver's sink puts them: nothing of them is kept here. Pure; memory is
bounded. Follows docs/spec/link.md §7 (5) and §14.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from guard.link.records import Record
from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.sequences import Range, RangeSet

STREAMS_MAX = 64
HOLES_MAX = 65_536  # ranges of a stream: beyond it a piece that touches none is not taken


@dataclass(slots=True)
class Stream:
    """One stream in progress. `total` is 0 until its end has been seen."""

    sequence: int
    precedence: int
    total: int = 0
    ended: bool = False
    held: RangeSet = field(default_factory=RangeSet)

    @property
    def seen_bytes(self) -> int:
        """One more than the place of the furthest byte that has landed."""
        return 0 if self.held.last is None else self.held.last + 1

    @property
    def complete(self) -> bool:
        """Whether every byte has landed and the end is known."""
        return self.ended and (not self.total or self.held.is_just(0, self.total - 1))

    def missing(self) -> list[Range]:
        """The bytes, first to last, that have not landed; of those behind it, as far as known."""
        return self.held.missing(0, (self.total if self.ended else self.seen_bytes) - 1)


class Streams:
    """All streams of a receiver, over sessions and restarts.

    `dropped` are the oldest ones, given up for newer ones, until the receiver has told the sink.
    """

    def __init__(self, restored: Iterable[Stream] = ()) -> None:
        self._streams = {stream.sequence: stream for stream in restored}
        self.dropped: list[int] = []

    def __len__(self) -> int:
        return len(self._streams)

    def find(self, sequence: int) -> Stream | None:
        """The stream in progress of this sequence."""
        return self._streams.get(sequence)

    def whole(self) -> list[Stream]:
        """Those of which nothing is missing: after a restart, if no one was told before it."""
        return [one for one in self._streams.values() if one.complete]

    def between(self, first: int, last: int) -> list[Stream]:
        """The streams in progress of these sequences."""
        return [one for one in self._streams.values() if first <= one.sequence <= last]

    def take(self, record: Record) -> tuple[Stream, int]:
        """Note a piece; gives its stream and how many of its bytes are new.

        Raises `Malformed` where it disagrees with what is known of the stream.
        """
        stream = self._streams.pop(record.sequence, None)
        if stream is None:
            stream = Stream(record.sequence, record.precedence)
            if len(self._streams) >= STREAMS_MAX:
                self.dropped.append(next(iter(self._streams)))
                del self._streams[self.dropped[-1]]
        self._streams[record.sequence] = stream  # now the one touched last
        size = record.plain_bytes
        end = record.offset + size
        total = record.total
        ends = bool(total) or not size
        if (
            stream.precedence != record.precedence
            or (stream.ended and (end > stream.total or (ends and total != stream.total)))
            or (ends and not stream.ended and stream.seen_bytes > total)
        ):
            raise Malformed(Reason.BLOCK_MALFORMED, "two pieces of a stream disagree")
        if ends and not stream.ended:
            stream.total, stream.ended = total, True
        held = stream.held
        missing = held.missing(record.offset, end - 1)
        if not missing:
            return stream, 0
        if len(held) >= HOLES_MAX and not ((record.offset - 1) in held or end in held):
            return stream, 0
        held.add(record.offset, end - 1)
        return stream, sum(last - first + 1 for first, last in missing)

    def forget(self, sequence: int) -> None:
        """The stream is complete, or not wanted any more."""
        self._streams.pop(sequence, None)
