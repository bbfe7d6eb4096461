"""Ethernet frames for the tests of the cable: what a frame is, and frames that provoke an answer.

Layouts: RFC 791 (IPv4), 8200 (IPv6), 768 (UDP), 792 (ICMP), 4443 (ICMPv6), 826 (ARP), 4861 (NS),
3810 (MLDv2), 3376 (IGMPv3), 9293 (TCP).
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, IGMP, TCP, UDP, ICMP6 = 1, 2, 6, 17, 58
EXPERIMENTAL = 253  # an IP protocol that nobody speaks (RFC 3692)
ETHERNET_BYTES = 14


def kind_of(frame: bytes) -> str:
    """What a frame is, in a word or two: `arp`, `udp`, `icmp 3/3`, `icmp6 135`, `igmp`."""
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    if ethertype == IPV4:
        return _carried(frame, frame[23], ETHERNET_BYTES + (frame[14] & 15) * 4)
    if ethertype == IPV6:
        protocol, at = frame[20], ETHERNET_BYTES + 40
        while protocol in (0, 60):  # hop-by-hop and destination options
            protocol, at = frame[at], at + (frame[at + 1] + 1) * 8
        return _carried(frame, protocol, at)
    return "arp" if ethertype == ARP else f"ethertype {ethertype:#06x}"


def is_fragment(frame: bytes) -> bool:
    """Whether a frame holds a piece of a packet."""
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    if ethertype == IPV4:
        return bool(struct.unpack_from("!H", frame, 20)[0] & 0x3FFF)
    return ethertype == IPV6 and frame[20] == 44


def _carried(frame: bytes, protocol: int, at: int) -> str:
    if protocol == ICMP:
        return f"icmp {frame[at]}/{frame[at + 1]}"
    if protocol == ICMP6:
        return f"icmp6 {frame[at]}"
    return {IGMP: "igmp", TCP: "tcp", UDP: "udp"}.get(protocol, f"protocol {protocol}")


@dataclass(frozen=True, slots=True)
class Ends:
    """From where to where a frame goes: hardware addresses, and numeric ones of one family."""

    from_mac: str
    to_mac: str
    source: str
    to: str

    @property
    def six(self) -> bool:
        """Whether it is IPv6."""
        return ":" in self.to

    def ethernet(self, ethertype: int, rest: bytes) -> bytes:
        """The frame."""
        return _mac(self.to_mac) + _mac(self.from_mac) + struct.pack("!H", ethertype) + rest

    def packet(self, protocol: int, rest: bytes, *, hops: int = 255, options: bytes = b"",
               more_fragments: bool = False) -> bytes:  # fmt: skip
        """One IP packet in its frame. options: of IPv4, whole words."""
        if self.six:
            head = struct.pack("!IHBB", 0x60000000, len(rest), protocol, hops)
            return self.ethernet(IPV6, head + self._addresses() + rest)
        words = 5 + len(options) // 4
        head = struct.pack(
            "!BBHHHBBH", 0x40 | words, 0, words * 4 + len(rest), 1,
            0x2000 if more_fragments else 0, hops, protocol, 0,
        )  # fmt: skip
        head += self._addresses() + options
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return self.ethernet(IPV4, head + rest)

    def udp(self, port: int, payload: bytes, from_port: int = 40_000) -> bytes:
        """A UDP datagram with its checksum: what follows the IP header."""
        head = struct.pack("!HHHH", from_port, port, 8 + len(payload), 0)
        sum_ = self.summed(UDP, head + payload) or 0xFFFF
        return head[:6] + struct.pack("!H", sum_) + payload

    def tcp_syn(self, port: int) -> bytes:
        """A TCP segment that asks for a connection."""
        head = struct.pack("!HHIIBBHHH", 40_000, port, 1, 0, 0x50, 2, 1024, 0, 0)
        return head[:16] + struct.pack("!H", self.summed(TCP, head)) + head[18:]

    def icmp6(self, kind: int, code: int, rest: bytes) -> bytes:
        """An ICMPv6 message."""
        head = struct.pack("!BBH", kind, code, 0) + rest
        return head[:2] + struct.pack("!H", self.summed(ICMP6, head)) + head[4:]

    def summed(self, protocol: int, rest: bytes) -> int:
        """The checksum over the pseudo-header and what follows the IP header."""
        length = struct.pack("!I", len(rest))
        return checksum(self._addresses() + length + struct.pack("!I", protocol) + rest)

    def arp_request(self) -> bytes:
        """Who has `to`?"""
        head = struct.pack("!HHBBH", 1, IPV4, 6, 4, 1) + _mac(self.from_mac)
        wanted = IPv4Address(self.source).packed + bytes(6) + IPv4Address(self.to).packed
        return self.ethernet(ARP, head + wanted)

    def _addresses(self) -> bytes:
        if self.six:
            return IPv6Address(self.source).packed + IPv6Address(self.to).packed
        return IPv4Address(self.source).packed + IPv4Address(self.to).packed


def icmp(kind: int, code: int, rest: bytes) -> bytes:
    """An ICMP message for IPv4."""
    head = struct.pack("!BBH", kind, code, 0) + rest
    return head[:2] + struct.pack("!H", checksum(head)) + head[4:]


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
