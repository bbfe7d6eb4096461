"""What passes frames on in the diode: it takes UDP datagrams apart, and puts them together."""

import random
import struct

import pytest

from diode_sim.netns.path import ETHERNET_BYTES, Head, split
from tests.system.frames import ICMP, IPV4, TCP, UDP, Ends, checksum, icmp

MACS = ("02:00:00:00:99:01", "02:00:00:00:99:02")
FOUR = Ends(*MACS, "10.99.0.1", "10.99.0.2")
SIX = Ends(*MACS, "fd99::1", "fd99::2")
OFFLOAD_BYTES = 10

families = pytest.mark.parametrize("ends", [FOUR, SIX], ids=["ipv4", "ipv6"])


def apart(frame: bytes) -> tuple[Head, bytes]:
    parts = split(memoryview(frame))
    assert parts is not None
    return parts[0], bytes(parts[1])


def finished(sent: bytes) -> bytes:
    """A frame with the offload header's orders carried out, as the kernel does it."""
    flags, _, _, _, start, offset = struct.unpack_from("=BBHHHH", sent)
    frame = bytearray(sent[OFFLOAD_BYTES:])
    assert flags == 1
    frame[start + offset : start + offset + 2] = struct.pack("!H", checksum(bytes(frame[start:])))
    return bytes(frame)


@families
@pytest.mark.parametrize("length", [0, 1, 2, 999, 1472])
def test_together_again_a_datagram_is_what_it_was(ends: Ends, length: int) -> None:
    payload = random.Random(length).randbytes(length)
    frame = ends.packet(UDP, ends.udp(47000, payload))
    head, inside = apart(frame)
    assert inside == payload
    again = finished(head.around(inside))
    if ends is FOUR:  # the makers of test frames leave the header's checksum in place, as we do
        assert checksum(again[ETHERNET_BYTES : ETHERNET_BYTES + 20]) == 0
    assert again == frame


@families
def test_a_shorter_payload_gets_headers_that_say_so(ends: Ends) -> None:
    head, _ = apart(ends.packet(UDP, ends.udp(47000, bytes(500))))
    assert finished(head.around(b"cut")) == ends.packet(UDP, ends.udp(47000, b"cut"))


def test_padding_behind_a_short_datagram_is_none_of_it() -> None:
    frame = FOUR.packet(UDP, FOUR.udp(47000, b"x")).ljust(60, b"\0")
    assert apart(frame)[1] == b"x"


def test_a_flow_is_its_addresses_and_ports() -> None:
    one, same, other = (
        apart(FOUR.packet(UDP, FOUR.udp(47000, payload, port)))[0].key()
        for payload, port in ((b"a", 1), (b"bb", 1), (b"a", 2))
    )
    assert one == same != other


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        FOUR.arp_request(),
        FOUR.packet(ICMP, icmp(8, 0, bytes(40))),
        FOUR.packet(TCP, FOUR.tcp_syn(22)),
        FOUR.packet(UDP, FOUR.udp(47000, bytes(64)), more_fragments=True),
        FOUR.packet(UDP, FOUR.udp(47000, bytes(64)), options=bytes(4)),
        SIX.packet(0, bytes(64)),
        FOUR.ethernet(IPV4, bytes(64)),
        FOUR.packet(UDP, FOUR.udp(47000, bytes(64)))[:-1],  # it says that it is longer
        FOUR.packet(UDP, b"\0\0\0\0\0\x07\0\0" + bytes(20)),  # shorter than its own header
    ],
)
def test_what_is_no_whole_datagram_is_left_alone(frame: bytes) -> None:
    assert split(memoryview(frame)) is None


@families
def test_no_frame_makes_it_stumble(ends: Ends) -> None:
    chance = random.Random(11)
    whole = ends.packet(UDP, ends.udp(47000, bytes(100)))
    for _ in range(5000):
        frame = bytearray(whole[: chance.randrange(len(whole) + 1)])
        for _ in range(chance.randrange(4)):
            if frame:
                frame[chance.randrange(len(frame))] = chance.randrange(256)
        parts = split(memoryview(frame))
        assert parts is None or len(parts[1]) <= len(frame)
