"""Descriptors of files, and the system calls on files: what `os` is to the guard's code.

Takes the kernel (who calls, and when), acts on the calling process's host and its disk. A path is
absolute or relative to an open directory. Every call is a step of its process. Raises `OSError` as
Linux does, for the errors that the guard's code knows.
"""

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import NamedTuple

from diode_sim.world.disk import DEVICE, Disk, Inode, failure
from diode_sim.world.inotify import CLOSE_WRITE, CREATE, DELETE, MODIFY, MOVED_TO, Watches
from diode_sim.world.kernel import Kernel, Open, Process

Path = str | bytes | os.PathLike[str]
POLLIN, POLLOUT, POLLHUP = 0x1, 0x4, 0x10
_SEALED_WRITE = 0x08
_WRITING = os.O_WRONLY | os.O_RDWR


class Status(NamedTuple):
    """What stat(2) tells."""

    st_mode: int
    st_ino: int
    st_dev: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int


class Entry(NamedTuple):
    """What scandir gives."""

    name: bytes | str
    path: bytes | str


@dataclass(slots=True, eq=False)
class OpenFile:
    """A file or a directory that is open; a memfd has an inode of its own and seals."""

    inode: Inode
    flags: int
    path: bytes
    position: int = 0
    seals: int | None = None
    wrote: bool = False
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """A file can always be read."""
        return POLLIN | POLLOUT

    def closed(self) -> None:
        """Nothing to do."""


def raw(path: Path) -> bytes:
    """The path's bytes."""
    return os.fsencode(path)


