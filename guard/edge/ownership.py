"""Users and folders: as root, each process has a user of its own and owns what it writes.

Takes a site's folder and a role's row. Without root everything runs as one user and nothing is
changed. Roles that read or write folders share the side's group, so that a reader may read what a
writer wrote; stages have a group of their own and no folder at all.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guard.core.journey import Role

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE = 0o2750
_SENDER_MODE = 0o2770
_NO_FOLDER = ("stage:", "scanner:")
_ADDED = {"decisions"}  # what a site lacks that an older version made
_NOT_THERE = (FileNotFoundError, NotADirectoryError)  # gone meanwhile, or a link: not ours


@dataclass(frozen=True, slots=True)
class User:
    """The user and group ids of one process."""

    uid: int
    gid: int


def users_of(names: Sequence[str], first_user: int) -> dict[str, User]:
    """A user for each process, as root and unless `first_user` is 0; else none.

    `first_user` itself is the side's group; who has no folder (a stage, the scanner) is in a group
    of its own instead.
    """
    if os.geteuid() != 0 or first_user == 0:
        return {}
    uids = {name: first_user + at for at, name in enumerate(names, start=1)}
    return {
        name: User(uid, uid if name.startswith(_NO_FOLDER) else first_user)
        for name, uid in uids.items()
    }


class HandedOver:
    """Which processes were given their folders in this run: once, for a folder may hold millions of
    files, and what comes into it is made by its process itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()

    def ensure(self, name: str, role: Role, user: User | None) -> None:
        """Give a process its folders, unless it has them."""
        if name not in self._names:
            hand_over(self._folder, role, user)
            self._names.add(name)

    def doubt(self) -> None:
        """Somebody's file may be in the way: give everything again."""
        self._names.clear()


def hand_over(folder: Path, role: Role, user: User | None) -> None:
    """Give a role's process the folders it writes."""
    for name in _ADDED & set(role.writes):
        (folder / name).mkdir(_FOLDER_MODE & 0o777, exist_ok=True)
    if user is None:
        return
    for name in role.writes:
        _own(folder / name, user)


def _own(top: Path, user: User) -> None:
    """All that is below a role's folder, never through a link: what lies there was made by others.

    Each step is taken from an open directory, so nobody can put a link in its place meanwhile. A
    sender's drop directory is not entered: what is in it is the sender's.
    """
    drop = top / "drop" if top.name == "spool" else None
    _set_folder(top, None, user)
    for path, folders, files, at in os.fwalk(top):
        if Path(path) == drop:
            for name in folders:
                with contextlib.suppress(*_NOT_THERE):
                    _set_sender_folder(name, at, user)
            folders.clear()
            continue
        for name in folders:
            with contextlib.suppress(*_NOT_THERE):
                _set_folder(name, at, user)
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                os.chown(name, user.uid, user.gid, dir_fd=at, follow_symlinks=False)


@contextlib.contextmanager
def _opened(name: Path | str, at: int | None) -> Iterator[int]:
    descriptor = os.open(name, _FOLDER, dir_fd=at)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _set_folder(name: Path | str, at: int | None, user: User) -> None:
    with _opened(name, at) as descriptor:
        os.fchown(descriptor, user.uid, user.gid)
        os.fchmod(descriptor, _FOLDER_MODE)


def _set_sender_folder(name: str, at: int, user: User) -> None:
    """A drop directory belongs to its sender: only its group is ours."""
    with _opened(name, at) as descriptor:
        os.fchown(descriptor, -1, user.gid)
        os.fchmod(descriptor, _SENDER_MODE)
