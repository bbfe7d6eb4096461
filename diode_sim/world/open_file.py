"""What a descriptor of a file stands for in the simulated kernel, and what stat(2) tells of one."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from diode_sim.world.inodes import DEVICE, Inode, failure
from diode_sim.world.kernel import Process

Path = str | bytes | os.PathLike[str]
POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 0x1, 0x4, 0x8, 0x10, 0x20
SEAL_SEAL, SEAL_SHRINK, SEAL_GROW, SEAL_WRITE, SEAL_EXEC = 0x1, 0x2, 0x4, 0x8, 0x20
_SEALS = 0x3F
_ACCESS = os.O_WRONLY | os.O_RDWR


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
    """A file or a directory that is open; a memfd has an inode of its own and seals.

    path    by which it was opened
    locked  whether this description holds the file's flock
    end     what is to be done when nobody has it open any more
    """

    inode: Inode
    flags: int
    path: bytes
    position: int = 0
    seals: int | None = None
    locked: bool = False
    end: "Callable[[OpenFile], None] | None" = None
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return bool(self.flags & _ACCESS)

    @property
    def readable(self) -> bool:
        """Whether it was opened for reading."""
        return self.flags & _ACCESS != os.O_WRONLY

    def events(self) -> int:
        """A file can always be read."""
        return POLLIN | POLLOUT

    def closed(self) -> None:
        """The last descriptor of it is gone."""
        self.locked = False
        if self.end is not None:
            self.end(self)

    def begin(self, offset: int) -> int:
        """Where a write at this offset really goes: with O_APPEND to the end, pwrite(2)'s too."""
        if self.flags & os.O_APPEND and self.writable:
            return len(self.inode.content)
        return offset

    def check_readable(self) -> None:
        """Raises EBADF, or EISDIR for a directory."""
        if not self.readable:
            raise failure(errno.EBADF)
        if self.inode.is_directory:
            raise failure(errno.EISDIR)

    def seal(self, more: int) -> None:
        """F_ADD_SEALS. Raises EPERM, EINVAL."""
        if self.seals is None or more & ~_SEALS:
            raise failure(errno.EINVAL)
        if self.seals & SEAL_SEAL:
            raise failure(errno.EPERM)
        self.seals |= more

    def put_sealed(self, offset: int, content: bytes) -> int:
        """Write into a memfd. Raises EPERM."""
        seals, inode = self.seals or 0, self.inode
        more = offset + len(content) - len(inode.content)
        if content and (seals & SEAL_WRITE or (seals & SEAL_GROW and more > 0)):
            raise failure(errno.EPERM)
        inode.content.extend(bytes(max(0, more if content else 0)))
        inode.content[offset : offset + len(content)] = content
        return len(content)

    def resize_sealed(self, size: int) -> None:
        """ftruncate(2) of a memfd. Raises EPERM."""
        seals, had = self.seals or 0, len(self.inode.content)
        if (seals & SEAL_SHRINK and size < had) or (seals & SEAL_GROW and size > had):
            raise failure(errno.EPERM)
        del self.inode.content[size:]
        self.inode.content.extend(bytes(max(0, size - had)))


def raw(path: Path) -> bytes:
    """The path's bytes. Raises ValueError for one that holds a zero."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("embedded null byte")
    return name


class Scan:
    """os.scandir's iterator, which is also a context manager."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> "Scan":
        return self

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> "Scan":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


def status(inode: Inode) -> Status:
    """stat(2) of an inode."""
    return Status(
        inode.mode, inode.number, DEVICE, inode.links, 1000, 1000, len(inode.content),
        inode.modified_ns, inode.changed_ns,
    )  # fmt: skip
