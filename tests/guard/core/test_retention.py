"""Which sealed segments go: only what was sent, oldest first, when they are old or too many."""

from hypothesis import given
from hypothesis import strategies as st

from guard.core.retention import DAY_S, MB_BYTES, Closed, first_to_stay

NOW_S = 2_000_000_000
AGES_DAYS = (40, 20, 10, 2)
SEGMENTS = [
    Closed(100 * at, 100 * (at + 1), 64 * MB_BYTES, NOW_S - age * DAY_S)
    for at, age in enumerate(AGES_DAYS)
]


def test_without_bounds_nothing_goes() -> None:
    assert first_to_stay(SEGMENTS, 10**6, NOW_S, 0, 0) == 0
    assert first_to_stay([], 10**6, NOW_S, 1, 1) == 0


def test_what_is_older_than_its_days_goes_if_it_was_sent() -> None:
    assert first_to_stay(SEGMENTS, 10**6, NOW_S, 15, 0) == 200
    assert first_to_stay(SEGMENTS, 200, NOW_S, 15, 0) == 200
    assert first_to_stay(SEGMENTS, 199, NOW_S, 15, 0) == 100
    assert first_to_stay(SEGMENTS, 99, NOW_S, 15, 0) == 0
    assert first_to_stay(SEGMENTS, 10**6, NOW_S, 40, 0) == 0


def test_the_oldest_goes_while_all_are_too_large() -> None:
    assert first_to_stay(SEGMENTS, 10**6, NOW_S, 0, 128) == 200
    assert first_to_stay(SEGMENTS, 100, NOW_S, 0, 128) == 100
    assert first_to_stay(SEGMENTS, 10**6, NOW_S, 0, 256) == 0
    assert first_to_stay(SEGMENTS, 10**6, NOW_S, 30, 192) == 100


def test_a_clock_that_went_back_removes_nothing() -> None:
    assert first_to_stay(SEGMENTS, 10**6, NOW_S - 100 * DAY_S, 15, 0) == 0


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10**9), st.integers(0, NOW_S))),
    st.integers(0, 500), st.integers(0, 100), st.integers(0, 1000),
)  # fmt: skip
def test_what_was_not_sent_stays(
    drawn: list[tuple[int, int, int]], sent: int, days: int, mb: int
) -> None:
    segments, first = [], 0
    for count, size_bytes, written_s in drawn:
        segments.append(Closed(first, first + count, size_bytes, written_s))
        first += count
    stays = first_to_stay(segments, sent, NOW_S, days, mb)
    assert stays == 0 or (stays <= sent and stays in [each.after for each in segments])
