"""Names of files, on both ends of the bare link.

Takes the paths that somebody wants sent, gives what the sender is told of each; takes a complete
stream, gives it the name that its trailer says, below one folder and never over another file.
May read directories and the complete streams, and write below the receiver's folder. Follows
docs/spec/link-files.md.
"""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.edge import durable
from guard.link.trailer import END_BYTES, MODE_MAX, TRAILER_BYTES_MAX, Trailer, check_name
from schemas.errors import Malformed
from schemas.reasons import Reason

FILES_MAX = 100_000
_SAFE_MODE = 0o755
_TRIES_MAX = 1000


@dataclass(frozen=True, slots=True)
class FileToSend:
    """One file: where it is, what it is called on the other side, and how it stands.

    root is the path that the user named (what the sender may read); None for a pipe, of which
    `descriptor` is to be read.
    """

    path: Path | None
    root: Path | None
    name: str
    size: int
    mode: int
    time_s: int
    descriptor: int = -1

    @property
    def order(self) -> dict[str, str | int | None]:
        """As the sender is told."""
        path = None if self.path is None else str(self.path)
        return {
            "path": path, "name": self.name, "size": self.size, "mode": self.mode,
            "time_s": self.time_s,
        }  # fmt: skip


def files_below(path: Path) -> Iterator[FileToSend | Malformed]:
    """A file, or all regular files below a directory by name; what cannot be sent as its reason.

    Symbolic links are not followed. Raises `OSError` if the path is not there.
    """
    root = path.resolve()
    base = unicodedata.normalize("NFC", root.name)
    if not stat.S_ISDIR(os.stat(root).st_mode):
        yield _file(root, root, base)
        return
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            one = Path(folder) / name
            relative = unicodedata.normalize("NFC", one.relative_to(root).as_posix())
            yield _file(one, root, f"{base}/{relative}" if base else relative)


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
    return FileToSend(path, root, name, facts.st_size, mode, time_s)


def _cannot(path: Path, why: str) -> Malformed:
    printed = os.fsencode(path).decode("utf-8", "backslashreplace")
    return Malformed(Reason.ARGUMENT, f"{printed} {why}")


def finish(part: Path, folder: Path, sequence: int, *, replace: bool) -> dict[str, str | int]:
    """Give a complete stream its name, durably; gives {name, path, bytes}.

    A name that is taken gets `.SEQUENCE` behind it, unless `replace` says to take its place.
    Raises `FileNotFoundError` if it has been done, `Malformed` if the trailer is none.
    """
    named = part.with_suffix(".name")
    descriptor = os.open(part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        total = os.fstat(descriptor).st_size
        last = min(total, TRAILER_BYTES_MAX + END_BYTES)
        end = os.pread(descriptor, last, total - last)
        if named.exists():  # a power cut came after the trailer was cut off, or before
            end = named.read_bytes()
            total = int.from_bytes(end[:8], "big")
        trailer, size = Trailer.read(end)
        if not named.exists():
            durable.replace(named, total.to_bytes(8, "big") + end)
        os.ftruncate(descriptor, total - size)
        os.fchmod(descriptor, trailer.mode & _SAFE_MODE | 0o600)
        os.utime(descriptor, (trailer.time_s, trailer.time_s))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    final = _make_folders(folder, trailer.name)
    final = _publish(part, final, sequence, replace=replace)
    durable.remove(part.parent, [named.name])
    return {"name": trailer.name, "path": str(final), "bytes": total - size}


def _make_folders(folder: Path, name: str) -> Path:
    """The path of this name; its folders are there, and none of them is a symbolic link."""
    path = folder
    *parents, last = name.split("/")
    for part in parents:
        path = path / part
        durable.make_directory(path)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise Malformed(Reason.ARGUMENT, f"{path} is in the way: it is no directory")
    return path / last


def _publish(part: Path, final: Path, sequence: int, *, replace: bool) -> Path:
    if replace and not os.path.isdir(final):
        os.rename(part, final)
        durable.sync_directory(final.parent)
        return final
    for attempt in range(_TRIES_MAX):
        other = "" if not attempt else f".{sequence}" if attempt == 1 else f".{sequence}.{attempt}"
        target = final.with_name(final.name + other)
        try:
            durable.publish(part, target)
        except FileExistsError:
            continue
        return target
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))
