import pytest

from diode_sim.trace import Trace
from diode_sim.violation import Violation
from diode_sim.world.campaign import drawn
from diode_sim.world.guard_run import GuardRun
from tests.diode_sim.world.planted import PLANTED, SEEDS, Planted

pytestmark = pytest.mark.long


def found_by(planted: Planted, seed: int) -> str | None:
    """The invariant that a seed's day finds broken with this bug in the guard, if any."""
    try:
        GuardRun(drawn(seed), seed, Trace.off(), (planted.mutation,)).run()
    except Violation as violation:
        return violation.invariant
    return None


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_bug_is_found_within_200_seeds(planted: Planted) -> None:
    seeds = [planted.first_seed, *range(SEEDS)]
    for seed in seeds:
        invariant = found_by(planted, seed)
        if invariant is not None:
            assert invariant in planted.caught_by, f"seed {seed} found {invariant}"
            return
    pytest.fail(f"no seed below {SEEDS} found it")


@pytest.mark.parametrize("seed", sorted({planted.first_seed for planted in PLANTED}))
def test_without_the_bug_the_same_seed_finds_nothing(seed: int) -> None:
    GuardRun(drawn(seed), seed, Trace.off()).run()
