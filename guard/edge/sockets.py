"""The one-way sockets between the processes of a side, and what may travel on them.

A pair is two ends of a Unix SOCK_SEQPACKET socket: the writing end has its read side shut down,
the reading end its write side. `Inlet` and `Outlet` move frames, `Ear` and `Mouth` move small
packets (notices, entries, confirmations). A payload beyond `INLINE_BYTES_MAX` goes as a sealed
memfd: a reader takes at most one descriptor a packet, requires every seal and the stated size,
and reads it by position.

System calls: socketpair (supervisor only); recvmsg, sendmsg, poll, close, and for large payloads
memfd_create, ftruncate, write, fcntl(F_ADD_SEALS, F_GET_SEALS), fstat, pread.
"""

import array
import contextlib
import fcntl
import os
import select
import socket
import struct

from guard.core.frame import PACKET_BYTES_MAX, Frame, read_packet, write_header
from schemas.errors import Broken, Malformed
from schemas.message import Message
from schemas.reasons import Reason

SMALL_PACKET_BYTES_MAX = 256 * 1024  # the longest is what a tail is told first: the ranges handled
_F_ADD_SEALS, _F_GET_SEALS = 1033, 1034
_SEALS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20  # seal, shrink, grow, write, exec  # fcntl(2)
_MFD_CLOEXEC, _MFD_NOEXEC_SEAL = 0x1, 0x8
_DESCRIPTOR_SPACE = socket.CMSG_SPACE(array.array("i").itemsize)
NO_DESCRIPTOR = -1
WAIT_MS = 500
_WAIT = struct.pack("@ll", 0, WAIT_MS * 1000)  # struct timeval: one call a frame, no poll before


def one_way_pair() -> tuple[socket.socket, socket.socket]:
    """(reading end, writing end): a packet socket that carries one way only."""
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (reading, writing):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * PACKET_BYTES_MAX)
    reading.shutdown(socket.SHUT_WR)
    writing.shutdown(socket.SHUT_RD)
    return reading, writing


def feed_pair() -> tuple[socket.socket, socket.socket]:
    """(reading end, writing end) of the metrics feed: datagrams, many writers, never waited for."""
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    reading.shutdown(socket.SHUT_WR)
    writing.shutdown(socket.SHUT_RD)
    writing.setblocking(False)
    return reading, writing


class Ear:
    """The reading end of a channel of small packets."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._buffer = bytearray(SMALL_PACKET_BYTES_MAX)

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """The writer sees that nobody hears."""
        self._socket.close()

    def hear(self) -> bytes | None:
        """The next packet; waits for it. None when the writer is gone."""
        return self._heard(self._socket.recv_into(self._buffer, 0, socket.MSG_TRUNC))

    def hear_now(self) -> bytes | None:
        """The next packet if one is there, else b""; None when the writer is gone."""
        try:
            flags = socket.MSG_TRUNC | socket.MSG_DONTWAIT
            return self._heard(self._socket.recv_into(self._buffer, 0, flags))
        except BlockingIOError:
            return b""

    def _heard(self, size: int) -> bytes | None:
        if size > SMALL_PACKET_BYTES_MAX:
            raise Malformed(Reason.FRAME_MALFORMED, "a packet is longer than any may be")
        return bytes(memoryview(self._buffer)[:size]) if size else None


class Mouth:
    """The writing end of a channel of small packets."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def tell(self, packet: bytes) -> None:
        """Send one packet; waits while the channel is full. Raises OSError when nobody hears.

        Raises `Broken` for one that is longer than any reader takes.
        """
        if len(packet) > SMALL_PACKET_BYTES_MAX:
            raise Broken(Reason.ARGUMENT, f"a packet of {len(packet)} bytes is none to tell")
        self._socket.send(packet, socket.MSG_NOSIGNAL)

    def tell_if_room(self, packet: bytes) -> bool:
        """Send one packet unless the channel is full or nobody hears; says whether it was sent."""
        try:
            self._socket.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """The reader sees the end."""
        self._socket.close()


