"""A number on disk that survives a power cut: the send cursor, the session counter, an attempt.

One record of fixed length, written in place in one sector: magic, number, CRC-32. A record that is
not whole reads as `Malformed`, an absent or empty file as no number. System calls: openat, pread64,
pwrite64, fdatasync, ftruncate.
"""

import os
import struct
import zlib
from pathlib import Path

from schemas.errors import Malformed
from schemas.reasons import Reason

_BODY = struct.Struct(">4sQ")
_MAGIC = b"CVN1"
_RECORD_BYTES = _BODY.size + 4


class DurableNumber:
    """One number in one file. `value` is None until it is first set."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises `Malformed(RECORD_MALFORMED)` for a damaged record."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            self.value = _parse(os.pread(self._descriptor, _RECORD_BYTES + 1, 0), path)
        except Malformed:
            os.close(self._descriptor)
            raise

    def set(self, number: int, *, durable: bool = True) -> None:
        """Write the number; on return it is on disk, unless `durable` is False."""
        body = _BODY.pack(_MAGIC, number)
        os.pwrite(self._descriptor, body + zlib.crc32(body).to_bytes(4, "big"), 0)
        if durable:
            os.fdatasync(self._descriptor)
        self.value = number

    def clear(self) -> None:
        """No number any more, durably."""
        os.ftruncate(self._descriptor, 0)
        os.fdatasync(self._descriptor)
        self.value = None


def read_number(path: Path) -> int | None:
    """The number in a file that somebody else writes; None when it is not there or not whole."""
    try:
        return _parse(path.read_bytes(), path)
    except (OSError, Malformed):
        return None


def _parse(untrusted: bytes, path: Path) -> int | None:
    if not untrusted:
        return None
    body = untrusted[: _BODY.size]
    whole = len(untrusted) == _RECORD_BYTES
    if not whole or zlib.crc32(body) != int.from_bytes(untrusted[_BODY.size :], "big"):
        raise Malformed(Reason.RECORD_MALFORMED, f"{path.name} is damaged: see docs/recovery.md")
    magic, number = _BODY.unpack(body)
    if magic != _MAGIC:
        raise Malformed(Reason.RECORD_MALFORMED, f"{path.name} is damaged: see docs/recovery.md")
    return int(number)
