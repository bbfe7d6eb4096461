"""Hops over real sockets: what arrives whole, and what a hijacked neighbour sends."""

import array
import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from guard.core.frame import (
    HEADER,
    INLINE_BYTES_MAX,
    LEGS_BYTES_MAX,
    PACKET_BYTES_MAX,
    Frame,
    write_header,
)
from guard.edge.sockets import (
    NO_DESCRIPTOR,
    SMALL_PACKET_BYTES_MAX,
    Ear,
    Inlet,
    Mouth,
    Outlet,
    close_descriptor,
    feed_pair,
    one_way_pair,
    readable,
    sealed_memfd,
)
from schemas.errors import Broken, Malformed
from schemas.message import META_BYTES_MAX, Message
from schemas.reasons import Reason

PAYLOAD_BYTES_MAX = 300_000
DESCRIPTORS_MAX = 500
SMALL = Frame(b"i" * 16, 7, b"legs", Message(b"meta", b"payload"))
LARGE = replace(SMALL, message=Message(b"meta", os.urandom(INLINE_BYTES_MAX + 1)))
ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | 0x20


@dataclass
class Hop:
    """A hop: the product's inlet, and the raw writing end that a hijacked neighbour has."""

    inlet: Inlet
    raw: socket.socket

    def outlet(self) -> Outlet:
        return Outlet(os.dup(self.raw.fileno()))

    def send(self, packet: bytes, *descriptors: int) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        self.raw.sendmsg([packet], rights if descriptors else [])


def open_descriptors() -> set[tuple[int, int]]:
    """(number, inode) of each."""
    found = set()
    for number in range(DESCRIPTORS_MAX):
        with contextlib.suppress(OSError):
            found.add((number, os.fstat(number).st_ino))
    return found


@pytest.fixture
def hop() -> Iterator[Hop]:
    reading, writing = one_way_pair()
    made = Hop(Inlet(reading.detach(), PAYLOAD_BYTES_MAX), writing)
    before = open_descriptors()
    yield made
    assert open_descriptors() <= before, "a descriptor that came was not closed"
    writing.close()
    made.inlet._socket.close()


def taken(hop: Hop) -> Frame:
    took = hop.inlet.take(wait=False)
    assert took is not None
    close_descriptor(took[1])
    return took[0]


def refused(hop: Hop) -> Reason:
    with pytest.raises(Malformed) as caught:
        hop.inlet.take(wait=False)
    return caught.value.reason


def memfd(content: bytes, seals: int = ALL_SEALS) -> int:
    never_run = 0x8 if seals & 0x20 else os.MFD_ALLOW_SEALING
    descriptor = os.memfd_create("x", os.MFD_CLOEXEC | never_run)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def header(frame: Frame = LARGE) -> bytes:
    return write_header(frame)[0]


@pytest.mark.parametrize(
    "frame", [SMALL, LARGE, replace(SMALL, stopped=True, message=Message(b"m", b""))]
)
def test_a_frame_arrives_whole(hop: Hop, frame: Frame) -> None:
    outlet = hop.outlet()
    outlet.give(frame)
    assert taken(hop) == frame
    outlet.close()


def test_a_large_payload_is_passed_on_without_a_copy(hop: Hop) -> None:
    descriptor = sealed_memfd(LARGE.message.payload)
    outlet = hop.outlet()
    outlet.give(LARGE, descriptor)
    took = hop.inlet.take()
    assert took is not None
    assert took[0] == LARGE
    assert os.fstat(took[1]).st_ino == os.fstat(descriptor).st_ino
    for end in (took[1], descriptor):
        os.close(end)
    outlet.close()


def test_a_sealed_payload_cannot_be_changed() -> None:
    descriptor = sealed_memfd(b"payload")
    for attempt in (
        lambda: os.write(descriptor, b"x"),
        lambda: os.pwrite(descriptor, b"x", 0),
        lambda: os.ftruncate(descriptor, 1),
        lambda: os.ftruncate(descriptor, 100),
        lambda: fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, 0x10),
        lambda: os.fchmod(descriptor, 0o777),
    ):
        with pytest.raises(OSError, match=r"denied|permitted"):
            attempt()
    os.close(descriptor)


