"""What root in the high end can try against the flow, with no software of ours in the way.

    python -m tests.system.hostile_end

Runs in the end. Sends whatever it can by every kind of socket; what is refused here does not
matter. The interface is asked for its hardware address, because a test may have changed it.
"""

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from diode_sim.netns.side import HOSTS, MACS
from tests.system.frames import (
    ARP,
    EXPERIMENTAL,
    ICMP,
    ICMP6,
    IGMP,
    IPV4,
    TCP,
    UDP,
    Ends,
    icmp,
)

LOW, HIGH = HOSTS["low"], HOSTS["high"]
PORTS = (47000, 53, 9)
BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
BINDTODEVICE = 25
VLAN, EAP, LLDP, EXPERIMENTAL_TYPE = 0x8100, 0x888E, 0x88CC, 0x88B5


def interfaces() -> list[str]:
    """All but the loopback, by name."""
    return [path.name for path in Path("/proc/self/net/").glob("dev_snmp6/*") if path.name != "lo"]


def from_sockets(device: str) -> None:
    """UDP, TCP, ICMP and raw IP to the low end, to groups and to everybody."""
    for family, hosts in (
        (socket.AF_INET, (LOW[4], "224.0.0.1", "239.1.2.3", "255.255.255.255", "10.99.0.3")),
        (socket.AF_INET6, (LOW[6], "ff02::1", "ff0e::1234", "fe80::99ff:fe00:9901")),
    ):
        four = family == socket.AF_INET
        kinds = [(socket.SOCK_DGRAM, 0), (socket.SOCK_RAW, EXPERIMENTAL), (socket.SOCK_RAW, UDP),
                 (socket.SOCK_RAW, ICMP if four else ICMP6)]  # fmt: skip
        for kind, protocol in kinds:
            with socket.socket(family, kind, protocol) as one:
                one.setsockopt(socket.SOL_SOCKET, BINDTODEVICE, device.encode())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                for host in hosts:
                    for port in PORTS if kind == socket.SOCK_DGRAM else (0,):
                        attempt(partial(one.sendto, bytes(64), (host, port)))
        with socket.socket(family, socket.SOCK_STREAM) as stream:
            stream.setblocking(False)
            attempt(partial(stream.connect, (hosts[0], 22)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:  # IGMP and MLD reports
        joined = socket.inet_aton("239.9.9.9") + socket.inet_aton("10.99.0.2")
        attempt(lambda: member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined))


def frames(own: str) -> list[bytes]:
    """Frames of every kind, to the low end and to everybody, from our address and from its own."""
    made = []
    for from_mac in (own, MACS["low"], "02:00:00:00:00:77"):
        for to_mac in (MACS["low"], BROADCAST_MAC, "33:33:00:00:00:01"):
            four = Ends(from_mac, to_mac, HIGH[4], LOW[4])
            six = Ends(from_mac, to_mac, HIGH[6], LOW[6])
            target = socket.inet_pton(socket.AF_INET6, LOW[6])
            made += [
                four.arp_request(),
                four.packet(UDP, four.udp(47000, b"?")),
                six.packet(UDP, six.udp(47000, b"?")),
                four.packet(ICMP, icmp(8, 0, bytes(4))),
                four.packet(IGMP, icmp(0x16, 0, socket.inet_aton("239.1.1.1"))),
                four.packet(TCP, four.tcp_syn(22)),
                six.packet(TCP, six.tcp_syn(22)),
                six.packet(ICMP6, six.icmp6(135, 0, bytes(4) + target)),
                six.packet(ICMP6, six.icmp6(136, 0, bytes(4) + target)),
                six.packet(ICMP6, six.icmp6(143, 0, bytes(4))),
                four.ethernet(VLAN, struct.pack("!HH", 1, IPV4) + bytes(46)),
                *(four.ethernet(kind, bytes(46)) for kind in (EAP, LLDP, EXPERIMENTAL_TYPE, ARP)),
                four.ethernet(EXPERIMENTAL_TYPE, bytes(1400)),
            ]
    return made


def from_packets(device: str, sent: list[bytes]) -> None:
    """By packet sockets, through the interface's queue and around it."""
    for around in (0, 1):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, around)
            raw.bind((device, 0))
            for frame in sent:
                attempt(partial(raw.send, frame))


def attempt(act: Callable[[], object]) -> None:
    """Try it: that this end's own kernel refuses proves nothing."""
    with suppress(OSError):
        act()


def main() -> None:
    """Everything, on every interface."""
    for device in interfaces():
        own = Path(f"/sys/class/net/{device}/address")
        from_sockets(device)
        from_packets(device, frames(own.read_text().strip() if own.exists() else MACS["high"]))


if __name__ == "__main__":
    main()