class Files:
    """File calls of whichever process is running."""

    def __init__(self, kernel: Kernel, watches: Watches) -> None:
        self._kernel = kernel
        self._watches = watches
        self._memory_files = 0

    # -- descriptors -------------------------------------------------------------------------

    def give(self, process: Process, opened: Open) -> int:
        """The lowest free number for it."""
        number = 3
        while number in process.descriptors:
            number += 1
        opened.holders += 1
        process.descriptors[number] = opened
        return number

    @staticmethod
    def held(process: Process, descriptor: int) -> Open:
        """What this number stands for. Raises EBADF."""
        found = process.descriptors.get(descriptor)
        if found is None:
            raise failure(errno.EBADF)
        return found

    def file(self, process: Process, descriptor: int) -> OpenFile:
        """An open file."""
        found = self.held(process, descriptor)
        if not isinstance(found, OpenFile):
            raise failure(errno.EINVAL)
        return found

    def close(self, descriptor: int) -> None:
        """close(2)."""
        process = self._kernel.enter("close", descriptor)
        opened = self.held(process, descriptor)
        del process.descriptors[descriptor]
        if isinstance(opened, OpenFile) and opened.wrote and opened.holders == 1:
            self._tell(opened.path, CLOSE_WRITE, process)
        self._kernel.drop(opened)

    def dup(self, descriptor: int) -> int:
        """dup(2)."""
        process = self._kernel.enter("dup", descriptor)
        return self.give(process, self.held(process, descriptor))

    def open(self, path: Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """openat(2)."""
        name = raw(path)
        process = self._kernel.enter("open", name.decode(errors="replace"))
        disk = process.host.disk
        directory, last = disk.place(name, self._start(process, dir_fd)) if name != b"/" else (
            disk.root, b""
        )  # fmt: skip
        inode = directory.entries.get(last) if last else disk.root
        if inode is None:
            if not flags & os.O_CREAT:
                raise failure(errno.ENOENT, path)
            inode = disk.create(directory, last)
            inode.mode = stat.S_IFREG | (mode & 0o777)
            self._notify(directory, last, CREATE, process)
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            raise failure(errno.EEXIST, path)
        if flags & os.O_DIRECTORY and not inode.is_directory:
            raise failure(errno.ENOTDIR, path)
        if inode.is_directory and flags & _WRITING:
            raise failure(errno.EISDIR, path)
        if flags & os.O_TRUNC and inode.content:
            disk.truncate(inode, 0)
        return self.give(process, OpenFile(inode, flags, self._full(process, name, dir_fd)))

    def memfd_create(self, name: str, flags: int = 0) -> int:
        """memfd_create(2)."""
        process = self._kernel.enter("memfd_create", name)
        self._memory_files += 1
        inode = Inode(-self._memory_files, stat.S_IFREG | 0o600, links=1)
        return self.give(process, OpenFile(inode, os.O_RDWR, b"memfd", seals=0))

    # -- content -----------------------------------------------------------------------------

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        """pread(2)."""
        process = self._kernel.enter("pread", (descriptor, size, offset))
        return bytes(self.file(process, descriptor).inode.content[offset : offset + size])

    def read_file(self, opened: OpenFile, size: int) -> bytes:
        """read(2) of a file, the step being counted already."""
        part = bytes(opened.inode.content[opened.position : opened.position + size])
        opened.position += len(part)
        return part

    def pwrite(self, descriptor: int, content: bytes, offset: int) -> int:
        """pwrite(2)."""
        process = self._kernel.enter("pwrite", (descriptor, len(content), offset))
        return self._write(process, self.file(process, descriptor), bytes(content), offset)

    def write_file(self, process: Process, opened: OpenFile, content: bytes) -> int:
        """write(2) of a file, the step being counted already."""
        written = self._write(process, opened, content, opened.position)
        opened.position += written
        return written

    def _write(self, process: Process, opened: OpenFile, content: bytes, offset: int) -> int:
        if not opened.flags & _WRITING:
            raise failure(errno.EBADF)
        if opened.seals is None:
            written = process.host.disk.write(opened.inode, offset, content)
            opened.wrote = True
            self._tell(opened.path, MODIFY, process)
            self._done(process, "write", opened)
            return written
        if opened.seals & _SEALED_WRITE:
            raise failure(errno.EPERM)
        end = offset + len(content)
        opened.inode.content.extend(bytes(max(0, end - len(opened.inode.content))))
        opened.inode.content[offset:end] = content
        return len(content)

    def ftruncate(self, descriptor: int, size: int) -> None:
        """ftruncate(2)."""
        process = self._kernel.enter("ftruncate", (descriptor, size))
        opened = self.file(process, descriptor)
        process.host.disk.truncate(opened.inode, size)
        self._tell(opened.path, MODIFY, process)

    def posix_fallocate(self, descriptor: int, offset: int, size: int) -> None:
        """posix_fallocate(3): the file is at least this long."""
        process = self._kernel.enter("fallocate", (descriptor, offset, size))
        inode = self.file(process, descriptor).inode
        if offset + size > len(inode.content):
            process.host.disk.truncate(inode, offset + size)

    def fsync(self, descriptor: int) -> None:
        """fsync(2), also of a directory."""
        self._sync("fsync", descriptor)

    def fdatasync(self, descriptor: int) -> None:
        """fdatasync(2)."""
        self._sync("fdatasync", descriptor)

    def _sync(self, call: str, descriptor: int) -> None:
        process = self._kernel.enter(call, descriptor)
        opened = self.file(process, descriptor)
        disk = process.host.disk
        if opened.inode.is_directory:
            disk.sync_directory(opened.inode)
        else:
            disk.sync_content(opened.inode)
        self._done(process, "sync", opened)

    def syncfs(self, descriptor: int) -> None:
        """syncfs(2)."""
        process = self._kernel.enter("syncfs", descriptor)
        process.host.disk.sync_all()
        self._done(process, "sync", self.file(process, descriptor))

    # -- names -------------------------------------------------------------------------------

    def rename(
        self, old: Path, new: Path, *, src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None, over: bool = True,
    ) -> None:  # fmt: skip
        """renameat2(2)."""
        source, target = raw(old), raw(new)
        process = self._kernel.enter("rename", f"{source!r} {target!r}")
        disk = process.host.disk
        old_place = disk.place(source, self._start(process, src_dir_fd))
        new_place = disk.place(target, self._start(process, dst_dir_fd))
        moved = disk.rename(old_place, new_place, over=over)
        self._notify(new_place[0], new_place[1], MOVED_TO, process)
        full = self._full(process, target, dst_dir_fd)
        self._done(process, "rename", OpenFile(moved, 0, full))

    def unlink(self, path: Path, *, dir_fd: int | None = None) -> None:
        """unlinkat(2)."""
        name = raw(path)
        process = self._kernel.enter("unlink", repr(name))
        directory, last = process.host.disk.place(name, self._start(process, dir_fd))
        gone = process.host.disk.unlink(directory, last)
        self._notify(directory, last, DELETE, process)
        self._done(process, "unlink", OpenFile(gone, 0, self._full(process, name, dir_fd)))

    def mkdir(self, path: Path, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """mkdirat(2)."""
        name = raw(path)
        process = self._kernel.enter("mkdir", repr(name))
        directory, last = process.host.disk.place(name, self._start(process, dir_fd))
        made = process.host.disk.create(directory, last, folder=True)
        made.mode = stat.S_IFDIR | (mode & 0o7777)

    def listdir(self, path: Path) -> list[str]:
        """The names in a directory, in no order that anybody may rely on."""
        return [os.fsdecode(name) for name in self._names(path)]

    def scandir(self, path: Path) -> "_Scan":
        """The entries of a directory; names are of the path's type."""
        names = self._names(path)
        if isinstance(path, bytes):
            return _Scan([Entry(name, path + b"/" + name) for name in names])
        text = os.fsdecode(path)
        return _Scan([Entry(os.fsdecode(n), f"{text}/{os.fsdecode(n)}") for n in names])

    def _names(self, path: Path) -> list[bytes]:
        process = self._kernel.enter("getdents", raw(path).decode(errors="replace"))
        found = process.host.disk.find(raw(path))
        if not found.is_directory:
            raise failure(errno.ENOTDIR, path)
        return sorted(found.entries, key=lambda name: name[::-1])

    # -- looking -----------------------------------------------------------------------------

    def stat(
        self, path: Path | int, *, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> Status:
        """newfstatat(2); there are no links to follow."""
        if isinstance(path, int):
            return self.fstat(path)
        name = raw(path)
        process = self._kernel.enter("stat", repr(name))
        return status(process.host.disk.find(name, self._start(process, dir_fd)))

    def fstat(self, descriptor: int) -> Status:
        """fstat(2)."""
        process = self._kernel.enter("fstat", descriptor)
        return status(self.file(process, descriptor).inode)

    def chmod(self, path: Path | int, mode: int, **_: object) -> None:
        """chmod(2): the rights of files bind nobody here."""
        self._kernel.enter("chmod", path)

    def chown(self, path: Path | int, uid: int, gid: int, **_: object) -> None:
        """chown(2): there is one user."""
        self._kernel.enter("chown", path)

    # -- helpers -----------------------------------------------------------------------------

    def _start(self, process: Process, dir_fd: int | None) -> Inode | None:
        return None if dir_fd is None else self.file(process, dir_fd).inode

    def _full(self, process: Process, name: bytes, dir_fd: int | None) -> bytes:
        if dir_fd is None or name.startswith(b"/"):
            return name
        return self.file(process, dir_fd).path + b"/" + name

    def _tell(self, path: bytes, mask: int, process: Process) -> None:
        """A file that is open by this path has changed: who watches it, or its directory, hears."""
        disk: Disk = process.host.disk
        try:
            directory, last = disk.place(path)
        except OSError:
            return
        found = directory.entries.get(last)
        if found is not None:
            self._watches.tell(found, b"", mask)
        self._watches.tell(directory, last, mask)

    def _notify(self, directory: Inode, name: bytes, mask: int, process: Process) -> None:
        self._watches.tell(directory, name, mask)

    def _done(self, process: Process, what: str, opened: OpenFile) -> None:
        if self._kernel.after_call is not None:
            self._kernel.after_call(process, what, opened)


class _Scan:
    """os.scandir's iterator, which is also a context manager."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> "_Scan":
        return self

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> "_Scan":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


def status(inode: Inode) -> Status:
    """stat(2) of an inode."""
    return Status(
        inode.mode, inode.number, DEVICE, inode.links, 1000, 1000, len(inode.content),
        inode.modified_ns, inode.changed_ns,
    )  # fmt: skip
