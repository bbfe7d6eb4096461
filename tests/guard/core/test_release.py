"""The end of a lane against a hijacked stage: what the judge clears, and what it does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.chain import first_frame
from guard.core.frame import Frame
from guard.core.release import (
    SUMMARY_CHARACTERS_MAX,
    Cleared,
    Expected,
    Judge,
    Stopped,
    summary,
)
from schemas.errors import CheckvalveError, Forged, Malformed
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.receipt import (
    Receipt,
    Said,
    message_digest,
    read_body,
    scope_digest,
    split_legs,
    write_leg,
)
from schemas.stage import Run
from schemas.verdict import Changed, Hold, Pass, Refuse
from tests.guard.core.lane import (
    HEAD_KEY,
    MESSAGE,
    META,
    NONCE,
    OTHER,
    RUNS,
    SCOPE,
    fed,
    key_of,
    make_lane,
)

LANE = make_lane()
LEG = Callable[[list[bytes]], list[bytes]]


def legs_of(frame: Frame) -> list[bytes]:
    """The legs of a frame, each as its bytes."""
    return [
        len(words).to_bytes(2, "big") + words + body + mac
        for words, body, mac in split_legs(frame.legs)
    ]


def with_legs(frame: Frame, legs: list[bytes]) -> Frame:
    return replace(frame, legs=b"".join(legs))


def receipt_at(frame: Frame, position: int) -> Receipt:
    words, body, _ = split_legs(frame.legs)[position]
    return read_body(body, words)


def reason_of(frame: Frame) -> Reason:
    """Why the judge takes this frame for none of what was fed."""
    with pytest.raises(CheckvalveError) as caught:
        LANE.judged(frame)
    assert isinstance(caught.value, Forged | Malformed)
    return caught.value.reason


def test_what_every_stage_passed_is_cleared_as_the_last_one_gave_it() -> None:
    judgement = LANE.judged(LANE.run())
    assert isinstance(judgement, Cleared)
    assert judgement.message.payload == b"ONE MESSAGE"
    assert judgement.queues == ("new", "maps")
    assert judgement.meta == META
    lines = summary(judgement.receipts).splitlines()
    assert lines[0] == "look/1 pass: it looks right"
    assert lines[1].startswith("upper/1 changed ")
    assert lines[1].endswith(": in capitals")
    assert lines[2] == "route/1 routed: new,maps"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda legs: legs[:-1], Reason.RECEIPT_MISSING),
        (lambda _: [], Reason.RECEIPT_MISSING),
        (lambda legs: [*legs, legs[-1]], Reason.RECEIPT_MISSING),
        (lambda legs: [legs[0], *legs[2:]], Reason.RECEIPT_FORGED),
        (lambda legs: [legs[0], legs[1], legs[1], *legs[3:]], Reason.RECEIPT_FORGED),
        (lambda legs: [legs[0], legs[2], legs[1], *legs[3:]], Reason.RECEIPT_FORGED),
        (lambda legs: [*legs[:1], *legs[1:][::-1]], Reason.RECEIPT_FORGED),
        (lambda legs: [*legs[:-1], legs[-1][:-1]], Reason.FRAME_MALFORMED),
        (lambda legs: [*legs[:-1], legs[-1] + b"\0"], Reason.FRAME_MALFORMED),
        (lambda legs: [*legs, b"\xff\xff"], Reason.FRAME_MALFORMED),
    ],
    ids=[
        "last missing", "none", "last twice", "second missing", "second twice", "swapped",
        "reversed", "cut short", "too long", "a length that lies",
    ],
)  # fmt: skip
def test_legs_that_are_not_the_chains(change: LEG, reason: Reason) -> None:
    frame = LANE.run()
    assert reason_of(with_legs(frame, change(legs_of(frame)))) == reason


def test_no_byte_of_the_legs_can_be_changed() -> None:
    frame = LANE.run()
    for at in range(len(frame.legs)):
        damaged = bytearray(frame.legs)
        damaged[at] ^= 1
        with pytest.raises((Forged, Malformed)):
            LANE.judged(replace(frame, legs=bytes(damaged)))


@given(st.binary(max_size=1500))
def test_any_legs_are_judged_or_refused(noise: bytes) -> None:
    for stopped in (False, True):
        with pytest.raises((Forged, Malformed)):
            LANE.judged(replace(LANE.run(), legs=noise, stopped=stopped))


def test_a_stage_that_knows_its_own_key_only_cannot_speak_for_another() -> None:
    frame = LANE.run()
    said = receipt_at(frame, 1)
    forged = write_leg(said, key_of("upper"))
    legs = legs_of(frame)
    assert reason_of(with_legs(frame, [legs[0], forged, *legs[2:]])) == Reason.RECEIPT_FORGED


def test_a_chain_that_ran_on_another_message_clears_that_message_only() -> None:
    other = LANE.run(OTHER)
    assert reason_of(other) == Reason.RECEIPT_OTHER_MESSAGE
    assert reason_of(LANE.run(number=8)) == Reason.RECEIPT_OTHER_MESSAGE
    assert reason_of(replace(other, id=MESSAGE_ID)) == Reason.RECEIPT_OTHER_MESSAGE
    assert reason_of(replace(LANE.run(), legs=other.legs)) == Reason.RECEIPT_OTHER_MESSAGE
    assert reason_of(replace(LANE.run(), message=other.message)) == Reason.RECEIPT_OTHER_MESSAGE


MESSAGE_ID = bytes.fromhex(META.id)


@pytest.mark.parametrize(
    "scope",
    [
        ("nonce", (bytes(16), 0, "tracks", "NORTH", "SOUTH")),
        ("lane", (NONCE, 1, "tracks", "NORTH", "SOUTH")),
        ("flow", (NONCE, 0, "trackz", "NORTH", "SOUTH")),
        ("source", (NONCE, 0, "tracks", "SOUTH", "SOUTH")),
        ("moved border", (NONCE, 0, "tracksN", "ORTH", "SOUTH")),
    ],
    ids=lambda case: case[0],
)
def test_receipts_of_another_run_lane_flow_or_domain(scope: tuple[str, tuple[object, ...]]) -> None:
    nonce, lane, flow, source, destination = scope[1]
    other = scope_digest(
        nonce, lane, flow, source, destination, bytes(range(32))  # type: ignore[arg-type] # as given
    )  # fmt: skip
    assert other != SCOPE
    assert reason_of(make_lane(other).run()) == Reason.RECEIPT_OTHER_MESSAGE


def test_receipts_under_a_policy_that_is_no_longer_in_force() -> None:
    stale = scope_digest(NONCE, 0, "tracks", "NORTH", "SOUTH", bytes(32))
    assert reason_of(make_lane(stale).run()) == Reason.RECEIPT_OTHER_MESSAGE


def hijacked(at: int, key: bytes, **changes: object) -> Frame:
    """The frame where the stage at this place lies in its own receipt, under its own key."""
    frame = LANE.run()
    receipt = replace(receipt_at(frame, at), **changes)  # type: ignore[arg-type] # by name
    legs = legs_of(frame)
    legs[at] = write_leg(receipt, key)
    return with_legs(frame, legs[: at + 1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"scope": bytes(32)}, Reason.RECEIPT_OTHER_MESSAGE),
        ({"id": bytes(16)}, Reason.RECEIPT_OTHER_MESSAGE),
        ({"position": 3}, Reason.RECEIPT_OUT_OF_ORDER),
        ({"stage": "look"}, Reason.RECEIPT_OUT_OF_ORDER),
        ({"version": 2}, Reason.RECEIPT_OUT_OF_ORDER),
        ({"got": bytes(32), "gave": bytes(32)}, Reason.RECEIPT_OUT_OF_ORDER),
        ({"previous": bytes(32)}, Reason.RECEIPT_OUT_OF_ORDER),
        ({"gave": bytes(32)}, Reason.RECEIPT_CHANGED_BY_FILTER),
        ({"verdict": Said.CHANGED, "gave": bytes(32)}, Reason.RECEIPT_CHANGED_BY_FILTER),
        ({"verdict": Said.CHANGED}, Reason.RECEIPT_CHANGED_BY_FILTER),
        ({"verdict": Said.ROUTED, "words": "new"}, Reason.RECEIPT_CHANGED_BY_FILTER),
        ({"verdict": Said.HOLD, "gave": bytes(32)}, Reason.RECEIPT_CHANGED_BY_FILTER),
        ({"verdict": Said.REFUSE, "reason": Reason.DIRTY_WORD}, Reason.RECEIPT_OUT_OF_ORDER),
    ],
    ids=str,
)
def test_a_hijacked_filter_that_lies_about_itself(
    changes: dict[str, object], reason: Reason
) -> None:
    frame = hijacked(4, key_of("again"), **changes)
    assert reason_of(frame) == reason


def test_a_route_cannot_change_the_message() -> None:
    frame = hijacked(3, key_of("route"), verdict=Said.CHANGED, gave=bytes(32))
    assert reason_of(frame) == Reason.RECEIPT_CHANGED_BY_FILTER


@pytest.mark.parametrize(
    "queues",
    [
        "../../etc", "new,", ",new", "new,,maps", "NEW", "new maps", "new\n", "n" * 33, "new,new",
        ",".join(f"q{n}" for n in range(17)), "/", "\u0661",
    ],
)  # fmt: skip
def test_a_hijacked_route_names_no_file_of_ours(queues: str) -> None:
    frame = LANE.run()
    legs = legs_of(frame)
    legs[3] = write_leg(replace(receipt_at(frame, 3), words=queues), key_of("route"))
    last = replace(receipt_at(frame, 4), previous=legs[3][-32:])
    legs[4] = write_leg(last, key_of("again"))
    with pytest.raises(Malformed):
        LANE.judged(with_legs(frame, legs))


def test_the_longest_list_of_queues_arrives_whole() -> None:
    names = [f"q{n:02}".ljust(32, "x") for n in range(16)]
    lane = make_lane(
        route=lambda m: Changed(Message.make(replace(m.meta, queues=",".join(names)), m.payload))
    )
    judgement = lane.judged(lane.run())
    assert isinstance(judgement, Cleared)
    assert judgement.queues == tuple(names)


@pytest.mark.parametrize("position", range(5))
def test_a_frame_cannot_be_stopped_by_whoever_only_passed_it(position: int) -> None:
    frame = LANE.run()
    message = Message(frame.message.meta_bytes, b"")
    cut = with_legs(frame, legs_of(frame)[: position + 1])
    assert reason_of(replace(cut, message=message, stopped=True)) == Reason.RECEIPT_MISSING


@pytest.mark.parametrize("name", ["look", "upper", "route", "again"])
def test_a_refusal_stops_the_message_and_says_who_and_why(name: str) -> None:
    runs: dict[str, Run] = {name: lambda _: Refuse(Reason.DIRTY_WORD, "it says a word")}
    lane = make_lane(SCOPE, **runs)
    frame = lane.run()
    assert frame.stopped
    assert frame.message.payload == b""
    judgement = lane.judged(frame)
    assert isinstance(judgement, Stopped)
    told = (judgement.verdict, judgement.stage, judgement.reason, judgement.sentence)
    assert told == (Said.REFUSE, name, Reason.DIRTY_WORD, "it says a word")


def broken(_: Message) -> Pass:
    raise ValueError


def too_large(message: Message) -> Changed:
    return Changed(Message(message.meta_bytes, bytes(200_001)))


def test_a_failed_stage_stops_the_message_and_it_is_held() -> None:
    for run, why in ((broken, Reason.STAGE_FAILED), (too_large, Reason.STAGE_OUTPUT_BOUND)):
        lane = make_lane(upper=run)
        judgement = lane.judged(lane.run())
        assert isinstance(judgement, Stopped)
        assert (judgement.verdict, judgement.stage, judgement.reason) == (Said.HOLD, "upper", why)


def test_a_refused_message_cannot_go_on() -> None:
    refusing = make_lane(look=lambda _: Refuse(Reason.DIRTY_WORD, "no"))
    frame = refusing.run()
    revived = Frame(frame.id, frame.number, frame.legs, MESSAGE)
    for name in ("upper", "route", "again"):
        revived = LANE.steps[name](revived)
    assert reason_of(revived) == Reason.RECEIPT_OUT_OF_ORDER


def test_a_hold_is_final_and_the_reviewer_sees_what_would_go_out() -> None:
    lane = make_lane(look=lambda _: Hold(Reason.LABEL_MISSING, "two persons look"))
    judgement = lane.judged(lane.run())
    assert isinstance(judgement, Stopped)
    assert (judgement.verdict, judgement.stage) == (Said.HOLD, "look")
    assert judgement.message.payload == b"ONE MESSAGE"
    assert len(judgement.receipts) == 5


def test_a_hold_and_then_a_refusal_is_a_refusal() -> None:
    lane = make_lane(
        look=lambda _: Hold(Reason.LABEL_MISSING, "look"),
        again=lambda _: Refuse(Reason.DIRTY_WORD, "no"),
    )
    judgement = lane.judged(lane.run())
    assert isinstance(judgement, Stopped)
    assert (judgement.verdict, judgement.stage) == (Said.REFUSE, "again")


@pytest.mark.parametrize(
    "meta_bytes",
    [
        b"", b"{}", META.write() + b" ", replace(META, id="f" * 32).write(),
        replace(META, id="zz" * 16).write(), replace(META, label="\ud800").write(),
        replace(META, id="").write(),
    ],
)  # fmt: skip
def test_a_transform_that_gives_metadata_of_another_kind(meta_bytes: bytes) -> None:
    lane = make_lane(
        upper=lambda m: Changed(Message(meta_bytes, m.payload)), route=lambda _: Pass()
    )
    with pytest.raises((Forged, Malformed)):
        lane.judged(lane.run())


def test_a_head_that_fed_something_else_than_it_told() -> None:
    changed = Message(MESSAGE.meta_bytes, b"another")
    frame = first_frame(7, changed, SCOPE, HEAD_KEY)
    for step in LANE.steps.values():
        frame = step(frame)
    assert reason_of(frame) == Reason.RECEIPT_OUT_OF_ORDER
    assert isinstance(LANE.judged(frame, fed(changed)), Cleared)


def test_the_ledgers_lines_are_one_a_stage_whatever_stages_say() -> None:
    says = "a\nforged/1 pass\r\u2028b\x85c\x0b\x1cd"
    lane = make_lane(look=lambda _: Pass(says))
    judgement = lane.judged(lane.run())
    lines = summary(judgement.receipts).splitlines()
    assert [line.split("/")[0] for line in lines] == ["look", "upper", "route", "again"]


def test_the_ledgers_lines_are_bounded_together() -> None:
    said = Receipt(
        SCOPE, MESSAGE_ID, 1, Said.PASS, "look", 1, Reason.NONE, bytes(32), bytes(32), bytes(32),
        "\U0001f600" * 240,
    )  # fmt: skip
    assert summary([said] * 49).count("\U0001f600") <= SUMMARY_CHARACTERS_MAX


def test_a_digest_binds_where_the_metadata_ends() -> None:
    assert message_digest(b"ab", b"c") != message_digest(b"a", b"bc")


def test_metadata_has_one_form_only() -> None:
    whole = META.write()
    assert Meta.read(whole) == META


QUEUES = {"new", "maps"}


def judge_with_queues(queues: set[str]) -> Judge:
    expected = [
        Expected(name, 1, kind, key_of(name), frozenset(queues) if name == "route" else None)
        for name, (kind, _) in RUNS.items()
    ]
    return Judge(SCOPE, HEAD_KEY, expected)


def test_a_route_chooses_among_the_queues_of_its_rules() -> None:
    frame = LANE.run()
    assert isinstance(judge_with_queues(QUEUES)(frame, fed()), Cleared)
    with pytest.raises(Forged, match="route chose a queue"):
        judge_with_queues({"new"})(frame, fed())


@pytest.mark.parametrize("note", ["", "new"])
def test_a_route_that_chooses_no_queue_does_not_get_the_default(note: str) -> None:
    lane = make_lane(route=lambda _: Pass(note))
    with pytest.raises(Forged, match="or none"):
        judge_with_queues(QUEUES)(lane.run(), fed())


@pytest.mark.parametrize(
    "run",
    [lambda _: Refuse(Reason.NO_ROUTE, "no"), lambda _: Hold(Reason.LABEL_MISSING, "look")],
)
def test_a_route_refuses_and_holds_without_a_queue(run: Run) -> None:
    lane = make_lane(route=run)
    assert isinstance(judge_with_queues(QUEUES)(lane.run(), fed()), Stopped)
