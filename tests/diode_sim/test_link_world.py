"""Both real ends over a cable of virtual time: what must land lands, what cannot is told."""

import pytest

from diode_sim.code import best_codec
from diode_sim.link_world import LinkWorld, Outcome
from diode_sim.running import Job, run_many, run_one, shipped
from diode_sim.scenario import make_scenario
from diode_sim.trace import Trace
from guard.link.fec import ReferenceCodec

SEEDS = 3


def ran(**tables: object) -> Outcome:
    return LinkWorld(make_scenario(dict(tables)), 5, best_codec(), Trace()).run()


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_keeps_every_promise(name: str) -> None:
    for seed in range(SEEDS):
        result = run_one(Job(name, seed))
        assert result.failure is None
        assert result.outcome is not None
        assert result.outcome.offered > 0


def test_drawn_scenarios_keep_every_promise() -> None:
    results = list(run_many((Job("random", seed) for seed in range(6)), 2))
    assert [result.failure for result in results] == [None] * 6


def test_a_clean_link_loses_nothing() -> None:
    outcome = ran(link={"delay_ms": 3.0}, traffic={"messages": 50, "streams": 0.5})
    assert (outcome.offered, outcome.landed, outcome.gaps, outcome.harmed) == (50, 50, 0, 0)


def test_a_link_that_loses_everything_lands_nothing_and_nothing_is_told() -> None:
    outcome = ran(link={"loss": 1.0}, traffic={"messages": 50})
    assert (outcome.offered, outcome.landed, outcome.gaps) == (50, 0, 0)


def test_what_a_long_outage_takes_is_told_afterwards() -> None:
    outcome = ran(
        link={"windows": [{"start_ms": 1_000, "length_ms": 2_000}]},
        traffic={"messages": 40, "every_ms": 100},
    )
    assert outcome.landed + outcome.gaps == 40
    assert 18 <= outcome.gaps <= 22


def test_what_is_missing_at_the_very_end_is_told() -> None:
    outcome = ran(
        link={"windows": [{"start_ms": 3_000, "length_ms": 7_000}]},
        traffic={"messages": 40, "every_ms": 100},
    )
    assert outcome.landed + outcome.gaps == 40
    assert 8 <= outcome.gaps <= 11


def test_both_ends_may_restart_on_a_clean_link_and_nothing_is_lost() -> None:
    outcome = ran(
        link={},
        traffic={"messages": 50, "every_ms": 200, "streams": 0.3},
        end={
            "duration_ms": 60_000,
            "sender_restarts": [{"at_ms": at} for at in (1_000, 3_000, 5_010)],
            "receiver_restarts": [{"at_ms": at, "down_ms": 300} for at in (2_000, 4_000, 6_010)],
        },
    )
    assert (outcome.landed, outcome.gaps) == (50, 0)


def test_one_of_two_links_with_copies_may_die() -> None:
    outcome = ran(
        links=[{"stuck": {"from_ms": 2_000}}, {"loss": 0.01}],
        traffic={"messages": 50, "every_ms": 100},
        code={"mode": "copies"},
    )
    assert (outcome.landed, outcome.gaps) == (50, 0)


def test_time_jumps_over_a_month_of_silence() -> None:
    outcome = ran(
        link={"loss": 1.0},
        traffic={"messages": 1},
        code={"heartbeat_ms": 60_000, "silence_ms": 600_000},
        end={"duration_ms": 30 * 24 * 3_600_000, "sender_from_ms": 29 * 24 * 3_600_000},
    )
    assert outcome.link_seconds == 30 * 24 * 3600


def test_the_codes_are_interchangeable() -> None:
    scenario = make_scenario(
        {"link": {"loss": 0.1}, "traffic": {"messages": 10, "bytes_max": 3_000}}
    )
    digests = set()
    for codec in (best_codec(), ReferenceCodec()):
        trace = Trace()
        LinkWorld(scenario, 3, codec, trace).run()
        digests.add(trace.digest)
    assert len(digests) == 1