def test_a_readers_offset_is_nobodys_business(hop: Hop) -> None:
    descriptor = sealed_memfd(LARGE.message.payload)
    os.lseek(descriptor, 999, os.SEEK_SET)
    hop.send(header(), descriptor)
    os.close(descriptor)
    assert taken(hop) == LARGE


def test_extra_descriptors_are_closed_and_the_first_counts(hop: Hop) -> None:
    good, other = sealed_memfd(LARGE.message.payload), memfd(bytes(len(LARGE.message.payload)))
    for extras in ([other], [other] * 5, [0, 1, 2] * 50):
        hop.send(header(), good, *extras)
        assert taken(hop) == LARGE
    hop.send(header(), other, good)
    assert taken(hop).message.payload == bytes(len(LARGE.message.payload))
    os.close(good)
    os.close(other)


def test_a_descriptor_that_nothing_asked_for_is_closed(hop: Hop) -> None:
    hop.send(header(SMALL) + SMALL.message.payload, 0)
    took = hop.inlet.take()
    assert took == (SMALL, NO_DESCRIPTOR)


@pytest.mark.parametrize("seals", [0, *(ALL_SEALS & ~bit for bit in (2, 4, 8, 0x20))])
def test_a_memfd_without_every_seal(hop: Hop, seals: int) -> None:
    descriptor = memfd(LARGE.message.payload, seals)
    hop.send(header(), descriptor)
    os.close(descriptor)
    assert refused(hop) == Reason.PAYLOAD_NOT_SEALED


@pytest.mark.parametrize("size", [0, 1, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 2, 200_000])
def test_a_memfd_of_another_size(hop: Hop, size: int) -> None:
    descriptor = memfd(bytes(size))
    hop.send(header(), descriptor)
    os.close(descriptor)
    assert refused(hop) == Reason.PAYLOAD_NOT_SEALED


