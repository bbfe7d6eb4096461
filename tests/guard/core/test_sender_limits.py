"""Limits of senders: what is one too many, until when, and what a restart remembers."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.core.sender_limits import DAY_S, Limiter
from schemas.errors import Malformed
from schemas.policy import SenderLimits
from schemas.reasons import Reason

NOON = 20_000 * DAY_S + DAY_S // 2


def limiter(**limits: int) -> Limiter:
    return Limiter({"patrol": SenderLimits(**limits)})


def drop(of: Limiter, payload: bytes, at_s: int, sender: str = "patrol") -> str:
    try:
        of.check(sender, payload, at_s)
    except Malformed as error:
        return error.reason
    of.count(sender, payload, at_s)
    return ""


def drops(of: Limiter, *times_s: int) -> list[str]:
    return [drop(of, f"{at_s}".encode(), at_s) for at_s in times_s]


def test_messages_in_any_minute() -> None:
    over = Reason.RATE_EXCEEDED
    of = limiter(messages_per_minute_max=3)
    assert drops(of, 100, 100, 159) == ["", "", ""]
    assert drops(of, 159, 159) == [over, over]
    assert drops(of, 160, 160, 160) == [
        "",
        "",
        over,
    ]  # what was refused was not counted
    assert drops(of, 218, 219, 219) == [over, "", over]


def test_bytes_in_a_day() -> None:
    over = Reason.VOLUME_EXCEEDED
    of = limiter(bytes_per_day_max=10)
    assert drop(of, b"x" * 11, NOON) == over
    assert drop(of, b"x" * 6, NOON) == ""
    assert drop(of, b"x" * 5, NOON) == over
    assert drop(of, b"x" * 4, NOON + 1) == ""
    assert drop(of, b"x", NOON + DAY_S // 2 - 1) == over
    assert drop(of, b"x" * 10, NOON + DAY_S // 2) == ""


def test_the_same_bytes_again() -> None:
    over = Reason.PAYLOAD_REPEATED
    of = limiter(repeated_within_s=90, messages_per_minute_max=100)
    assert drop(of, b"a", 1000) == ""
    assert drop(of, b"b", 1050) == ""
    assert drop(of, b"a", 1089) == over
    assert drop(of, b"a", 1090) == ""  # the refused one did not begin the time anew
    assert drop(of, b"b", 1091) == over
    assert drop(of, b"a", 1100) == over


def test_another_sender_is_not_counted() -> None:
    of = Limiter({"patrol": SenderLimits(messages_per_minute_max=1), "post": SenderLimits()})
    assert [drop(of, b"a", 1, sender) for sender in ("patrol", "post", "other") * 2] == [
        "", "", "", Reason.RATE_EXCEEDED, "", "",
    ]  # fmt: skip
    assert of
    assert not Limiter({})


def test_a_clock_that_is_set_back_forgets_and_stops_nobody() -> None:
    of = limiter(messages_per_minute_max=1, bytes_per_day_max=5, repeated_within_s=60)
    assert drop(of, b"aaaaa", NOON) == ""
    assert drop(of, b"aaaaa", NOON - 2 * DAY_S) == ""


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=3)), max_size=40),
    cut=st.integers(0, 40),
)
def test_a_restart_decides_as_if_there_had_been_none(
    steps: list[tuple[int, bytes]], cut: int
) -> None:
    limits = {"messages_per_minute_max": 4, "bytes_per_day_max": 30, "repeated_within_s": 100}
    whole, at_s, before = limiter(**limits), NOON, []
    cutting = limiter(**limits)
    for number, (later_s, payload) in enumerate(steps):
        at_s += later_s
        if number == cut:
            again = limiter(**limits)
            assert again.read_state(cutting.written(7)) == 7
            cutting = again
        before.append((drop(whole, payload, at_s), drop(cutting, payload, at_s)))
    assert all(one == other for one, other in before)


def test_a_state_of_a_sender_without_limits_is_let_go() -> None:
    of = limiter(messages_per_minute_max=1)
    drop(of, b"a", 1)
    other = Limiter({"post": SenderLimits(messages_per_minute_max=1)})
    assert other.read_state(of.written(3)) == 3
    assert other.written(3) == Limiter({"post": SenderLimits(messages_per_minute_max=1)}).written(3)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_a_damaged_state_is_said_to_be(data: st.DataObject) -> None:
    of = limiter(messages_per_minute_max=9, bytes_per_day_max=9, repeated_within_s=60)
    drop(of, b"abc", NOON)
    good = of.written(1)
    at = data.draw(st.integers(0, len(good)))
    damaged = good[:at] + data.draw(st.binary(max_size=3)) + good[at + 1 :]
    again = limiter(messages_per_minute_max=9, bytes_per_day_max=9, repeated_within_s=60)
    reason = ""
    try:
        again.read_state(damaged)
    except Malformed as error:
        reason = error.reason
    assert reason in ("", Reason.RECORD_MALFORMED)


@pytest.mark.parametrize(
    "limits",
    [
        {"messages_per_minute_max": -1},
        {"bytes_per_day_max": 2**51},
        {"repeated_within_s": 60},
        {"repeated_within_s": 86_400, "messages_per_minute_max": 1000},
        {"messages_a_minute": 3},
    ],
)
def test_limits_that_are_none_or_unbounded_are_not_taken(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"limit|messages|bytes|repeated"):
        SenderLimits.model_validate(limits)
