"""A cable of virtual time does what its options say, at the times they say, each time the same."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diode_sim.cable import Cable
from diode_sim.models import make_channel
from diode_sim.options import Flap, Options, Outages, Stuck, Window

MS = 1_000_000
SIZE = 40


def datagram(number: int) -> bytes:
    return number.to_bytes(4, "big") * (SIZE // 4)


def number_of(one: bytes) -> int:
    return int.from_bytes(one[:4], "big")


def passed(options: Options, count: int, every_ns: int, batch: int = 1) -> list[tuple[int, bytes]]:
    """(when, what) of numbered datagrams sent at a steady pace; time jumps from event to event."""
    cable = Cable(options, options.seed)
    found = []
    for first in range(0, count, batch):
        now_ns = first // batch * every_ns
        found += until(cable, now_ns)
        cable.send(now_ns, b"".join(datagram(first + at) for at in range(batch)), SIZE)
    found += until(cable, count * every_ns + 10**10)
    counters = cable.counters
    assert counters.datagrams_in == count // batch * batch
    assert counters.datagrams_out == len(found) == (
        count // batch * batch + counters.duplicated + counters.repeated
        - counters.lost - counters.down - counters.queue_dropped
    )  # fmt: skip
    return found


def until(cable: Cable, end_ns: int) -> list[tuple[int, bytes]]:
    found = []
    while (at_ns := cable.next_ns()) is not None and at_ns <= end_ns:
        arrived = cable.arrivals(at_ns)
        found += [(at_ns, one) for one in arrived]
    return found


def test_a_clean_cable_gives_what_was_sent_at_once() -> None:
    found = passed(Options(), 60, MS, batch=3)
    assert found == [(number // 3 * MS, datagram(number)) for number in range(60)]


def test_what_is_sent_is_copied() -> None:
    cable = Cable(Options(corrupt=1.0), 3)
    buffer = bytearray(datagram(7))
    cable.send(0, memoryview(buffer), SIZE)
    assert buffer == datagram(7)
    buffer[:] = bytes(SIZE)
    (arrived,) = cable.arrivals(0)
    assert sum((a ^ b).bit_count() for a, b in zip(arrived, datagram(7), strict=True)) == 1


def test_the_fates_are_those_of_the_models() -> None:
    options = Options(loss=0.2, duplicate=0.1, corrupt=0.1, truncate=0.1, seed=5)
    channel = make_channel(options)
    expected = [
        copy.mutate(datagram(number))
        for number in range(9000)
        for copy in channel.decide(number, SIZE)
    ]
    assert [one for _, one in passed(options, 9000, MS)] == expected


def test_nothing_passes_in_a_window_and_everything_around_it() -> None:
    windows = (Window(start_ms=10, length_ms=5), Window(start_ms=20, length_ms=1))
    found = passed(Options(windows=windows), 30, MS)
    assert [number_of(one) for _, one in found] == [*range(10), *range(15, 20), *range(21, 30)]


def test_an_outage_comes_at_the_end_of_each_stretch() -> None:
    found = passed(Options(outages=Outages(every_ms=10, length_ms=3)), 40, MS)
    assert [number_of(one) for _, one in found] == [n for n in range(40) if n % 10 < 7]


def test_outages_at_random_are_as_long_as_they_should_be_and_elsewhere_each_time() -> None:
    options = Options(outages=Outages(every_ms=100, length_ms=20, at_random=True), seed=4)
    found = {number_of(one) for _, one in passed(options, 3000, MS)}
    starts = [n % 100 for n in range(1, 3000) if n not in found and n - 1 in found]
    assert 2990 - 30 * 20 - 40 < len(found) < 3010 - 30 * 20 + 40
    assert len(set(starts)) > 15


def test_flapping_is_up_and_down_by_turns_for_the_mean_times() -> None:
    options = Options(flap=Flap(up_ms=60, down_ms=20), seed=9)
    found = [number_of(one) for _, one in passed(options, 80_000, MS)]
    assert 0.72 < len(found) / 80_000 < 0.78
    assert sum(b > a + 1 for a, b in pairwise(found)) > 800


def test_a_stuck_link_passes_nothing_for_ever() -> None:
    found = passed(Options(stuck=Stuck(from_ms=8), delay_ms=3.0), 30, MS)
    assert [number_of(one) for _, one in found] == list(range(8))
    assert found[-1][0] == 10 * MS  # what was under way still comes


def test_a_stuck_link_may_repeat_the_last_datagram_for_ever() -> None:
    cable = Cable(Options(stuck=Stuck(from_ms=8, repeat_ms=50)), 0)
    for number in range(30):
        cable.send(number * MS, datagram(number), SIZE)
    cable.arrivals(29 * MS)
    assert until(cable, 258 * MS) == [(at * MS, datagram(7)) for at in (58, 108, 158, 208, 258)]


def test_the_rate_spaces_datagrams_and_a_full_queue_drops_the_last_ones() -> None:
    # 40 + 60 bytes at 800 kbit/s: one a millisecond; five of them fit into the queue
    options = Options(rate_bits_per_s=800_000, overhead_bytes=60, queue_bytes=500)
    found = passed(options, 20, 4 * MS, batch=10)
    kept = [0, 1, 2, 3, 4, 10, 11, 12, 13]  # the fifth of the first ten is still leaving
    assert [number_of(one) for _, one in found] == kept
    assert [at_ns // MS for at_ns, _ in found] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_what_waits_in_the_queue_meets_the_outage_that_it_leaves_into() -> None:
    options = Options(
        rate_bits_per_s=800_000, overhead_bytes=60, windows=(Window(start_ms=3, length_ms=2),)
    )
    found = passed(options, 10, MS, batch=10)
    assert [number_of(one) for _, one in found] == [0, 1, 4, 5, 6, 7, 8, 9]


def test_jitter_stays_within_its_bound_and_lets_datagrams_overtake() -> None:
    found = passed(Options(delay_ms=2.0, jitter_ms=10.0, seed=3), 2000, MS)
    late_ns = [at_ns - number_of(one) * MS for at_ns, one in found]
    assert 2 * MS <= min(late_ns) < 3 * MS
    assert 11 * MS < max(late_ns) <= 12 * MS
    assert [one for _, one in found] != sorted(one for _, one in found)


def test_a_datagram_waits_no_longer_than_the_linger_to_be_overtaken() -> None:
    cable = Cable(Options(reorder=1.0, linger_ms=7), 1)
    cable.send(3 * MS, datagram(0), SIZE)
    assert cable.next_ns() == 10 * MS
    assert cable.arrivals(10 * MS - 1) == []
    assert cable.arrivals(10 * MS) == [datagram(0)]
    assert cable.next_ns() is None


ANY = Options(
    loss=0.05, reorder=0.1, duplicate=0.05, corrupt=0.05, truncate=0.05, jitter_ms=2.0,
    outages=Outages(every_ms=40, length_ms=3, at_random=True), flap=Flap(up_ms=50, down_ms=5),
    rate_bits_per_s=600_000, queue_bytes=2_000,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), looks=st.lists(st.integers(0, 5 * MS), max_size=60))
def test_looking_more_often_changes_nothing(seed: int, looks: list[int]) -> None:
    options = ANY.model_copy(update={"seed": seed})
    expected = passed(options, 300, MS)
    cable = Cable(options, seed)
    found: list[bytes] = []
    for number in range(300):
        found += cable.arrivals(number * MS)
        cable.send(number * MS, datagram(number), SIZE)
        if number < len(looks) and looks[number] < MS:
            found += cable.arrivals(number * MS + looks[number])
    found += cable.arrivals(10**12)
    assert found == [one for _, one in expected]


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_is_another_run(seed: int) -> None:
    assert passed(ANY, 500, MS) == passed(ANY, 500, MS)
    assert passed(ANY.model_copy(update={"seed": seed}), 500, MS) != passed(ANY, 500, MS)
