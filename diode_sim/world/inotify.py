"""Inotify of the simulated kernel: who watches an inode hears what happens to it.

Bytes as `inotify(7)` writes them, so that the guard's own reader reads them. What has no name any
more is not heard of by its directory: every watch is as with IN_EXCL_UNLINK.
"""

import errno
import struct
from collections import deque
from dataclasses import dataclass, field

from diode_sim.world.inodes import Inode, failure
from diode_sim.world.kernel import Kernel, Process

MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
CREATE, DELETE, DELETE_SELF, MOVE_SELF, IS_DIRECTORY = 0x100, 0x200, 0x400, 0x800, 0x40000000
_IGNORED, _ONLY_DIRECTORY = 0x8000, 0x1000000
_HEAD = struct.Struct("=iIII")
_EVENTS_MAX = 16_384
_OVERFLOW = 0x4000
_POLLIN = 0x1
_NAME_STEP = 16


@dataclass(slots=True, eq=False)
class Inotify:
    """One inotify descriptor."""

    kernel: Kernel
    watches: "Watches"
    numbers: dict[int, tuple[Inode, int]] = field(default_factory=dict)
    queue: deque[bytes] = field(default_factory=deque)
    given: int = 0
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """Readable when something waits."""
        return _POLLIN if self.queue else 0

    def closed(self) -> None:
        """Watches nothing any more."""
        self.watches.forget(self)

    def watch(self, inode: Inode, mask: int) -> int:
        """Add a watch, or change the mask of the one there is. Raises ENOTDIR."""
        if mask & _ONLY_DIRECTORY and not inode.is_directory:
            raise failure(errno.ENOTDIR)
        for number, (watched, _) in self.numbers.items():
            if watched is inode:
                self.numbers[number] = (inode, mask)
                return number
        self.given += 1
        self.numbers[self.given] = (inode, mask)
        self.watches.add(inode, self)
        return self.given

    def hear(self, inode: Inode, name: bytes, mask: int) -> None:
        """Something happened."""
        for number, (watched, wanted) in self.numbers.items():
            if watched is inode and wanted & mask:
                self._queue(number, mask, name)

    def lose(self, inode: Inode) -> None:
        """What was watched is no more."""
        for number in [number for number, (it, _) in self.numbers.items() if it is inode]:
            del self.numbers[number]
            self._queue(number, _IGNORED, b"")

    def _queue(self, number: int, mask: int, name: bytes) -> None:
        """Equal events in a row are one, as Linux has it."""
        padded = name + bytes(_NAME_STEP - len(name) % _NAME_STEP) if name else b""
        event = _HEAD.pack(number, mask, 0, len(padded)) + padded
        if self.queue and self.queue[-1] == event:
            return
        if len(self.queue) == _EVENTS_MAX:
            event = _HEAD.pack(-1, _OVERFLOW, 0, 0)
        if len(self.queue) <= _EVENTS_MAX:
            self.queue.append(event)
        self.kernel.wake(self.waiters)

    def read(self, size: int) -> bytes:
        """As many whole events as fit. Raises BlockingIOError, and EINVAL when not one does."""
        if not self.queue:
            raise failure(errno.EAGAIN)
        if len(self.queue[0]) > size:
            raise failure(errno.EINVAL)
        taken: list[bytes] = []
        room = size
        while self.queue and len(self.queue[0]) <= room:
            taken.append(self.queue.popleft())
            room -= len(taken[-1])
        return b"".join(taken)


class Watches:
    """Which descriptors watch which inode."""

    def __init__(self) -> None:
        self._of: dict[int, list[tuple[Inode, Inotify]]] = {}

    def add(self, inode: Inode, watcher: Inotify) -> None:
        """It hears of this inode from now on."""
        self._of.setdefault(id(inode), []).append((inode, watcher))

    def forget(self, watcher: Inotify) -> None:
        """It hears of nothing any more."""
        for key in [key for key, found in self._of.items() if any(w is watcher for _, w in found)]:
            self._of[key] = [pair for pair in self._of[key] if pair[1] is not watcher]

    def end(self, inode: Inode) -> None:
        """It is no more."""
        for _, watcher in self._of.pop(id(inode), ()):
            watcher.lose(inode)

    def tell(self, inode: Inode, name: bytes, mask: int) -> None:
        """Something happened to it."""
        for _, watcher in self._of.get(id(inode), ()):
            watcher.hear(inode, name, mask)
