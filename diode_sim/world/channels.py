"""Sockets and pipes of the simulated kernel.

Packet sockets in pairs (SOCK_SEQPACKET, and the feed's SOCK_DGRAM), pipes, and the two UDP sockets
of the link: what leaves by one is given to a cable, what the cable brings waits in the other's
buffer, and what does not fit there is dropped and counted, as Linux does. Bounds are in bytes.
"""

import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from diode_sim.world.disk import failure
from diode_sim.world.files import POLLHUP, POLLIN, POLLOUT
from diode_sim.world.kernel import Kernel, Open, Process

_PACKET_OVERHEAD_BYTES = 512
DEFAULT_ROOM_BYTES = 212_992
DATAGRAM_OVERHEAD_BYTES = 768


@dataclass(slots=True)
class Packet:
    """A packet under way, with what descriptors it carries."""

    content: bytes
    passed: list[Open] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Stream:
    """One direction of a packet socket pair (or of a pipe): what was sent and not yet read."""

    room_bytes: int = DEFAULT_ROOM_BYTES
    packets: "deque[Packet]" = field(default_factory=deque)
    filled_bytes: int = 0
    writers: int = 0
    readers: int = 0

    def fits(self, size: int) -> bool:
        """Whether a packet of this size goes in now; one always does into an empty stream."""
        need = size + _PACKET_OVERHEAD_BYTES
        return not self.packets or self.filled_bytes + need <= self.room_bytes

    def put(self, packet: Packet) -> None:
        """Append it."""
        self.packets.append(packet)
        self.filled_bytes += len(packet.content) + _PACKET_OVERHEAD_BYTES

    def take(self) -> Packet:
        """The oldest."""
        packet = self.packets.popleft()
        self.filled_bytes -= len(packet.content) + _PACKET_OVERHEAD_BYTES
        return packet


@dataclass(slots=True, eq=False)
class End:
    """One end of a pair. incoming or outgoing is None where that way was never there."""

    kernel: Kernel
    incoming: Stream | None
    outgoing: Stream | None
    blocking: bool = True
    timeout_ns: int | None = None
    peer: "End | None" = None
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """Readable: a packet waits, or the other end is gone."""
        found = 0
        if self.incoming is not None:
            if self.incoming.packets or not self.incoming.writers:
                found |= POLLIN
            if not self.incoming.writers:
                found |= POLLHUP
        if self.outgoing is not None and self.outgoing.fits(0):
            found |= POLLOUT
        return found

    def closed(self) -> None:
        """The other end sees it; what nobody read any more is let go, descriptors too."""
        if self.incoming is not None:
            self.incoming.readers -= 1
            for packet in self.incoming.packets:
                for opened in packet.passed:
                    self.kernel.drop(opened)
            self.incoming.packets.clear()
        if self.outgoing is not None:
            self.outgoing.writers -= 1
        if self.peer is not None:
            self.kernel.wake(self.peer.waiters)

    def send(self, packet: Packet, *, wait: bool) -> int:
        """Raises BrokenPipeError when nobody reads, BlockingIOError when it is full."""
        stream = self.outgoing
        if stream is None:
            raise failure(errno.EPIPE)
        while True:
            if not stream.readers:
                raise failure(errno.EPIPE)
            if stream.fits(len(packet.content)):
                for opened in packet.passed:
                    opened.holders += 1
                stream.put(packet)
                if self.peer is not None:
                    self.kernel.wake(self.peer.waiters)
                return len(packet.content)
            if not (wait and self.blocking):
                raise failure(errno.EAGAIN)
            self.kernel.pause([self], None)

    def receive(self, *, wait: bool) -> Packet | None:
        """The next packet; None when the writer is gone. Raises BlockingIOError."""
        stream = self.incoming
        if stream is None:
            return None
        until_ns = None if self.timeout_ns is None else self.kernel.now_ns + self.timeout_ns
        while True:
            if stream.packets:
                packet = stream.take()
                if self.peer is not None:
                    self.kernel.wake(self.peer.waiters)
                return packet
            if not stream.writers:
                return None
            late = until_ns is not None and self.kernel.now_ns >= until_ns
            if late or not (wait and self.blocking):
                raise failure(errno.EAGAIN)
            self.kernel.pause([self], until_ns)


def pair(kernel: Kernel, *, both_ways: bool = True) -> tuple[End, End]:
    """Two ends that hear each other; with both_ways False the first only hears the second."""
    there, back = Stream(), Stream() if both_ways else None
    first, second = End(kernel, there, back), End(kernel, back, there)
    first.peer, second.peer = second, first
    there.readers = there.writers = 1
    if back is not None:
        back.readers = back.writers = 1
    return first, second


def shut(end: End, *, reading: bool) -> None:
    """shutdown(2) of one direction."""
    if reading and end.incoming is not None:
        end.incoming.readers -= 1
        end.incoming = None
    elif not reading and end.outgoing is not None:
        end.outgoing.writers -= 1
        end.outgoing = None


@dataclass(slots=True, eq=False)
class Datagrams:
    """A UDP socket. `transmit` takes what is sent; what arrives waits for a reader."""

    kernel: Kernel
    transmit: Callable[[bytes, int], None] | None = None
    room_bytes: int = DEFAULT_ROOM_BYTES
    deaf: bool = False
    queue: "deque[bytes]" = field(default_factory=deque)
    filled_bytes: int = 0
    drops: int = 0
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """Readable when a datagram waits."""
        return POLLOUT | (POLLIN if self.queue else 0)

    def closed(self) -> None:
        """What waited is gone."""
        self.queue.clear()
        self.filled_bytes = 0

    def arrive(self, datagram: bytes) -> None:
        """From the cable."""
        need = len(datagram) + DATAGRAM_OVERHEAD_BYTES
        if self.deaf or not self.holders:
            return
        if self.filled_bytes + need > self.room_bytes:
            self.drops += 1
            return
        self.queue.append(datagram)
        self.filled_bytes += need
        self.kernel.wake(self.waiters)

    def take(self) -> bytes:
        """The oldest. Raises BlockingIOError."""
        if not self.queue:
            raise failure(errno.EAGAIN)
        datagram = self.queue.popleft()
        self.filled_bytes -= len(datagram) + DATAGRAM_OVERHEAD_BYTES
        return datagram


@dataclass(slots=True, eq=False)
class Watched:
    """A pidfd: readable when its process has ended."""

    process: Process
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """Whether it has ended."""
        return POLLIN if self.process.exit_code is not None else 0

    def closed(self) -> None:
        """Nothing to do."""


@dataclass(slots=True, eq=False)
class Deaf:
    """A socket that nobody connects to: the metrics'."""

    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """Never."""
        return 0

    def closed(self) -> None:
        """Nothing to do."""
