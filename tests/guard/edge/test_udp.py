"""The link's two sockets, for real, on loopback: what is sent arrives, and nothing comes back."""

import os
import random
import select
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from guard.edge.isal import best_codec
from guard.edge.udp import (
    SO_ATTACH_FILTER,
    ReceiverSocket,
    SenderSocket,
    open_receiver,
    open_sender,
    read_address,
)
from guard.link.arrivals import ReceiverState
from guard.link.events import Landed
from guard.link.params import READ_BYTES_MAX, READS_TOGETHER, LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from schemas.errors import Broken, Malformed

SO_DETACH_FILTER = 27
LOOPBACKS = ("127.0.0.1:0", "[::1]:0")


def text(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@pytest.fixture(params=LOOPBACKS)
def receiver(request: pytest.FixtureRequest) -> Iterator[ReceiverSocket]:
    with closing(ReceiverSocket(open_receiver(request.param, rate_mbit_per_s=1000))) as opened:
        yield opened


@pytest.fixture
def sender(receiver: ReceiverSocket) -> Iterator[SenderSocket]:
    to = text(receiver.address)
    with closing(SenderSocket(open_sender(to), to)) as opened:
        yield opened


def read_all(receiver: ReceiverSocket) -> list[bytes]:
    """All datagrams that come within a short while."""
    datagrams = []
    while select.select([receiver], [], [], 0.2)[0]:
        taken = receiver.receive()
        if taken is not None:
            buffer, size = taken
            datagrams += [bytes(buffer[at : at + size]) for at in range(0, len(buffer), size)]
    return datagrams


def test_a_burst_arrives_as_its_datagrams(receiver: ReceiverSocket, sender: SenderSocket) -> None:
    burst = random.Random(1).randbytes(44 * 1472)
    sender.send(memoryview(burst), 1472)
    sender.send(memoryview(b"alone"), 5)
    arrived = read_all(receiver)
    assert [len(d) for d in arrived] == [1472] * 44 + [5]
    assert b"".join(arrived) == burst + b"alone"


def test_full_reads_of_one_size_are_taken_together(
    receiver: ReceiverSocket, sender: SenderSocket
) -> None:
    burst = random.Random(3).randbytes(44 * 1472)
    for _ in range(4):
        sender.send(memoryview(burst), 1472)
    sender.send(memoryview(b"alone"), 5)
    room = memoryview(bytearray(READS_TOGETHER * READ_BYTES_MAX))
    assert select.select([receiver], [], [], 1)[0]
    assert [(bytes(part), size) for part, size in receiver.receive_together(room)] == [
        (burst * READS_TOGETHER, 1472)
    ]
    assert [(bytes(part), size) for part, size in receiver.receive_together(room)] == [
        (burst, 1472), (b"alone", 5)
    ]  # fmt: skip
    assert receiver.receive_together(room) == []


def test_small_reads_are_not_waited_for(receiver: ReceiverSocket, sender: SenderSocket) -> None:
    for _ in range(2):
        sender.send(memoryview(bytes(64)), 64)
    room = memoryview(bytearray(READS_TOGETHER * READ_BYTES_MAX))
    assert select.select([receiver], [], [], 1)[0]
    for _ in range(2):
        assert [len(part) for part, _ in receiver.receive_together(room)] == [64]


def test_a_whole_transfer_over_real_sockets(receiver: ReceiverSocket, sender: SenderSocket) -> None:
    params = LinkParams(ip_version=6 if ":" in receiver.address[0] else 4)
    key, codec = bytes(32), best_codec()
    core = Sender(params, key, 1, 1, codec)
    far = Receiver(params, key, 1, codec, ReceiverState())
    chance = random.Random(2)
    sent = {n: chance.randbytes(chance.choice((0, 900, 300_000))) for n in range(1, 41)}
    for sequence, envelope in sent.items():
        core.offer(sequence, sequence % 5, envelope)
    landed: dict[int, bytes] = {}
    until = time.monotonic() + 20
    while len(landed) < len(sent) and time.monotonic() < until:
        for burst in core.due(time.monotonic_ns()):
            sender.send(burst.buffer, burst.segment_bytes)
        while (taken := receiver.receive()) is not None:
            for event in far.take(*taken, time.monotonic_ns()):
                if isinstance(event, Landed):
                    landed[event.sequence] = event.envelope
    assert landed == sent
    assert receiver.kernel_drops == 0


def test_the_sender_hears_nothing_and_cannot_start_to(receiver: ReceiverSocket) -> None:
    with open_sender(text(receiver.address)) as opened:
        opened.bind(("::1" if opened.family == socket.AF_INET6 else "127.0.0.1", 0))
        with socket.socket(opened.family, socket.SOCK_DGRAM) as other:
            other.sendto(b"an answer", opened.getsockname())
        assert not select.select([opened], [], [], 0.2)[0]
        for option in (SO_DETACH_FILTER, SO_ATTACH_FILTER):
            with pytest.raises(PermissionError):
                opened.setsockopt(socket.SOL_SOCKET, option, bytes(16))


def test_a_refusal_by_the_far_host_is_not_heard(
    receiver: ReceiverSocket, sender: SenderSocket
) -> None:
    receiver.close()
    for _ in range(20):
        sender.send(memoryview(b"to nobody"), 9)


def test_the_receiving_socket_survives_its_process(
    receiver: ReceiverSocket, sender: SenderSocket
) -> None:
    kept = os.dup(receiver.fileno())  # as the supervisor does
    receiver.close()
    sender.send(memoryview(b"while nobody reads"), 18)
    with closing(ReceiverSocket.adopt(kept)) as again:
        assert read_all(again) == [b"while nobody reads"]


def send_from(source: str, to: str, datagram: bytes) -> None:
    with closing(SenderSocket(open_sender(to, source), to)) as opened:
        opened.send(memoryview(datagram), len(datagram))


def test_datagrams_from_another_host_are_left_out() -> None:
    opened = open_receiver("127.0.0.1:0", rate_mbit_per_s=10)
    with closing(ReceiverSocket(opened, source_host="127.0.0.2")) as receiver:
        to = text(receiver.address)
        send_from("127.0.0.3:0", to, b"other")
        send_from("127.0.0.2:0", to, b"right")
        assert read_all(receiver) == [b"right"]
        assert receiver.foreign == 1


def test_what_does_not_fit_into_the_kernel_is_counted(
    receiver: ReceiverSocket, sender: SenderSocket
) -> None:
    burst = memoryview(bytes(44 * 1400))
    bursts = receiver.buffer_bytes // len(burst) + 10
    for _ in range(bursts):
        sender.send(burst, 1400)
    assert receiver.fill_percent > 80
    assert len(read_all(receiver)) < bursts * 44
    sender.send(memoryview(b"next"), 4)
    read_all(receiver)
    assert receiver.kernel_drops > 0


def test_a_datagram_larger_than_the_interface_takes_names_the_policy(
    receiver: ReceiverSocket, sender: SenderSocket
) -> None:
    with pytest.raises(Broken, match="mtu_bytes"):
        sender.send(memoryview(bytes(65_536)), 65_536)


@pytest.mark.parametrize(
    "wrong", ["localhost:1", "127.0.0.1", "::1:9", "[127.0.0.1]:1", "1.2.3.4:65536", ""]
)
def test_only_numeric_addresses_are_taken(wrong: str) -> None:
    with pytest.raises(Malformed):
        read_address(wrong)
