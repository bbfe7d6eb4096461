"""A journal's reader: follows the mark, in a process that may only read.

Takes a directory, gives records below the mark in order, each once, and any record by position. A
file descriptor becomes readable when the mark moves. May open and read files of the directory and
watch it. Follows docs/spec/journal.md §5.
"""

import contextlib
import os
from pathlib import Path

from guard.core.journal_record import MARK_BYTES, SEGMENT_HEADER_BYTES, read_mark
from guard.edge.inotify import CREATE, MODIFY, Inotify
from guard.edge.segments import (
    MARK_NAME,
    Found,
    Position,
    Segment,
    Stands,
    after,
    first_numbers,
    malformed,
)

_MARK_READS_MAX = 8
_OPENED_MAX = 8
_LOCATE_TRIES_MAX = 3


class JournalReader:
    """Reads on from one record to the next. `next_number` is that of the next one to take."""

    def __init__(self, directory: Path, start: int) -> None:
        """Start at record `start`; 0: at the oldest kept. Neither it nor a segment need be there.

        Raises `OSError` when the directory is not there.
        """
        self._directory = directory
        self.next_number = start
        self._events = Inotify()
        self._events.watch(os.fsencode(directory), CREATE)
        self._mark_file: int | None = None
        self._mark = 0
        self._open_mark()
        self._segment: Segment | None = None
        self._offset = SEGMENT_HEADER_BYTES
        self._taken: dict[int, Position] = {}
        self._opened: dict[int, Segment] = {}

    def fileno(self) -> int:
        """Becomes readable when there may be more to take; `take` makes it unreadable again."""
        return self._events.fileno()

    def take(self, count_max: int) -> list[tuple[int, bytes]]:
        """The next records below the mark, as (number, payload): at least one if there is one.

        Raises `Malformed(RECORD_MALFORMED)` when a record below the mark is gone or not whole.
        """
        mark = self._current_mark()
        segment = self._segment
        if segment is None and self.next_number < mark:
            segment = self._locate()  # and go to the oldest kept: perhaps none below the mark is
        if segment is None or self.next_number >= mark:
            return []
        found = segment.whole_records(
            self._offset, self.next_number, min(count_max, mark - self.next_number)
        )
        if not found:
            segment = self._follow(segment)
            found = segment.whole_records(
                self._offset, self.next_number, min(count_max, mark - self.next_number)
            )
        if not found:
            raise malformed(self._directory, f"record {self.next_number} is not whole")
        return self._took(found)

    def position(self, number: int) -> Position:
        """Where a record of the last `take` stands. Raises KeyError for another."""
        return self._taken[number]

    def read(self, place: Stands) -> bytes:
        """The payload of the record that stands there, mark or no mark.

        Raises `Malformed(RECORD_MALFORMED)` when no whole record does.
        """
        segment = self._opened.get(place.segment)
        if segment is None:
            try:
                segment = Segment.open(self._directory, place.segment)
            except FileNotFoundError as error:
                raise malformed(self._directory, f"no segment {place.segment}") from error
            if len(self._opened) == _OPENED_MAX:
                self._opened.pop(min(self._opened)).close()
            self._opened[place.segment] = segment
        return segment.read(place)

    def close(self) -> None:
        """Let all files go."""
        for segment in (self._segment, *self._opened.values()):
            if segment is not None:
                segment.close()
        if self._mark_file is not None:
            os.close(self._mark_file)
        self._events.close()

    def _open_mark(self) -> None:
        """Watched first, opened then: a mark that moves in between is seen by one or the other."""
        path = self._directory / MARK_NAME
        with contextlib.suppress(FileNotFoundError):
            self._events.watch(os.fsencode(path), MODIFY)
            self._mark_file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def _current_mark(self) -> int:
        """Events are taken away first, so that a later move makes the descriptor readable again."""
        self._events.read()
        if self._mark_file is None:
            self._open_mark()
        if self._mark_file is not None:
            for _ in range(_MARK_READS_MAX):  # a mark may be read while it is written
                mark = read_mark(os.pread(self._mark_file, MARK_BYTES, 0))
                if mark is not None:
                    self._mark = max(self._mark, mark)
                    break
        return self._mark

    def _locate(self) -> Segment:
        """Open the segment that has the next record and go to it."""
        for _ in range(_LOCATE_TRIES_MAX):  # the oldest may be dropped while it is looked for
            firsts = first_numbers(self._directory)
            if self.next_number == 0 and firsts:
                self.next_number = firsts[0]
            holding = [first for first in firsts if first <= self.next_number]
            if not holding:
                break
            with contextlib.suppress(FileNotFoundError):
                self._segment = Segment.open(self._directory, holding[-1])
                return self._go_to(self._segment)
        raise malformed(self._directory, f"record {self.next_number} is no longer kept")

    def _go_to(self, segment: Segment) -> Segment:
        self._offset, number = SEGMENT_HEADER_BYTES, segment.first
        while number < self.next_number:
            found = segment.whole_records(self._offset, number, self.next_number - number)
            if not found:
                raise malformed(self._directory, f"record {number} is not whole")
            self._offset, number = after(found[-1].position)
        return segment

    def _follow(self, segment: Segment) -> Segment:
        """Go on to the next segment: this one must end here, to the byte (§3 (3))."""
        if segment.size_bytes != self._offset:
            raise malformed(self._directory, f"record {self.next_number} is not whole")
        try:
            following = Segment.open(self._directory, self.next_number)
        except FileNotFoundError as error:
            raise malformed(self._directory, f"record {self.next_number} is not there") from error
        segment.close()
        self._segment = following
        self._offset = SEGMENT_HEADER_BYTES
        return following

    def _took(self, found: list[Found]) -> list[tuple[int, bytes]]:
        self._offset, self.next_number = after(found[-1].position)
        self._taken = {each.position.number: each.position for each in found}
        return [(each.position.number, each.payload) for each in found]
