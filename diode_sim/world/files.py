"""Descriptors of files, and the system calls on files: what `os` is to the guard's code.

Takes the kernel (who calls, and when), acts on the calling process's host and its disk. A path is
absolute or relative to an open directory. Every call is a step of its process. Raises `OSError` as
Linux does, for the errors that the guard's code knows.
"""

import errno
import os
import stat

from diode_sim.world.disk import Disk
from diode_sim.world.inodes import Inode, failure
from diode_sim.world.inotify import (
    ATTRIB,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    DELETE_SELF,
    IS_DIRECTORY,
    MODIFY,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    Watches,
)
from diode_sim.world.kernel import Kernel, Open, Process
from diode_sim.world.open_file import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    SEAL_EXEC,
    SEAL_SEAL,
    Entry,
    OpenFile,
    Path,
    Scan,
    Status,
    raw,
    status,
)

__all__ = [
    "POLLERR", "POLLHUP", "POLLIN", "POLLNVAL", "POLLOUT", "Files", "OpenFile", "Path", "raw",
]  # fmt: skip
_MFD_ALLOW_SEALING, _MFD_NOEXEC_SEAL = 0x2, 0x8
_WRITING = os.O_WRONLY | os.O_RDWR
_ANY_EXECUTE = 0o111


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
        inode, made = self._open_or_make(process, name, flags, mode, dir_fd)
        if flags & os.O_DIRECTORY and not inode.is_directory:
            raise failure(errno.ENOTDIR, path)
        if inode.is_directory and flags & (_WRITING | os.O_CREAT | os.O_TRUNC):
            raise failure(errno.EISDIR, path)
        if flags & os.O_TRUNC and not made:
            if inode.content:
                disk.truncate(inode, 0)
            self._event(inode, MODIFY)
        held = disk.hold(inode)
        opened = OpenFile(inode, flags, self._full(process, name, dir_fd))
        opened.end = lambda each: self._closed(each, disk, held)
        return self.give(process, opened)

    def _open_or_make(
        self, process: Process, name: bytes, flags: int, mode: int, dir_fd: int | None
    ) -> tuple[Inode, bool]:
        """And whether it was made."""
        disk, start = process.host.disk, self._start(process, dir_fd)
        if not flags & os.O_CREAT:
            return disk.find(name, start), False
        if name and not name.strip(b"/."):
            raise failure(errno.EEXIST if flags & os.O_EXCL else errno.EISDIR, name)
        directory, last = disk.place(name, start)
        found = directory.entries.get(last)
        if found is not None:
            if flags & os.O_EXCL:
                raise failure(errno.EEXIST, name)
            return found, False
        made = disk.create(directory, last)
        made.mode = stat.S_IFREG | (mode & 0o777)
        self._event(made, CREATE)
        return made, True

    def _closed(self, opened: OpenFile, disk: Disk, held: int) -> None:
        if opened.writable:
            self._event(opened.inode, CLOSE_WRITE)
        disk.let_go(opened.inode, held)
        self._gone(opened.inode)

    def memfd_create(self, name: str, flags: int = 0) -> int:
        """memfd_create(2)."""
        process = self._kernel.enter("memfd_create", name)
        self._memory_files += 1
        never_run = flags & _MFD_NOEXEC_SEAL
        mode = 0o777 & ~(_ANY_EXECUTE if never_run else 0)
        inode = Inode(-self._memory_files, stat.S_IFREG | mode)
        seals = 0 if flags & (_MFD_ALLOW_SEALING | _MFD_NOEXEC_SEAL) else SEAL_SEAL
        seals |= SEAL_EXEC if never_run else 0
        return self.give(process, OpenFile(inode, os.O_RDWR, b"memfd", seals=seals))

    # -- content -----------------------------------------------------------------------------

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        """pread(2)."""
        process = self._kernel.enter("pread", (descriptor, size, offset))
        opened = self._seekable(process, descriptor, offset)
        opened.check_readable()
        return bytes(opened.inode.content[offset : offset + size])

    def read_file(self, opened: OpenFile, size: int) -> bytes:
        """read(2) of a file, the step being counted already."""
        opened.check_readable()
        part = bytes(opened.inode.content[opened.position : opened.position + size])
        opened.position += len(part)
        return part

    def pwrite(self, descriptor: int, content: bytes, offset: int) -> int:
        """pwrite(2)."""
        process = self._kernel.enter("pwrite", (descriptor, len(content), offset))
        opened = self._seekable(process, descriptor, offset)
        return self._write(process, opened, bytes(content), opened.begin(offset))

    def write_file(self, process: Process, opened: OpenFile, content: bytes) -> int:
        """write(2) of a file, the step being counted already."""
        opened.position = opened.begin(opened.position)
        written = self._write(process, opened, content, opened.position)
        opened.position += written
        return written

    def _write(self, process: Process, opened: OpenFile, content: bytes, offset: int) -> int:
        if not opened.writable:
            raise failure(errno.EBADF)
        if opened.seals is not None:
            return opened.put_sealed(offset, content)
        written = process.host.disk.write(opened.inode, offset, content)
        if written:
            self._event(opened.inode, MODIFY)
        self._done(process, "write", opened)
        return written

    def lseek(self, descriptor: int, offset: int, whence: int) -> int:
        """lseek(2)."""
        process = self._kernel.enter("lseek", (descriptor, offset, whence))
        opened = self._seekable(process, descriptor)
        base = (0, opened.position, len(opened.inode.content))[whence]
        if base + offset < 0:
            raise failure(errno.EINVAL)
        opened.position = base + offset
        return opened.position

    def ftruncate(self, descriptor: int, size: int) -> None:
        """ftruncate(2)."""
        process = self._kernel.enter("ftruncate", (descriptor, size))
        opened = self.file(process, descriptor)
        if size < 0 or not opened.writable:
            raise failure(errno.EINVAL)
        if opened.seals is not None:
            opened.resize_sealed(size)
            return
        process.host.disk.truncate(opened.inode, size)
        self._event(opened.inode, MODIFY)

    def posix_fallocate(self, descriptor: int, offset: int, size: int) -> None:
        """posix_fallocate(3): the file is at least this long."""
        process = self._kernel.enter("fallocate", (descriptor, offset, size))
        opened = self._seekable(process, descriptor)
        if offset < 0 or size <= 0:
            raise failure(errno.EINVAL)
        if not opened.writable:
            raise failure(errno.EBADF)
        if offset + size > len(opened.inode.content):
            process.host.disk.truncate(opened.inode, offset + size)
        self._event(opened.inode, MODIFY)

    def _seekable(self, process: Process, descriptor: int, offset: int = 0) -> OpenFile:
        opened = self.held(process, descriptor)
        if offset < 0:
            raise failure(errno.EINVAL)
        if not isinstance(opened, OpenFile):
            raise failure(errno.ESPIPE)
        return opened

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
        before = new_place[0].entries.get(new_place[1])
        moved = disk.rename(old_place, new_place, over=over)
        if before is not moved:
            folder = IS_DIRECTORY if moved.is_directory else 0
            self._watches.tell(old_place[0], old_place[1], MOVED_FROM | folder)
            self._watches.tell(new_place[0], new_place[1], MOVED_TO | folder)
            if before is not None:
                self._watches.tell(before, b"", ATTRIB)
                self._gone(before)
            self._watches.tell(moved, b"", MOVE_SELF)
        full = self._full(process, target, dst_dir_fd)
        self._done(process, "rename", OpenFile(moved, 0, full))

    def unlink(self, path: Path, *, dir_fd: int | None = None) -> None:
        """unlinkat(2)."""
        self._remove("unlink", path, dir_fd, folder=False)

    def rmdir(self, path: Path, *, dir_fd: int | None = None) -> None:
        """unlinkat(2) of a directory."""
        self._remove("rmdir", path, dir_fd, folder=True)

    def _remove(self, call: str, path: Path, dir_fd: int | None, *, folder: bool) -> None:
        name = raw(path)
        process = self._kernel.enter(call, repr(name))
        directory, last = process.host.disk.place(name, self._start(process, dir_fd))
        gone = process.host.disk.unlink(directory, last, folder=folder)
        if not folder:
            self._watches.tell(gone, b"", ATTRIB)
        self._gone(gone)
        self._watches.tell(directory, last, DELETE | (IS_DIRECTORY if folder else 0))
        self._done(process, call, OpenFile(gone, 0, self._full(process, name, dir_fd)))

    def mkdir(self, path: Path, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """mkdirat(2)."""
        name = raw(path)
        process = self._kernel.enter("mkdir", repr(name))
        disk = process.host.disk
        if name and not name.strip(b"/."):
            raise failure(errno.EEXIST, path)
        directory, last = disk.place(name, self._start(process, dir_fd))
        made = disk.create(directory, last, folder=True)
        made.mode = stat.S_IFDIR | (mode & 0o7777)
        self._event(made, CREATE)

    def listdir(self, path: Path) -> list[str]:
        """The names in a directory, in no order that anybody may rely on."""
        return [os.fsdecode(name) for name in self._names(path)]

    def scandir(self, path: Path) -> Scan:
        """The entries of a directory; names are of the path's type."""
        names = self._names(path)
        if isinstance(path, bytes):
            return Scan([Entry(name, path + b"/" + name) for name in names])
        text = os.fsdecode(path)
        return Scan([Entry(os.fsdecode(n), f"{text}/{os.fsdecode(n)}") for n in names])

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
        opened = self.held(process, descriptor)
        if isinstance(opened, OpenFile):
            return status(opened.inode)
        return status(Inode(0, stat.S_IFSOCK | 0o777, links=1))

    def chmod(self, path: Path | int, mode: int, **_: object) -> None:
        """chmod(2): told by stat(2), and binding nobody here."""
        process = self._kernel.enter("chmod", path)
        if isinstance(path, int):
            opened = self.file(process, path)
            inode, seals = opened.inode, opened.seals or 0
        else:
            inode, seals = process.host.disk.find(raw(path)), 0
        if seals & SEAL_EXEC and (inode.mode ^ mode) & _ANY_EXECUTE:
            raise failure(errno.EPERM)
        inode.mode = stat.S_IFMT(inode.mode) | (mode & 0o7777)
        inode.changed_ns = self._kernel.now_ns
        self._event(inode, ATTRIB)

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

    def _event(self, inode: Inode, mask: int) -> None:
        """Who watches its directory hears it, then who watches it."""
        if inode.place is not None:
            folder = IS_DIRECTORY if inode.is_directory else 0
            self._watches.tell(*inode.place, mask | folder)
        if mask != CREATE:
            self._watches.tell(inode, b"", mask)

    def _gone(self, inode: Inode) -> None:
        """Without a name, and not open, it is no more."""
        if not inode.links and not inode.opened:
            self._watches.tell(inode, b"", DELETE_SELF)
            self._watches.end(inode)

    def _done(self, process: Process, what: str, opened: OpenFile) -> None:
        if self._kernel.after_call is not None:
            self._kernel.after_call(process, what, opened)
