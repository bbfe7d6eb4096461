"""What is computed is exact: against fractions, against every path, and against the models."""

from fractions import Fraction
from itertools import pairwise, product
from math import comb

import numpy as np
import pytest

from diode_sim.analysis import (
    BAD,
    GOOD,
    TwoState,
    block_loss,
    kernels,
    random_loss,
    sends_loss,
    two_state,
)
from diode_sim.intervals import binomial_tail, clopper_pearson, of_batches, wilson
from diode_sim.models import make_channel
from diode_sim.options import Burst, Options
from schemas.errors import Broken

BURSTY = two_state(0.02, Burst(rate=0.05, mean_datagrams=3))


def exact_random(k: int, r: int, loss: Fraction) -> Fraction:
    n = k + r
    return sum(
        (comb(n, i) * loss**i * (1 - loss) ** (n - i) for i in range(r + 1, n + 1)), Fraction(0)
    )


@pytest.mark.parametrize(
    ("k", "r", "loss"),
    [(1, 3, 0.01), (80, 8, 0.01), (80, 24, 0.001), (200, 55, 0.03), (252, 3, 1e-6), (10, 3, 0.5)],
)
def test_random_loss_is_right_to_the_last_digits_however_small(k: int, r: int, loss: float) -> None:
    exact = exact_random(k, r, Fraction(loss))
    assert random_loss(k, r, loss) == pytest.approx(float(exact), rel=1e-12, abs=0.0)
    by_chain = kernels(two_state(loss, Burst()), 1)[k + r, r, GOOD].sum()
    assert by_chain == pytest.approx(float(exact), rel=1e-11, abs=0.0)


def by_every_path(channel: TwoState, n: int, r: int, apart: int) -> Fraction:
    """P(more than r of n are lost): a sum over every path of every datagram's state."""
    enter, leave, loss = map(Fraction, (channel.enter, channel.leave, channel.loss))
    steps = {(0, 0): 1 - enter, (0, 1): enter, (1, 0): leave, (1, 1): 1 - leave}
    bad = enter / (enter + leave)
    total = Fraction(0)
    for path in product((GOOD, BAD), repeat=(n - 1) * apart + 1):
        chance = bad if path[0] else 1 - bad
        for step in pairwise(path):
            chance *= steps[step]
        mine = path[::apart]
        in_bad = sum(mine)
        lost = Fraction(0)
        for more in range(n - in_bad + 1):
            if in_bad + more > r:
                lost += comb(n - in_bad, more) * loss**more * (1 - loss) ** (n - in_bad - more)
        total += chance * lost
    return total


@pytest.mark.parametrize(
    ("n", "r", "apart"), [(4, 3, 1), (5, 1, 1), (4, 2, 3), (3, 0, 5), (9, 4, 1)]
)
def test_bursts_are_right_by_a_sum_over_every_path(n: int, r: int, apart: int) -> None:
    exact = float(by_every_path(BURSTY, n, r, apart))
    assert block_loss(BURSTY, n - r, r, apart) == pytest.approx(exact, rel=1e-12)


def test_steps_are_powers_of_one_step() -> None:
    step = BURSTY.steps(1)
    for count in (0, 1, 2, 7, 64):
        assert np.allclose(BURSTY.steps(count), np.linalg.matrix_power(step, count), rtol=1e-13)
    assert np.allclose(BURSTY.start() @ step, BURSTY.start())


def test_the_chain_is_the_one_that_the_models_walk() -> None:
    """The share of each pair of neighbours in the real model, by its long run."""
    burst = Burst(rate=0.2, mean_datagrams=2.5)
    channel = two_state(0.0, burst)
    real = make_channel(Options(burst=burst, seed=5))
    lost = np.concatenate([real.fates(chunk).lost for chunk in range(250)])
    for before, after in product((GOOD, BAD), repeat=2):
        share = float(np.mean((lost[:-1] == before) & (lost[1:] == after)))
        expected = float(channel.start()[before] * channel.steps(1)[before, after])
        assert share == pytest.approx(expected, rel=0.015)
    assert channel.datagram_loss == pytest.approx(0.2)


def test_repeats_far_apart_are_independent_and_near_ones_are_not() -> None:
    kernel = kernels(BURSTY, 1)[4, 3]
    once = float(sends_loss(BURSTY, kernel, 0, 0))
    far = float(sends_loss(BURSTY, kernel, 2, 10_000))
    near = [float(sends_loss(BURSTY, kernel, 1, between)) for between in (0, 1, 5, 20)]
    assert far == pytest.approx(once**3, rel=1e-9)
    assert near == sorted(near, reverse=True)
    assert near[0] > 3 * once**2


def test_a_burst_up_to_d_times_r_costs_nothing() -> None:
    """Bursts of exactly one datagram, D apart, cannot hit a block twice where no other follows."""
    single = two_state(0.0, Burst(rate=0.001, mean_datagrams=1.0))
    assert block_loss(single, 1, 3) == pytest.approx(0.001**4, rel=0.05)
    long = two_state(0.0, Burst(rate=0.001, mean_datagrams=8))
    losses = [block_loss(long, 80, 8, apart) for apart in (1, 4, 16, 64)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] / losses[-1] > 1e6


def test_intervals_hold_what_tables_say() -> None:
    low, high = clopper_pearson(0, 1000, 0.95)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 1000), rel=1e-9)
    low, high = clopper_pearson(10, 100, 0.95)  # R: binom.test(10, 100)
    assert low == pytest.approx(0.04900469, rel=1e-6)
    assert high == pytest.approx(0.1762226, rel=1e-6)
    low, high = wilson(10, 100, 0.95)  # R: prop.test(10, 100, correct = FALSE)
    assert low == pytest.approx(0.05522914, rel=1e-6)
    assert high == pytest.approx(0.1743657, rel=1e-6)
    for hits, trials, share in ((3, 20, 0.1), (19, 20, 0.9), (1, 7, 0.5)):
        exact = sum(comb(trials, i) * share**i * (1 - share) ** (trials - i)
                    for i in range(hits, trials + 1))  # fmt: skip
        assert binomial_tail(hits, trials, share) == pytest.approx(exact, rel=1e-12)
    assert binomial_tail(400_000, 1_000_000, 0.4) == pytest.approx(0.5, abs=0.001)
    with pytest.raises(Broken, match="thirty"):
        of_batches([0.1] * 29, 0.99)
