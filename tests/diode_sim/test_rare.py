"""Importance sampling gives what plain counting gives, where both can be done."""

import numpy as np
import pytest

from diode_sim.analysis import TwoState, kernels, sends_loss, two_state
from diode_sim.options import Burst, Options
from diode_sim.rare import Case, Guide, estimate, walks
from diode_sim.trials import count_losses

CONFIDENCE = 0.999


def computed(channel: TwoState, case: Case) -> float:
    kernel = kernels(channel, case.apart)[case.n, case.r]
    return float(sends_loss(channel, kernel, case.sends - 1, case.between))


@pytest.mark.parametrize(
    ("loss", "burst", "k", "r", "apart"),
    [
        (0.05, Burst(), 20, 4, 1),
        (0.01, Burst(rate=0.01, mean_datagrams=8), 20, 4, 1),
        (0.0, Burst(rate=0.03, mean_datagrams=8), 16, 4, 4),
        (0.02, Burst(rate=0.02, mean_datagrams=2), 1, 3, 1),
    ],
)
def test_sampling_and_counting_agree(loss: float, burst: Burst, k: int, r: int, apart: int) -> None:
    """The one walks the chain with other probabilities, the other runs the channel's models."""
    counted = count_losses(Options(loss=loss, burst=burst, seed=9), k, r, apart, 60_000, CONFIDENCE)
    sampled = estimate(two_state(loss, burst), Case(k + r, r, apart), 10_000, 9, CONFIDENCE)
    assert counted.interval.low < sampled.interval.high
    assert sampled.interval.low < counted.interval.high
    assert counted.interval.low <= sampled.mean <= counted.interval.high


@pytest.mark.parametrize(
    ("channel", "case"),
    [
        (two_state(0.01, Burst()), Case(40, 8)),
        (two_state(0.001, Burst()), Case(4, 3)),
        (two_state(0.01, Burst(rate=0.001, mean_datagrams=8)), Case(23, 3, 1, 4, 80)),
        (two_state(0.0001, Burst(rate=1e-5, mean_datagrams=20)), Case(60, 3, 6, 3, 1000)),
        (two_state(0.0, Burst(rate=0.01, mean_datagrams=20)), Case(44, 4, 8, 2, 0)),
    ],
)
def test_what_is_too_rare_to_count_is_sampled_to_some_percent(
    channel: TwoState, case: Case
) -> None:
    found = estimate(channel, case, 6_000, 3, CONFIDENCE)
    exact = computed(channel, case)
    assert found.interval.low <= exact <= found.interval.high
    assert found.interval.high / exact < 1.08
    assert 0.7 * found.draws < found.hits < 0.9 * found.draws


def test_a_wrong_guide_makes_it_slow_and_not_wrong() -> None:
    """The weights are true over drawn, whatever the walks were drawn for."""
    true = two_state(0.02, Burst(rate=0.002, mean_datagrams=6))
    wrong = two_state(0.05, Burst(rate=0.01, mean_datagrams=9))
    case = Case(24, 5, 1, 2, 30)
    weights = walks(true, case, Guide(wrong, case), np.random.PCG64(4), 60_000)
    mean = weights.sum() / 60_000
    deviation = np.sqrt((weights**2).sum()) / 60_000
    assert mean == pytest.approx(computed(true, case), abs=4 * deviation)
    assert deviation < 0.05 * mean
    assert np.ptp(weights) > 0.0


def test_bounds_hold_as_often_as_they_say() -> None:
    """Fifty estimates of few walks, at a confidence that many would break if it were too bold."""
    channel = two_state(0.03, Burst(rate=0.004, mean_datagrams=5))
    case = Case(20, 4)
    exact = computed(channel, case)
    held = sum(estimate(channel, case, 400, seed, 0.9).interval.holds(exact) for seed in range(50))
    assert held >= 45


def test_the_same_seed_gives_the_same_estimate() -> None:
    channel, case = two_state(0.01, Burst()), Case(40, 4)
    first, second = (estimate(channel, case, 2_000, 5, CONFIDENCE) for _ in range(2))
    assert first == second
    assert first != estimate(channel, case, 2_000, 6, CONFIDENCE)


def test_what_cannot_happen_is_not_found() -> None:
    assert estimate(two_state(0.0, Burst()), Case(10, 3), 1_000, 1, CONFIDENCE).mean == 0.0
    sure = estimate(two_state(1.0 - 1e-12, Burst()), Case(10, 3), 1_000, 1, CONFIDENCE)
    assert sure.mean == pytest.approx(1.0, abs=0.1)
