"""Runs of scenarios by seed: one, or many on several processes; a failure names its one command.

Takes a scenario's name (of those shipped, a path, or `random`: one drawn from the seed) and seeds,
gives outcomes and failures. May read scenario files and start worker processes.
"""

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from diode_sim.code import best_codec
from diode_sim.drawing import draw_tables
from diode_sim.link_world import LinkWorld, Outcome
from diode_sim.options import read_tables
from diode_sim.scenario import GUARD_TABLE, make_scenario
from diode_sim.trace import Trace
from diode_sim.violation import Violation
from guard.link.fec import Codec
from schemas.errors import Malformed
from schemas.reasons import Reason

FOLDER = Path(__file__).parent / "scenarios"
RANDOM = "random"
_AHEAD = 4  # runs handed to each process before they are waited for

Tables = dict[str, Any]
Runner = Callable[[Tables, int, Trace], Outcome]
"""A scenario's tables, the seed, the trace: raises `Violation`, or `Malformed` for the tables."""


class Job(NamedTuple):
    """One run: a scenario by name or path, and a seed."""

    scenario: str
    seed: int

    @property
    def again(self) -> str:
        """The one command that repeats it."""
        return f"diode-sim run {self.scenario} --seed {self.seed:x}"


class Failure(NamedTuple):
    """A run in which a promise was broken."""

    job: Job
    invariant: str
    sentence: str


class Result(NamedTuple):
    """A run that is over: what it came to, or how it failed, and the rate of its link in bit/s."""

    job: Job
    outcome: Outcome | None
    failure: Failure | None
    rate_bits_per_s: int


@cache
def _codec() -> Codec:
    return best_codec()


def run_link(tables: Tables, seed: int, trace: Trace) -> Outcome:
    """The link by itself, without the guard around it."""
    return LinkWorld(make_scenario(tables), seed, _codec(), trace).run()


RUNNERS: dict[str, Runner] = {"link": run_link}
"""Who runs what: a scenario with a table [guard] is for "guard", every other one for "link"."""


def runner_of(tables: Tables) -> Runner:
    """Who runs a scenario. Raises `Malformed` where nobody does."""
    kind = "guard" if GUARD_TABLE in tables else "link"
    if kind not in RUNNERS:
        raise Malformed(Reason.ARGUMENT, "scenarios with a table [guard] cannot be run here")
    return RUNNERS[kind]


def shipped() -> list[str]:
    """The names of the scenarios that come with the program."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def tables_of(scenario: str, seed: int) -> Tables:
    """A scenario's tables by its name, path, or `random`. Raises `Malformed(ARGUMENT)`."""
    if scenario == RANDOM:
        return draw_tables(seed)
    path = FOLDER / f"{scenario}.toml" if scenario in shipped() else Path(scenario)
    try:
        return read_tables(path.read_bytes())
    except OSError as error:
        known = ", ".join(shipped())
        raise Malformed(
            Reason.ARGUMENT, f"{scenario!r} is no file and none of: {known}, {RANDOM}"
        ) from error


def run_one(job: Job, trace: Trace | None = None) -> Result:
    """One run, in this process. Raises `Malformed` for a scenario that is none."""
    tables = tables_of(job.scenario, job.seed)
    code = tables.get("code", {})
    rate = code.get("rate_bits_per_s", 0) if isinstance(code, dict) else 0
    try:
        outcome = runner_of(tables)(tables, job.seed, trace or Trace.off())
    except Violation as violation:
        return Result(job, None, Failure(job, violation.invariant, str(violation)), rate)
    return Result(job, outcome, None, rate)


def run_digested(job: Job) -> Result:
    """The same, its trace made for the digest."""
    return run_one(job, Trace())


def write_trace(job: Job, path: Path) -> Result:
    """The run once more, its trace written to a file."""
    with path.open("w", encoding="utf-8") as out:
        return run_one(job, Trace(out))


def _leave_interrupts() -> None:
    """Ctrl-C is for the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_many(
    jobs: Iterable[Job], processes: int, run: Callable[[Job], Result] = run_one
) -> Iterator[Result]:
    """Each run's result as it ends. Jobs are drawn only as fast as they are done."""
    if processes == 1:
        yield from map(run, jobs)
        return
    waiting: set[Future[Result]] = set()
    left = iter(jobs)
    with ProcessPoolExecutor(processes, get_context("spawn"), _leave_interrupts) as pool:
        while True:
            for job in left:
                waiting.add(pool.submit(run, job))
                if len(waiting) >= _AHEAD * processes:
                    break
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for one in done:
                yield one.result()
