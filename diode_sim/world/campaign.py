"""Many runs of the whole guard, each a bad day of its own, all from their seeds.

`drawn(seed)` is what a seed's day is like; `many` runs seeds on several processors. The same seed
is the same day wherever it runs.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from diode_sim.chance import Chance, stream
from diode_sim.options import Burst, Options
from diode_sim.world.guard_run import GuardOptions, Outcome, run

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
_CHUNK = 4


def drawn(seed: int) -> GuardOptions:
    """A day: how much is sent, over what link, what breaks, who attacks."""
    chance = Chance(stream(seed, "day"))
    return GuardOptions(
        messages=chance.choice((3, 12, 24, 24, 40)),
        within_s=chance.choice((1, 4, 8)),
        poison=chance.choice((0, 0, 0, 1)),
        faults=chance.choice((0, 2, 4, 4, 8)),
        link=chance.choice(_LINKS),
        attacker=chance.below(3) == 0,
        hijack=chance.below(5) == 0,
        small_segments=chance.below(3) == 0,
        link_lines=chance.choice(_LINES),
    )


def one(seed: int) -> Outcome:
    """A seed's day."""
    return run(drawn(seed), seed)


def many(seeds: Iterable[int], jobs: int) -> Iterator[Outcome]:
    """Each seed's outcome, in the order of the seeds."""
    if jobs == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(one, seeds, chunksize=_CHUNK)
