"""A sweep: residual loss of some codes at some levels of channel loss, computed and simulated.

Takes codes, levels and a seed, gives a cell for each pair. Each cell has a seed of its own, from
the sweep's and the cell's place, so cells can be done in any order, by several processes. Losses
that come often enough are counted with the channel models as they are, rarer ones by importance
sampling; a cell says which.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from diode_sim.analysis import block_loss, two_state
from diode_sim.options import Burst, Options
from diode_sim.rare import Case, estimate
from diode_sim.trials import count_losses
from guard.link.params import SYMBOLS_MAX
from schemas.errors import Malformed
from schemas.reasons import Reason

CELLS_MAX = 10_000
LOST_MIN = 50  # expected: fewer are not counted but sampled
_SEED_STEP = 1_000_003


@dataclass(frozen=True, slots=True)
class Code:
    """k source and r repair symbols, D blocks sent in turn."""

    k: int
    r: int
    interleave: int = 1

    @classmethod
    def read(cls, untrusted_text: str) -> "Code":
        """`K+R` or `K+RxD`, such as `80+8x32`. Raises `Malformed(ARGUMENT)`."""
        symbols, _, interleave = untrusted_text.partition("x")
        k, plus, r = symbols.partition("+")
        numbers = (k, r, interleave or "1")
        if not plus or not all(part.isascii() and part.isdecimal() for part in numbers):
            _refuse(f"{untrusted_text!r} is not a code: write K+R or K+RxD, such as 80+8x32")
        code = cls(int(k), int(r), int(interleave or "1"))
        if code.k < 1 or code.k + code.r > SYMBOLS_MAX or not 1 <= code.interleave <= 64:
            _refuse(f"{untrusted_text!r}: k is at least 1, k + r at most 255, D from 1 to 64")
        return code

    def __str__(self) -> str:
        return f"{self.k}+{self.r}" + (f"x{self.interleave}" if self.interleave > 1 else "")


@dataclass(frozen=True, slots=True)
class Job:
    """One cell to be done. burst_mean 0: random loss; else all loss is in bursts of that mean."""

    code: Code
    loss: float
    burst_mean: float
    blocks: int
    draws: int
    confidence: float
    seed: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of it. `method` is `counted` or `sampled`; `trials` are blocks or walks."""

    code: str
    loss: float
    burst_mean: float
    computed: float
    method: str
    trials: int
    simulated: float
    low: float
    high: float

    @property
    def agrees(self) -> bool:
        """Whether the computed loss lies in the interval."""
        return self.low <= self.computed <= self.high

    def as_dict(self) -> dict[str, Any]:
        """For JSON and CSV."""
        return {**asdict(self), "agrees": self.agrees}


def jobs_of(
    codes: list[Code], losses: list[float], burst_mean: float, blocks: int, draws: int,
    confidence: float, seed: int,
) -> list[Job]:  # fmt: skip
    """All cells of a sweep. Raises `Malformed(ARGUMENT)` if there are too many, or none."""
    if not 1 <= len(codes) * len(losses) <= CELLS_MAX:
        _refuse(f"a sweep has from 1 to {CELLS_MAX:,} cells")
    if not all(0.0 < loss < 1.0 for loss in losses) or (burst_mean and max(losses) > 0.9):
        _refuse("a loss is more than 0 and less than 1, in bursts at most 0.9")
    return [
        Job(
            code, loss, burst_mean, blocks, draws, confidence,
            (seed + _SEED_STEP * (at * len(losses) + place)) % 2**64,
        )
        for at, code in enumerate(codes)
        for place, loss in enumerate(losses)
    ]  # fmt: skip


def sweep(jobs: list[Job], processes: int) -> Iterator[Cell]:
    """The cells, in the order of the jobs."""
    if processes == 1:
        yield from map(do, jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(do, jobs)


def do(job: Job) -> Cell:
    """Compute and simulate one cell."""
    code = job.code
    burst = Burst()
    if job.burst_mean:
        burst = Burst(rate=job.loss, mean_datagrams=job.burst_mean)
    options = Options(loss=0.0 if job.burst_mean else job.loss, burst=burst, seed=job.seed)
    channel = two_state(options.loss, burst)
    computed = block_loss(channel, code.k, code.r, code.interleave)
    often = LOST_MIN * (code.interleave if job.burst_mean else 1)  # a burst hits a whole group
    if computed * job.blocks >= often:
        count = count_losses(options, code.k, code.r, code.interleave, job.blocks, job.confidence)
        method, trials, interval = "counted", count.blocks, count.interval
        simulated = count.lost / count.blocks
    else:
        case = Case(code.k + code.r, code.r, code.interleave)
        found = estimate(channel, case, job.draws, job.seed, job.confidence)
        method, trials, interval = "sampled", found.draws, found.interval
        simulated = found.mean
    return Cell(
        str(code), job.loss, job.burst_mean, _digits(computed), method, trials,
        _digits(simulated), _digits(interval.low), _digits(interval.high),
    )  # fmt: skip


def _digits(value: float) -> float:
    """Nine digits: the last ones may differ from machine to machine."""
    return float(f"{value:.9g}")


def _refuse(sentence: str) -> None:
    raise Malformed(Reason.ARGUMENT, f"sweep: {sentence}")
