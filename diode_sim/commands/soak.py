"""`diode-sim soak`: scenarios drawn from seeds, for as long as you like.

Takes how long, gives a line of progress now and then, each failure with its one command, and how
the time was spread over rates. May start worker processes and write traces of failures.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator

import click

from diode_sim.commands.telling import seed_of, tell_failure
from diode_sim.link_world import Outcome
from diode_sim.options import SEED_MAX
from diode_sim.running import RANDOM, Job, Result, run_many

PROGRESS_S = 10
_BANDS = (
    (10_000, "below 10 kbit/s"), (100_000, "below 100 kbit/s"), (1_000_001, "to 1 Mbit/s"),
    (10_000_001, "to 10 Mbit/s"), (2**62, "above 10 Mbit/s"),
)  # fmt: skip


@click.command()
@click.option("--minutes", type=click.FloatRange(0.01, 100_000), help="stop after so long")
@click.option("--link-seconds", type=click.IntRange(1), help="stop after so many in virtual time")
@click.option("--seed", default="1", show_default=True, help="hexadecimal, of the first scenario")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="processes")
@click.option("--json", "as_json", is_flag=True, help="the totals as one JSON line")
def soak(
    minutes: float | None, link_seconds: int | None, seed: str, jobs: int, as_json: bool
) -> None:
    """Run scenarios drawn from seed after seed (10 minutes, unless told).

    Ends with 1 if a promise was broken anywhere; each failure prints the command that repeats it.

    Example: diode-sim soak --minutes 30 --seed 5eed
    """
    tally = Tally()
    end_s = tally.started_s + 60 * (minutes if minutes else 10.0 if link_seconds is None else 1e9)
    first = seed_of(seed)

    def wanted() -> Iterator[Job]:
        for number in range(first, SEED_MAX + 1):
            enough = link_seconds is not None and tally.link_seconds >= link_seconds
            if enough or time.perf_counter() >= end_s:
                return
            yield Job(RANDOM, number)

    try:
        tally.take(run_many(wanted(), jobs))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    tally.tell_all(as_json)
    if tally.failures:
        sys.exit(1)


class Tally:
    """What a soak has come to."""

    def __init__(self) -> None:
        self.started_s = time.perf_counter()
        self.runs = self.failures = 0
        self.link_seconds = 0.0
        self.counts: Counter[str] = Counter()
        self._bands: Counter[str] = Counter()
        self._told_s = self.started_s

    def take(self, results: Iterator[Result]) -> None:
        """Each run as it ends."""
        for result in results:
            if result.failure is not None:
                self.failures += 1
                tell_failure(result.failure, None)
            if result.outcome is not None:
                self._add(result.outcome, result.rate_bits_per_s)
            self._tell_now_and_then()

    def _add(self, outcome: Outcome, rate_bits_per_s: int) -> None:
        self.runs += 1
        self.link_seconds += outcome.link_seconds
        band = next(name for below, name in _BANDS if rate_bits_per_s < below)
        self._bands[band] += round(outcome.link_seconds)
        self.counts.update(
            offered=outcome.offered, landed=outcome.landed, gaps=outcome.gaps,
            datagrams=outcome.datagrams,
        )  # fmt: skip

    def _tell_now_and_then(self) -> None:
        """A line of progress on standard error, at most one in `PROGRESS_S`."""
        now_s = time.perf_counter()
        if now_s - self._told_s >= PROGRESS_S:
            self._told_s = now_s
            click.echo(self._line(now_s), err=True)

    def _line(self, now_s: float) -> str:
        took_s = now_s - self.started_s
        return (
            f"{took_s:6.0f} s: {self.runs:,} scenarios, {self.failures} failures, "
            f"{self.link_seconds:,.0f} link-seconds ({self.link_seconds / took_s:,.0f} a second)"
        )

    def tell_all(self, as_json: bool) -> None:
        """The totals on standard output."""
        now_s = time.perf_counter()
        if as_json:
            told = {
                "seconds": round(now_s - self.started_s, 1), "scenarios": self.runs,
                "failures": self.failures, "link_seconds": round(self.link_seconds),
                "by_rate": dict(self._bands), **self.counts,
            }  # fmt: skip
            click.echo(json.dumps(told))
            return
        click.echo(self._line(now_s))
        click.echo(", ".join(f"{count:,} {name}" for name, count in self.counts.items()))
        for _, name in _BANDS:
            share = self._bands[name] / max(1.0, self.link_seconds)
            click.echo(f"  {self._bands[name]:12,} link-seconds {name} ({share:.0%})")
