"""The keeper of a stage's receipts against what a process without a key says to it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.chain import Place, Step, first_frame
from guard.core.custody import NO_KEY, NO_SCOPE, Custody
from guard.core.frame import Frame
from guard.core.release import Cleared, Stopped
from schemas.message import Message
from schemas.reasons import Reason
from schemas.receipt import Said
from schemas.stage import Kind, Run
from schemas.verdict import Changed, Hold, Pass, Refuse
from tests.guard.core.lane import (
    HEAD_KEY,
    MESSAGE,
    PAYLOAD_BYTES_MAX,
    RUNS,
    SCOPE,
    key_of,
    make_lane,
)

LANE = make_lane()


def custody_of(name: str) -> Custody:
    at = list(RUNS).index(name) + 1
    return Custody(Place(name, 1, RUNS[name][0], at, PAYLOAD_BYTES_MAX), SCOPE, key_of(name))


def before(name: str) -> Frame:
    """The frame as it comes to this stage."""
    frame = first_frame(7, MESSAGE, SCOPE, HEAD_KEY)
    for other, step in LANE.steps.items():
        if other == name:
            return frame
        frame = step(frame)
    raise AssertionError(name)


def cell(name: str, run: Run, frame: Frame, kind: Kind | None = None) -> Frame:
    """What a cell gives that runs this, as a stage of this kind."""
    at = list(RUNS).index(name) + 1
    place = Place(name, 1, kind or RUNS[name][0], at, PAYLOAD_BYTES_MAX)
    return Step(place, run, NO_SCOPE, NO_KEY)(Custody.question(frame))


def judged(name: str, frame: Frame) -> Cleared | Stopped:
    """What the end of the lane says when the honest stages after it have had it."""
    names = list(LANE.steps)
    for other in names[names.index(name) + 1 :]:
        frame = LANE.steps[other](frame)
    return LANE.judged(frame)


@pytest.mark.parametrize("name", list(RUNS))
def test_the_receipt_is_the_one_that_a_stage_with_the_key_would_write(name: str) -> None:
    frame = before(name)
    given = cell(name, RUNS[name][1], frame)
    assert custody_of(name).answered(frame, given) == LANE.steps[name](frame)


def test_a_cell_sees_nobodys_receipts() -> None:
    assert Custody.question(before("again")).legs == b""


@pytest.mark.parametrize(
    ("run", "verdict", "reason"),
    [
        (lambda _: Refuse(Reason.DIRTY_WORD, "no"), Said.REFUSE, Reason.DIRTY_WORD),
        (lambda _: Hold(Reason.LABEL_MISSING, "look"), Said.HOLD, Reason.LABEL_MISSING),
        (lambda _: 1 / 0, Said.HOLD, Reason.STAGE_FAILED),
        (lambda m: Changed(m), Said.HOLD, Reason.STAGE_FAILED),
    ],
)
def test_what_stops_a_message_stops_it(run: Run, verdict: Said, reason: Reason) -> None:
    frame = before("look")
    judgement = judged("look", custody_of("look").answered(frame, cell("look", run, frame)))
    assert isinstance(judgement, Stopped)
    assert (judgement.verdict, judgement.stage, judgement.reason) == (verdict, "look", reason)


def held_by(name: str, frame: Frame, given: Frame) -> str:
    judgement = judged(name, custody_of(name).answered(frame, given))
    assert isinstance(judgement, Stopped)
    assert (judgement.stage, judgement.reason) == (name, Reason.STAGE_FAILED)
    return judgement.sentence


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("look", Kind.NORMALIZE), ("route", Kind.NORMALIZE),
        ("look", Kind.ROUTE), ("upper", Kind.ROUTE),
    ],
)  # fmt: skip
def test_a_cell_that_says_what_its_stage_may_not(name: str, kind: Kind) -> None:
    frame = before(name)
    given = cell(name, lambda m: Changed(Message(m.meta_bytes, b"evil")), frame, kind)
    assert "may not answer so" in held_by(name, frame, given)


@pytest.mark.parametrize(
    "change",
    [
        {"number": 8}, {"id": bytes(16)}, {"legs": b""}, {"legs": b"\0" * 279},
        {"legs": b"\0\0" + b"\0" * 277},
    ],
)  # fmt: skip
def test_an_answer_that_is_none(change: dict[str, object]) -> None:
    frame = before("look")
    given = replace(cell("look", lambda _: Pass(), frame), **change)  # type: ignore[arg-type] # by name
    assert held_by("look", frame, given)


def test_two_receipts_are_no_answer() -> None:
    frame = before("look")
    given = cell("look", lambda _: Pass(), frame)
    assert held_by("look", frame, replace(given, legs=given.legs * 2))


def test_a_pass_goes_on_as_the_keeper_had_it_whatever_the_cell_gave_beside_it() -> None:
    frame = before("look")
    given = replace(cell("look", lambda _: Pass(), frame), message=Message(b"{}", b"evil"))
    judgement = judged("look", custody_of("look").answered(frame, given))
    assert isinstance(judgement, Cleared)
    assert judgement.message.payload == b"ONE MESSAGE"


def test_an_output_beyond_the_stages_bound_is_held() -> None:
    frame = before("upper")
    place = Place("upper", 1, Kind.NORMALIZE, 2, 4)
    given = cell("upper", lambda m: Changed(Message(m.meta_bytes, b"12345")), frame)
    written = Custody(place, SCOPE, key_of("upper")).answered(frame, given)
    judgement = judged("upper", written)
    assert isinstance(judgement, Stopped)
    assert judgement.reason == Reason.STAGE_OUTPUT_BOUND


@given(st.binary(max_size=700), st.binary(max_size=64), st.booleans())
def test_any_answer_is_judged_or_held(legs: bytes, payload: bytes, stopped: bool) -> None:
    frame = before("upper")
    given = Frame(frame.id, frame.number, legs, Message(b"{}", payload), stopped)
    assert isinstance(judged("upper", custody_of("upper").answered(frame, given)), Stopped)
