"""Sets of sequence numbers: the text form, held against plain sets, and texts that are none.

What `add`, `remove` and `missing` do is held against plain sets in tests/guard/link/test_queue.py.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.sequences import RangeSet


@given(st.lists(st.integers(0, 80), max_size=60))
def test_one_number_after_another_in_any_order(numbers: list[int]) -> None:
    made = RangeSet()
    for number in numbers:
        made.add(number)
    assert made.count == len(set(numbers))
    assert [n for n in range(-1, 83) if n in made] == sorted(set(numbers))
    again = RangeSet.read(made.text())
    assert again.ranges() == made.ranges()
    assert again.text() == made.text()


def test_the_text_is_what_people_write() -> None:
    made = RangeSet([(1, 500), (502, 502), (510, 600)])
    assert made.text() == "1-500,502,510-600"
    assert RangeSet.read("1-500,502,510-600").count == 592
    assert RangeSet.read("").ranges() == ()


def test_a_range_of_the_largest_numbers_costs_no_memory() -> None:
    made = RangeSet([(1, 2**63)])
    assert made.count == 2**63
    assert 2**62 in made
    assert made.missing(1, 2**64) == [(2**63 + 1, 2**64)]


@pytest.mark.parametrize(
    "text",
    [
        "5-", "-5", "1,1", "1-3,2-5", "1-3,4", "3,1", "5-1", "1-1", "01", "+1", " 1", "1,", ",",
        "1_0", "1-2-3", "1\n", "\u0661", "a", "9" * 5000,
    ],
)  # fmt: skip
def test_another_text_is_no_set(text: str) -> None:
    with pytest.raises(ValueError, match="range"):
        RangeSet.read(text)


@given(st.text(alphabet="0123456789,-+ _\n", max_size=20) | st.text(max_size=10))
def test_any_text_is_read_whole_or_not_at_all(text: str) -> None:
    try:
        made = RangeSet.read(text)
    except ValueError:
        return
    assert made.text() == text
