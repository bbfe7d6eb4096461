"""A line does to each datagram what the channel says, however datagrams were batched."""

from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diode_sim.line import Counters, Line, Run, datagrams_in
from diode_sim.models import make_channel
from diode_sim.options import Burst, Options

SEGMENT_BYTES = 12


def datagram(number: int) -> bytes:
    return number.to_bytes(4, "big") * (SEGMENT_BYTES // 4)


def run_line(options: Options, total: int, batches: list[int]) -> tuple[list[bytes], Counters]:
    """Numbered datagrams through a line in batches of these sizes, again and again."""
    left: list[bytes] = []

    def put(run: Run, segment_bytes: int, delay_us: int) -> None:
        whole = bytes(run)
        count = datagrams_in(whole, segment_bytes)
        left.extend(whole[at * segment_bytes : (at + 1) * segment_bytes] for at in range(count))

    counters = Counters()
    line = Line(make_channel(options), counters, put)
    number = 0
    sizes = cycle(batches)
    while number < total:
        size = min(next(sizes), total - number)
        batch = bytearray(b"".join(datagram(number + each) for each in range(size)))
        line.take(memoryview(batch), SEGMENT_BYTES)
        number += size
    line.let_go()
    assert not line.holds
    return left, counters


shares = st.sampled_from([0.0, 0.001, 0.05, 0.5, 1.0])


@settings(max_examples=60, deadline=None)
@given(
    loss=shares,
    reorder=shares,
    duplicate=shares,
    corrupt=shares,
    burst=st.sampled_from(["0:1", "0.1:20", "0.5:3"]),
    span=st.sampled_from([1, 3, 16, 500]),
    seed=st.integers(0, 2**64 - 1),
    batches=st.lists(st.integers(1, 64), min_size=1, max_size=6),
)
def test_batching_changes_nothing_and_the_counters_add_up(
    loss: float,
    reorder: float,
    duplicate: float,
    corrupt: float,
    burst: str,
    span: int,
    seed: int,
    batches: list[int],
) -> None:
    options = Options(
        loss=loss,
        burst=Burst.read(burst),
        reorder=reorder,
        reorder_span_datagrams=span,
        duplicate=duplicate,
        corrupt=corrupt,
        seed=seed,
    )
    total = 5000
    left, counters = run_line(options, total, batches)
    assert (left, counters) == run_line(options, total, [1])
    assert counters.datagrams_in == total
    assert len(left) == total - counters.lost + counters.duplicated

    channel = make_channel(options)
    expected = [
        copy.mutate(datagram(index))
        for index in range(total)
        for copy in channel.decide(index, SEGMENT_BYTES)
    ]
    assert sorted(left) == sorted(expected)


def test_nothing_happens_on_a_clean_line() -> None:
    left, counters = run_line(Options(), 1000, [7])
    assert left == [datagram(number) for number in range(1000)]
    assert counters == Counters(datagrams_in=1000)


@pytest.mark.parametrize("span", [1, 5])
def test_an_overtaken_datagram_falls_back_no_further_than_its_span(span: int) -> None:
    options = Options(reorder=0.1, reorder_span_datagrams=span, seed=2)
    left, counters = run_line(options, 20_000, [45])
    numbers = [int.from_bytes(one[:4], "big") for one in left]
    assert sorted(numbers) == list(range(20_000))
    assert numbers != sorted(numbers)
    assert max(abs(place - number) for place, number in enumerate(numbers)) <= 2 * span
    assert 1700 < counters.reordered < 2300
