"""Questions to the kernel's tables: which way a datagram goes, and who has which address.

Takes numeric addresses, gives what the kernel knows; raises `OSError` with the kernel's error
number. Only asks: nothing is changed and nothing is sent on a network. Layouts: the kernel's
`linux/netlink.h`, `linux/rtnetlink.h` and `linux/neighbour.h`; numbers are in the host's order.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct

IPAddress = IPv4Address | IPv6Address

_HEAD = Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = Struct("=HH")  # length, type
_ROUTE = Struct("=BBBBBBBBI")  # family, bits of destination and source, ..., type, flags
_NEIGHBOUR = Struct("=BBHiHBB")  # family, -, -, interface, state, flags, type
_ADDRESS = Struct("=BBBBI")  # family, bits, flags, scope, interface
_REQUEST, _DUMP = 0x1, 0x300
_ERROR, _DONE = 2, 3
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_NEW_ROUTE, _GET_ROUTE, _NEW_NEIGHBOUR, _GET_NEIGHBOUR = 24, 26, 28, 30
_DESTINATION, _INTERFACE, _GATEWAY, _SOURCE, _VIA = 1, 4, 5, 7, 18
_HARDWARE_ADDRESS = 2
_ANY_ADDRESS, _LOCAL_ADDRESS = 1, 2
_UNICAST, _LOCAL = 1, 2
_ANSWER_BYTES_MAX = 64 * 1024
_ANSWERS_MAX = 4096  # a table of neighbours is larger only under attack

PERMANENT = 0x80
NO_ARP = 0x40


@dataclass(frozen=True, slots=True)
class Route:
    """The way of a datagram: the interface, the address it leaves from, who takes it first."""

    interface: str
    source: IPAddress | None
    next_hop: IPAddress
    is_local: bool


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What stands for an address on a cable. mac: empty while nobody has answered."""

    mac: str
    is_permanent: bool


def route_to(host: str) -> Route:
    """How a datagram to this numeric address would leave. Raises `OSError` (ENETUNREACH)."""
    wanted = ip_address(host)
    asked = _ROUTE.pack(_family(wanted), wanted.max_prefixlen, 0, 0, 0, 0, 0, 0, 0)
    asked += _attribute(_DESTINATION, wanted.packed)
    for kind, body in _ask(_GET_ROUTE, 0, asked):
        if kind == _NEW_ROUTE and _ROUTE.unpack_from(body)[7] in (_UNICAST, _LOCAL):
            return _read_route(wanted, body)
    raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


def interface_of(host: str) -> str:
    """The name of the interface that has this address. Raises `OSError` (EADDRNOTAVAIL)."""
    wanted = ip_address(host)
    if wanted.is_loopback:
        return "lo"  # all of 127.0.0.0/8 is there, without being listed
    found = None
    for kind, body in _ask(_GET_ADDRESS, _DUMP, _ADDRESS.pack(_family(wanted), 0, 0, 0, 0)):
        if kind == _NEW_ADDRESS:
            fields = dict(_attributes(body[_ADDRESS.size :]))
            # on a point-to-point interface the other field is the far end's
            own = fields.get(_LOCAL_ADDRESS, fields.get(_ANY_ADDRESS))
            found = _ADDRESS.unpack_from(body)[4] if own == wanted.packed else found
    if found is None:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return socket.if_indextoname(found)


def neighbour(interface: str, host: IPAddress) -> Neighbour | None:
    """What the kernel holds about an address on an interface; `None` if nothing."""
    index = socket.if_nametoindex(interface)
    asked = _NEIGHBOUR.pack(_family(host), 0, 0, 0, 0, 0, 0)
    found = None
    for kind, body in _ask(_GET_NEIGHBOUR, _DUMP, asked):  # to the end: the answer is read whole
        if kind != _NEW_NEIGHBOUR:
            continue
        _, _, _, where, state, _, _ = _NEIGHBOUR.unpack_from(body)
        fields = dict(_attributes(body[_NEIGHBOUR.size :]))
        if where == index and fields.get(_DESTINATION) == host.packed:
            mac = fields.get(_HARDWARE_ADDRESS, b"").hex(":")
            found = Neighbour(mac, bool(state & (PERMANENT | NO_ARP)))
    return found


def _read_route(wanted: IPAddress, body: bytes) -> Route:
    fields = dict(_attributes(body[_ROUTE.size :]))
    (index,) = struct.unpack("=I", fields[_INTERFACE])
    next_hop = wanted
    if _GATEWAY in fields:
        next_hop = ip_address(fields[_GATEWAY])
    elif _VIA in fields:  # of the other family: two bytes say which
        next_hop = ip_address(fields[_VIA][2:])
    source = ip_address(fields[_SOURCE]) if _SOURCE in fields else None
    is_local = _ROUTE.unpack_from(body)[7] == _LOCAL
    return Route(socket.if_indextoname(index), source, next_hop, is_local)


def _ask(kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each message of the answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.send(_HEAD.pack(_HEAD.size + len(body), kind, _REQUEST | flags, 1, 0) + body)
        for _ in range(_ANSWERS_MAX):
            for got, answer in _messages(asked.recv(_ANSWER_BYTES_MAX)):
                if got == _DONE:
                    return
                if got == _ERROR:
                    number = -struct.unpack_from("=i", answer)[0]
                    raise OSError(number, os.strerror(number))
                yield got, answer
            if not flags & _DUMP:
                return


def _messages(packet: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEAD.size <= len(packet):
        length, kind, _, _, _ = _HEAD.unpack_from(packet, at)
        yield kind, packet[at + _HEAD.size : at + length]
        at += max(_HEAD.size, -(-length // 4) * 4)


def _attributes(rest: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(rest):
        length, kind = _ATTRIBUTE.unpack_from(rest, at)
        yield kind, rest[at + _ATTRIBUTE.size : at + length]
        at += max(_ATTRIBUTE.size, -(-length // 4) * 4)


def _attribute(kind: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data


def _family(address: IPAddress) -> int:
    return int(socket.AF_INET if address.version == 4 else socket.AF_INET6)
