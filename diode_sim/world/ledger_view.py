"""What a side's ledger durably has, read from the device and not from the cache.

The observer of a simulated run asks it what had become true before something else happened. Reads
stable bytes by the journal's written format; entries once read are remembered.
"""

from diode_sim.world.disk import Disk
from diode_sim.world.inodes import Inode
from guard.core.journal_record import (
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    read_payload,
    read_record_header,
    read_segment_header,
)
from guard.core.ledger import read_entry, split_batch
from schemas.entry import Entry

_SUFFIX = b".journal"


class JournalView:
    """The whole records of a journal that a power cut would leave, in order."""

    def __init__(self, disk: Disk, folder: bytes) -> None:
        self._disk = disk
        self._folder = folder
        self._segment = -1
        self._offset = SEGMENT_HEADER_BYTES
        self._number = 0

    def news(self) -> list[bytes]:
        """The records that became durable since the last call."""
        found: list[bytes] = []
        segments = self._segments()
        for first in sorted(segments):
            if first < self._segment:
                continue
            if first != self._segment:
                if first != self._number:
                    break  # what leads to it is not durable yet
                self._segment, self._offset = first, SEGMENT_HEADER_BYTES
            found += self._read(segments[first].stable)
        return found

    def _segments(self) -> dict[int, Inode]:
        folder = self._disk.find(self._folder)
        return {
            int(name[: -len(_SUFFIX)]): inode
            for name, inode in folder.stable_entries.items()
            if name.endswith(_SUFFIX)
        }

    def _read(self, stable: bytearray) -> list[bytes]:
        found = []
        salt = read_segment_header(bytes(stable[:SEGMENT_HEADER_BYTES]), self._segment)
        while salt is not None:
            head = memoryview(bytes(stable[self._offset : self._offset + RECORD_HEADER_BYTES]))
            length = read_record_header(head, 0, self._number, salt)
            if length is None:
                break
            end = self._offset + RECORD_HEADER_BYTES + length
            record = memoryview(bytes(stable[self._offset : end]))
            payload = read_payload(record, 0, length, salt)
            if payload is None:
                break
            found.append(bytes(payload))
            self._offset, self._number = end, self._number + 1
        return found


class LedgerView:
    """The durable entries of a ledger."""

    def __init__(self, disk: Disk, folder: bytes) -> None:
        self._journal = JournalView(disk, folder)
        self.entries: list[Entry] = []

    def news(self) -> list[Entry]:
        """The entries that became durable since the last call."""
        found: list[Entry] = []
        for batch in self._journal.news():
            lines, _ = split_batch(batch)
            found += map(read_entry, lines)
        self.entries += found
        return found
