"""The simulated link as hardware: real UDP in, real UDP out, one way.

Takes datagrams on one socket, gives those that survive the channel on another, in batches
(`UDP_GRO` in, `UDP_SEGMENT` out). May receive on the first socket and send on the second to one
address; the first is never sent on, the second never read (a locked filter drops what arrives).
A batch to which nothing happens is handed on whole, without a look at single datagrams.
"""

import ctypes
import select
import socket
import struct
import time
from contextlib import suppress

from diode_sim.line import Counters
from diode_sim.options import Options
from diode_sim.outlet import UDP_GRO, Address, Outlet
from diode_sim.wire import Wire

BUFFER_BYTES = 65_536
SOCKET_BUFFER_BYTES = 128 * 1024 * 1024
DRAIN_NS = 1_000_000_000  # after `stop`, under a sender that does not stop
SO_RXQ_OVFL = 40
SO_ATTACH_FILTER = 26
SO_LOCK_FILTER = 44
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33


class Proxy:
    """A link between a listening address and a destination, until `stop`."""

    def __init__(self, listen: Address, to: Address, options: Options) -> None:
        """Opens both sockets. Raises `OSError` where an address cannot be had."""
        family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
        self._in = _inlet(family, listen)
        self._out = _drop_all(socket.socket(family, socket.SOCK_DGRAM))
        _grow(self._out, SO_SNDBUFFORCE, socket.SO_SNDBUF)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._outlet = Outlet(self._out, to)
        self._wire = Wire(options, self._outlet.put)
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start_ns = 0
        self._running = True

    @property
    def address(self) -> Address:
        """Where it listens."""
        name = self._in.getsockname()
        return str(name[0]), int(name[1])

    @property
    def counters(self) -> Counters:
        """What happened so far."""
        counters = self._wire.counters
        counters.datagrams_out = self._outlet.sent_datagrams
        counters.failed = self._outlet.failed_datagrams
        return counters

    @property
    def wake_descriptor(self) -> int:
        """A descriptor that wakes `run` when written to (for `signal.set_wakeup_fd`)."""
        return self._wake_out.fileno()

    def stop(self) -> None:
        """Let `run` drain and return. Safe from a signal handler or another thread."""
        self._running = False
        with suppress(OSError):  # the pipe is full, or `run` is over: it needs no waking
            self._wake_out.send(b".")

    def run(self) -> Counters:
        """Pass datagrams until `stop`; then send what is still held, close, and count."""
        poll = select.poll()
        poll.register(self._in, select.POLLIN)
        poll.register(self._wake_in, select.POLLIN)
        self._start_ns = time.monotonic_ns()
        while self._running:
            took = self._take()
            self._wire.advance(self._now_ns())
            self._outlet.flush()
            if not took:
                poll.poll(self._timeout_ms())
        end_ns = time.monotonic_ns() + DRAIN_NS
        while self._take() and time.monotonic_ns() < end_ns:
            pass
        self._wire.drain()
        self._outlet.flush()
        for one in (self._in, self._out, self._wake_in, self._wake_out):
            one.close()
        return self.counters

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._start_ns

    def _timeout_ms(self) -> float | None:
        due_ns = self._wire.next_ns()
        return None if due_ns is None else max(0, due_ns - self._now_ns()) / 1e6

    def _take(self) -> bool:
        """One batch from the socket through the line. False if none waits."""
        try:
            length, control, _, _ = self._in.recvmsg_into([self._buffer], 128, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        segment_bytes = length
        for level, kind, data in control:
            if level == socket.IPPROTO_UDP and kind == UDP_GRO:
                (segment_bytes,) = struct.unpack_from("=i", data)
            elif level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
                (self._wire.counters.receive_drops,) = struct.unpack_from("=I", data)
        self._wire.take(self._now_ns(), self._view[:length], segment_bytes)
        self._outlet.flush()
        return True


def _inlet(family: socket.AddressFamily, listen: Address) -> socket.socket:
    inlet = socket.socket(family, socket.SOCK_DGRAM)
    _grow(inlet, SO_RCVBUFFORCE, socket.SO_RCVBUF)
    inlet.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    inlet.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    inlet.bind(listen)
    return inlet


def _grow(one: socket.socket, forced: int, asked: int) -> None:
    """The largest buffer permitted: beyond the system's bound only with CAP_NET_ADMIN."""
    try:
        one.setsockopt(socket.SOL_SOCKET, forced, SOCKET_BUFFER_BYTES)
    except PermissionError:
        one.setsockopt(socket.SOL_SOCKET, asked, SOCKET_BUFFER_BYTES)


def _drop_all(one: socket.socket) -> socket.socket:
    """Attach, for good, a filter of one instruction (return 0): the socket hears nothing."""
    instruction = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(instruction))
    one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    one.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)
    return one
