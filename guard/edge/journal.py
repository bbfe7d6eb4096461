"""A journal's writer: records in, one sync a batch. (Its reader is guard/edge/journal_reader.py.)

Takes payloads, gives positions; may write in its directory. After a failed write the writer is of
no more use and its process ends: opening again recovers. Follows docs/spec/journal.md.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from guard.core.journal_record import (
    RECORD_BYTES_MAX,
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    write_mark,
    write_record_header,
)
from guard.core.retention import Closed
from guard.edge import durable
from guard.edge.journal_reader import JournalReader
from guard.edge.journal_recovery import (
    Recovered,
    make_segment,
    read_mark_file,
    recover,
)
from guard.edge.segments import MARK_NAME, Position, Segment, segment_path
from schemas.errors import Broken
from schemas.reasons import Reason

__all__ = ["SEGMENT_BYTES_MAX", "JournalReader", "JournalWriter", "Position"]

SEGMENT_BYTES_MAX = 64 * 1024 * 1024
PENDING_BYTES_MAX = 8 * 1024 * 1024


class JournalWriter:
    """The only writer of a journal's directory.

    next_number    the number that the next record gets
    synced_number  records below it are durable
    marked_number  readers may read the records below it
    """

    def __init__(
        self, directory: Path, segment_bytes_max: int, held: int, recovered: Recovered,
        mark: int | None,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._segment_bytes_max = segment_bytes_max
        self._held = held
        self._firsts = recovered.firsts
        self._salt = recovered.salt
        self._file = self._open_last(recovered.end_bytes)
        self.next_number = self.synced_number = recovered.next_number
        self.marked_number = recovered.firsts[0] if mark is None else mark
        self._placed = self.marked_number == self.next_number
        self._end_bytes = recovered.end_bytes
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._failed = False
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._mark = os.open(directory / MARK_NAME, flags, durable.FILE_MODE)
        os.pwrite(self._mark, write_mark(self.marked_number), 0)

    @classmethod
    def open(
        cls, directory: Path, segment_bytes_max: int = SEGMENT_BYTES_MAX, *, known: int = 0
    ) -> Self:
        """Open or make the journal and recover it: its last record is the last whole one.

        known: who opens it has seen the records below this one whole: closed segments of such
        records only are not read again.
        A tail that was never synced is cut off. The mark stays where it was: call `mark` before
        the first `append` unless it is at the end already. Raises `Malformed(RECORD_MALFORMED)`
        for damage, `Broken(DISK)` when another process writes this journal, `OSError`.
        """
        durable.make_directory(directory)
        try:
            held = durable.hold_alone(directory)
        except BlockingIOError as error:
            raise Broken(Reason.DISK, f"another process writes the journal {directory}") from error
        try:
            mark = read_mark_file(directory)
            return cls(directory, segment_bytes_max, held, recover(directory, mark, known), mark)
        except BaseException:
            os.close(held)
            raise

    def append(self, payload: bytes | tuple[bytes, ...]) -> Position:
        """Add one record, of 1 to `RECORD_BYTES_MAX` bytes; durable after the next `sync`.

        Parts are joined. Raises `Broken`: a payload out of bounds, a mark not placed, the disk.
        """
        parts = payload if isinstance(payload, tuple) else (payload,)
        length = sum(map(len, parts))
        if not self._placed or not 1 <= length <= RECORD_BYTES_MAX:
            raise self._refusal(length)
        if self._end_bytes + RECORD_HEADER_BYTES + length > self._segment_bytes_max:
            self._roll()
        number, offset = self.next_number, self._end_bytes
        behind = number - self.synced_number
        self._pending.append(write_record_header(number, behind, self._salt, length, parts))
        self._pending.extend(parts)
        size = RECORD_HEADER_BYTES + length
        self._pending_bytes += size
        self._end_bytes = offset + size
        self.next_number = number + 1
        if self._pending_bytes >= PENDING_BYTES_MAX:
            self._write()
        return Position(number, self._firsts[-1], offset, length)

    def sync(self) -> None:
        """All that was appended is durable. One write and one fdatasync; none if nothing is new."""
        if self.synced_number == self.next_number:
            return
        self._write()
        with self._writing():
            self._file.sync()
        self.synced_number = self.next_number

    def mark(self, number: int) -> None:
        """Readers may read the records below `number`. Raises `Broken` if not all are synced."""
        if not self.marked_number <= number <= self.synced_number:
            raise Broken(
                Reason.RECORD_MALFORMED,
                f"the mark cannot go from {self.marked_number} to {number}:"
                f" records below {self.synced_number} are synced",
            )
        self._placed = True
        if number != self.marked_number:
            with self._writing():
                os.pwrite(self._mark, write_mark(number), 0)
            self.marked_number = number

    def cut(self, number: int) -> None:
        """Take away the records from `number` on, durably: in recovery only. Not below the mark."""
        self.sync()
        if not max(self.marked_number, self._firsts[0]) <= number <= self.next_number:
            raise Broken(
                Reason.RECORD_MALFORMED,
                f"records from {number} on cannot be cut: those below {self.marked_number} may"
                f" have been read, and the journal ends at {self.next_number}",
            )
        if number == self.next_number:
            return
        with self._writing():
            while self._firsts[-1] > number:
                durable.remove(self._directory, [self._name(self._firsts.pop())])
            segment = Segment.open(self._directory, self._firsts[-1])
            self._salt = segment.salt
            ends = [found.position.offset for found in segment.walk()]
            segment.close()
            ends.append(self._end_bytes)
            self._end_bytes = ends[number - self._firsts[-1]]
            self._file.close()
            self._file = self._open_last(self._end_bytes)
            self._file.cut(self._end_bytes)
        self.next_number = self.synced_number = number

    def segments_below(self, number: int) -> int:
        """How many segments `drop_below(number)` would remove."""
        return sum(following <= number for following in self._firsts[1:])

    def closed_segments(self) -> list[Closed]:
        """All but the last, oldest first. A segment's age is that of its last write."""
        found = []
        for first, after in itertools.pairwise(self._firsts):
            status = os.stat(segment_path(self._directory, first))
            found.append(Closed(first, after, status.st_size, status.st_mtime_ns // 10**9))
        return found

    def drop_below(self, number: int) -> None:
        """Remove the segments that hold only records below `number`; the last always stays."""
        count = self.segments_below(number)
        if count:
            with self._writing():
                durable.remove(self._directory, [self._name(f) for f in self._firsts[:count]])
            del self._firsts[:count]

    def close(self) -> None:
        """Give back what was set aside and let the directory go; what was not synced is lost."""
        if not self._failed:
            with self._writing():
                self._file.cut(self._file.end_bytes)
        self._file.close()
        os.close(self._mark)
        os.close(self._held)

    def _open_last(self, end_bytes: int) -> durable.AppendFile:
        return durable.AppendFile(segment_path(self._directory, self._firsts[-1]), end_bytes)

    def _name(self, first: int) -> str:
        return segment_path(self._directory, first).name

    def _write(self) -> None:
        with self._writing():
            self._file.write(b"".join(self._pending))
        self._pending.clear()
        self._pending_bytes = 0

    def _roll(self) -> None:
        """§3 (4): the full segment is whole and durable before the next is there."""
        if self._end_bytes == SEGMENT_HEADER_BYTES:
            return  # one record may be larger than a segment should be
        self.sync()
        with self._writing():
            self._file.cut(self._end_bytes)
            self._file.close()
            self._salt = make_segment(self._directory, self.next_number)
            self._firsts.append(self.next_number)
            self._file = self._open_last(SEGMENT_HEADER_BYTES)
        self._end_bytes = SEGMENT_HEADER_BYTES

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        if self._failed:
            raise Broken(Reason.DISK, f"the journal {self._directory} failed earlier")
        try:
            yield
        except OSError as error:
            self._failed = True
            raise Broken(
                Reason.DISK, f"the journal {self._directory} cannot be written: {error.strerror}"
            ) from error

    def _refusal(self, length: int) -> Broken:
        if not self._placed:
            return Broken(
                Reason.RECORD_MALFORMED,
                f"records {self.marked_number} to {self.next_number - 1} of {self._directory} were"
                " found beyond the mark: say first, by mark, which of them may be read",
            )
        return Broken(
            Reason.RECORD_MALFORMED, f"a record has {length} bytes, not 1 to {RECORD_BYTES_MAX}"
        )