class Inlet:
    """The reading end of a chain's hop."""

    def __init__(self, descriptor: int, payload_bytes_max: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _WAIT)
        self._buffer = bytearray(PACKET_BYTES_MAX)
        self._view = memoryview(self._buffer)
        self._payload_bytes_max = payload_bytes_max

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def take(self, *, wait: bool = True) -> tuple[Frame, int] | None:
        """The next frame and the descriptor its payload came by (or `NO_DESCRIPTOR`).

        None when the writer is gone. The descriptor is the caller's to close. Waits up to
        `WAIT_MS`, or not at all if `wait` is False; raises BlockingIOError when nothing came, and
        `Malformed` for a packet that is no frame (its descriptors are closed).
        """
        flags = socket.MSG_CMSG_CLOEXEC | (0 if wait else socket.MSG_DONTWAIT)
        size, ancillary, told, _ = self._socket.recvmsg_into(
            [self._buffer], _DESCRIPTOR_SPACE, flags
        )
        descriptor = _only_descriptor(ancillary) if ancillary else NO_DESCRIPTOR
        if size == 0 and self._ended():
            close_descriptor(descriptor)
            return None
        try:
            if told & socket.MSG_TRUNC:
                raise Malformed(Reason.FRAME_MALFORMED, "a packet is longer than any frame")
            opened = read_packet(bytes(self._view[:size]), self._payload_bytes_max)
            if not opened.by_descriptor_bytes:
                close_descriptor(descriptor)
                return opened.frame, NO_DESCRIPTOR
            payload = _read_sealed(descriptor, opened.by_descriptor_bytes)
        except Malformed:
            close_descriptor(descriptor)
            raise
        frame = opened.frame
        message = Message(frame.message.meta_bytes, payload)
        return Frame(frame.id, frame.number, frame.legs, message, frame.stopped), descriptor

    def close(self) -> None:
        """The writer finds nobody there."""
        self._socket.close()

    def _ended(self) -> bool:
        """Whether the writer is gone: an empty packet reads the same, and only looks like it."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        return any(events & select.POLLHUP for _, events in poller.poll(0))


class Outlet:
    """The writing end of a chain's hop."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def give(self, frame: Frame, descriptor: int = NO_DESCRIPTOR) -> None:
        """Send one frame; waits while the hop is full. Raises OSError when nobody takes it.

        descriptor: a sealed memfd that holds exactly the frame's payload, passed on as it is;
        without one a large payload is written into a new one.
        """
        packet, by_descriptor = write_header(frame)
        if not by_descriptor:
            self._socket.sendmsg([packet, frame.message.payload], (), socket.MSG_NOSIGNAL)
            return
        own = descriptor if descriptor != NO_DESCRIPTOR else sealed_memfd(frame.message.payload)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [own]))]
        try:
            self._socket.sendmsg([packet], rights, socket.MSG_NOSIGNAL)
        finally:
            if own != descriptor:
                os.close(own)

    def close(self) -> None:
        """The reader sees the end of the stream."""
        self._socket.close()


def sealed_memfd(payload: bytes) -> int:
    """A memfd with these bytes and every seal: nobody can change, grow or shrink it."""
    descriptor = os.memfd_create("payload", _MFD_CLOEXEC | _MFD_NOEXEC_SEAL)
    at = 0
    while at < len(payload):  # by position: a confined process may not write() on a number it made
        at += os.pwrite(descriptor, memoryview(payload)[at:], at)
    fcntl.fcntl(descriptor, _F_ADD_SEALS, _SEALS)
    return descriptor


def close_descriptor(descriptor: int) -> None:
    """Close it, unless it is `NO_DESCRIPTOR`."""
    if descriptor != NO_DESCRIPTOR:
        os.close(descriptor)


def readable(*ends: Ear | Inlet, wait_ms: int | None = None) -> list[bool]:
    """Which of these have something (or their end) to read; waits up to `wait_ms` (None: on)."""
    poller = select.poll()
    for end in ends:
        poller.register(end.fileno(), select.POLLIN)
    ready = {descriptor for descriptor, _ in poller.poll(wait_ms)}
    return [end.fileno() in ready for end in ends]


def _only_descriptor(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The first descriptor that came; any other is closed at once."""
    found: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            passed = array.array("i")
            passed.frombytes(data[: len(data) - len(data) % passed.itemsize])
            found.extend(passed)
    for extra in found[1:]:
        with contextlib.suppress(OSError):
            os.close(extra)
    return found[0] if found else NO_DESCRIPTOR


def _read_sealed(descriptor: int, size: int) -> bytes:
    """The bytes of a sealed memfd of exactly this size. Raises `Malformed`."""
    if descriptor == NO_DESCRIPTOR:
        raise Malformed(Reason.PAYLOAD_NOT_SEALED, "a payload's descriptor did not come")
    try:
        seals = fcntl.fcntl(descriptor, _F_GET_SEALS)
        stated = os.fstat(descriptor).st_size
    except OSError as error:
        raise Malformed(Reason.PAYLOAD_NOT_SEALED, "the descriptor is no memfd") from error
    if seals & _SEALS != _SEALS or stated != size:
        raise Malformed(Reason.PAYLOAD_NOT_SEALED, "the memfd lacks a seal or has another size")
    parts = []
    at = 0
    while at < size:
        part = os.pread(descriptor, size - at, at)
        if not part:
            raise Malformed(Reason.PAYLOAD_NOT_SEALED, "the memfd is shorter than it says")
        parts.append(part)
        at += len(part)
    return b"".join(parts)
