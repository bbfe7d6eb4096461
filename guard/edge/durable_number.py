"""A number on disk that survives a power cut: the send cursor, the session counter, an attempt.

One record of fixed length, written in place in one sector: magic, number, CRC-32. A record that is
not whole reads as `Malformed`, an absent or empty file as no number. An empty file gets its first
number as a whole new one in its place: writing into it would change its length and its bytes, and a
power cut may take one of the two. System calls: openat, pread64, pwrite64, fdatasync, ftruncate;
for a first number and `put` those of `durable.replace`; once, of the directory: openat fsync close.
"""

import os
import struct
import zlib
from pathlib import Path

from guard.edge import durable
from schemas.errors import Malformed
from schemas.reasons import Reason

_BODY = struct.Struct(">4sQ")
_MAGIC = b"CVN1"
RECORD_BYTES = _BODY.size + 4
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class DurableNumber:
    """One number in one file. `value` is None until it is first set."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises `Malformed(RECORD_MALFORMED)` for a damaged record."""
        self._path = path
        self._named = False
        self._descriptor = os.open(path, _OPEN, durable.FILE_MODE)
        try:
            self.value = parse(os.pread(self._descriptor, RECORD_BYTES + 1, 0), path)
        except Malformed:
            os.close(self._descriptor)
            raise

    def set(self, number: int, *, durable: bool = True) -> None:
        """Write the number; on return it is on disk, unless `durable` is False."""
        if self.value is None:
            self._set_first(number)
        else:
            os.pwrite(self._descriptor, _record(number), 0)
            if durable:
                self._sync()
        self.value = number

    def _set_first(self, number: int) -> None:
        put(self._path, number)
        os.close(self._descriptor)
        self._descriptor = os.open(self._path, _OPEN, durable.FILE_MODE)
        self._named = True

    def _sync(self) -> None:
        """Its name too, once: who gave it may have been stopped before the sync."""
        os.fdatasync(self._descriptor)
        if not self._named:
            durable.sync_directory(self._path.parent)
            self._named = True

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def clear(self) -> None:
        """No number any more, durably."""
        os.ftruncate(self._descriptor, 0)
        self._sync()
        self.value = None


def put(path: Path, number: int) -> None:
    """A file with this number in the place of whatever is there, durably, with its name."""
    durable.replace(path, _record(number))


def read_number(path: Path) -> int | None:
    """The number in a file that somebody else writes; None when it is not there or not whole."""
    try:
        return parse(path.read_bytes(), path)
    except (OSError, Malformed):
        return None


def _record(number: int) -> bytes:
    body = _BODY.pack(_MAGIC, number)
    return body + zlib.crc32(body).to_bytes(4, "big")


def parse(untrusted: bytes, path: Path) -> int | None:
    """The number in a file's content; None when it is empty. Raises `Malformed`."""
    if not untrusted:
        return None
    body = untrusted[: _BODY.size]
    whole = len(untrusted) == RECORD_BYTES
    if not whole or zlib.crc32(body) != int.from_bytes(untrusted[_BODY.size :], "big"):
        raise Malformed(Reason.RECORD_MALFORMED, f"{path.name} is damaged: see docs/recovery.md")
    magic, number = _BODY.unpack(body)
    if magic != _MAGIC:
        raise Malformed(Reason.RECORD_MALFORMED, f"{path.name} is damaged: see docs/recovery.md")
    return int(number)
