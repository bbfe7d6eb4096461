"""The two UDP sockets of the link, one way each.

`SenderSocket` takes bursts and puts them on the wire: its socket is not connected, hears nothing
(a locked filter drops all that comes) and takes no errors from the network. `ReceiverSocket` gives
what one read of its socket holds, and writes nothing. Numeric addresses only: no name is looked up.
Expected system calls: sendmsg and sendto; recvmsg; getsockopt for the buffer's fill. Follows
docs/spec/link.md.
"""

import ctypes
import socket
import struct
import sys
from contextlib import ExitStack
from errno import EINVAL, EIO, EMSGSIZE
from functools import lru_cache
from ipaddress import ip_address
from typing import Self

from guard.link.params import READ_BYTES_MAX
from schemas.errors import Broken, Malformed, Overload
from schemas.reasons import Reason

# From the kernel's headers, where the socket module has no name for them.
SOL_UDP = 17
UDP_SEGMENT = 103
UDP_GRO = 104
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SO_RXQ_OVFL = 40
SO_LOCK_FILTER = 44
SO_MEMINFO = 55
IP_MTU_DISCOVER = 10
IP_RECVERR = 11
IPV6_MTU_DISCOVER = 23
IPV6_RECVERR = 25
PMTUDISC_PROBE = 3

FOREIGN_MAX = 256
BUFFER_MS = 100
BUFFER_BYTES_MIN = 4 * 2**20
BUFFER_BYTES_MAX = 64 * 2**20
_ANCILLARY_BYTES = 128
_DROP_ALL = struct.pack("=HBBI", 0x06, 0, 0, 0)  # BPF: return 0 bytes

Address = tuple[str, int]


class SenderSocket:
    """Sends bursts to one fixed address."""

    def __init__(self, opened: socket.socket, destination: str) -> None:
        self._socket = opened
        self._destination = _for_kernel(read_address(destination))
        self._segmenting = True

    @classmethod
    def adopt(cls, descriptor: int, destination: str) -> Self:
        """Take over a socket that `open_sender` made in another process."""
        return cls(socket.socket(fileno=descriptor), destination)

    def fileno(self) -> int:
        """The descriptor."""
        return self._socket.fileno()

    def send(self, buffer: memoryview, segment_bytes: int) -> None:
        """Send one burst: datagrams of `segment_bytes` back to back.

        Raises `Overload(LINK_DOWN)` while the interface takes nothing: send the same burst again.
        """
        try:
            self._send(buffer, segment_bytes)
        except OSError as error:
            if error.errno in (EMSGSIZE, EINVAL):
                sentence = (
                    "the interface's MTU is smaller than the link's: give the link a smaller one"
                    " on both ends (--mtu, or mtu_bytes in the policy)"
                )
                raise Broken(Reason.SITE_MALFORMED, sentence) from error
            raise Overload(Reason.LINK_DOWN, f"the link takes nothing: {error.strerror}") from error

    def _send(self, buffer: memoryview, segment_bytes: int) -> None:
        if len(buffer) == segment_bytes:
            self._socket.sendmsg([buffer], (), 0, self._destination)
            return
        if self._segmenting:
            try:
                self._socket.sendmsg([buffer], _in_segments(segment_bytes), 0, self._destination)
                return
            except OSError as error:
                if error.errno != EIO:
                    raise
                self._segmenting = False  # the interface has no checksum offload
        for start in range(0, len(buffer), segment_bytes):
            part = buffer[start : start + segment_bytes]
            self._socket.sendmsg([part], (), 0, self._destination)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class ReceiverSocket:
    """Reads one socket. `kernel_drops` counts buffers that did not fit into the socket's memory
    (SO_RXQ_OVFL: under GRO a buffer may be many datagrams); `foreign` those of another source."""

    def __init__(self, opened: socket.socket, source_host: str | None = None) -> None:
        self._socket = opened
        self._sources = _as_heard(source_host)
        self._buffer = memoryview(bytearray(READ_BYTES_MAX))
        self.kernel_drops = 0
        self.foreign = 0
        opened.setblocking(False)
        opened.setsockopt(SOL_UDP, UDP_GRO, 1)
        opened.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)

    @classmethod
    def adopt(cls, descriptor: int, source_host: str | None = None) -> Self:
        """Take over a bound socket that the supervisor keeps a duplicate of."""
        return cls(socket.socket(fileno=descriptor), source_host)

    def fileno(self) -> int:
        """The descriptor: poll it, then read."""
        return self._socket.fileno()

    @property
    def address(self) -> Address:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def buffer_bytes(self) -> int:
        """What the kernel gives the socket: twice the asked for, or less if it may not."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    @property
    def fill_percent(self) -> int:
        """How full the socket's memory is."""
        raw = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
        held, most = struct.unpack_from("=II", raw)
        return int(held * 100 // max(1, most))

    def receive(self, room: memoryview | None = None) -> tuple[memoryview, int] | None:
        """(buffer, bytes a datagram) of one read, or None if nothing waits.

        None also after `FOREIGN_MAX` reads that came from elsewhere, so that who floods the link
        from another address does not keep its clock from being looked at. The buffer is in `room`
        (`READ_BYTES_MAX` bytes), or else in the same memory at each call.
        """
        buffer = self._buffer if room is None else room
        for _ in range(FOREIGN_MAX):
            try:
                size, control, _, address = self._socket.recvmsg_into([buffer], _ANCILLARY_BYTES)
            except BlockingIOError:
                return None
            segment = size
            for level, kind, data in control:
                if level == SOL_UDP and kind == UDP_GRO:
                    segment = int.from_bytes(data[:4], sys.byteorder)
                elif level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
                    self.kernel_drops = int.from_bytes(data[:4], sys.byteorder)
            if self._sources is None or address[0] in self._sources:
                return buffer[:size], segment
            self.foreign += 1
        return None

    def receive_together(self, room: memoryview) -> list[tuple[memoryview, int]]:
        """As `receive`, and what waits behind it, back to back in `room` (`READS_TOGETHER` times
        `READ_BYTES_MAX` bytes), as long as the datagrams are of one size and a read is more than
        half full; [] if nothing waits. The last one is of another size if that came next.
        """
        taken = self.receive(room)
        if taken is None:
            return []
        (last, size), at = taken, len(taken[0])
        while at + READ_BYTES_MAX <= len(room) and 2 * len(last) > READ_BYTES_MAX:
            if at % size or (taken := self.receive(room[at:])) is None:
                break
            if taken[1] != size:
                return [(room[:at], size), taken]
            last = taken[0]
            at += len(last)
        return [(room[:at], size)]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@lru_cache(maxsize=64)
def _in_segments(segment_bytes: int) -> list[tuple[int, int, bytes]]:
    """The ancillary data by which the kernel cuts a send into datagrams of this size."""
    return [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", segment_bytes))]


def open_sender(destination: str, source: str | None = None) -> socket.socket:
    """A socket for `SenderSocket`: not connected, deaf, and sends from `source` if given."""
    family = _family(read_address(destination))
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    with ExitStack() as unless_opened:
        unless_opened.callback(opened.close)
        if source is not None:
            opened.bind(_for_kernel(read_address(source)))
        _drop_all_that_comes(opened)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 0)
            opened.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
        else:
            opened.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 0)
            opened.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE)
        unless_opened.pop_all()
    return opened


