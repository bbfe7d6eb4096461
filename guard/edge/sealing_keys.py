"""The seeds of a ledger's epochs on disk: one file an epoch, and only one that is of use.

Takes a folder that one process writes, gives seeds; makes the next, and overwrites and removes
those before. Raises `Broken` with a sentence for people. Follows docs/spec/ledger.md §7. What a
disk keeps below the file system (spare blocks, snapshots, backups) this does not reach.
"""

import os
import re
from pathlib import Path

from guard.edge import durable
from guard.edge.keys import SECRET_BYTES, new_secret, read_secret
from schemas.errors import Broken
from schemas.reasons import Reason

KEY_FILE_MODE = 0o600
_NAME = re.compile(r"([0-9]{10})\.key")


class SealingKeys:
    """The folder `sealing` of a side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, epoch: int) -> bytes:
        """The seed of this epoch, 32 bytes. Raises `Broken(KEY_MISSING)`."""
        return read_secret(self._path(epoch))

    def make(self, epoch: int, seed: bytes | None = None) -> bytes:
        """A new seed for an epoch, durably; `seed` where it is not to be a random one.

        A file of this epoch that is there already was left by a crash, and is replaced: nothing
        was certified with it.
        """
        made = new_secret() if seed is None else seed
        if len(made) != SECRET_BYTES:
            raise Broken(Reason.KEY_MISSING, f"a sealing key is not {SECRET_BYTES} bytes")
        path = self._path(epoch)
        if path.exists():
            durable.erase(path)
        durable.create(path, made.hex().encode() + b"\n", KEY_FILE_MODE)
        return made

    def keep_only(self, epoch: int) -> None:
        """Destroy all seeds but this epoch's: overwritten, synced, removed, the folder synced."""
        for name in sorted(os.listdir(self._folder)):
            found = _NAME.fullmatch(name)
            if found is not None and int(found[1]) != epoch:
                durable.erase(self._folder / name)

    def _path(self, epoch: int) -> Path:
        return self._folder / f"{epoch:010d}.key"
