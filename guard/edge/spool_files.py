"""The files of a drop directory: claimed, looked at, copied, moved away, by descriptor and name.

Takes a sender's `Place` and names in it. The sender may change its own directory at any moment, so
an entry is first renamed into a directory that only the guard can write, and looked at there: then
its name can no longer become another file. Follows docs/spec/spool.md §3.
"""

import os
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from guard.edge.keys import new_id
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Place:
    """One sender's directories: paths to list, descriptors to act in, and who owns the drop's."""

    sender: str
    drop_path: bytes
    claimed_path: bytes
    drop: int
    claimed: int
    refused: int
    owner: int


def open_place(root: Path, sender: str) -> Place | None:
    """Open `root/drop/SENDER`, `root/refused/SENDER` and `root/claimed/SENDER`, which is made like
    the second where it is absent. None when the sender has closed its directory to the guard.

    Raises `OSError`, and `Broken(SITE_MALFORMED)` when they are not on one file system.
    """
    drop_path, claimed_path = root / "drop" / sender, root / "claimed" / sender
    with ExitStack() as opened:

        def open_directory(path: Path) -> int:
            descriptor = os.open(path, _DIRECTORY)
            opened.callback(os.close, descriptor)
            return descriptor

        refused = open_directory(root / "refused" / sender)
        for path in (claimed_path.parent, claimed_path):
            _make_like(path, refused)
        claimed = open_directory(claimed_path)
        try:
            drop = open_directory(drop_path)
        except PermissionError:
            return None
        status = os.fstat(drop)
        if not status.st_dev == os.fstat(refused).st_dev == os.fstat(claimed).st_dev:
            raise Broken(Reason.SITE_MALFORMED, f"the spool of {sender} is not on one file system")
        opened.pop_all()
    paths = (os.fsencode(drop_path), os.fsencode(claimed_path))
    return Place(sender, *paths, drop, claimed, refused, status.st_uid)


def look_of(found: os.stat_result) -> int:
    """Equal for a file that has not changed."""
    return hash((found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


def look_at(directory: int, name: bytes) -> os.stat_result | None:
    """The entry itself, nothing followed; None when it is not there."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def check(found: os.stat_result, owner: int, bytes_max: int) -> None:
    """Raises `Malformed` when an entry of this status is no message."""  # spool §3 (3) to (5)
    if not stat.S_ISREG(found.st_mode):
        if stat.S_ISLNK(found.st_mode):
            raise Malformed(Reason.SYMBOLIC_LINK, "it is a symbolic link")
        raise Malformed(Reason.NOT_A_REGULAR_FILE, "it is a directory, FIFO, socket or device")
    if found.st_nlink != 1:
        raise Malformed(Reason.HARD_LINKED, "the file has more than one name")
    if found.st_uid not in (owner, 0, os.geteuid()):
        raise Malformed(Reason.NOT_THE_SENDERS, "the file belongs to another user")
    if found.st_size == 0:
        raise Malformed(Reason.EMPTY, "the file is empty")
    if found.st_size > bytes_max:
        raise Malformed(Reason.TOO_LARGE, f"the file is larger than {bytes_max} bytes")


def copy(directory: int, name: bytes, found: os.stat_result) -> bytes:
    """The bytes of a regular file that was just looked at in a directory of the guard's own.

    Raises `Malformed` (NOT_READABLE, CHANGED_WHILE_READ) and `OSError`.
    """  # spool §3 (6)
    try:
        descriptor = os.open(name, _OPEN, dir_fd=directory)
    except PermissionError as error:
        raise Malformed(Reason.NOT_READABLE, "the guard may not read the file") from error
    try:
        content = os.read(descriptor, found.st_size + 1)
        while 0 < len(content) < found.st_size:
            part = os.read(descriptor, found.st_size + 1 - len(content))
            if not part:
                break
            content += part
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    changed = look_of(found) != look_of(after) or after.st_nlink != 1
    if changed or len(content) != found.st_size:
        raise Malformed(Reason.CHANGED_WHILE_READ, "the file changed after it was dropped")
    return content


def move(name: bytes, source: int, target_name: bytes, target: int) -> bool:
    """Rename between directories; False when the name is not there. Raises `OSError`."""
    try:
        os.rename(name, target_name, src_dir_fd=source, dst_dir_fd=target)
    except FileNotFoundError:
        return False
    return True


def hide(name: bytes, directory: int, ident: bytes) -> bool:
    """Rename in place to a name that is no drop; False when even that is impossible.

    The name has a random part, or a sender could have made something of that name before.
    """
    hidden = b".refused-%b-%b" % (ident, new_id().hex()[:16].encode())
    try:
        return move(name, directory, hidden, directory)
    except OSError:
        return False


def remove(name: bytes, directory: int) -> None:
    """Remove a file; one that is not there is removed. Raises `OSError`."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return


def _make_like(path: Path, model: int) -> None:
    if path.is_dir():
        return
    path.mkdir(0o750)
    status = os.fstat(model)
    with suppress(PermissionError):  # in the sandbox it is ours already, and its group inherited
        os.chown(path, status.st_uid, status.st_gid)
        path.chmod(stat.S_IMODE(status.st_mode))
