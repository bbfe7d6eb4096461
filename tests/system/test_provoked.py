"""What a hostile low host can provoke: frames made to be answered, and what a host says by itself.

The low side has no rules here: it may send whatever it likes. Without rules on the high side each
frame gets its answer, which shows that it is one; with the shipped rules none does.
"""

import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from ipaddress import IPv4Address

from tests.system.frames import EXPERIMENTAL, ICMP, ICMP6, IGMP, TCP, UDP, Ends, icmp, kind_of
from tests.system.namespaces import (
    INTERFACE,
    PORT,
    Capture,
    Pair,
    Side,
    diode_pair,
    needs_namespaces,
)

pytestmark = needs_namespaces

OTHER_PORT = 47001
GROUP = "239.1.2.3"
ALL_NODES, ALL_HOSTS = "ff02::1", "224.0.0.1"
BAD_OPTION = bytes([7, 7, 3, 0])  # Record Route whose pointer stands before its first slot
PIECES_KEPT_S = 1  # how long the high side waits for the rest of a packet in pieces
COUNTS_WITHIN_S = 15.0
BEHIND = {4: "10.77.0.9", 6: "fd77::9"}
BEHIND_MAC = "02:00:00:00:77:09"
SMUGGLED = b"what no stage has examined"
STRANGER = "fd99::77"
ETHERTYPE_EXPERIMENTAL = 0x88B5
# What the kernel tried to say about datagrams of the link that nobody took, and what about others.
TRIED = ("Icmp.OutDestUnreachs", "Icmp6OutDestUnreachs")
UNTRIED = ("Icmp.OutParmProbs", "Icmp.OutTimeExcds", "Icmp.OutEchoReps", "Icmp6OutEchoReplies")
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
SPOKEN = ("udp", "tcp", "icmp 8/0", "icmp6 128", "icmp6 135", "ethertype 0x88b5")
Frames = dict[str, list[bytes]]


def provocations(low: Side, high: Side) -> Frames:
    """Frames from the low side by the kind of answer that they ask for."""
    four = Ends(low.mac, high.mac, low.hosts[4], high.hosts[4])
    six = Ends(low.mac, high.mac, low.hosts[6], high.hosts[6])
    all_hosts = Ends(low.mac, "01:00:5e:00:00:01", low.hosts[4], ALL_HOSTS)
    router_alert = struct.pack("!BBHHH", ICMP6, 0, 0x0502, 0, 0x0100)  # RFC 2711, padded
    all_nodes = Ends(low.mac, "33:33:00:00:00:01", link_local(low), ALL_NODES)
    target = socket.inet_pton(socket.AF_INET6, high.hosts[6])
    echo = struct.pack("!HH", 1, 1)
    igmp_query = checked_igmp(struct.pack("!BBH4sBBH", 0x11, 1, 0, bytes(4), 2, 0, 0))
    mld_query = struct.pack("!HH16sBBH", 1, 0, bytes(16), 2, 0, 0)
    return {
        "arp": [four.arp_request()],
        "icmp 0/0": [four.packet(ICMP, icmp(8, 0, echo))],
        "icmp6 129": [six.packet(ICMP6, six.icmp6(128, 0, echo))],
        "icmp6 136": [six.packet(ICMP6, six.icmp6(135, 0, bytes(4) + target))],
        "igmp": [all_hosts.packet(IGMP, igmp_query, options=b"\x94\x04\x00\x00")],
        "icmp6 143": [
            all_nodes.packet(0, router_alert + all_nodes.icmp6(130, 0, mld_query), hops=1)
        ],
        "tcp": [four.packet(TCP, four.tcp_syn(22)), six.packet(TCP, six.tcp_syn(22))],
        "icmp 3/3": [four.packet(UDP, four.udp(port, b"?")) for port in (PORT, OTHER_PORT)],
        "icmp6 1": [six.packet(UDP, six.udp(port, b"?")) for port in (PORT, OTHER_PORT)],
        "icmp 3/2": [four.packet(EXPERIMENTAL, b"?")],
        "icmp6 4": [six.packet(EXPERIMENTAL, b"?")],
        # two to the link's port: with an option that is wrong, and a piece without its rest
        "icmp 12/0": [four.packet(UDP, four.udp(PORT, b"?"), options=BAD_OPTION + bytes(4))],
        "icmp 11/1": [four.packet(UDP, four.udp(PORT, bytes(64)), more_fragments=True)],
    }  # fmt: skip


def checked_igmp(message: bytes) -> bytes:
    """With its checksum, which is that of ICMP."""
    return icmp(message[0], message[1], message[4:])


def link_local(side: Side) -> str:
    """The address that an interface has by its hardware address alone."""
    octets = bytes.fromhex(side.mac.replace(":", ""))
    told = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + told)


@contextmanager
def provoked(pair: Pair) -> Iterator[Frames]:
    """The high side is in a group and waits for pieces shortly; the low side sends everything."""
    with ExitStack() as stack:
        pair.high.setting("net/ipv4/ipfrag_time", str(PIECES_KEPT_S))
        with pair.high.inside():
            member = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            joined = IPv4Address(GROUP).packed + IPv4Address(pair.high.hosts[4]).packed
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        frames = provocations(pair.low, pair.high)
        pair.against.await_quiet()
        raw_send(pair.low, [frame for kind in frames.values() for frame in kind])
        yield frames


def raw_send(side: Side, frames: list[bytes], *, around_the_queue: bool = False) -> None:
    with side.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, around_the_queue)
        raw.bind((INTERFACE, 0))
        for frame in frames:
            raw.send(frame)


