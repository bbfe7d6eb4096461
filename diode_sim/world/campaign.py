"""Days of the whole guard: what a seed draws, and the runs of scenarios with a `[guard]` table.

`drawn(seed)` is what a seed's day is like; `run_guard` runs a scenario's tables. The same seed is
the same day wherever it runs.
"""

from typing import Any

from diode_sim.chance import Chance, stream
from diode_sim.link_world import Outcome
from diode_sim.options import Burst, Options
from diode_sim.trace import Trace
from diode_sim.world.guard_options import GuardOptions, make_guard_options
from diode_sim.world.guard_run import GuardRun

DRAWN = {"drawn": True}
_LINKS = (
    Options(),
    Options(),
    Options(loss=0.01),
    Options(loss=0.15),
    Options(burst=Burst(rate=0.05, mean_datagrams=20.0)),
    Options(duplicate=0.05, reorder=0.05, corrupt=0.02),
    Options(delay_ms=40.0),
)
_LINES = (
    "rate_bit_per_s = 20000000\n",
    "rate_bit_per_s = 20000000\ntag = false\n",
    "rate_bit_per_s = 2000000\nrepeats = 1\nrepeat_pause_ms = 300\n",
    'rate_bit_per_s = 20000000\ncompression = "zstd"\nmanifest = "compact"\n',
)


def drawn(seed: int) -> GuardOptions:
    """A day: how much is sent, over what link, what breaks, who attacks."""
    chance = Chance(stream(seed, "day"))
    day = GuardOptions(
        messages=chance.choice((3, 12, 24, 24, 40)),
        within_s=chance.choice((1, 4, 8)),
        poison=chance.choice((0, 0, 0, 1)),
        faults=chance.choice((0, 2, 4, 4, 8)),
        link=chance.choice(_LINKS),
        attacker=chance.below(3) == 0,
        hijack=chance.below(5) == 0,
        rollback=chance.below(12) == 0,
        small_segments=chance.below(3) == 0,
        link_lines=chance.choice(_LINES),
        review=chance.below(4) == 0,
        resend=chance.below(3) == 0,
    )
    keeps = day.resend or chance.below(3)
    return day if keeps else day.model_copy(update={"resend_days": 1})


def run_guard(tables: dict[str, Any], seed: int, trace: Trace) -> Outcome:
    """One day. tables: `[guard]` with `drawn = true`, or what `GuardOptions` says, and `[link]`.

    Raises `Violation` where a promise does not hold, `Malformed` for tables that are none.
    """
    day = drawn(seed) if tables["guard"] == DRAWN else make_guard_options(tables)
    return GuardRun(day, seed, trace).run()
