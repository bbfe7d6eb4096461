"""The `socket.socket` of the simulated kernel: packet sockets, UDP, and one nobody reaches."""

import array
import errno
import socket as real_socket
import struct
from collections.abc import Iterable
from typing import Any

from diode_sim.world.calls import Calls, timeval_ns
from diode_sim.world.channels import DEFAULT_ROOM_BYTES, Datagrams, End, Packet
from diode_sim.world.inodes import failure
from diode_sim.world.kernel import Open

_SO_RCVBUFFORCE, _SO_MEMINFO, _SO_ATTACH_FILTER, _SO_RXQ_OVFL = 33, 55, 26, 40
_SOL_UDP, _UDP_SEGMENT = 17, 103
_RIGHTS_BYTES = 4
WISHED_ROOM_BYTES_MAX = 4 * 1024 * 1024  # net.core.wmem_max since Linux 6.18; before it 212,992
_ROOM_BYTES_MIN = 4608
_SENDER = ("127.0.0.1", 1)


def socket_class(calls: Calls) -> type:
    """The class, for these calls."""

    class Socket:
        """What the guard's code uses of socket.socket."""

        def __init__(self, family: int = 2, kind: int = 2, proto: int = 0,
                     fileno: int | None = None) -> None:  # fmt: skip
            if fileno is not None:
                self._number = fileno
            elif kind & 0xFF == real_socket.SOCK_DGRAM:
                process = calls.kernel.enter("socket")
                self._number = calls.files.give(process, Datagrams(calls.kernel))
            else:
                self._number = calls.deaf_socket()

        def fileno(self) -> int:
            """The descriptor."""
            return self._number

        def _opened(self, call: str, about: object = "") -> Open:
            process = calls.kernel.enter(call, f"{self._number} {about}")
            return calls.files.held(process, self._number)

        def close(self) -> None:
            """Once."""
            if self._number >= 0:
                number, self._number = self._number, -1
                calls.files.close(number)

        def detach(self) -> int:
            """The descriptor is the caller's."""
            number, self._number = self._number, -1
            return number

        def setblocking(self, blocking: bool) -> None:
            """Whether calls wait."""
            opened = self._opened("fcntl")
            if isinstance(opened, End | Datagrams):
                opened.blocking = blocking

        def shutdown(self, how: int) -> None:
            """One direction."""
            calls.shutdown(
                self._number, reading=how != real_socket.SHUT_WR, writing=how != real_socket.SHUT_RD
            )

        def setsockopt(self, level: int, option: int, value: Any) -> None:
            """The options that matter here; the others change nothing."""
            opened = self._opened("setsockopt", (level, option))
            if isinstance(opened, End):
                if option == real_socket.SO_SNDBUF:
                    wanted = min(int(value), WISHED_ROOM_BYTES_MAX)
                    opened.outgoing.room_bytes = max(_ROOM_BYTES_MIN, 2 * wanted)
                elif option == real_socket.SO_RCVTIMEO:
                    opened.timeout_ns = timeval_ns(value)
            elif isinstance(opened, Datagrams) and level == real_socket.SOL_SOCKET:
                if option in (_SO_RCVBUFFORCE, real_socket.SO_RCVBUF):
                    opened.room_bytes = 2 * int(value)
                elif option == _SO_ATTACH_FILTER:
                    opened.deaf = True

        def getsockopt(self, level: int, option: int, size: int = 0) -> Any:
            """The buffer's size and what is in it."""
            opened = self._opened("getsockopt", (level, option))
            if isinstance(opened, End) and option == real_socket.SO_SNDBUF:
                return opened.outgoing.room_bytes
            if not isinstance(opened, Datagrams):
                return DEFAULT_ROOM_BYTES
            if option == _SO_MEMINFO:
                return struct.pack("=9I", opened.filled_bytes, opened.room_bytes, *[0] * 7)
            return opened.room_bytes

        def getsockname(self) -> tuple[str, int]:
            """Where it is bound."""
            return "127.0.0.1", 0

        def bind(self, address: Any) -> None:
            """A path is a socket's name from now on; other addresses mean nothing here."""
            self._opened("bind", address)
            if isinstance(address, str):
                calls.name_socket(address)

        def listen(self, backlog: int = 0) -> None:
            """Nobody will come."""
            self._opened("listen", backlog)

        def send(self, content: bytes, flags: int = 0) -> int:
            """One packet."""
            opened = self._opened("send", len(content))
            if not isinstance(opened, End):
                raise failure(errno.EOPNOTSUPP)
            return opened.send(Packet(bytes(content)), wait=not flags & real_socket.MSG_DONTWAIT)

        def recv(self, size: int, flags: int = 0) -> bytes:
            """One packet, cut to so many bytes."""
            buffer = bytearray(size)
            told = self.recv_into(buffer, 0, flags & ~real_socket.MSG_TRUNC)
            return bytes(buffer[:told])

        def recv_into(self, buffer: bytearray, size: int = 0, flags: int = 0) -> int:
            """One packet, cut to the buffer; gives how much came, or with MSG_TRUNC was sent."""
            opened = self._opened("recv")
            view = memoryview(buffer)[: size or len(buffer)]
            if not view:
                return 0  # Python does not ask the kernel for nothing
            if isinstance(opened, Datagrams):
                content = opened.receive(wait=not flags & real_socket.MSG_DONTWAIT)
            elif isinstance(opened, End):
                packet = opened.receive(wait=not flags & real_socket.MSG_DONTWAIT)
                content = b"" if packet is None else packet.content
                for passed in packet.passed if packet is not None else ():
                    calls.kernel.drop(passed)
            else:
                raise failure(errno.EOPNOTSUPP)
            part = content[: len(view)]
            view[: len(part)] = part
            return len(content) if flags & real_socket.MSG_TRUNC else len(part)

        def sendmsg(self, buffers: Iterable[Any], ancillary: Iterable[Any] = (), flags: int = 0,
                    address: Any = None) -> int:  # fmt: skip
            """One packet with descriptors, or a burst of datagrams."""
            content = b"".join(bytes(part) for part in buffers)
            opened = self._opened("sendmsg", len(content))
            if isinstance(opened, Datagrams):
                segment = len(content)
                for level, kind, data in ancillary:
                    if level == _SOL_UDP and kind == _UDP_SEGMENT:
                        (segment,) = struct.unpack("=H", data)
                if opened.transmit is None:
                    raise failure(errno.ENETUNREACH)
                opened.transmit(content, segment)
                return len(content)
            if not isinstance(opened, End):
                raise failure(errno.EOPNOTSUPP)
            passed = [held for _, _, data in ancillary for held in self._named(data)]
            return opened.send(Packet(content, passed), wait=not flags & real_socket.MSG_DONTWAIT)

        def _named(self, numbers: Any) -> list[Open]:
            process = calls.kernel.current
            found = array.array("i", numbers)
            return [calls.files.held(process, n) for n in found] if process is not None else []

        def recvmsg_into(self, buffers: list[Any], ancillary_bytes: int = 0, flags: int = 0,
                         ) -> tuple[int, list[tuple[int, int, bytes]], int, Any]:  # fmt: skip
            """One packet with its descriptors, or one datagram with the count of those dropped."""
            opened = self._opened("recvmsg")
            view = memoryview(buffers[0])
            if isinstance(opened, Datagrams):
                return self._datagram(opened, view, flags)
            if not isinstance(opened, End):
                raise failure(errno.EOPNOTSUPP)
            packet = opened.receive(wait=not flags & real_socket.MSG_DONTWAIT)
            if packet is None:
                return 0, [], 0, None
            return self._unpack(packet, view, ancillary_bytes)

        @staticmethod
        def _datagram(opened: Datagrams, view: memoryview, flags: int,
                      ) -> tuple[int, list[tuple[int, int, bytes]], int, Any]:  # fmt: skip
            datagram = opened.receive(wait=not flags & real_socket.MSG_DONTWAIT)
            size = min(len(datagram), len(view))
            view[:size] = datagram[:size]
            dropped = struct.pack("=I", opened.drops)
            told = [(real_socket.SOL_SOCKET, _SO_RXQ_OVFL, dropped)] if opened.drops else []
            cut = real_socket.MSG_TRUNC if size < len(datagram) else 0
            return size, told, cut, _SENDER

        def _unpack(self, packet: Packet, view: memoryview, ancillary_bytes: int,
                    ) -> tuple[int, list[tuple[int, int, bytes]], int, Any]:  # fmt: skip
            size = min(len(packet.content), len(view))
            view[:size] = packet.content[:size]
            told = real_socket.MSG_TRUNC if size < len(packet.content) else 0
            process = calls.kernel.current
            room = max(0, ancillary_bytes - real_socket.CMSG_LEN(0)) // _RIGHTS_BYTES
            taken = [
                calls.files.give(process, opened)
                for opened in packet.passed[:room]
                if process is not None
            ]
            if len(packet.passed) > room:
                told |= real_socket.MSG_CTRUNC
            for opened in packet.passed:
                calls.kernel.drop(opened)
            rights = array.array("i", taken).tobytes()
            level, kind = real_socket.SOL_SOCKET, real_socket.SCM_RIGHTS
            return size, [(level, kind, rights)] if taken else [], told, None

    return Socket
