"""Users and folders: as root, each process has a user of its own and owns what it writes.

Takes a site's folder and a role's row. Without root everything runs as one user and nothing is
changed. Roles that read or write folders share the side's group, so that a reader may read what a
writer wrote; stages have a group of their own and no folder at all.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guard.core.journey import Role

_FOLDER_MODE = 0o2750
_SENDER_MODE = 0o2770


@dataclass(frozen=True, slots=True)
class User:
    """The user and group ids of one process."""

    uid: int
    gid: int


def users_of(names: Sequence[str], first_user: int) -> dict[str, User]:
    """A user for each process, as root and unless `first_user` is 0; else none.

    `first_user` itself is the side's group; a stage is in a group of its own instead.
    """
    if os.geteuid() != 0 or first_user == 0:
        return {}
    uids = {name: first_user + at for at, name in enumerate(names, start=1)}
    return {
        name: User(uid, uid if name.startswith("stage:") else first_user)
        for name, uid in uids.items()
    }


def hand_over(folder: Path, role: Role, user: User | None) -> None:
    """Give a role's process the folders it writes."""
    if user is None:
        return
    for name in role.writes:
        _own(folder / name, user)


def _own(top: Path, user: User) -> None:
    os.chown(top, user.uid, user.gid)
    os.chmod(top, _FOLDER_MODE)
    for path, folders, files in os.walk(top):
        for entry in (*folders, *files):
            _own_entry(Path(path) / entry, user)


def _own_entry(path: Path, user: User) -> None:
    """Drop directories belong to their senders: only their group is ours."""
    if path.parent.name == "drop":
        os.chown(path, -1, user.gid)
        os.chmod(path, _SENDER_MODE)
    elif path.parent.parent.name != "drop":
        os.chown(path, user.uid, user.gid, follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            os.chmod(path, _FOLDER_MODE)
