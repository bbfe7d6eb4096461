"""Fates follow from seed and index alone, and happen as often as asked for."""

import math

import pytest

from diode_sim.models import CHUNK_DATAGRAMS, make_channel
from diode_sim.options import Burst, Options

ALL = Options(
    loss=0.03,
    burst=Burst(rate=0.005, mean_datagrams=64),
    reorder=0.01,
    duplicate=0.01,
    corrupt=0.001,
    delay_ms=2.5,
    seed=7,
)


def fates_of(options: Options, indexes: range, length_bytes: int = 1000) -> list[object]:
    channel = make_channel(options)
    return [channel.decide(index, length_bytes) for index in indexes]


def test_the_same_seed_gives_the_same_fates() -> None:
    indexes = range(3 * CHUNK_DATAGRAMS)
    assert fates_of(ALL, indexes) == fates_of(ALL, indexes)


def test_another_seed_gives_other_fates() -> None:
    indexes = range(CHUNK_DATAGRAMS)
    assert fates_of(ALL, indexes) != fates_of(ALL.model_copy(update={"seed": 8}), indexes)


def test_a_fate_does_not_depend_on_what_was_asked_before() -> None:
    in_order = fates_of(ALL, range(6 * CHUNK_DATAGRAMS))
    channel = make_channel(ALL)
    for index in (5 * CHUNK_DATAGRAMS + 3, 17, 2 * CHUNK_DATAGRAMS, 5 * CHUNK_DATAGRAMS + 3):
        assert channel.decide(index, 1000) == in_order[index]


def test_switching_one_trouble_on_leaves_the_others_where_they_were() -> None:
    loss = Options(loss=0.03, seed=7)
    both = loss.model_copy(update={"duplicate": 0.5})
    lost = [not fate for fate in fates_of(loss, range(CHUNK_DATAGRAMS))]
    assert lost == [not fate for fate in fates_of(both, range(CHUNK_DATAGRAMS))]


def test_known_answers_hold_on_every_machine() -> None:
    channel = make_channel(Options(loss=0.01, seed=1))
    lost = [index for index in range(600) if not channel.decide(index, 100)]
    assert lost == KNOWN_LOST


@pytest.mark.parametrize("share", [0.001, 0.03, 0.5])
@pytest.mark.parametrize("trouble", ["loss", "duplicate", "reorder", "corrupt"])
def test_troubles_happen_as_often_as_asked_for(trouble: str, share: float) -> None:
    datagrams = 50 * CHUNK_DATAGRAMS
    channel = make_channel(Options.model_validate({trouble: share, "seed": 11}))
    count = 0
    for chunk in range(50):
        fates = channel.fates(chunk)
        arrays = {
            "loss": fates.lost,
            "duplicate": fates.duplicated,
            "reorder": fates.after_datagrams > 0,
            "corrupt": fates.corrupted,
        }
        count += int(arrays[trouble].sum())
    sigma = math.sqrt(datagrams * share * (1 - share))
    assert abs(count - datagrams * share) < 4 * sigma


def test_bursts_have_the_mean_length_and_the_share_asked_for() -> None:
    channel = make_channel(Options(burst=Burst(rate=0.02, mean_datagrams=32), seed=3))
    chunks = 500
    states = "".join(
        "x" if lost else " " for chunk in range(chunks) for lost in channel.fates(chunk).lost
    )
    runs = [len(run) for run in states.split()]
    share = states.count("x") / len(states)
    assert 28 < sum(runs) / len(runs) < 36
    assert 0.017 < share < 0.023
    assert max(runs) > 100


def test_everything_lost_and_nothing_lost() -> None:
    assert not any(fates_of(Options(loss=1.0), range(5000)))
    assert all(fates_of(Options(), range(5000)))
    assert make_channel(Options(seed=9)).is_clean


def test_a_corrupted_copy_differs_in_one_bit() -> None:
    channel = make_channel(Options(corrupt=1.0, seed=5))
    datagram = bytes(50)
    for index in range(200):
        (copy,) = channel.decide(index, len(datagram))
        changed = copy.mutate(datagram)
        assert sum(byte.bit_count() for byte in changed) == 1
    (empty,) = channel.decide(0, 0)
    assert empty.mutate(b"") == b""


KNOWN_LOST = [2, 45, 195, 372, 439, 570]
