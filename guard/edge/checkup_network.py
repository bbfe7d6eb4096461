"""The sockets' part of the check-up: many datagrams by one call, and buffers.

Takes the link's rate, gives findings. Sends datagrams over the loopback interface only.
"""

import socket
import struct
import time
from collections.abc import Iterator

from guard.core.frame import PACKET_BYTES_MAX
from guard.edge.findings import Finding, fail, ok, warn
from guard.edge.udp import (
    BUFFER_BYTES_MAX,
    BUFFER_BYTES_MIN,
    BUFFER_MS,
    SOL_UDP,
    UDP_SEGMENT,
    ReceiverSocket,
    open_receiver,
)

_SEGMENT_BYTES, _SEGMENTS = 512, 8
_ARRIVES_WITHIN_S = 1.0


def network_findings(rate_mbit_per_s: int) -> Iterator[Finding]:
    """What the host's sockets offer, against what a link of this rate needs."""
    yield _offload()
    yield _receive_buffer(rate_mbit_per_s)
    yield _hop_buffer()


def _offload() -> Finding:
    """Eight datagrams by one call, and how they come in."""
    name = "UDP_SEGMENT, UDP_GRO"
    mend = "use Linux 5.0 or newer; it works without, slower"
    try:
        receiver = ReceiverSocket(open_receiver("127.0.0.1:0", 1))
    except OSError as error:
        return warn(name, f"no UDP_GRO ({error.strerror})", mend)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        control = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", _SEGMENT_BYTES))]
        try:
            burst = bytes(_SEGMENT_BYTES * _SEGMENTS)
            sender.sendmsg([burst], control, 0, receiver.address)
            got, reads = _receive(receiver, len(burst))
        except OSError as error:
            return warn(name, f"no UDP_SEGMENT ({error.strerror})", mend)
        finally:
            receiver.close()
    if got != len(burst):
        told = f"{got} of {len(burst)} bytes came back over loopback"
        return fail(name, told, "ip link set lo up")
    return ok(name, f"{_SEGMENTS} datagrams sent by one call came in by {reads}")


def _receive(receiver: ReceiverSocket, bytes_wanted: int) -> tuple[int, int]:
    """(bytes, reads) until all came or the time is up."""
    got = reads = 0
    deadline_s = time.monotonic() + _ARRIVES_WITHIN_S
    while got < bytes_wanted and time.monotonic() < deadline_s:
        if (read := receiver.receive()) is None:
            time.sleep(0.001)
            continue
        got += len(read[0])
        reads += 1
    return got, reads


def _receive_buffer(rate_mbit_per_s: int) -> Finding:
    """Whether a socket of the link gets the memory it asks for; the kernel doubles the number."""
    wanted = rate_mbit_per_s * 1_000_000 // 8 * BUFFER_MS // 1000
    wanted = max(BUFFER_BYTES_MIN, min(wanted, BUFFER_BYTES_MAX))
    with open_receiver("127.0.0.1:0", rate_mbit_per_s) as opened:
        given = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    need = f"for {BUFFER_MS} ms at {rate_mbit_per_s:,} Mbit/s"
    if given < wanted:
        return warn(
            "net.core.rmem_max", f"the link's socket gets {given:,} of {wanted:,} bytes {need}",
            f"sysctl -w net.core.rmem_max={wanted}",
        )  # fmt: skip
    return ok("net.core.rmem_max", f"the link's socket gets {wanted:,} bytes, enough {need}")


def _hop_buffer() -> Finding:
    """A hop's socket must hold the largest packet, and runs best with four."""
    name, wanted = "net.core.wmem_max", 4 * PACKET_BYTES_MAX
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hop:
        hop.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, wanted)
        given = hop.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2
    mend = f"sysctl -w net.core.wmem_max={wanted}"
    if given < PACKET_BYTES_MAX:
        told = f"a hop between stages gets {given:,} bytes: no room for one packet"
        return fail(name, told, mend)
    if given < wanted:
        told = f"a hop between stages gets {given:,} of {wanted:,} bytes"
        return warn(name, f"{told}: it waits more often", mend)
    return ok(name, f"a hop between stages gets the {wanted:,} bytes it asks for")