def open_receiver(address: str, rate_mbit_per_s: int) -> socket.socket:
    """A bound socket for `ReceiverSocket`, with memory for `BUFFER_MS` at this rate.

    The supervisor opens it before the link comes up and keeps a duplicate over restarts.
    """
    wanted = buffer_bytes(rate_mbit_per_s)
    opened = socket.socket(_family(read_address(address)), socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    with ExitStack() as unless_opened:
        unless_opened.callback(opened.close)
        try:
            opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, wanted)
        except PermissionError:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
        opened.setsockopt(SOL_UDP, UDP_GRO, 1)  # from the first datagram on
        try:
            opened.bind(_for_kernel(read_address(address)))
        except OSError as error:
            raise OSError(error.errno, error.strerror, address) from error
        unless_opened.pop_all()
    return opened


def buffer_bytes(rate_mbit_per_s: int) -> int:
    """The memory that a receiving socket should have: `BUFFER_MS` at this rate, within bounds."""
    wanted = rate_mbit_per_s * 1_000_000 // 8 * BUFFER_MS // 1000
    return max(BUFFER_BYTES_MIN, min(wanted, BUFFER_BYTES_MAX))


def bind_address(host: str) -> str | None:
    """What to bind a sender to for this own address of ours ("": None); the kernel picks a port."""
    if not host:
        return None
    return f"[{host}]:0" if ":" in host else f"{host}:0"


def read_address(text: str) -> Address:
    """`127.0.0.1:9000` or `[::1]:9000`. Raises `Malformed`: a name is never looked up."""
    host, _, port = text.rpartition(":")
    try:
        number = int(port)
        found = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        number, found = -1, None
    if found is None or not 0 <= number < 65536 or (found.version == 6) != host.startswith("["):
        sentence = f"{text!r} is not a numeric address and port, as 10.0.0.2:9000 or [fd00::2]:9000"
        raise Malformed(Reason.SITE_MALFORMED, sentence)
    return str(found), number


def _for_kernel(address: Address) -> Address | tuple[str, int, int, int]:
    """With the number of the interface that a link-local address names. Raises `Malformed`."""
    host, scope, interface = address[0].partition("%")
    if not scope:
        return address
    try:
        return host, address[1], 0, socket.if_nametoindex(interface)
    except OSError as error:
        sentence = f"{address[0]} names an interface that is not there"
        raise Malformed(Reason.SITE_MALFORMED, sentence) from error


def _as_heard(host: str | None) -> frozenset[str] | None:
    """How the kernel writes this source: on a socket of both families, IPv4 in IPv6 as well."""
    if host is None:
        return None
    plain = ip_address(host.partition("%")[0])
    mapped = {f"::ffff:{plain.compressed}"} if plain.version == 4 else set()
    return frozenset({plain.compressed} | mapped)


def _drop_all_that_comes(opened: socket.socket) -> None:
    """A filter that accepts nothing, and that this process cannot take off again."""
    program = ctypes.create_string_buffer(_DROP_ALL, len(_DROP_ALL))
    described = struct.pack("@HP", 1, ctypes.addressof(program))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)
    opened.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET
