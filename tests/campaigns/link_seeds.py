"""Thousands of seeds of the link in virtual time, over all scenarios that come with the simulator.

    python -m tests.campaigns.link_seeds [--seeds 2000] [--seed 1] [--jobs 2]

An equal share for each named scenario and for scenarios drawn from the seed, each seed another.
Needs no socket and no root. Ends with 1 if a promise was broken, after the command that repeats it.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from diode_sim.running import RANDOM, Job, run_many, shipped, tables_of
from diode_sim.scenario import GUARD_TABLE


def links() -> list[str]:
    """The named scenarios of the link by itself; those of the whole guard are another campaign."""
    return [name for name in shipped() if GUARD_TABLE not in tables_of(name, 0)]


def jobs(seeds: int, first: int) -> Iterator[Job]:
    """So many runs, the scenarios by turns."""
    names = [*links(), RANDOM]
    for number in range(seeds):
        yield Job(names[number % len(names)], first + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.link_seeds")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    told = parser.parse_args(arguments)
    started_s = time.perf_counter()
    failures, link_seconds, counts = 0, 0.0, Counter[str]()
    for result in run_many(jobs(told.seeds, told.seed), told.jobs):
        if result.failure is not None:
            failures += 1
            print(f"{result.job.scenario}: {result.failure.sentence}", file=sys.stderr)
            print(f"again: {result.job.again}", file=sys.stderr, flush=True)
        if result.outcome is not None:
            link_seconds += result.outcome.link_seconds
            counts.update(
                offered=result.outcome.offered, landed=result.outcome.landed,
                gaps=result.outcome.gaps, datagrams=result.outcome.datagrams,
            )  # fmt: skip
    took_s = time.perf_counter() - started_s
    print(
        f"{told.seeds - failures:,} of {told.seeds:,} seeds kept every promise in {took_s:.0f} s "
        f"({told.seeds / took_s:.0f} a second, {link_seconds:,.0f} link-seconds); "
        + ", ".join(f"{count:,} {name}" for name, count in counts.items())
    )
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
