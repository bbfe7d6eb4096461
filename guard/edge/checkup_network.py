"""The network's part of the check-up: offloads, socket buffers, MTU, rules against answers.

Takes what the link needs, gives findings. Sends datagrams over the loopback interface only; a
route is looked up, never used.
"""

import errno
import ipaddress
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

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
    read_address,
)

_SEGMENT_BYTES, _SEGMENTS = 512, 8
_ARRIVES_WITHIN_S = 1.0
_SIOCGIFADDR = 0x8915
_RULES_WITHIN_S = 10
_RULES = {"low": "checkvalve_low", "high": "checkvalve_high"}


@dataclass(frozen=True, slots=True)
class LinkNeeds:
    """side: "low", "high" or "" for no site; address: the link's in site.toml."""

    side: str
    address: str
    rate_mbit_per_s: int
    mtu_bytes: int

    @property
    def is_loopback(self) -> bool:
        """Whether the link stays on this machine."""
        return ipaddress.ip_address(read_address(self.address)[0]).is_loopback


def network_findings(needs: LinkNeeds) -> Iterator[Finding]:
    """What the network offers, against what the link needs."""
    yield _offload()
    yield _receive_buffer(needs.rate_mbit_per_s)
    yield _hop_buffer()
    yield _mtu(needs)
    yield _rules(needs)


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


def _mtu(needs: LinkNeeds) -> Finding:
    """The MTU of the interface that the link uses, against the policy's."""
    host = read_address(needs.address)[0]
    try:
        local = _source_of(needs.address) if needs.side != "high" else host
        interface = _interface_of(local)
        mtu = int(Path(f"/sys/class/net/{interface}/mtu").read_text("ascii"))
    except OSError as error:
        return fail(
            "MTU", f"no interface is found for the link at {needs.address} ({error.strerror})",
            "ip address; then set link in site.toml",
        )  # fmt: skip
    if mtu < needs.mtu_bytes:
        return fail(
            "MTU", f"{interface} has {mtu:,} bytes, the policy's link {needs.mtu_bytes:,}",
            f"ip link set {interface} mtu {needs.mtu_bytes}, or lower mtu_bytes in the policy",
        )  # fmt: skip
    return ok("MTU", f"{interface} has {mtu:,} bytes, the policy's link {needs.mtu_bytes:,}")


def _source_of(address: str) -> str:
    """The local address that a datagram to there would leave from; nothing is sent."""
    host, port = read_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect((host, port or 9))
        return str(asked.getsockname()[0])


def _interface_of(local: str) -> str:
    """The name of the interface that has this address. Raises OSError (EADDRNOTAVAIL)."""
    wanted = ipaddress.ip_address(local)
    if wanted.version == 6:
        for line in Path("/proc/net/if_inet6").read_text("ascii").splitlines():
            fields = line.split()
            if ipaddress.ip_address(bytes.fromhex(fields[0])) == wanted:
                return fields[5]
    elif wanted.is_loopback:
        return "lo"
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            for _, name in socket.if_nameindex():
                if _address_of(asked, name) == wanted:
                    return name
    raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


def _address_of(asked: socket.socket, name: str) -> ipaddress.IPv4Address | None:
    try:
        answer = ioctl(asked.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
    except OSError:
        return None
    return ipaddress.IPv4Address(answer[20:24])


def _rules(needs: LinkNeeds) -> Finding:
    """Whether the kernel itself is kept from answering on a real link."""
    name = "nftables"
    if not needs.side:
        return ok(name, "a real link needs the rules of deploy/nftables on its interface")
    if needs.is_loopback:
        return ok(name, "the link is on the loopback interface: no rules are needed")
    table = _RULES[needs.side]
    mend = f"nft -f deploy/nftables/checkvalve-{needs.side}.nft (set its interface first)"
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return warn(name, "there is no nft to ask: the kernel may answer datagrams by ICMP", mend)
    try:
        # a fixed program and fixed words
        done = subprocess.run(  # noqa: S603  # nothing of it comes from outside
            [program, "list", "table", "netdev", table],
            capture_output=True, check=False, timeout=_RULES_WITHIN_S,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return warn(name, "nft does not answer", mend)
    if done.returncode:
        found = f"no table netdev {table} is loaded (or not for this user to see)"
        return warn(name, f"{found}: the kernel may answer datagrams by ICMP", mend)
    return ok(name, f"table netdev {table} is loaded")
