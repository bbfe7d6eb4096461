"""Names of the files that somebody wants sent over the bare link.

Takes paths, gives what the sender is told of each file, or why it cannot be sent. May read
directories. Names on the other end are given by guard.edge.finishing. Follows
docs/spec/link-files.md.
"""

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.link.trailer import MODE_MAX, check_name
from schemas.errors import Malformed
from schemas.reasons import Reason

FILES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class FileToSend:
    """One file: where it is, what it is called on the other side, and how it stands.

    root is the path that the user named (what the sender may read); None for a pipe, of which
    `descriptor` is to be read. `state` is (device, inode, time of the last change in ns).
    """

    path: Path | None
    root: Path | None
    name: str
    size: int
    mode: int
    time_s: int
    descriptor: int = -1
    state: tuple[int, int, int] = (0, 0, 0)

    @property
    def order(self) -> dict[str, str | int | list[int] | None]:
        """As the sender is told."""
        path = None if self.path is None else str(self.path)
        return {
            "path": path, "name": self.name, "size": self.size, "mode": self.mode,
            "time_s": self.time_s, "state": list(self.state),
        }  # fmt: skip


def files_below(path: Path) -> Iterator[FileToSend | Malformed]:
    """A file, or all regular files below a directory by name; what cannot be sent as its reason.

    Symbolic links below it are not followed, and empty directories are nothing to send. Raises
    `OSError` if the path is not there.
    """
    root = path.resolve()
    base = unicodedata.normalize("NFC", root.name)
    if not stat.S_ISDIR(os.stat(root).st_mode):
        yield _file(root, root, base)
        return
    unread: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=unread.append):
        while unread:
            yield _unread(unread.pop())
        folders.sort()
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                yield _cannot(Path(folder, name), "is a symbolic link to a directory")
        for name in sorted(names):
            one = Path(folder) / name
            relative = unicodedata.normalize("NFC", one.relative_to(root).as_posix())
            yield _file(one, root, f"{base}/{relative}" if base else relative)
    while unread:
        yield _unread(unread.pop())


def _unread(error: OSError) -> Malformed:
    return _cannot(Path(os.fsdecode(error.filename)), f"cannot be read ({error.strerror})")


def _file(path: Path, root: Path, name: str) -> FileToSend | Malformed:
    try:
        check_name(name)
        facts = os.lstat(path)
        if not stat.S_ISREG(facts.st_mode):
            return _cannot(path, "is no regular file")
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
    except OSError as error:
        return _cannot(path, f"cannot be read ({error.strerror})")
    except (Malformed, UnicodeError):
        return _cannot(path, "has a name that may not cross (see docs/spec/link-files.md)")
    mode, time_s = facts.st_mode & MODE_MAX, max(0, int(facts.st_mtime))
    state = (facts.st_dev, facts.st_ino, facts.st_mtime_ns)
    return FileToSend(path, root, name, facts.st_size, mode, time_s, state=state)


def _cannot(path: Path, why: str) -> Malformed:
    printed = os.fsencode(path).decode("utf-8", "backslashreplace")
    return Malformed(Reason.ARGUMENT, f"{printed} {why}")
