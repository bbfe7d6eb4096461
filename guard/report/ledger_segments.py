"""A ledger's records as a verifier reads them: segments, framing, CRCs, numbers, the mark.

Takes a directory, gives the payload of each whole record and its place; what is not as it must be
goes to the finder. May read files. A part of the ledger's verifier: shares no code with the writer.
Follows docs/spec/journal.md §3 to §5.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from schemas.reasons import Reason

PAYLOAD_BYTES_MAX = 67_108_864
_SEGMENT_HEADER_BYTES = 24
_RECORD_HEADER_BYTES = 28
_SEGMENT_FIELDS = struct.Struct(">4sHHIQI")
_RECORD_FIELDS = struct.Struct(">4sIQIII")

Find = Callable[[Reason, str, str], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """One whole record, in this file; its payload begins at byte `payload_at` there.

    after_gap: records are missing, or came in another order, before it.
    """

    place: str
    payload: bytes
    after_gap: bool
    file: str
    payload_at: int


class Segments:
    """One pass over the records of a ledger's directory; `count` segments, `bytes_read` of them."""

    def __init__(self, directory: Path, find: Find, first: int = 0) -> None:
        """first: the number of the first record that is to be there."""
        self._directory = directory
        self._find = find
        self._expected = first
        self._gap = self._swapped = False
        self.count = 0
        self.bytes_read = 0
        self.notes: list[str] = []

    def batches(self) -> Iterator[Batch]:
        """All whole records, in the order of the files. The mark is read first: it only grows."""
        mark = self._mark()
        paths = sorted(self._directory.glob("*.journal"))
        for path in paths:
            yield from self._segment(path, last=path == paths[-1])
        if mark is None:
            self.notes.append("there is no whole mark, so a cut at the end would not show here")
        elif self._expected < mark:
            self._harm(
                Reason.LEDGER_CHAIN,
                f"batches {self._expected} to {mark - 1}",
                "they were durable and are not there: the end was cut off or damaged",
            )

    def _harm(self, reason: Reason, place: str, consequence: str) -> None:
        self._find(reason, place, consequence)
        self._gap = True

    def _mark(self) -> int | None:
        try:
            raw = (self._directory / "mark").read_bytes()
        except OSError:
            return None
        whole = len(raw) == 12 and zlib.crc32(raw[:8]) == int.from_bytes(raw[8:], "big")
        return int.from_bytes(raw[:8], "big") if whole else None

    def _segment(self, path: Path, *, last: bool) -> Iterator[Batch]:
        self.count += 1
        with path.open("rb", buffering=0) as file:
            salt = self._header(path, file)
            if salt is None:
                return
            offset = _SEGMENT_HEADER_BYTES
            while not isinstance(record := self._next(path, file, salt, offset), bytes):
                payload, batch = record
                offset += _RECORD_HEADER_BYTES + len(payload)
                yield batch
            self.bytes_read += offset
            self._tail(path, record, salt, offset, last=last)

    def _next(
        self, path: Path, file: BinaryIO, salt: int, offset: int
    ) -> tuple[bytes, Batch] | bytes:
        """The record at this offset, or the bytes there if they are no whole record.

        While the ledger is written a record may be seen in part. So the bytes from here on are
        read, and then the record again: if they show that it is whole, it was so before.
        """
        record = self._record(path, file, salt, offset)
        if record is not None:
            return record
        file.seek(offset)
        rest = file.read()
        file.seek(offset)
        return self._record(path, file, salt, offset) or rest

    def _header(self, path: Path, file: BinaryIO) -> int | None:
        raw = file.read(_SEGMENT_HEADER_BYTES)
        if len(raw) == _SEGMENT_HEADER_BYTES:
            magic, version, zero, salt, first, check = _SEGMENT_FIELDS.unpack(raw)
            right = (magic, version, zero) == (b"CVJS", 1, 0) and check == zlib.crc32(raw[:20])
            if right and path.name == f"{first:020d}.journal":
                self._starts_at(path, first)
                return int(salt)
            if right:
                self._misnamed(path, first)
                return None
        self._harm(Reason.RECORD_MALFORMED, path.name, "its header is damaged: it was not read")
        return None

    def _misnamed(self, path: Path, first: int) -> None:
        """One finding for all: where two are swapped, neither alone is the fault."""
        if self._swapped:
            self.notes.append(f"{path.name}: its header says that it begins with batch {first}")
            return
        self._swapped = True
        self._harm(
            Reason.LEDGER_CHAIN,
            path.name,
            f"its header says that it begins with batch {first}: segments were swapped or renamed,"
            " and it was not read",
        )

    def _starts_at(self, path: Path, first: int) -> None:
        if first != self._expected and not (self._gap or self._swapped):
            self._harm(
                Reason.LEDGER_CHAIN,
                path.name,
                f"it begins with batch {first}, and {self._expected} is next: batches are missing",
            )
        self._expected = first

    def _record(
        self, path: Path, file: BinaryIO, salt: int, offset: int
    ) -> tuple[bytes, Batch] | None:
        """The whole record at the file's place, else None and the file stands anywhere."""
        head = file.read(_RECORD_HEADER_BYTES)
        if len(head) < _RECORD_HEADER_BYTES:
            return None
        magic, length, number, _, head_check, payload_check = _RECORD_FIELDS.unpack(head)
        if magic != b"CVJR" or head_check != zlib.crc32(head[:20], salt):
            return None
        if not 1 <= length <= PAYLOAD_BYTES_MAX:
            return None
        payload = file.read(length)
        if len(payload) < length or payload_check != zlib.crc32(payload, salt):
            return None
        place = f"{path.name}, batch {number} at byte {offset}"
        if number != self._expected:
            self._harm(
                Reason.LEDGER_CHAIN,
                place,
                f"batch {self._expected} is next here: batches were taken out, put in or moved",
            )
        at = offset + _RECORD_HEADER_BYTES
        batch = Batch(place, payload, self._gap, path.name, at)
        self._expected, self._gap = number + 1, False
        return payload, batch

    def _tail(self, path: Path, rest: bytes, salt: int, offset: int, *, last: bool) -> None:
        """What stands after the last whole record: nothing, zeros in the last segment, or harm."""
        if (rest and not last) or _has_record(rest, salt):
            self._harm(
                Reason.RECORD_MALFORMED,
                f"{path.name}, batch {self._expected} at byte {offset}",
                "it is damaged, and the rest of this file was not read",
            )
        elif rest.strip(b"\0"):
            self.notes.append(
                f"{path.name}: after byte {offset} stands something that is no whole batch:"
                " what a crash left, a batch being written, or damage"
            )


def _has_record(rest: bytes, salt: int) -> bool:
    """Whether a record begins after the first byte: each was synced before the next was begun."""
    at = rest.find(b"CVJR", 1)
    while at >= 0:
        head = rest[at : at + 20]
        if zlib.crc32(head, salt) == int.from_bytes(rest[at + 20 : at + 24], "big"):
            return True
        at = rest.find(b"CVJR", at + 1)
    return False
