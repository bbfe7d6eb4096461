"""Sockets of the simulated kernel.

Packet sockets in pairs (SOCK_SEQPACKET, and the feed's SOCK_DGRAM), and the two UDP sockets of the
link: what leaves by one is given to a cable, what the cable brings waits in the other's buffer, and
what does not fit there is dropped and counted, as Linux does. Bounds are in bytes. What a full, a
shut and a closed pair gives follows unix(7) and Linux's `unix_dgram_poll`.
"""

import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from diode_sim.world.files import POLLERR, POLLHUP, POLLIN, POLLOUT
from diode_sim.world.inodes import failure
from diode_sim.world.kernel import Kernel, Open, Process

POLLRDHUP = 0x2000
DEFAULT_ROOM_BYTES = 212_992
DATAGRAM_OVERHEAD_BYTES = 768
_PACKET_OVERHEAD_BYTES = 256  # struct sk_buff
_PACKET_TAIL_BYTES = 320  # struct skb_shared_info, behind the bytes
_PACKET_BYTES_MIN = 512
_HEAD_BYTES_MAX = 16_384  # of one allocation; more bytes stand in pages
_PAGE_BYTES = 4096
_PACKET_BYTES_LEAST_LESS = 32
_WRITABLE_SHARE = 4


@dataclass(slots=True)
class Packet:
    """A packet under way, with what descriptors it carries."""

    content: bytes
    passed: list[Open] = field(default_factory=list)


