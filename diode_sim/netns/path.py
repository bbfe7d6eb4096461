"""`python -m diode_sim.netns.path PARENT OPTIONS`: frames from `low` to `high`, as models say.

Runs in the diode's namespace in the place of the kernel's `fwd`. Takes every frame that comes in at
`low` by a packet socket that is never sent on, gives frames to one at `high` that never receives.
What is in a UDP datagram goes through a `Wire`, one for each pair of addresses and ports, so fates
follow from the seed and the datagram's number in its flow; its headers are written anew around
what comes out, with a right checksum: a flipped bit reaches the far end as behind a device that
forwards. Frames of other kinds are passed as they are. Frames larger than the interface's MTU come
from a sender that has set segmentation on again; no wire carries them: dropped (`oversized`).

A line on standard input asks for the counters, as JSON in one line on standard output; the end of
standard input ends it.
"""

import fcntl
import json
import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from diode_sim.line import Run, datagrams_in
from diode_sim.netns import kernel
from diode_sim.options import Options
from diode_sim.wire import Wire

FLOWS_MAX = 64
FRAMES_A_TURN = 64
FRAME_BYTES_MAX = 2**17
BUFFER_BYTES = 64 * 2**20
ETHERNET_BYTES = 14
_IPV4, _IPV6, _UDP = 0x0800, 0x86DD, 17
_ETH_P_ALL = 3
_SOL_PACKET, _VNET_HEADER, _STATISTICS, _IGNORE_OUTGOING = 263, 15, 6, 23
_NEEDS_CHECKSUM = 1
_UDP_CHECKSUM_AT = 6


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the payload: Ethernet, IP and UDP, of one flow."""

    ethernet: bytes
    ip: bytes
    ports: bytes

    def key(self) -> bytes:
        """The same for all datagrams of a flow."""
        return self.ethernet + self._addresses() + self.ports

    def around(self, payload: Run) -> bytes:
        """A frame for a packet socket with `PACKET_VNET_HDR`, which lets the kernel sum it up."""
        udp_bytes = 8 + len(payload)
        six = len(self.ip) == 40
        if six:
            ip = self.ip[:4] + struct.pack("!H", udp_bytes) + self.ip[6:]
        else:
            ip = self.ip[:2] + struct.pack("!H", 20 + udp_bytes) + self.ip[4:10] + b"\0\0"
            ip = _with_sum(ip + self.ip[12:])
        half = _folded(self._addresses() + struct.pack("!II", udp_bytes, _UDP))
        udp = self.ports + struct.pack("!HH", udp_bytes, half)
        start = ETHERNET_BYTES + len(ip)
        offload = struct.pack("=BBHHHH", _NEEDS_CHECKSUM, 0, start, 0, start, _UDP_CHECKSUM_AT)
        return b"".join((offload, self.ethernet, ip, udp, payload))

    def _addresses(self) -> bytes:
        return self.ip[8:40] if len(self.ip) == 40 else self.ip[12:20]


def split(frame: memoryview) -> tuple[Head, memoryview] | None:
    """Head and payload of a whole UDP datagram; None for everything else."""
    if len(frame) < ETHERNET_BYTES + 28:
        return None
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    ip_bytes = 40 if ethertype == _IPV6 else 20
    if ethertype == _IPV4:
        (pieces,) = struct.unpack_from("!H", frame, 20)
        plain = frame[14] == 0x45 and frame[23] == _UDP and not pieces & 0x3FFF
    else:
        plain = ethertype == _IPV6 and frame[20] == _UDP
    at = ETHERNET_BYTES + ip_bytes
    if not plain or len(frame) < at + 8:
        return None
    (udp_bytes,) = struct.unpack_from("!H", frame, at + 4)
    if not 8 <= udp_bytes <= len(frame) - at:
        return None
    head = Head(
        bytes(frame[:ETHERNET_BYTES]), bytes(frame[ETHERNET_BYTES:at]), bytes(frame[at : at + 4])
    )
    return head, frame[at + 8 : at + udp_bytes]


class Path:
    """Frames from one interface to another until standard input ends."""

    def __init__(self, options: Options, frame_bytes_max: int) -> None:
        self._options = options
        self._frame_bytes_max = frame_bytes_max
        self._in = _packet_socket("low", _ETH_P_ALL)
        self._in.setblocking(False)
        self._out = _packet_socket("high", 0)
        self._out.setsockopt(_SOL_PACKET, _VNET_HEADER, 1)
        self._flows: dict[bytes, Wire] = {}
        self._more = {"others": 0, "oversized": 0, "flows_refused": 0, "receive_drops": 0}
        self._start_ns = time.monotonic_ns()

    def run(self) -> None:
        """Pass frames, answer on standard output."""
        buffer = bytearray(FRAME_BYTES_MAX)
        self._tell()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)  # it outlives who made the pair, and may be read to its end
        os.close(null)
        while True:
            ready = select.select([self._in.fileno(), 0], [], [], self._wait_s())[0]
            if 0 in ready:
                if not os.read(0, 1):
                    return
                self._tell()
            with suppress(BlockingIOError):
                for _ in range(FRAMES_A_TURN):
                    length = self._in.recv_into(buffer)
                    self._take(memoryview(buffer)[:length])
            for wire in self._flows.values():
                wire.advance(self._now_ns())

    def _take(self, frame: memoryview) -> None:
        if len(frame) > self._frame_bytes_max:
            self._more["oversized"] += 1
            return
        parts = split(frame)
        if parts is None:
            self._more["others"] += 1
            self._send(bytes(10) + bytes(frame))
            return
        head, payload = parts
        wire = self._wire(head)
        if wire is None:
            self._more["flows_refused"] += 1
            return
        now_ns = self._now_ns()
        wire.advance(now_ns)
        wire.take(now_ns, payload, len(payload))

    def _wire(self, head: Head) -> Wire | None:
        """The flow's wire; None if there are too many flows."""
        key = head.key()
        if key not in self._flows and len(self._flows) < FLOWS_MAX:

            def leave(run: Run, segment_bytes: int) -> None:
                for at in range(datagrams_in(run, segment_bytes)):
                    one = run[at * segment_bytes : (at + 1) * segment_bytes]
                    sent = self._send(head.around(one))
                    wire.counters.datagrams_out += sent
                    wire.counters.failed += not sent

            wire = self._flows[key] = Wire(self._options, leave)
        return self._flows.get(key)

    def _send(self, frame: bytes) -> bool:
        try:
            self._out.send(frame)
        except OSError:
            return False
        return True

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._start_ns

    def _wait_s(self) -> float | None:
        dues_ns = [due for wire in self._flows.values() if (due := wire.next_ns()) is not None]
        return max(0, min(dues_ns) - self._now_ns()) / 1e9 if dues_ns else None

    def _tell(self) -> None:
        """The sum of all flows' counters."""
        dropped = self._in.getsockopt(_SOL_PACKET, _STATISTICS, 8)  # reading it sets it to 0
        self._more["receive_drops"] += struct.unpack("=II", dropped)[1]
        total = Wire(self._options, lambda *_: None).counters.as_dict()
        for wire in self._flows.values():
            for name, count in wire.counters.as_dict().items():
                total[name] += count
        told = {"flows": len(self._flows), **total, **self._more}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _packet_socket(device: str, protocol: int) -> socket.socket:
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    one.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    for name in (33, socket.SO_RCVBUF):  # SO_RCVBUFFORCE, which only root of the host may
        with suppress(PermissionError):
            one.setsockopt(socket.SOL_SOCKET, name, BUFFER_BYTES)
            break
    one.bind((device, protocol))
    return one


def _folded(data: bytes) -> int:
    """The sum of the 16-bit words (RFC 1071), not complemented."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _with_sum(head: bytes) -> bytes:
    """An IPv4 header whose checksum is 0, with its checksum."""
    return head[:10] + struct.pack("!H", ~_folded(head) & 0xFFFF) + head[12:]


def _mtu(device: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        told = fcntl.ioctl(asking, 0x8921, struct.pack("16s16x", device.encode()))  # SIOCGIFMTU
    return int(struct.unpack_from("=i", told, 16)[0])


def main() -> None:
    """Pass frames on."""
    kernel.die_with(int(sys.argv[1]))
    path = Path(Options.model_validate_json(sys.argv[2]), ETHERNET_BYTES + _mtu("low"))
    path.run()


if __name__ == "__main__":
    main()
