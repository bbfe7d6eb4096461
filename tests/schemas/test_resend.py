"""What is asked of `send` is read in one form only."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Malformed
from schemas.resend import BYTES_MAX, ResendOrder, ResendRequest
from schemas.sequences import RangeSet

REQUEST = ResendRequest(3, (("alpha", "1-20,25"), ("bravo", "21-24")), "a note\n")
ORDER = ResendOrder(3, "alice,bob", "ab" * 32, 1_795_000_000, (("alpha", "1-20,25"),))


def test_a_request_and_an_order_come_back_as_they_were_written() -> None:
    assert ResendRequest.read(REQUEST.write()) == REQUEST
    assert ResendOrder.read(ORDER.write()) == ORDER
    assert REQUEST.wanted().ranges() == ((1, 25),)
    assert ORDER.senders()["alpha"].ranges() == ((1, 20), (25, 25))


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0}, {"number": True}, {"number": "3"}, {"number": 2**60}, {"note": 7},
        {"note": "\ud800"},
        {"parts": [["alpha", "20-1"]]}, {"parts": [["alpha"]]}, {"parts": [["alpha", 7]]},
        {"parts": [["alpha", "1"], ["alpha", "2"]]}, {"parts": "x"}, {"parts": [[7, "1"]]},
        {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_request_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        ResendRequest.read(json.dumps(asdict(REQUEST) | changes).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"number": -1}, {"who": "x" * 301}, {"who": 7}, {"notice": "AB" * 32}, {"notice": "ab"},
        {"notice_s": -1}, {"notice_s": "1"}, {"refused": 1}, {"parts": [["alpha", "1,2"]]},
        {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_order_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        ResendOrder.read(json.dumps(asdict(ORDER) | changes).encode())


@given(st.binary(max_size=100))
def test_any_bytes_are_malformed(content: bytes) -> None:
    for read in (ResendRequest.read, ResendOrder.read):
        with pytest.raises(Malformed):
            read(content)


def test_more_bytes_than_there_may_be_are_not_looked_at() -> None:
    with pytest.raises(Malformed):
        ResendRequest.read(REQUEST.write() + b" " * BYTES_MAX)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=8), st.integers(0, 60))
def test_what_is_above_a_number_is_taken_out_whole(
    pairs: list[tuple[int, int]], number: int
) -> None:
    whole = {n for first, more in pairs for n in range(first, first + more + 1)}
    found = RangeSet((first, first + more) for first, more in pairs)
    above = found.above(number)
    assert {n for a, b in above for n in range(a, b + 1)} == {n for n in whole if n > number}
    assert {n for a, b in found.ranges() for n in range(a, b + 1)} == {
        n for n in whole if n <= number
    }
