"""Forged ICMP towards the sender changes nothing in it: not its pace, not its size, no error.

No rules on either end, so all of it arrives. An ordinary socket beside the sender believes it,
which shows that the forgeries are good.
"""

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from tests.system.frames import ETHERNET_BYTES, ICMP, ICMP6, Ends, icmp, is_fragment, kind_of
from tests.system.link_end import await_landed, await_ready, link_end
from tests.system.namespaces import INTERFACE, Pair, diode_pair, needs_namespaces

pytestmark = needs_namespaces

MESSAGES = 600
BEFORE_THE_FORGERY = 60
ENDS_WITHIN_S = 60
SMALL_MTU = {4: 576, 6: 1280}
LARGE_BYTES = 1400  # a datagram that fits the interface and not the forged MTU
QUOTED_BYTES = 128
FAILS_WITHIN_S = 10.0

versions = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])


@pytest.fixture
def bare() -> Iterator[Pair]:
    with diode_pair(rules=()) as pair:
        yield pair


def forgeries(pair: Pair, version: int, datagram: bytes) -> list[bytes]:
    """Port unreachable and packet too big about a datagram that was seen on the cable."""
    ends = Ends(pair.high.mac, pair.low.mac, pair.high.hosts[version], pair.low.hosts[version])
    quoted = datagram[ETHERNET_BYTES:][:QUOTED_BYTES]
    mtu = struct.pack("!I", SMALL_MTU[version])
    if version == 4:
        said = (icmp(3, 3, bytes(4) + quoted), icmp(3, 4, mtu + quoted))
        return [ends.packet(ICMP, message) for message in said]
    said = (ends.icmp6(1, 4, bytes(4) + quoted), ends.icmp6(2, 0, mtu + quoted))
    return [ends.packet(ICMP6, message) for message in said]


def forge(pair: Pair, frames: list[bytes]) -> None:
    with pair.high.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((INTERFACE, 0))
        for frame in frames:
            raw.send(frame)


def believes(pair: Pair, version: int) -> bool:
    """Whether the low side's kernel now holds the forged MTU for the way to the high side."""
    route = pair.low.run("ip", "route", "get", pair.high.hosts[version])
    return f"mtu {SMALL_MTU[version]}" in route


def send_until_failure(ordinary: socket.socket) -> None:
    """Ends with the error that the network brings, or without one after a while."""
    deadline_s = time.monotonic() + FAILS_WITHIN_S
    while time.monotonic() < deadline_s:
        ordinary.send(b"?")
        time.sleep(0.01)


@versions
def test_the_sender_sends_on_as_before(bare: Pair, version: int) -> None:
    address = bare.high.address(version)
    with link_end(bare.high, "receive", address, MESSAGES) as receiver:
        await_ready(receiver)
        with link_end(bare.low, "send", address, MESSAGES) as sender:
            await_landed(receiver, BEFORE_THE_FORGERY)
            datagram = bare.along.await_frame(lambda frame: kind_of(frame) == "udp")
            seen = len(bare.along.frames())
            for _ in range(10):
                forge(bare, forgeries(bare, version, datagram))
                time.sleep(0.02)
            assert sender.poll() is None, "the sender had ended before the forgery"
            assert believes(bare, version)
            await_landed(receiver, MESSAGES - BEFORE_THE_FORGERY)
            assert sender.wait(ENDS_WITHIN_S) == 0
    after = [frame for frame in bare.along.frames()[seen:] if len(frame) > LARGE_BYTES]
    assert after, "no large datagram left after the forgery"
    assert not any(map(is_fragment, bare.along.frames()))


@versions
def test_an_ordinary_socket_believes_the_same_forgeries(bare: Pair, version: int) -> None:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with bare.low.inside():
        ordinary = socket.socket(family, socket.SOCK_DGRAM)
    with ordinary, bare.high.inside(), socket.socket(family, socket.SOCK_DGRAM) as far:
        far.bind((bare.high.hosts[version], 9))  # the true far end refuses nothing
        ordinary.connect(far.getsockname()[:2])
        ordinary.send(b"?")
        datagram = bare.along.await_frame(lambda frame: kind_of(frame) == "udp")
        unreachable, too_big = forgeries(bare, version, datagram)
        forge(bare, [unreachable])
        with pytest.raises(ConnectionRefusedError):
            send_until_failure(ordinary)
        forge(bare, [too_big])
        with pytest.raises(OSError, match="Message too long"):
            send_until_failure(ordinary)
        assert believes(bare, version)
        ordinary.send(bytes(LARGE_BYTES))
        bare.along.await_frame(is_fragment)