def speak(side: Side, other: Side) -> None:
    """What root can say on the high side without any of our software; refusals do not matter."""
    for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        echo = icmp(8, 0, bytes(4)) if version == 4 else struct.pack("!BBHI", 128, 0, 0, 0)
        protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
        with side.inside(), ExitStack() as stack:
            datagram = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            raw = stack.enter_context(socket.socket(family, socket.SOCK_RAW, protocol))
            stream = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            stream.setblocking(False)
            with suppress(OSError):
                datagram.sendto(b"?", (other.hosts[version], PORT))
            with suppress(OSError):
                raw.sendto(echo, (other.hosts[version], 0))
            with suppress(OSError):
                stream.connect((other.hosts[version], PORT))
            with suppress(OSError):
                datagram.sendto(b"?", (STRANGER, PORT))  # asks who that is
    frame = Ends(side.mac, other.mac, "", "").ethernet(ETHERTYPE_EXPERIMENTAL, b"?")
    for around_the_queue in (False, True):
        with suppress(OSError):
            raw_send(side, [frame], around_the_queue=around_the_queue)


def await_counted(side: Side, names: Collection[str]) -> None:
    """Until the kernel has counted at least one of each; fails the test if it does not."""
    deadline_s = time.monotonic() + COUNTS_WITHIN_S
    while missing := [name for name in names if side.counter(name) == 0]:
        assert time.monotonic() < deadline_s, f"the kernel never counted {missing}"
        time.sleep(0.05)


def test_without_the_rules_every_provocation_is_answered() -> None:
    with diode_pair(rules=()) as pair, provoked(pair) as frames:
        for kind in frames:
            pair.against.await_kind(kind, since_quiet=True)


def test_with_the_rules_no_provocation_is_answered() -> None:
    with diode_pair(rules=("high",)) as pair, provoked(pair):
        await_counted(pair.high, TRIED)
        time.sleep(PIECES_KEPT_S + 0.5)
        assert {pair.high.counter(name) for name in UNTRIED} == {0}
        assert pair.answers() == Counter()


def test_without_the_rules_root_on_the_high_side_is_heard() -> None:
    with diode_pair(rules=()) as pair:
        pair.against.await_quiet()
        speak(pair.high, pair.low)
        for kind in SPOKEN:
            pair.against.await_kind(kind, since_quiet=True)


def test_with_the_rules_root_on_the_high_side_is_not_heard() -> None:
    with diode_pair(rules=("high",)) as pair:
        before = stopped(pair.high)
        speak(pair.high, pair.low)
        assert stopped(pair.high) >= before + len(SPOKEN)
        assert pair.answers() == Counter()


def stopped(side: Side) -> int:
    """What the shipped rules have kept from leaving."""
    told = json.loads(side.run("nft", "-j", "list", "counter", "netdev", "checkvalve_high", "left"))
    return int(told["nftables"][1]["counter"]["packets"])


@contextmanager
def network_behind(high: Side) -> Iterator[Capture]:
    """The high domain's own network, on a second interface of the high host that routes."""
    high.run("ip", "link", "add", "name", "inside0", "type", "veth", "peer", "name", "inside1")
    with closing(Capture(high, "inside1")) as behind:
        for name in ("inside0", "inside1"):
            high.run("ip", "link", "set", "dev", name, "up")
        for version, host in BEHIND.items():
            own = host.removesuffix("9") + ("1/24" if version == 4 else "1/64")
            high.run("ip", f"-{version}", "address", "add", own, "dev", "inside0")
            high.run("ip", "neighbour", "replace", host, "lladdr", BEHIND_MAC, "dev", "inside0",
                     "nud", "permanent")  # fmt: skip
        high.setting("net/ipv4/ip_forward", "1")
        high.setting("net/ipv6/conf/all/forwarding", "1")
        behind.await_quiet()
        yield behind


def aimed_behind(low: Side, high: Side) -> Frames:
    """Datagrams of the link's port that would reach the network behind the high host."""
    aimed: Frames = {}
    for version, host in BEHIND.items():
        answered = Ends(low.mac, high.mac, host, high.hosts[version])
        routed = Ends(low.mac, high.mac, low.hosts[version], host)
        unreachable = "icmp 3/3" if version == 4 else "icmp6 1"
        aimed[unreachable] = [answered.packet(UDP, answered.udp(PORT, SMUGGLED))]
        aimed.setdefault("udp", []).append(routed.packet(UDP, routed.udp(PORT, SMUGGLED)))
    return aimed


def smuggled(behind: Capture) -> "Counter[str]":
    """Which frames in the network behind carry what the low host wrote."""
    return Counter(kind_of(frame) for frame in behind.frames() if SMUGGLED in frame)


def test_without_the_rules_a_datagram_reaches_the_network_behind_unexamined() -> None:
    """By the kernel's own answer to a source that it does not check, or because it routes."""
    with diode_pair(rules=()) as pair, network_behind(pair.high) as behind:
        aimed = aimed_behind(pair.low, pair.high)
        raw_send(pair.low, [frame for kind in aimed.values() for frame in kind])
        for kind in aimed:
            behind.await_kind(kind, since_quiet=True)
        assert smuggled(behind) == {"icmp 3/3": 1, "icmp6 1": 1, "udp": 2}


def test_with_the_rules_no_datagram_reaches_the_network_behind() -> None:
    with diode_pair(rules=("high",)) as pair, network_behind(pair.high) as behind:
        aimed = aimed_behind(pair.low, pair.high)
        raw_send(pair.low, [frame for kind in aimed.values() for frame in kind])
        behind.await_quiet()
        assert smuggled(behind) == Counter()
        assert pair.answers() == Counter()
