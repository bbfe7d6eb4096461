"""The one module that writes durable files. Verbs, not flags.

Takes paths and bytes; gives files that are whole after a power cut, or are not there. May write
where its caller may. Raises `OSError` as the kernel gave it: after a failed sync nothing is known
about what is on disk, so a caller stops and recovers, it does not try again. Above each verb
stand the system calls that it makes, in order.
"""

import contextlib
import ctypes
import fcntl
import os
from pathlib import Path

from guard.edge.system_calls import call

FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


# openat(O_CREAT|O_EXCL) write… fsync close, and of the directory: openat fsync close
def create(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """A new file, on disk with its name. Raises FileExistsError; a half-written one is removed."""
    write_new(path, content, sync=True, mode=mode)
    sync_directory(path.parent)


# openat(O_CREAT|O_EXCL) write… [fsync] close
def write_new(path: Path, content: bytes, *, sync: bool = False, mode: int = FILE_MODE) -> None:
    """A new file that is not durable yet: many are made so by one `sync_filesystem`."""
    descriptor = os.open(path, _NEW, mode)
    try:
        _write_all(descriptor, content)
        if sync:
            os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    finally:
        os.close(descriptor)


# renameat2(RENAME_NOREPLACE), and of each directory: openat fsync close
def publish(tmp: Path, final: Path) -> None:
    """Give a file that is already durable its final name, durably.

    Raises FileExistsError: what has been published is never replaced.
    """
    rename_new(tmp, final)
    sync_directory(final.parent)
    if tmp.parent != final.parent:
        sync_directory(tmp.parent)


# renameat2(RENAME_NOREPLACE)
def rename_new(tmp: Path, final: Path) -> None:
    """`publish` without the sync: for a batch, then one `sync_directory`."""
    old = ctypes.create_string_buffer(os.fsencode(tmp))
    new = ctypes.create_string_buffer(os.fsencode(final))
    old_at, new_at = ctypes.addressof(old), ctypes.addressof(new)
    call("renameat2", _AT_FDCWD, old_at, _AT_FDCWD, new_at, _RENAME_NOREPLACE)


# unlinkat openat(O_CREAT|O_EXCL) write… fsync close rename, of the directory: openat fsync close
def replace(path: Path, content: bytes) -> None:
    """The file has the new content or the old one, never something in between."""
    tmp = path.with_name(f".{path.name}.tmp")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(tmp)
    write_new(tmp, content, sync=True)
    os.rename(tmp, path)
    sync_directory(path.parent)


# unlinkat…, of the directory: openat fsync close
def remove(directory: Path, names: list[str]) -> None:
    """Remove these files of one directory, in this order, durably. One that is gone is no error."""
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(directory / name)
    sync_directory(directory)


# openat pwrite64 fdatasync close unlinkat, of the directory: openat fsync close
def erase(path: Path) -> None:
    """Overwrite a small file with zeros where it stands, then remove it, durably.

    What the disk itself keeps elsewhere (spare blocks, copies on write) is beyond this.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    remove(path.parent, [path.name])


# mkdirat, of the parent: openat fsync close
def make_directory(path: Path) -> None:
    """The directory is there, durably. Its parent must be there.

    Also one that is there already: who made it may have been stopped before its sync. A confined
    process cannot open the parent; its directories were made, durably, by who started it.
    """
    try:
        os.mkdir(path, DIRECTORY_MODE)
    except FileExistsError:
        with contextlib.suppress(PermissionError):
            sync_directory(path.parent)
    else:
        sync_directory(path.parent)


# openat fsync close
def sync_directory(path: Path) -> None:
    """The names in this directory are on disk."""
    descriptor = os.open(path, _DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# syncfs
def sync_filesystem(directory_descriptor: int) -> None:
    """All that anybody has written to the file system of this open directory is on disk.

    One call for a batch of small files: it costs less than two fsyncs when few others write.
    """
    call("syncfs", directory_descriptor)


# openat flock
def hold_alone(directory: Path) -> int:
    """A descriptor that keeps every other holder out until it is closed or its process ends.

    Raises BlockingIOError while another holds the directory. A confined process may not lock: for
    the journals of a side its supervisor holds the site's `run` directory instead.
    """
    descriptor = os.open(directory, _DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except PermissionError:
        return descriptor
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class AppendFile:
    """A file that grows at its end; what is beyond `end_bytes` is zeros that were set aside.

    Setting space aside in steps spares most syncs a change of the file's length: a synced record
    of 1 KB costs a third less on ext4 (docs/spec/journal.md §6).
    """

    # openat
    def __init__(self, path: Path, end_bytes: int, aside_bytes: int = 4 * 1024 * 1024) -> None:
        """Open an existing file whose content ends at `end_bytes`."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.end_bytes = end_bytes
        self._aside_bytes = aside_bytes
        self._set_aside = os.fstat(self._descriptor).st_size

    # [fallocate] pwrite64…
    def write(self, content: bytes) -> None:
        """Put content at the end; not durable yet."""
        after = self.end_bytes + len(content)
        if after > self._set_aside:
            size = after + self._aside_bytes - self.end_bytes
            self._set_aside = after + self._aside_bytes
            try:
                os.posix_fallocate(self._descriptor, self.end_bytes, size)
            except OSError:  # no room for what is only convenient; the write itself will tell
                self._set_aside = after
        view = memoryview(content)
        while view:
            written = os.pwrite(self._descriptor, view, self.end_bytes)
            self.end_bytes += written
            view = view[written:]

    # fdatasync
    def sync(self) -> None:
        """All that was written is on disk."""
        os.fdatasync(self._descriptor)

    # ftruncate fsync
    def cut(self, end_bytes: int) -> None:
        """The file now ends here, durably; nothing is set aside."""
        os.ftruncate(self._descriptor, end_bytes)
        os.fsync(self._descriptor)
        self.end_bytes = self._set_aside = end_bytes

    # close
    def close(self) -> None:
        """Leave the file as it is."""
        os.close(self._descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
