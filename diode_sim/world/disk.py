"""A disk in memory that forgets what was not synced.

What a process sees is the *cache*; what a power cut leaves is the *stable* part and a choice, by
chance, of what was written since: any sectors of a file's unsynced writes, in any mixture; any
prefix of the changes of each directory. A name and the data under it are two things, each lost by
itself, as POSIX has it and some file systems do it: so nothing passes here that relies on one
file system's kindness. Renames are atomic, one sector is written whole or not at all.

Takes paths and bytes, gives inodes; knows neither processes nor time. Raises `OSError` with the
kernel's numbers.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from diode_sim.chance import Chance

SECTOR_BYTES = 512
DEVICE = 0xD15C
_FILE_MODE = stat.S_IFREG | 0o640
_DIRECTORY_MODE = stat.S_IFDIR | 0o750


def failure(number: int, path: object = None) -> OSError:
    """The error a system call gives."""
    return OSError(number, os.strerror(number), path)


@dataclass(slots=True, eq=False)
class Inode:
    """A file or a directory.

    content   a file's bytes as processes see them; stable: as the device has them
    unsynced  what was done to them since: (offset, bytes), or (size, None) for a truncation
    entries   a directory's names; stable_entries: as the device has them
    """

    number: int
    mode: int
    links: int = 0
    changed_ns: int = 0
    modified_ns: int = 0
    content: bytearray = field(default_factory=bytearray)
    stable: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)
    entries: "dict[bytes, Inode]" = field(default_factory=dict)
    stable_entries: "dict[bytes, Inode]" = field(default_factory=dict)

    @property
    def is_directory(self) -> bool:
        """Whether it is one."""
        return stat.S_ISDIR(self.mode)


Step = tuple[Inode, bytes, Inode | None]
"""(directory, name, what the name is from now on; None: nothing)"""


class Disk:
    """One host's only file system."""

    def __init__(self, capacity_bytes: int, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._numbers = 2
        self.root = Inode(2, _DIRECTORY_MODE, links=1)
        self.whole_bytes = self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self._changes: list[tuple[Step, ...]] = []
        self.fail_syncs = 0
        self.fail_writes = 0

    # -- names -------------------------------------------------------------------------------

    def find(self, path: bytes, start: Inode | None = None) -> Inode:
        """What the path names. Raises FileNotFoundError, NotADirectoryError."""
        found = self.root if path.startswith(b"/") or start is None else start
        for part in path.split(b"/"):
            if part in (b"", b"."):
                continue
            if not found.is_directory:
                raise failure(errno.ENOTDIR, path)
            if part not in found.entries:
                raise failure(errno.ENOENT, path)
            found = found.entries[part]
        return found

    def place(self, path: bytes, start: Inode | None = None) -> tuple[Inode, bytes]:
        """(directory, name in it) of a path whose last part need not be there."""
        head, _, name = path.rstrip(b"/").rpartition(b"/")
        directory = self.find(head or (b"/" if path.startswith(b"/") else b""), start)
        if not directory.is_directory:
            raise failure(errno.ENOTDIR, path)
        if not name or len(name) > 255:
            raise failure(errno.EINVAL if not name else errno.ENAMETOOLONG, path)
        return directory, name

    def create(self, directory: Inode, name: bytes, *, folder: bool = False) -> Inode:
        """A new file or directory. The name must be free."""
        if name in directory.entries:
            raise failure(errno.EEXIST, name)
        self._need(0 if not folder else SECTOR_BYTES)
        self._numbers += 1
        mode = _DIRECTORY_MODE if folder else _FILE_MODE
        made = Inode(self._numbers, mode, changed_ns=self._now_ns(), modified_ns=self._now_ns())
        self._change((directory, name, made))
        return made

    def unlink(self, directory: Inode, name: bytes) -> Inode:
        """Take a file's name away; gives the file."""
        found = directory.entries.get(name)
        if found is None:
            raise failure(errno.ENOENT, name)
        if found.is_directory:
            raise failure(errno.EISDIR, name)
        self._change((directory, name, None))
        found.links -= 1
        if not found.links:
            self.used_bytes -= len(found.content)
        return found

    def rename(self, old: tuple[Inode, bytes], new: tuple[Inode, bytes], *, over: bool) -> Inode:
        """Give what has one name another; what had that name is gone. over: it may be there."""
        directory, name = old
        moved = directory.entries.get(name)
        if moved is None:
            raise failure(errno.ENOENT, name)
        target = new[0].entries.get(new[1])
        if target is moved:
            return moved
        if target is not None:
            if not over:
                raise failure(errno.EEXIST, new[1])
            if target.is_directory:
                raise failure(errno.EISDIR, new[1])
            target.links -= 1
            if not target.links:
                self.used_bytes -= len(target.content)
        moved.changed_ns = self._now_ns()
        moved.links -= 1
        self._change((directory, name, None), (new[0], new[1], moved))
        return moved

    def _change(self, *steps: Step) -> None:
        self._changes.append(steps)
        now_ns = self._now_ns()
        for directory, name, inode in steps:
            directory.modified_ns = directory.changed_ns = now_ns
            if inode is None:
                del directory.entries[name]
            else:
                directory.entries[name] = inode
                inode.links += 1

    # -- content -----------------------------------------------------------------------------

    def write(self, inode: Inode, offset: int, content: bytes) -> int:
        """Put bytes there; gives how many. Raises ENOSPC with nothing written, or EIO."""
        if self.fail_writes:
            self.fail_writes -= 1
            raise failure(errno.EIO)
        end = offset + len(content)
        self._need(max(0, end - len(inode.content)))
        grown = end - len(inode.content)
        if grown > 0:
            inode.content.extend(bytes(grown))
            self.used_bytes += grown
        inode.content[offset:end] = content
        inode.unsynced.append((offset, bytes(content)))
        inode.modified_ns = inode.changed_ns = self._now_ns()
        return len(content)

    def truncate(self, inode: Inode, size: int) -> None:
        """The file now has this size."""
        more = size - len(inode.content)
        self._need(max(0, more))
        if more > 0:
            inode.content.extend(bytes(more))
        else:
            del inode.content[size:]
        self.used_bytes += more
        inode.unsynced.append((size, None))
        inode.modified_ns = inode.changed_ns = self._now_ns()

    def _need(self, more_bytes: int) -> None:
        if self.used_bytes + more_bytes > self.capacity_bytes:
            raise failure(errno.ENOSPC)

    # -- syncs -------------------------------------------------------------------------------

    def sync_content(self, inode: Inode) -> None:
        """A file's bytes and size are on the device; its name may not be.

        When the device fails, nobody will write these bytes again: the cache keeps them, as Linux
        does, and a power cut forgets them.
        """
        if self.fail_syncs:
            self.fail_syncs -= 1
            inode.unsynced.clear()
            raise failure(errno.EIO)
        for offset, written in inode.unsynced:
            if written is None:
                _resize(inode.stable, offset)
            else:
                _put(inode.stable, offset, written)
        inode.unsynced.clear()

    def sync_directory(self, directory: Inode) -> None:
        """The names in it are on the device, and what had to come before them elsewhere."""
        if self.fail_syncs:
            self.fail_syncs -= 1
            raise failure(errno.EIO)
        needed = {directory.number}
        kept: list[tuple[Step, ...]] = []
        applied: list[tuple[Step, ...]] = []
        for steps in reversed(self._changes):
            touched = {each[0].number for each in steps}
            if touched & needed:
                needed |= touched
                applied.append(steps)
            else:
                kept.append(steps)
        for steps in reversed(applied):
            _make_stable(steps)
        self._changes = kept[::-1]

    def sync_all(self) -> None:
        """syncfs(2)."""
        if self.fail_syncs:
            self.fail_syncs -= 1
            raise failure(errno.EIO)
        for inode in self.walk():
            if not inode.is_directory and inode.unsynced:
                self.sync_content(inode)
        for steps in self._changes:
            _make_stable(steps)
        self._changes = []

    def walk(self) -> Iterator[Inode]:
        """Every inode that has a name."""
        stack = [self.root]
        while stack:
            inode = stack.pop()
            yield inode
            stack.extend(inode.entries.values())

    # -- the power cut -----------------------------------------------------------------------

    def power_cut(self, chance: Chance) -> None:
        """Only what is stable stays, and by chance some of the rest."""
        style = chance.choice(("nothing", "everything", "torn", "torn"))
        self._cut_names(chance, style)
        self._cut_content(chance, style)

    def _cut_names(self, chance: Chance, style: str) -> None:
        ended: set[int] = set()
        for steps in self._changes:
            touched = {each[0].number for each in steps}
            lost = style == "nothing" or (style == "torn" and chance.below(3) == 0)
            if lost or touched & ended:
                ended |= touched
            else:
                _make_stable(steps)
        self._changes = []

    def _cut_content(self, chance: Chance, style: str) -> None:
        self.used_bytes = 0
        links: dict[int, int] = {}
        stack, seen = [self.root], {self.root.number}
        while stack:
            inode = stack.pop()
            if not inode.is_directory:
                if inode.unsynced:
                    inode.stable = _survivor(inode, chance, style)
                    inode.unsynced.clear()
                inode.content = inode.stable[:]  # also what a failed sync left to the cache alone
                self.used_bytes += len(inode.stable)
                continue
            inode.entries = dict(inode.stable_entries)
            for child in inode.entries.values():
                links[child.number] = links.get(child.number, 0) + 1
                child.links = links[child.number]
                if child.number not in seen:
                    seen.add(child.number)
                    stack.append(child)


def _make_stable(steps: tuple[Step, ...]) -> None:
    for directory, name, inode in steps:
        if inode is None:
            directory.stable_entries.pop(name, None)
        else:
            directory.stable_entries[name] = inode


def _survivor(inode: Inode, chance: Chance, style: str) -> bytearray:
    """A file's bytes after the power came back."""
    content = inode.stable[:]
    if style == "nothing":
        return content
    if style == "everything":
        return inode.content[:]
    for offset, written in inode.unsynced:
        if written is None:
            if chance.below(2):
                _resize(content, offset)
            continue
        at = 0
        while at < len(written):
            step = min(SECTOR_BYTES - (offset + at) % SECTOR_BYTES, len(written) - at)
            if chance.below(3):
                _put(content, offset + at, written[at : at + step])
            at += step
    if chance.below(3) == 0 and len(content) < len(inode.content):
        _resize(content, len(inode.content))  # its size was written, its last bytes were not
    return content


def _put(content: bytearray, offset: int, written: bytes) -> None:
    if len(content) < offset + len(written):
        _resize(content, offset + len(written))
    content[offset : offset + len(written)] = written


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
