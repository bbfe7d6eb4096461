"""The folder of reviewers' decisions: who may write there is no concern of it, signatures are.

Takes a side's folder; gives the files that wait in `decisions/`, and removes them. A name says
nothing of what was decided. What is no regular file of its bound is given as unusable. Follows
docs/spec/held.md §4. System calls: listdir, openat, fstat, read, close, unlink, fsync.
"""

import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from guard.core.review import NOTE_BYTES_MAX
from guard.edge import durable

FOLDER = "decisions"
LOOKED_AT_MAX = 1024
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MODE = 0o600


class Waiting(NamedTuple):
    """One file: its name, when it was written (for the order), its bytes; None: unusable."""

    written_ns: int
    name: str
    untrusted: bytes | None


class DecisionFolder:
    """`decisions/` of one side."""

    def __init__(self, side: Path) -> None:
        self._folder = side / FOLDER
        self._stuck: set[str] = set()
        self._seen: tuple[object, object] = (None, None)

    def may_differ(self, beside: object) -> bool:
        """Whether a look may find something else than the last two did.

        beside: what else the answer depends on. Two, for a file may come in the same tick of the
        clock as a look. Never looked at while it is not there.
        """
        try:
            now = (os.stat(self._folder).st_mtime_ns, beside)
        except FileNotFoundError:
            return False
        before, self._seen = self._seen, (self._seen[1], now)
        return before != (now, now)

    def waiting(self) -> list[Waiting]:
        """What is there now, the oldest first; at most `LOOKED_AT_MAX`."""
        try:
            names = [name for name in os.listdir(self._folder) if not name.startswith(".")]
        except FileNotFoundError:
            return []
        fresh = sorted(set(names) - self._stuck)[:LOOKED_AT_MAX]
        return sorted(self._read(name) for name in fresh)

    def remove(self, names: Iterable[str]) -> None:
        """Take these away, durably; what cannot be taken away is not looked at again."""
        for name in names:
            try:
                os.unlink(self._folder / name)
            except FileNotFoundError:
                continue
            except OSError:
                self._stuck.add(name)
        durable.sync_directory(self._folder)

    def _read(self, name: str) -> Waiting:
        try:
            descriptor = os.open(self._folder / name, _READ)
        except OSError:
            return Waiting(0, name, None)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                return Waiting(0, name, None)
            return Waiting(found.st_mtime_ns, name, os.read(descriptor, NOTE_BYTES_MAX + 1))
        except OSError:
            return Waiting(0, name, None)
        finally:
            os.close(descriptor)


def lay_decision(side: Path, content: bytes) -> Path:
    """Put one decision into a side's folder, for the owner of that folder alone.

    Raises `OSError`.
    """
    folder = side / FOLDER
    durable.make_directory(folder)
    name = secrets.token_hex(16)
    made = folder / f".{name}.tmp"
    durable.write_new(made, content, sync=True, mode=_MODE)
    owner = os.stat(folder)
    if os.geteuid() == 0:
        os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)
    durable.publish(made, folder / name)
    return folder / name
