"""What the kernel says of a network interface: its MTU, hardware address, offloads.

Takes an interface's name, gives facts; raises `OSError` with the kernel's error number. Asks by
ioctl, which answers for the network namespace that this process is in (sysfs may be another's).
Expected system calls: socket, ioctl. Layouts: the kernel's `linux/if.h` and `linux/ethtool.h`.
"""

import ctypes
import errno
import os
import socket
import struct
from dataclasses import dataclass
from fcntl import ioctl

_SIOCGIFFLAGS = 0x8913
_SIOCGIFMTU = 0x8921
_SIOCGIFHWADDR = 0x8927
_SIOCETHTOOL = 0x8946
_NAME_BYTES_MAX = 15
_REQUEST_BYTES = 40
_IFF_LOOPBACK, _IFF_NOARP = 0x8, 0x80
_ETHERNET = 1  # ARPHRD_ETHER
_MAC_BYTES = 6

_GET_STRING_SET = 0x1B
_GET_SET_INFO = 0x37
_GET_FEATURES = 0x3A
_FEATURE_NAMES = 4  # ETH_SS_FEATURES
_STRING_BYTES = 32
_FEATURES_MAX = 1024
_BLOCK_BITS = 32
_BLOCK = struct.Struct("=IIII")  # what may be changed, was asked for, is on, is fixed


@dataclass(frozen=True, slots=True)
class Feature:
    """An offload of an interface. can_change: whether `ethtool -K` can turn it."""

    is_on: bool
    can_change: bool


def mtu_bytes_of(name: str) -> int:
    """The largest IP packet that the interface takes."""
    (mtu,) = struct.unpack_from("=i", _asked(_SIOCGIFMTU, name), 16)
    return int(mtu)


def mac_of(name: str) -> str:
    """The hardware address of an Ethernet interface, as `02:00:00:00:00:01`; else empty."""
    answer = _asked(_SIOCGIFHWADDR, name)
    (kind,) = struct.unpack_from("=H", answer, 16)
    return answer[18 : 18 + _MAC_BYTES].hex(":") if kind == _ETHERNET else ""


def needs_neighbours(name: str) -> bool:
    """Whether the interface asks for hardware addresses: neither loopback nor a bare tunnel."""
    (flags,) = struct.unpack_from("=H", _asked(_SIOCGIFFLAGS, name), 16)
    return not flags & (_IFF_LOOPBACK | _IFF_NOARP)


def features_of(name: str) -> dict[str, Feature]:
    """The offloads by the kernel's names, as `tx-udp-segmentation`; see `ethtool -k`."""
    asked = struct.pack("=IIQI", _GET_SET_INFO, 0, 1 << _FEATURE_NAMES, 0)
    (count,) = struct.unpack_from("=I", _ethtool(name, asked), 16)
    if not 0 < count <= _FEATURES_MAX:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    asked = struct.pack("=III", _GET_STRING_SET, _FEATURE_NAMES, count)
    names = _ethtool(name, asked + bytes(count * _STRING_BYTES))[12:]
    blocks = -(-count // _BLOCK_BITS)
    asked = struct.pack("=II", _GET_FEATURES, blocks)
    bits = _ethtool(name, asked + bytes(blocks * _BLOCK.size))[8:]
    found = {
        _text(names[number * _STRING_BYTES :][:_STRING_BYTES]): _feature(bits, number)
        for number in range(count)
    }
    found.pop("", None)  # bits that have no name
    return found


def _feature(bits: bytes, number: int) -> Feature:
    block, bit = divmod(number, _BLOCK_BITS)
    changeable, _, active, fixed = _BLOCK.unpack_from(bits, block * _BLOCK.size)
    return Feature(bool(active >> bit & 1), bool((changeable & ~fixed) >> bit & 1))


def _text(padded: bytes) -> str:
    return padded.partition(b"\0")[0].decode("ascii", "replace")


def _asked(number: int, name: str) -> bytes:
    """The answer to an interface request: the name (16 bytes), then what was asked for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        return ioctl(asked.fileno(), number, _named(name).ljust(_REQUEST_BYTES, b"\0"))


def _ethtool(name: str, request: bytes) -> bytes:
    """A request that the kernel writes its answer into."""
    place = ctypes.create_string_buffer(request, len(request))
    pointed = _named(name) + struct.pack("@P", ctypes.addressof(place))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        ioctl(asked.fileno(), _SIOCETHTOOL, pointed.ljust(_REQUEST_BYTES, b"\0"))
    return place.raw


def _named(name: str) -> bytes:
    return name.encode()[:_NAME_BYTES_MAX].ljust(16, b"\0")
