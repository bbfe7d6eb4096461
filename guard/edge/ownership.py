"""Users and folders: as root, each process has a user of its own and owns what it writes.

Takes a site's folder and a role's row. Without root everything runs as one user and nothing is
changed. Roles that read or write folders share the side's group, so that a reader may read what a
writer wrote; stages have a group of their own and no folder at all.

No link is followed: each step is taken from an open directory, so nobody can put one in its place
meanwhile. And no more is looked at than roles make: what senders made may be as deep and as wide as
they like, and whoever walked it would not come back to start a lane.
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
_SPOOL, _DROP, _CLAIMED = "spool", "drop", "claimed"  # docs/spec/spool.md §1
_LEVELS_MAX = 4  # of folders in a role's own: the roles make two
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
    files, and what comes into it is made by its process itself. But the senders' drop directories,
    which people make, each time: one that was replaced is why the lane ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()

    def ensure(self, name: str, role: Role, user: User | None) -> None:
        """Give a process its folders, unless it has them."""
        if name not in self._names:
            hand_over(self._folder, role, user)
            self._names.add(name)
        elif user is not None and _SPOOL in role.writes:
            with _opened(self._folder / _SPOOL, None) as spool:
                _own_drops(spool, user)

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
        with _opened(folder / name, None) as top:
            _give(top, user)
            if name == _SPOOL:
                _own_spool(top, user)
            else:
                _own(top, user, _LEVELS_MAX)


def _own(top: int, user: User, levels: int) -> None:
    """All that is in a role's folder, so many levels down."""
    _own_files(top, user)
    for _, folder in _folders(top):
        _give(folder, user)
        if levels > 1:
            _own(folder, user, levels - 1)


def _own_spool(spool: int, user: User) -> None:
    """A folder for each sender in `drop`, `claimed` and `refused`, and no more: the rest senders
    made. But what is claimed goes on to `refused`, and a folder moves only if it can be written.
    """
    _own_files(spool, user)
    _own_drops(spool, user)
    for name, kind in _folders(spool):
        if name == _DROP:
            continue
        _give(kind, user)
        for _, of_sender in _folders(kind):
            _give(of_sender, user)
            if name == _CLAIMED:
                for _, claimed in _folders(of_sender):
                    _give(claimed, user)


def _own_drops(spool: int, user: User) -> None:
    """A drop directory belongs to its sender: only its group is ours. It is not entered."""
    with contextlib.suppress(*_NOT_THERE), _opened(_DROP, spool) as drop:
        _give(drop, user)
        for _, of_sender in _folders(drop):
            os.fchown(of_sender, -1, user.gid)
            os.fchmod(of_sender, _SENDER_MODE)


def _own_files(folder: int, user: User) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):
                    os.chown(entry.name, user.uid, user.gid, dir_fd=folder, follow_symlinks=False)


def _folders(folder: int) -> Iterator[tuple[str, int]]:
    """(name, descriptor) of each folder in this one; it is open until the next is asked for."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    for name in names:
        with contextlib.suppress(*_NOT_THERE), _opened(name, folder) as inner:
            yield name, inner


@contextlib.contextmanager
def _opened(name: Path | str, at: int | None) -> Iterator[int]:
    descriptor = os.open(name, _FOLDER, dir_fd=at)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _give(folder: int, user: User) -> None:
    os.fchown(folder, user.uid, user.gid)
    os.fchmod(folder, _FOLDER_MODE)
