"""Which checkpoints of a ledger were told over the link: their sizes, on disk, in order.

A file of numbers of 8 bytes each, appended to. It is of use for going on after a restart; what a
crash left of the last number is no size that the ledger had, and is passed over. Raises `OSError`.
"""

import os
import struct
from pathlib import Path

from guard.edge import durable

_NUMBER = struct.Struct(">Q")


class ToldSizes:
    """The file, for its one writer."""

    def __init__(self, path: Path, kept_max: int) -> None:
        """Open or make it. Of more than twice `kept_max` numbers the newest `kept_max` stay."""
        if path.exists():
            durable.sync_directory(path.parent)  # who made it may have ended before that
        else:
            durable.create(path, b"")
        content = path.read_bytes()
        whole = content[: len(content) - len(content) % _NUMBER.size]
        if content != whole or len(whole) > 2 * kept_max * _NUMBER.size:
            whole = whole[-kept_max * _NUMBER.size :]
            durable.replace(path, whole)
        self.sizes = [number for (number,) in _NUMBER.iter_unpack(whole)]
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags)

    def add(self, size: int) -> None:
        """One more, on disk on return."""
        os.write(self._descriptor, _NUMBER.pack(size))
        os.fdatasync(self._descriptor)
