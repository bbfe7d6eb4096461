"""Inotify of the simulated kernel: who watches an inode hears what happens to it.

Bytes as `inotify(7)` writes them, so that the guard's own reader reads them.
"""

import errno
import struct
from dataclasses import dataclass, field

from diode_sim.world.disk import Inode, failure
from diode_sim.world.kernel import Kernel, Process

MODIFY, CLOSE_WRITE, MOVED_TO, CREATE, DELETE = 0x2, 0x8, 0x80, 0x100, 0x200
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
    queue: list[bytes] = field(default_factory=list)
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """Readable when something waits."""
        return _POLLIN if self.queue else 0

    def closed(self) -> None:
        """Watches nothing any more."""
        self.watches.forget(self)

    def watch(self, inode: Inode, mask: int) -> int:
        """Add a watch, or change the mask of the one there is."""
        for number, (watched, _) in self.numbers.items():
            if watched is inode:
                self.numbers[number] = (inode, mask)
                return number
        number = len(self.numbers) + 1
        self.numbers[number] = (inode, mask)
        self.watches.add(inode, self)
        return number

    def hear(self, inode: Inode, name: bytes, mask: int) -> None:
        """Something happened; equal events in a row are one, as Linux has it."""
        for number, (watched, wanted) in self.numbers.items():
            if watched is not inode or not wanted & mask:
                continue
            padded = name + bytes(-len(name) % _NAME_STEP or (_NAME_STEP if name else 0))
            event = _HEAD.pack(number, mask, 0, len(padded)) + padded
            if self.queue and self.queue[-1] == event:
                continue
            if len(self.queue) == _EVENTS_MAX:
                event = _HEAD.pack(-1, _OVERFLOW, 0, 0)
            if len(self.queue) <= _EVENTS_MAX:
                self.queue.append(event)
            self.kernel.wake(self.waiters)

    def read(self, size: int) -> bytes:
        """As many whole events as fit. Raises BlockingIOError."""
        if not self.queue:
            raise failure(errno.EAGAIN)
        taken: list[bytes] = []
        room = size
        while self.queue and len(self.queue[0]) <= room:
            taken.append(self.queue.pop(0))
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

    def tell(self, inode: Inode, name: bytes, mask: int) -> None:
        """Something happened to it."""
        for _, watcher in self._of.get(id(inode), ()):
            watcher.hear(inode, name, mask)
