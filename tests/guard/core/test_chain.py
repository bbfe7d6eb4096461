"""One step of a chain: what a stage may answer, what becomes of the rest, and frames on the way."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.chain import Place, Step, first_frame
from guard.core.frame import (
    HEADER,
    INLINE_BYTES_MAX,
    LEGS_BYTES_MAX,
    PACKET_BYTES_MAX,
    Frame,
    read_packet,
    write_header,
)
from schemas.errors import Malformed, Overload
from schemas.message import META_BYTES_MAX, Message
from schemas.reasons import Reason
from schemas.receipt import Receipt, Said, read_body, split_legs
from schemas.stage import Kind, Run
from schemas.verdict import Answer, Changed, Hold, Pass, Refuse
from tests.guard.core.lane import HEAD_KEY, MESSAGE, META, PAYLOAD_BYTES_MAX, SCOPE

KEY = b"k" * 32
FIRST = first_frame(7, MESSAGE, SCOPE, HEAD_KEY)


def step(run: Run, kind: Kind = Kind.FILTER) -> tuple[Frame, Receipt]:
    given_frame = Step(Place("stage", 1, kind, 1, PAYLOAD_BYTES_MAX), run, SCOPE, KEY)(FIRST)
    words, body, _ = split_legs(given_frame.legs)[-1]
    return given_frame, read_body(body, words)


def changed(payload: bytes) -> Run:
    return lambda message: Changed(Message(message.meta_bytes, payload))


def answering(answer: Answer) -> Run:
    return lambda _: answer


def raising(error: BaseException) -> Run:
    def run(_: Message) -> Answer:
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (raising(ValueError("boom")), Kind.FILTER),
        (raising(RecursionError()), Kind.FILTER),
        (raising(MemoryError()), Kind.NORMALIZE),
        (changed(b"another"), Kind.FILTER),
        (lambda _: None, Kind.FILTER),
        (lambda _: True, Kind.FILTER),
        (lambda message: message, Kind.NORMALIZE),
    ],
    ids=["raises", "recurses", "no memory", "a filter changes", "None", "True", "raw"],
)
def test_a_stage_that_fails_holds_the_message(run: Run, kind: Kind) -> None:
    frame, said = step(run, kind)
    assert (said.verdict, said.reason) == (Said.HOLD, Reason.STAGE_FAILED)
    assert frame.stopped
    assert frame.message.payload == b""
    assert "boom" not in said.words


@pytest.mark.parametrize(
    "run", [changed(bytes(PAYLOAD_BYTES_MAX + 1)), raising(Overload(Reason.TOO_DEEP, "deep"))]
)
def test_a_stage_that_reaches_a_limit_holds_the_message(run: Run) -> None:
    frame, said = step(run, Kind.TRANSFORM)
    assert (said.verdict, said.reason) == (Said.HOLD, Reason.STAGE_OUTPUT_BOUND)
    assert frame.stopped


def test_malformed_is_a_refusal_with_its_reason() -> None:
    frame, said = step(raising(Malformed(Reason.XML_DOCTYPE, "a DOCTYPE")))
    assert (said.verdict, said.reason, said.words) == (Said.REFUSE, Reason.XML_DOCTYPE, "a DOCTYPE")
    assert frame.stopped


@pytest.mark.parametrize("queues", ["x" * 600, "\ud800"])
def test_a_route_whose_queues_are_no_metadata_stops_the_message(queues: str) -> None:
    def run(message: Message) -> Answer:
        return Changed(Message.make(replace(META, queues=queues), message.payload))

    frame, said = step(run, Kind.ROUTE)
    assert said.verdict in (Said.REFUSE, Said.HOLD)
    assert frame.stopped


def test_a_route_leaves_the_message_as_it_came() -> None:
    def run(_: Message) -> Answer:
        return Changed(Message.make(replace(META, queues="maps", label="TOP"), b"swapped"))

    frame, said = step(run, Kind.ROUTE)
    assert frame.message == MESSAGE
    assert (said.verdict, said.words) == (Said.ROUTED, "maps")


@given(st.text(max_size=400) | st.text(st.characters(categories=["Cs", "So"]), max_size=400))
def test_whatever_a_stage_says_can_be_read_again(words: str) -> None:
    for answer in (
        Pass(words),
        Hold(Reason.LABEL_MISSING, words),
        Refuse(Reason.LABEL_MISSING, words),
    ):
        _, said = step(answering(answer))
        assert len(said.words.encode()) <= 960


def test_a_stopped_frame_goes_on_as_it_is() -> None:
    stopped = replace(FIRST, message=Message(FIRST.message.meta_bytes, b""), stopped=True)
    place = Place("stage", 1, Kind.FILTER, 1, PAYLOAD_BYTES_MAX)
    assert Step(place, raising(ValueError()), SCOPE, KEY)(stopped) is stopped


FRAMES = st.builds(
    Frame, st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1), st.binary(max_size=600),
    st.builds(Message, st.binary(max_size=300), st.binary(max_size=300)),
)  # fmt: skip


@given(FRAMES)
def test_a_frame_comes_back_whole(frame: Frame) -> None:
    header, _ = write_header(frame)
    assert read_packet(header + frame.message.payload, 1000).frame == frame


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda b: b"CVF1" + b))
def test_any_bytes_are_a_frame_or_malformed(noise: bytes) -> None:
    try:
        opened = read_packet(noise, 1000)
    except Malformed:
        return
    assert write_header(opened.frame)[0] + opened.frame.message.payload == noise


def packet(
    flags: int = 0, legs: int = 0, meta: int = 0, payload: int = 0, tail: bytes = b""
) -> bytes:
    return HEADER.pack(b"CVF1", flags, bytes(16), 1, legs, meta, payload) + tail


@pytest.mark.parametrize(
    "lying",
    [
        packet(legs=1), packet(payload=2, tail=b"x"), packet(tail=b"x"), packet(flags=4),
        packet(flags=3), packet(flags=2, payload=1, tail=b"x"), packet(flags=1),
        packet(flags=1, payload=INLINE_BYTES_MAX), packet(flags=1, payload=2**32 - 1),
        packet(payload=INLINE_BYTES_MAX + 1, tail=bytes(INLINE_BYTES_MAX + 1)),
        packet(flags=1, payload=PAYLOAD_BYTES_MAX + 1), packet(flags=3, payload=70_000),
        packet(legs=LEGS_BYTES_MAX + 1, tail=bytes(LEGS_BYTES_MAX + 1)),
        packet(meta=META_BYTES_MAX + 1, tail=bytes(META_BYTES_MAX + 1)), packet(legs=2**32 - 1),
        packet()[:-1], b"", b"CVF1", packet().replace(b"CVF1", b"CVF2"),
    ],
)  # fmt: skip
def test_a_header_that_lies(lying: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read_packet(lying, PAYLOAD_BYTES_MAX)
    assert caught.value.reason == Reason.FRAME_MALFORMED


def test_the_largest_frame_fits_a_packet() -> None:
    largest = packet(legs=LEGS_BYTES_MAX, meta=META_BYTES_MAX, payload=INLINE_BYTES_MAX)
    tail = bytes(LEGS_BYTES_MAX + META_BYTES_MAX + INLINE_BYTES_MAX)
    assert len(largest + tail) == PACKET_BYTES_MAX
    assert read_packet(largest + tail, PAYLOAD_BYTES_MAX).by_descriptor_bytes == 0


@given(st.binary(max_size=700))
def test_any_bytes_are_legs_or_malformed(noise: bytes) -> None:
    try:
        legs = split_legs(noise)
        for words, body, _ in legs:
            read_body(body, words)
    except Malformed:
        return
    assert noise == b""


@given(st.binary(max_size=300), st.binary(max_size=50))
def test_any_body_is_a_receipt_or_malformed(body: bytes, words: bytes) -> None:
    with pytest.raises(Malformed):
        read_body(body, words)