def test_what_is_no_memfd(hop: Hop, tmp_path: object) -> None:
    path = f"{tmp_path}/file"
    with open(path, "wb") as file:
        file.write(LARGE.message.payload)
    pipe, udp = os.pipe(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plain, folder = os.open(path, os.O_RDWR), os.open("/", os.O_RDONLY)
    null = os.open("/dev/zero", os.O_RDONLY)
    for descriptor in (*pipe, udp.fileno(), plain, folder, null, hop.raw.fileno()):
        hop.send(header(), descriptor)
        assert refused(hop) == Reason.PAYLOAD_NOT_SEALED
    for descriptor in (*pipe, plain, folder, null):
        os.close(descriptor)
    udp.close()


def test_a_descriptor_that_was_announced_and_did_not_come(hop: Hop) -> None:
    hop.send(header())
    assert refused(hop) == Reason.PAYLOAD_NOT_SEALED


@pytest.mark.parametrize(
    "packet",
    [
        b"", b"x", b"CVF1", bytes(41), header(SMALL), header(SMALL) + b"payload!",
        header(SMALL)[:-1], header() + b"x", bytes(PACKET_BYTES_MAX),
        HEADER.pack(b"CVF1", 1, bytes(16), 1, 0, 0, PAYLOAD_BYTES_MAX + 1),
    ],
    ids=lambda packet: f"{len(packet)} bytes",
)  # fmt: skip
def test_a_packet_that_is_no_frame_takes_nothing_with_it(hop: Hop, packet: bytes) -> None:
    good = header(SMALL) + SMALL.message.payload
    hop.send(good)
    hop.send(packet, 0)
    hop.send(packet)
    hop.send(good)
    assert taken(hop) == SMALL
    assert refused(hop) == Reason.FRAME_MALFORMED
    assert refused(hop) == Reason.FRAME_MALFORMED
    assert taken(hop) == SMALL


def test_a_packet_longer_than_any_frame_is_not_cut_to_one(hop: Hop) -> None:
    largest = HEADER.pack(
        b"CVF1", 0, bytes(16), 1, LEGS_BYTES_MAX, META_BYTES_MAX, INLINE_BYTES_MAX
    )
    body = bytes(PACKET_BYTES_MAX - len(largest))
    hop.send(largest + body)
    assert len(taken(hop).message.payload) == INLINE_BYTES_MAX
    hop.send(largest + body + b"hidden")
    assert refused(hop) == Reason.FRAME_MALFORMED


def test_an_empty_packet_is_not_the_end_and_the_end_is(hop: Hop) -> None:
    hop.raw.send(b"")
    assert refused(hop) == Reason.FRAME_MALFORMED
    with pytest.raises(BlockingIOError):
        hop.inlet.take(wait=False)
    hop.send(header(SMALL) + SMALL.message.payload)
    hop.raw.close()
    assert taken(hop) == SMALL
    assert hop.inlet.take() is None
    assert hop.inlet.take() is None


def test_waiting_ends_when_nothing_comes(hop: Hop) -> None:
    with pytest.raises(BlockingIOError):
        hop.inlet.take()


def test_a_hop_carries_one_way_only() -> None:
    reading, writing = one_way_pair()
    with pytest.raises(BrokenPipeError):
        reading.send(b"back", socket.MSG_NOSIGNAL)
    with pytest.raises(BrokenPipeError):
        os.write(reading.fileno(), b"back")
    assert writing.recv(10) == b""
    assert os.read(writing.fileno(), 10) == b""
    for end in (reading, writing):
        end.close()


def test_nobody_takes_what_is_given_to_a_closed_hop(hop: Hop) -> None:
    reading, writing = one_way_pair()
    reading.close()
    outlet = Outlet(writing.detach())
    for frame in (SMALL, LARGE):
        with pytest.raises(OSError, match=r"pipe|refused"):
            outlet.give(frame)
    outlet.close()


def test_small_packets_arrive_in_order_and_their_end_is_seen() -> None:
    reading, writing = one_way_pair()
    ear, mouth = Ear(reading.detach()), Mouth(writing.detach())
    assert ear.hear_now() == b""
    assert readable(ear, wait_ms=0) == [False]
    for packet in (b"one", b"two" * 10_000):
        mouth.tell(packet)
    assert readable(ear, wait_ms=0) == [True]
    assert [ear.hear(), ear.hear_now()] == [b"one", b"two" * 10_000]
    mouth.close()
    assert readable(ear, wait_ms=0) == [True]
    assert (ear.hear(), ear.hear_now()) == (None, None)
    ear._socket.close()


def test_the_longest_packet_arrives_and_a_longer_one_is_not_cut() -> None:
    reading, writing = one_way_pair()
    ear, mouth = Ear(reading.detach()), Mouth(os.dup(writing.fileno()))
    mouth.tell(b"x" * SMALL_PACKET_BYTES_MAX)
    assert ear.hear() == b"x" * SMALL_PACKET_BYTES_MAX
    with pytest.raises(Broken):
        mouth.tell(b"x" * (SMALL_PACKET_BYTES_MAX + 1))
    for hear in (ear.hear, ear.hear_now):
        writing.send(b"x" * (SMALL_PACKET_BYTES_MAX + 1))
        with pytest.raises(Malformed):
            hear()
    mouth.close()
    writing.close()
    ear._socket.close()


def test_a_descriptor_sent_to_an_ear_stays_outside() -> None:
    reading, writing = one_way_pair()
    ear = Ear(reading.detach())
    before = open_descriptors()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
    writing.sendmsg([b"here"], rights)
    assert ear.hear() == b"here"
    assert open_descriptors() == before
    writing.close()
    ear._socket.close()


def test_a_full_channel_is_not_waited_for_where_it_need_not() -> None:
    reading, writing = feed_pair()
    mouth = Mouth(writing.detach())
    told = 0
    while mouth.tell_if_room(b"x" * 1000):
        told += 1
        assert told < 100_000
    assert told > 0
    reading.close()
    assert mouth.tell_if_room(b"x") is False
    mouth.close()
