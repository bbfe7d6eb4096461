"""Pipes of the simulated kernel: a stream of bytes, no packets. Follows pipe(7)."""

import errno
from dataclasses import dataclass, field

from diode_sim.world.files import POLLERR, POLLHUP, POLLIN, POLLOUT
from diode_sim.world.inodes import failure
from diode_sim.world.kernel import Kernel, Process

CAPACITY_BYTES = 65_536
ATOMIC_BYTES = 4096


@dataclass(slots=True, eq=False)
class PipeEnd:
    """One end. content: what was written and not yet read, shared by both; writes: which end."""

    kernel: Kernel
    content: bytearray
    writes: bool
    blocking: bool = True
    other: "PipeEnd | None" = None
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """As Linux's `pipe_poll`."""
        if self.writes:
            found = POLLERR if self.other is None else 0
            return found | (POLLOUT if len(self.content) < CAPACITY_BYTES else 0)
        found = POLLHUP if self.other is None else 0
        return found | (POLLIN if self.content else 0)

    def closed(self) -> None:
        """The other end sees it."""
        if self.other is not None:
            self.other.other = None
            self.kernel.wake(self.other.waiters)

    def read(self, size: int) -> bytes:
        """What is there, up to so many bytes; b"" at the end. Raises EBADF, EAGAIN."""
        if self.writes:
            raise failure(errno.EBADF)
        while not self.content:
            if self.other is None or not size:
                return b""
            if not self.blocking:
                raise failure(errno.EAGAIN)
            self.kernel.pause([self], None)
        part = bytes(self.content[:size])
        del self.content[:size]
        if self.other is not None:
            self.kernel.wake(self.other.waiters)
        return part

    def write(self, content: bytes) -> int:
        """All of it when it may wait. Raises EBADF, EPIPE, EAGAIN."""
        if not self.writes:
            raise failure(errno.EBADF)
        written = 0
        while written < len(content):
            if self.other is None:
                raise failure(errno.EPIPE)
            room = CAPACITY_BYTES - len(self.content)
            if room < min(len(content) - written, ATOMIC_BYTES):
                if self.blocking:
                    self.kernel.pause([self], None)
                    continue
                if written:
                    return written
                raise failure(errno.EAGAIN)
            part = content[written : written + room]
            self.content += part
            written += len(part)
            self.kernel.wake(self.other.waiters)
        return written


def pipe(kernel: Kernel) -> tuple[PipeEnd, PipeEnd]:
    """(reading, writing)."""
    content = bytearray()
    reading, writing = PipeEnd(kernel, content, False), PipeEnd(kernel, content, True)
    reading.other, writing.other = writing, reading
    return reading, writing
