import os
import subprocess
import sys
from pathlib import Path

import pytest

from diode_sim.running import Job, run_one, shipped, tables_of
from diode_sim.scenario import GUARD_TABLE
from diode_sim.trace import Trace
from diode_sim.world.campaign import drawn, run_guard
from diode_sim.world.guard_options import make_guard_options
from schemas.errors import Malformed
from tests.diode_sim.test_traces import other_interpreters

ROOT = Path(__file__).parents[3]
GUARDS = [name for name in shipped() if GUARD_TABLE in tables_of(name, 0)]
SEEDS = (3, 0x7F3A)
DIGESTS = (
    "from diode_sim.running import Job, run_one; from diode_sim.trace import Trace\n"
    f"for seed in {SEEDS}:\n"
    "    trace = Trace(); run_one(Job('guard', seed), trace); print(trace.lines, trace.digest)\n"
)


def digests(python: str, hash_seed: str) -> str:
    """Lines and digest of each seed's trace, as another process of this interpreter makes them."""
    environment = {"PYTHONHASHSEED": hash_seed, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-c", DIGESTS], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("name", GUARDS)
def test_a_named_day_keeps_every_promise(name: str) -> None:
    result = run_one(Job(name, 0x5EED))
    assert result.failure is None, result.failure
    assert result.outcome is not None
    assert result.outcome.offered > 0


def test_the_same_seed_is_the_same_trace_whatever_the_hash_seed() -> None:
    assert digests(sys.executable, "1") == digests(sys.executable, "2")
    assert len(set(digests(sys.executable, "1").splitlines())) == len(SEEDS)


def test_the_same_seed_is_the_same_trace_under_another_version_of_python() -> None:
    others = other_interpreters()
    if not others:
        pytest.skip("this machine has no other version of Python with what the simulator needs")
    for python in others:
        assert digests(python, "1") == digests(sys.executable, "1")


def test_seeds_draw_days_of_every_kind() -> None:
    days = [drawn(seed) for seed in range(60)]
    assert {day.hijack for day in days} == {day.attacker for day in days} == {False, True}
    assert {day.small_segments for day in days} == {False, True}
    assert any(day.poison for day in days)
    assert len({day.link_lines for day in days}) == 4
    assert len({str(day.link) for day in days}) == 6


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4001, 4002, 6003])
def test_a_crash_at_this_step_costs_nothing(seed: int) -> None:
    trace = Trace()
    tables = tables_of("guard-every-step", seed)
    outcome = run_guard(tables, seed, trace)
    assert outcome.offered == 4


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"guard": {"faults": 1000}}, "faults"),
        ({"guard": {"kinds": ["earthquake"]}}, "kinds"),
        ({"guard": {"surprise": 1}}, "surprise"),
        ({"guard": 7}, "not a table"),
        ({"guard": {}, "link": {"loss": 2}}, "loss"),
    ],
)
def test_what_is_no_day_is_refused_by_name(tables: dict[str, object], said: str) -> None:
    with pytest.raises(Malformed, match=said):
        make_guard_options(tables)
