"""The known answers: the written format, the link and an independent receiver agree."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guard.edge.isal import choose_codec
from guard.link import keys
from guard.link.arrivals import ReceiverState
from guard.link.events import Checkpoint, Landed, StreamGap, StreamLanded
from guard.link.fec import Codec, ReferenceCodec
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from guard.link.tags import DatagramTags
from tests.guard.link import slow_receiver as slow
from tests.guard.link.streaming import BytesSource, MemorySink

VECTORS = Path(__file__).parents[2] / "vectors" / "link"


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def wanted_messages(answer: dict[str, Any]) -> dict[int, tuple[int, bytes]]:
    return {
        m["sequence"]: (m["precedence"], bytes.fromhex(m["envelope"])) for m in answer["messages"]
    }


class SlowCoder:
    """Expands what the known answers hold."""

    coding = 1

    def shrink(self, plain: bytes | memoryview) -> bytes | None:
        return None

    def expand(self, coding: int, coded: memoryview, plain_bytes: int) -> bytes:
        return slow.expanded(coding, bytes(coded), plain_bytes)


def pattern(name: str, size: int) -> bytes:
    pieces = (hashlib.sha256(f"{name} {n}".encode()).digest() for n in range(size // 32 + 1))
    return b"".join(pieces)[:size]


@pytest.mark.parametrize("answer", load("keys"))
def test_keys(answer: dict[str, Any]) -> None:
    link_key, flow = bytes.fromhex(answer["link_key"]), answer["flow"]
    assert keys.tag_key(link_key, flow).hex() == answer["tag_key"]
    assert slow.session_key(link_key, flow, answer["session"]).hex() == answer["session_key"]


@pytest.mark.parametrize("answer", load("tags"))
def test_tags(answer: dict[str, Any]) -> None:
    datagram = bytes.fromhex(answer["datagram"])
    tags = DatagramTags(bytes.fromhex(answer["tag_key"]), len(datagram))
    for copies in (1, 3, 60):
        rows = np.frombuffer(datagram * copies, dtype=np.uint8).reshape(copies, -1)
        assert {tag.tobytes().hex() for tag in tags.tags(rows)} == {answer["tag"]}


@pytest.mark.parametrize("codec", [ReferenceCodec(), choose_codec()[0]], ids=lambda c: str(c.name))
@pytest.mark.parametrize("answer", load("code"), ids=lambda a: f"{a['k']}+{a['r']}")
def test_code(answer: dict[str, Any], codec: Codec) -> None:
    k, r, size = answer["k"], answer["r"], answer["symbol_bytes"]
    symbols = np.zeros((k + r, size), dtype=np.uint8)
    for j in range(k):
        symbols[j] = np.frombuffer(pattern(f"code {k} {j}", size), dtype=np.uint8)
    codec.encoder(symbols[:k], symbols[k:])()
    assert [repair.tobytes().hex() for repair in symbols[k:]] == answer["repairs"]


@pytest.mark.parametrize("answer", load("sessions"), ids=lambda a: str(a["name"]))
@pytest.mark.parametrize("dropping", [0, 5])
def test_sessions_through_the_slow_receiver(answer: dict[str, Any], dropping: int) -> None:
    tagged = answer["params"].get("tag", True)
    link_key = bytes.fromhex(answer["link_key"])
    receiver = slow.SlowReceiver(link_key, answer["flow"], answer["session"], tagged)
    for n, datagram in enumerate(answer["datagrams"]):
        if not dropping or n % dropping:
            receiver.take(bytes.fromhex(datagram))
    assert receiver.messages() == wanted_messages(answer)
    assert {n: landing.whole for n, landing in receiver.streams().items()} == {
        stream["sequence"]: bytes.fromhex(stream["bytes"]) for stream in answer["streams"]
    }


@pytest.mark.parametrize("answer", load("sessions"), ids=lambda a: str(a["name"]))
def test_sessions_through_the_receiver(answer: dict[str, Any]) -> None:
    params = LinkParams(
        mtu_bytes=answer["mtu_bytes"],
        k_max=answer["k_max"],
        r_max=answer["r_max"],
        **answer["params"],
    )
    link_key = bytes.fromhex(answer["link_key"])
    sink = MemorySink()
    receiver = Receiver(
        params, link_key, answer["flow"], ReferenceCodec(), ReceiverState(),
        coder=SlowCoder(), sink=sink,
    )  # fmt: skip
    events = []
    for n, datagram in enumerate(map(bytes.fromhex, answer["datagrams"])):
        events += receiver.take(memoryview(datagram), len(datagram), n)
    landed = {e.sequence: (e.precedence, e.envelope) for e in events if isinstance(e, Landed)}
    assert landed == wanted_messages(answer)
    whole = {e.sequence: e.total for e in events if isinstance(e, StreamLanded)}
    wanted = {stream["sequence"]: bytes.fromhex(stream["bytes"]) for stream in answer["streams"]}
    assert whole == {sequence: len(data) for sequence, data in wanted.items()}
    assert {n: bytes(sink.streams.get(n, b"")) for n in wanted} == wanted
    assert Checkpoint(bytes.fromhex(answer["checkpoint"])) in events


def test_the_example_of_the_specification() -> None:
    params = LinkParams()
    message = b"message 7"
    sender = Sender(params, bytes(32), 5, 1, ReferenceCodec())
    sender.due(0)
    for sequence, envelope in ((5, b"a"), (6, b"b"), (7, message)):
        sender.offer(sequence, 3, envelope)
        (burst,) = sender.due(0)
    first = bytes(burst.buffer[:24])
    assert first.hex(" ") == (
        "43 56 01 02 00 00 00 05 00 00 00 00 00 00 00 02 01 03 00 00 00 30 00 00"
    )
    assert len(burst.buffer) == 4 * 80
    receiver = slow.SlowReceiver(bytes(32), 1, 5)
    receiver.take(bytes(burst.buffer[240:]))  # any one of the four
    assert receiver.messages() == {7: (3, message)}


def test_the_example_of_a_stream() -> None:
    params = LinkParams()
    sender = Sender(params, bytes(32), 5, 1, ReferenceCodec())
    sender.due(0)
    sender.offer_stream(8, 0, BytesSource(b"piece", known=False))
    (burst,) = sender.due(0)
    receiver = slow.SlowReceiver(bytes(32), 1, 5)
    receiver.take(bytes(burst.buffer[: burst.segment_bytes]))
    (record,) = receiver._records()
    head = "03 00 00 00 00 00 00 05 00 00 00 00 00 00 00 08"
    place = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 05"
    assert record == slow.records(bytes.fromhex(f"{head} {place} 70 69 65 63 65"))[0]
    assert receiver.streams()[8].whole == b"piece"


def test_the_slow_receiver_tells_the_same_gaps_of_streams() -> None:
    """Both receivers lose the same blocks."""
    answer = next(one for one in load("sessions") if one["name"] == "streams")
    key, params = bytes.fromhex(answer["link_key"]), LinkParams(mtu_bytes=256, k_max=6, r_max=3)
    holes_told = 0
    for lost in range(4):
        kept = [
            datagram for datagram in map(bytes.fromhex, answer["datagrams"])
            if datagram[3] & 1 or datagram[15] % 4 != lost
        ]  # fmt: skip
        slowly = slow.SlowReceiver(key, answer["flow"], answer["session"])
        receiver = Receiver(
            params, key, answer["flow"], ReferenceCodec(), ReceiverState(), sink=MemorySink()
        )
        events = []
        for n, datagram in enumerate(kept):
            slowly.take(datagram)
            events += receiver.take(memoryview(datagram), len(datagram), n)
        events += receiver.tick(10**9)
        told = {e.sequence: e.missing for e in events if isinstance(e, StreamGap)}
        there = slowly.streams()
        assert told.keys() == {n for n, landing in there.items() if landing.whole is None}
        for sequence, ranges in told.items():
            holes = [n for first, last in ranges for n in range(first, last + 1)]
            assert holes == there[sequence].missing
            holes_told += len(holes)
    assert holes_told > 1000
