"""`diode-sim run`: a scenario in virtual time, by one seed or many.

Takes a scenario and seeds, gives what became of them; a failure with its one command and a trace.
May read the scenario and write traces.
"""

import json
import sys
import time
from pathlib import Path

import click

from diode_sim.commands.telling import seed_of, tell_failure
from diode_sim.options import SEED_MAX
from diode_sim.running import (
    RANDOM,
    Job,
    run_digested,
    run_many,
    run_one,
    shipped,
    tables_of,
    write_trace,
)
from schemas.errors import Malformed
from schemas.reasons import Reason


@click.command()
@click.argument("scenario")
@click.option("--seed", help="hexadecimal  [default: the scenario's own]")
@click.option(
    "--seeds", type=click.IntRange(1, 1_000_000), default=1, help="so many, from --seed on"
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="processes")
@click.option("--trace", type=click.Path(dir_okay=False), help="write the trace of one seed here")
@click.option("--json", "as_json", is_flag=True, help="a JSON line a run, with its trace's SHA-256")
def run(
    scenario: str, seed: str | None, seeds: int, jobs: int, trace: str | None, as_json: bool
) -> None:
    """Run a scenario: a file, `random`, or one of those that come with the program.

    Both ends of the link are the real ones; time is virtual, so hours take seconds. Ends with 1
    if a promise of the link was broken, after the command that repeats it.

    Example: diode-sim run burst --seed 7f3a --trace burst.trace
    """
    first = seed_of(seed) if seed is not None else _own_seed(scenario)
    if trace is not None and seeds > 1:
        raise Malformed(Reason.ARGUMENT, "--trace is for one seed: leave out --seeds")
    if first + seeds - 1 > SEED_MAX:
        raise Malformed(Reason.ARGUMENT, "there are not so many seeds from --seed on")
    wanted = [Job(scenario, first + at) for at in range(seeds)]
    started_s = time.perf_counter()
    if trace is not None:
        results = iter([write_trace(wanted[0], Path(trace))])
    else:
        results = run_many(wanted, jobs, run_digested if as_json else run_one)
    failures, link_seconds, totals = 0, 0.0, dict.fromkeys(("offered", "landed", "gaps"), 0)
    for result in results:
        if result.failure is not None:
            failures += 1
            tell_failure(result.failure, Path(trace) if trace else None)
        if result.outcome is None:
            continue
        link_seconds += result.outcome.link_seconds
        told = result.outcome.as_dict()
        for name in totals:
            totals[name] += int(told[name])
        if as_json:
            click.echo(json.dumps({"scenario": scenario, "seed": f"{result.job.seed:x}", **told}))
    if not as_json:
        took_s = time.perf_counter() - started_s
        counts = ", ".join(f"{count:,} {name}" for name, count in totals.items())
        click.echo(
            f"{scenario}: {seeds - failures} of {seeds} seeds kept every promise; {counts}; "
            f"{link_seconds:,.0f} link-seconds in {took_s:.1f} s"
        )
    if failures:
        sys.exit(1)


def _own_seed(scenario: str) -> int:
    if scenario == RANDOM:
        raise Malformed(Reason.ARGUMENT, "a random scenario is drawn from --seed: give one")
    tables = tables_of(scenario, 0)
    links = [tables.get("link"), *(tables.get("links") or [])]
    first = next((link for link in links if isinstance(link, dict)), {})
    own = first.get("seed", 0)
    return own if isinstance(own, int) and 0 <= own <= SEED_MAX else 0


@click.command()
def scenarios() -> None:
    """List the scenarios that come with the program, and what each is about."""
    for name in shipped():
        click.echo(f"{name:24} {tables_of(name, 0).get('about', '')}")