def charge_bytes(size: int) -> int:
    """What a packet of this size takes of its sender's buffer (its `truesize`)."""
    in_pages = max(0, size + _PACKET_TAIL_BYTES - _HEAD_BYTES_MAX)
    head = size - in_pages + _PACKET_TAIL_BYTES
    bucket = max(_PACKET_BYTES_MIN, 1 << (head - 1).bit_length())
    return bucket + _PACKET_OVERHEAD_BYTES + -(-in_pages // _PAGE_BYTES) * _PAGE_BYTES


@dataclass(slots=True, eq=False)
class Stream:
    """One direction of a pair: what was sent and not yet read, within the sender's room."""

    room_bytes: int = DEFAULT_ROOM_BYTES
    packets: "deque[Packet]" = field(default_factory=deque)
    filled_bytes: int = 0

    @property
    def full(self) -> bool:
        """A packet goes in while not all the room is taken, however large it is."""
        return self.filled_bytes >= self.room_bytes

    @property
    def writable(self) -> bool:
        """What poll(2) says: three quarters are free."""
        return self.filled_bytes * _WRITABLE_SHARE <= self.room_bytes

    def put(self, packet: Packet) -> None:
        """Append it."""
        self.packets.append(packet)
        self.filled_bytes += charge_bytes(len(packet.content))

    def take(self) -> Packet:
        """The oldest."""
        packet = self.packets.popleft()
        self.filled_bytes -= charge_bytes(len(packet.content))
        return packet


@dataclass(slots=True, eq=False)
class End:
    """One end of a pair.

    connected  SOCK_SEQPACKET: the other end's closing is seen
    deaf, mute shut for reading, for writing; by itself or by what the other end shut
    lonely     a datagram's reader was found gone
    error      what the next call gives, once (SO_ERROR)
    """

    kernel: Kernel
    incoming: Stream
    outgoing: Stream
    connected: bool = True
    blocking: bool = True
    timeout_ns: int | None = None
    peer: "End | None" = None
    deaf: bool = False
    mute: bool = False
    lonely: bool = False
    error: int = 0
    holders: int = 0
    waiters: dict[Process, None] = field(default_factory=dict)

    def events(self) -> int:
        """Readable: a packet waits, or nothing can come any more."""
        found = POLLERR if self.error else 0
        if self.deaf:
            found |= POLLIN | POLLRDHUP
            if self.mute:
                found |= POLLHUP
        if self.incoming.packets:
            found |= POLLIN
        if self.outgoing.writable:
            found |= POLLOUT
        return found

    def closed(self) -> None:
        """The other end sees it; what nobody read any more is let go, descriptors too."""
        unread = bool(self.incoming.packets)
        self._empty()
        peer = self.peer
        if peer is None:
            return
        peer.peer = None
        if self.connected:
            peer.deaf = peer.mute = True
            peer.error = errno.ECONNRESET if unread else peer.error
        self.kernel.wake(peer.waiters)

    def _empty(self) -> None:
        while self.incoming.packets:
            for opened in self.incoming.take().passed:
                self.kernel.drop(opened)

    def shut(self, *, reading: bool, writing: bool) -> None:
        """shutdown(2)."""
        peer = self.peer
        self.deaf |= reading
        self.mute |= writing
        if peer is not None and self.connected:
            peer.mute |= reading
            peer.deaf |= writing
            self.kernel.wake(peer.waiters)
        self.kernel.wake(self.waiters)

    def send(self, packet: Packet, *, wait: bool) -> int:
        """Raises EPIPE when nobody reads, EAGAIN when it is full, EMSGSIZE, ECONNRESET once."""
        if len(packet.content) > self.outgoing.room_bytes - _PACKET_BYTES_LEAST_LESS:
            self._raise_error()
            raise failure(errno.EMSGSIZE)
        while True:
            self._raise_error()
            if self.mute:
                raise failure(errno.EPIPE)
            if not self.outgoing.full:
                return self._put(packet)
            if not (wait and self.blocking):
                raise failure(errno.EAGAIN)
            self.kernel.pause([self], None)

    def _put(self, packet: Packet) -> int:
        peer = self.peer
        if peer is None:  # a datagram's reader is gone: told once, then there is no connection
            refused, self.lonely = not self.lonely, True
            self._empty()
            raise failure(errno.ECONNREFUSED if refused else errno.ENOTCONN)
        if peer.deaf:
            raise failure(errno.EPIPE)
        for opened in packet.passed:
            opened.holders += 1
        self.outgoing.put(packet)
        self.kernel.wake(peer.waiters)
        return len(packet.content)

    def receive(self, *, wait: bool) -> Packet | None:
        """The next packet; None when nothing can come any more. Raises EAGAIN, ECONNRESET once."""
        until_ns = None if self.timeout_ns is None else self.kernel.now_ns + self.timeout_ns
        while True:
            self._raise_error()
            if self.incoming.packets:
                packet = self.incoming.take()
                if self.peer is not None:
                    self.kernel.wake(self.peer.waiters)
                return packet
            waits = wait and self.blocking
            if self.deaf and (self.connected or waits):
                return None
            late = until_ns is not None and self.kernel.now_ns >= until_ns
            if late or not waits:
                raise failure(errno.EAGAIN)
            self.kernel.pause([self], until_ns)

    def _raise_error(self) -> None:
        if self.error:
            number, self.error = self.error, 0
            raise failure(number)


def pair(kernel: Kernel, *, connected: bool = True) -> tuple[End, End]:
    """Two ends that hear each other."""
    there, back = Stream(), Stream()
    first = End(kernel, there, back, connected)
    second = End(kernel, back, there, connected)
    first.peer, second.peer = second, first
    return first, second


@dataclass(slots=True, eq=False)
class Datagrams:
    """A UDP socket. `transmit` takes what is sent; what arrives waits for a reader."""

    kernel: Kernel
    transmit: Callable[[bytes, int], None] | None = None
    room_bytes: int = DEFAULT_ROOM_BYTES
    deaf: bool = False
    blocking: bool = True
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

    def receive(self, *, wait: bool) -> bytes:
        """The oldest. Raises EAGAIN."""
        while not self.queue:
            if not (wait and self.blocking):
                raise failure(errno.EAGAIN)
            self.kernel.pause([self], None)
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
