"""What is let go after its time: held messages, refused drops, replies.

Takes a folder and days; gives names that are old, and removes them. Says nothing: whoever calls
tells the ledger first. System calls: getdents64, newfstatat, unlink, rmdir. Follows
docs/spec/resend.md §5.
"""

import contextlib
import os
import stat
from pathlib import Path

from guard.core.retention import DAY_S
from guard.edge.clock import now_ms
from schemas.entry import Entry, Kind

NAMES_AT_ONCE_MAX = 60
LOOKED_AT_ONCE_MAX = 1000
_GONE = ".gone"
_NAME_CHARACTERS_MAX = 60  # of ours: an id, and an ending
_EVERY_NS = 600_000_000_000
_FIRST_NS = 5_000_000_000


class Sweeper:
    """One folder: its files, or its folders of files. `days` 0: nothing ever goes.

    The age of a file is that of its last change of any kind (ctime), for a sender sets other times
    as he likes; that of a folder, which a role of ours made, of its last entry. No link is
    followed.
    """

    def __init__(self, top: Path, days: int, now_ns: int, *, folders: bool = False) -> None:
        self._top = top
        self._folders = folders
        self._keep_s = days * DAY_S
        self._due_ns = now_ns + _FIRST_NS
        self._left: list[str] = []

    def due(self, now_ns: int) -> bool:
        """Whether it is time to look: some seconds after the start, then every ten minutes, and on
        and on while what was there then has not been looked at."""
        if not self._keep_s or not (self._left or now_ns >= self._due_ns):
            return False
        self._due_ns = now_ns + _EVERY_NS
        return True

    def old(self, now_s: int) -> list[str]:
        """Some names past their time; hidden ones are being made, or were being removed."""
        if not self._left:
            self._left = os.listdir(self._top)
        found: list[str] = []
        for _ in range(min(len(self._left), LOOKED_AT_ONCE_MAX)):
            name = self._left.pop()
            if self._folders and name.endswith(_GONE):
                self._remove_folder(self._top / name)  # a crash left it
            elif self._is_old(name, now_s):
                found.append(name)
            if len(found) == NAMES_AT_ONCE_MAX:
                break
        return sorted(found)

    def _is_old(self, name: str, now_s: int) -> bool:
        if name.startswith(".") or len(name) > _NAME_CHARACTERS_MAX:
            return False
        try:
            status = os.stat(self._top / name, follow_symlinks=False)
        except FileNotFoundError:
            return False
        is_folder = stat.S_ISDIR(status.st_mode)
        at_ns = status.st_mtime_ns if is_folder else status.st_ctime_ns
        return is_folder == self._folders and now_s - at_ns // 10**9 > self._keep_s

    def remove(self, names: list[str]) -> None:
        """Remove these; a folder is renamed first, so that none stands there in part."""
        for name in names:
            path = self._top / name
            with contextlib.suppress(FileNotFoundError):
                if self._folders:
                    gone = self._top / f".{name}{_GONE}"
                    os.rename(path, gone)
                    self._remove_folder(gone)
                else:
                    os.unlink(path)

    @staticmethod
    def _remove_folder(path: Path) -> None:
        """What people put beside it stays, hidden."""
        for inner in os.listdir(path):
            with contextlib.suppress(OSError):
                os.unlink(path / inner)
        with contextlib.suppress(OSError):
            os.rmdir(path)


def removed(what: str, names: list[str]) -> Entry:
    """The entry that tells it. The names are ids."""
    told: Entry = {"kind": Kind.REMOVED, "time_ms": now_ms(), "what": what, "count": len(names)}
    return told | {"names": ",".join(names)}
