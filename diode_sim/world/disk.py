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
from collections.abc import Callable, Iterator

from diode_sim.chance import Chance
from diode_sim.world.inodes import (
    DIRECTORY_MODE,
    FILE_MODE,
    NAME_BYTES_MAX,
    SECTOR_BYTES,
    Inode,
    Step,
    copied,
    failure,
    put,
    resize,
    survivor,
)


class Disk:
    """One host's only file system."""

    def __init__(self, capacity_bytes: int, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._numbers = 2
        self.root = Inode(2, DIRECTORY_MODE, links=1)
        self.whole_bytes = self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self._changes: list[tuple[Step, ...]] = []
        self.fail_syncs = 0
        self.fail_writes = 0
        self._power_cuts = 0

    # -- names -------------------------------------------------------------------------------

    def find(self, path: bytes, start: Inode | None = None) -> Inode:
        """What the path names. Raises FileNotFoundError, NotADirectoryError, ENAMETOOLONG."""
        found = self.root if path.startswith(b"/") or start is None else start
        if not path:
            raise failure(errno.ENOENT, path)
        for part in path.split(b"/"):
            if not found.is_directory:
                raise failure(errno.ENOTDIR, path)
            if part in (b"", b"."):
                continue
            if len(part) > NAME_BYTES_MAX:
                raise failure(errno.ENAMETOOLONG, path)
            if part not in found.entries:
                raise failure(errno.ENOENT, path)
            found = found.entries[part]
        return found

    def place(self, path: bytes, start: Inode | None = None) -> tuple[Inode, bytes]:
        """(directory, name in it) of a path whose last part need not be there."""
        head, _, name = path.rstrip(b"/").rpartition(b"/")
        directory = self.find(head or (b"/" if path.startswith(b"/") else b"."), start)
        if not directory.is_directory:
            raise failure(errno.ENOTDIR, path)
        if not name or len(name) > NAME_BYTES_MAX:
            raise failure(errno.ENOENT if not name else errno.ENAMETOOLONG, path)
        return directory, name

    def create(self, directory: Inode, name: bytes, *, folder: bool = False) -> Inode:
        """A new file or directory. The name must be free."""
        if name in directory.entries:
            raise failure(errno.EEXIST, name)
        self._need(0 if not folder else SECTOR_BYTES)
        self._numbers += 1
        mode = DIRECTORY_MODE if folder else FILE_MODE
        made = Inode(self._numbers, mode, changed_ns=self._now_ns(), modified_ns=self._now_ns())
        self._change((directory, name, made))
        return made

    def unlink(self, directory: Inode, name: bytes, *, folder: bool = False) -> Inode:
        """Take a file's name away, or that of an empty directory; gives what had it."""
        found = directory.entries.get(name)
        if found is None:
            raise failure(errno.ENOENT, name)
        if found.is_directory != folder:
            raise failure(errno.ENOTDIR if folder else errno.EISDIR, name)
        if found.entries:
            raise failure(errno.ENOTEMPTY, name)
        self._change((directory, name, None))
        found.changed_ns = self._now_ns()
        self._forget(found)
        return found

    def rename(self, old: tuple[Inode, bytes], new: tuple[Inode, bytes], *, over: bool) -> Inode:
        """Give what has one name another; what had that name is gone. over: it may be there."""
        moved = old[0].entries.get(old[1])
        if moved is None:
            raise failure(errno.ENOENT, old[1])
        target = new[0].entries.get(new[1])
        if target is not None and not over:
            raise failure(errno.EEXIST, new[1])
        if target is moved:
            return moved
        _check_rename(moved, old[0], new[0], target)
        moved.changed_ns = self._now_ns()
        self._change((*old, None), (*new, moved))
        if target is not None:
            target.links -= 1
            target.place = None
            target.changed_ns = self._now_ns()
            self._forget(target)
        return moved

    def hold(self, inode: Inode) -> int:
        """One more open description of it; gives what `let_go` wants."""
        inode.opened += 1
        return self._power_cuts

    def let_go(self, inode: Inode, held: int) -> None:
        """One less. After a power cut nobody holds anything."""
        if held == self._power_cuts:
            inode.opened -= 1
            self._forget(inode)

    def _forget(self, inode: Inode) -> None:
        """The room of what has no name and is not open is free."""
        if not inode.links and not inode.opened:
            self.used_bytes -= len(inode.content)
            inode.content = bytearray()
            inode.unsynced.clear()

    def _change(self, *steps: Step) -> None:
        self._changes.append(steps)
        now_ns = self._now_ns()
        for directory, name, inode in steps:
            directory.modified_ns = directory.changed_ns = now_ns
            if inode is None:
                gone = directory.entries.pop(name)
                gone.links -= 1
                gone.place = None
            else:
                directory.entries[name] = inode
                inode.links += 1
                inode.place = (directory, name)

    # -- content -----------------------------------------------------------------------------

    def write(self, inode: Inode, offset: int, content: bytes) -> int:
        """Put bytes there; gives how many: fewer where the room ends. Raises ENOSPC, or EIO."""
        if self.fail_writes:
            self.fail_writes -= 1
            raise failure(errno.EIO)
        room = max(0, self.capacity_bytes - self.used_bytes)
        written = bytes(content[: max(0, len(inode.content) + room - offset)])
        if not written:
            if content:
                raise failure(errno.ENOSPC)
            return 0
        end = offset + len(written)
        grown = end - len(inode.content)
        if grown > 0:
            inode.content.extend(bytes(grown))
            self.used_bytes += grown
        inode.content[offset:end] = written
        inode.unsynced.append((offset, written))
        inode.modified_ns = inode.changed_ns = self._now_ns()
        return len(written)

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
                resize(inode.stable, offset)
            else:
                put(inode.stable, offset, written)
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

    # -- an older state -----------------------------------------------------------------------

    def snapshot(self) -> Inode:
        """A copy of all that is stable, to be put back."""
        copies: dict[int, Inode] = {}
        return copied(self.root, copies)

    def put_back(self, snapshot: Inode) -> None:
        """The disk is what it was then, whatever became of it since: its host must be off."""
        self._power_cuts += 1
        self._changes = []
        self.root = copied(snapshot, {})
        self.used_bytes = 0
        for inode in self.walk():
            inode.entries = dict(inode.stable_entries)
            inode.content = inode.stable[:]
            self.used_bytes += len(inode.content)

    # -- the power cut -----------------------------------------------------------------------

    def power_cut(self, chance: Chance) -> None:
        """Only what is stable stays, and by chance some of the rest."""
        self._power_cuts += 1
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
        links: dict[int, int] = {self.root.number: 1}
        stack = [self.root]
        while stack:
            inode = stack.pop()
            inode.opened = 0
            if not inode.is_directory:
                if inode.unsynced:
                    inode.stable = survivor(inode, chance, style)
                    inode.unsynced.clear()
                inode.content = inode.stable[:]  # also what a failed sync left to the cache alone
                self.used_bytes += len(inode.stable)
                continue
            inode.entries = dict(inode.stable_entries)
            for name, child in inode.entries.items():
                links[child.number] = links.get(child.number, 0) + 1
                child.links = links[child.number]
                child.place = (inode, name)
                if child.links == 1:
                    stack.append(child)


def _check_rename(moved: Inode, old: Inode, new: Inode, target: Inode | None) -> None:
    """What rename(2) refuses beside names that are not there."""
    above: Inode | None = new
    while moved.is_directory and above is not None:
        if above is moved:
            raise failure(errno.EINVAL)
        above = above.place[0] if above.place is not None else None
    if target is None:
        return
    if target.is_directory and not moved.is_directory:
        above = old
        while above is not None and above is not target:
            above = above.place[0] if above.place is not None else None
        raise failure(errno.ENOTEMPTY if above is target else errno.EISDIR)
    if moved.is_directory and not target.is_directory:
        raise failure(errno.ENOTDIR)
    if target.entries:
        raise failure(errno.ENOTEMPTY)


def _make_stable(steps: tuple[Step, ...]) -> None:
    for directory, name, inode in steps:
        if inode is None:
            directory.stable_entries.pop(name, None)
        else:
            directory.stable_entries[name] = inode
