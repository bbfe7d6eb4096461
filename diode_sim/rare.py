"""Losses too rare to wait for: importance sampling of the channel, with exact weights.

Takes a channel, the shape of a block and how often it is sent, a number of draws and a seed; gives
the estimated probability that the block is lost every time, with bounds. Pure but for the seeded
chance. Why it is right, and where it is compared with plain simulation: docs/planning.md.

The channel is walked symbol by symbol, only with other probabilities, under which losses are
common: a walk on which X symbols are lost is drawn exp(tilt X) / M times as often as it happens, M
being the mean of exp(tilt X). So it counts M exp(-tilt X), exactly; and as X is more than r in each
send of a lost block, no draw counts more than a bound known beforehand. With that the bounds of
the mean are a theorem (`diode_sim.intervals.bernstein`), not an approximation.
"""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from diode_sim.analysis import BAD, GOOD, Floats, TwoState, kernels
from diode_sim.intervals import Interval, bernstein

_TILT_MAX = 40.0
_TILTS = 160
_LOG_LEAST = -700.0
_BATCH = 50_000
_UNIT = 2.0**-53


@dataclass(frozen=True, slots=True)
class Case:
    """A block of n symbols that are `apart` datagrams apart; lost if more than r of them are.

    It is sent `sends` times, `between` datagrams pass between one send and the next.
    """

    n: int
    r: int
    apart: int = 1
    sends: int = 1
    between: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the draws gave. `hits` of them were walks on which the block is lost."""

    mean: float
    interval: Interval
    draws: int
    hits: int


class _Tilt:
    """The walk of all of a block's symbols, send after send, with tilted probabilities.

    bad[i, s]  probability that symbol i finds the channel bad, if the one before it found it in s
               (for the first one s is any: the channel has run for long)
    loss       of a symbol in the good state
    log_mean   log M
    """

    def __init__(self, channel: TwoState, case: Case, tilt: float) -> None:
        self.tilt = tilt
        grown = exp(tilt)
        moment = np.array([1.0 - channel.loss + channel.loss * grown, grown])
        self.loss = channel.loss * grown / float(moment[GOOD])
        steps = _steps(channel, case)
        self.bad = np.zeros((len(steps), 2))
        self.log_mean = 0.0
        ahead = np.ones(2)  # from each state on: the mean of exp(tilt X), up to a common factor
        for at in range(len(steps) - 1, -1, -1):
            through = steps[at] * (moment * ahead)
            whole = through.sum(axis=1)
            self.bad[at] = through[:, BAD] / whole
            self.log_mean += log(float(whole.max()))
            ahead = whole / whole.max()

    def log_most(self, case: Case) -> float:
        """No walk on which the block is lost every time counts more."""
        return self.log_mean - self.tilt * case.sends * (case.r + 1)


def estimate(channel: TwoState, case: Case, draws: int, seed: int, confidence: float) -> Estimate:
    """The probability that the block is lost in all of its sends, by `draws` walks."""
    tilt = _best_tilt(channel, case, draws)
    most = exp(tilt.log_most(case))
    total = squares = 0.0
    hits = done = 0
    while done < draws:
        count = min(_BATCH, draws - done)
        words = np.random.PCG64(np.random.SeedSequence([seed, done]))
        weights = _walks(tilt, case, words, count)
        total += float(weights.sum())
        squares += float((weights * weights).sum())
        hits += len(weights)
        done += count
    mean = total / draws
    spread = max(0.0, (squares - draws * mean * mean) / (draws - 1))
    found = bernstein(mean, spread, draws, 1.0, confidence)
    bounds = Interval(found.low * most, min(1.0, found.high * most))
    return Estimate(mean * most, bounds, draws, hits)


def _walks(tilt: _Tilt, case: Case, words: np.random.PCG64, count: int) -> Floats:
    """So many walks; of those on which the block is lost every time, what each counts, as a share
    of the most that one may count. A block that came in one send is not walked further."""
    state = np.zeros(count, dtype=np.int64)
    beyond = np.zeros(count, dtype=np.int64)  # losses beyond the r + 1 of each send
    for send in range(case.sends):
        lost = np.zeros(len(state), dtype=np.int64)
        for symbol in range(send * case.n, (send + 1) * case.n):
            state = (_uniform(words, len(state)) < tilt.bad[symbol, state]).astype(np.int64)
            lost += (state == BAD) | (_uniform(words, len(state)) < tilt.loss)
        is_lost = lost > case.r
        state, beyond = state[is_lost], (beyond + lost - case.r - 1)[is_lost]
    weights: Floats = np.exp(-tilt.tilt * beyond)
    return weights


def _steps(channel: TwoState, case: Case) -> list[Floats]:
    """The channel's transitions before each symbol."""
    long_run = np.tile(channel.start(), (2, 1))
    within = channel.steps(case.apart)
    steps = []
    for send in range(case.sends):
        steps.append(channel.steps(case.between + 1) if send else long_run)
        steps += [within] * (case.n - 1)
    return steps


def _uniform(words: np.random.PCG64, count: int) -> Floats:
    """From 0 to 1, from a generator's raw words: those stay the same over versions of NumPy."""
    raw: NDArray[np.uint64] = np.asarray(words.random_raw(count))
    return (raw >> np.uint64(11)).astype(np.float64) * _UNIT


def _best_tilt(channel: TwoState, case: Case, draws: int) -> _Tilt:
    """The one of a list of tilts whose estimate will have the narrowest bounds.

    The computed distribution serves to choose it, and for nothing else: with any tilt the
    estimate is right.
    """
    table = kernels(channel, case.apart)[case.n]
    exactly = np.maximum(0.0, table[case.r : case.n] - table[case.r + 1 : case.n + 1])
    idle = channel.steps(case.between)
    best, best_width = _Tilt(channel, case, 0.0), float("inf")
    for number in range(_TILTS):
        tilt = _Tilt(channel, case, _TILT_MAX * (number / _TILTS) ** 2)
        log_most = tilt.log_most(case)
        if not _LOG_LEAST < log_most <= 0.0:
            continue
        beyond = np.exp(-tilt.tilt * np.arange(len(exactly)))
        kernel = np.einsum("j,jst->st", beyond, exactly)
        state = channel.start() @ kernel
        for _ in range(case.sends - 1):
            state = state @ idle @ kernel
        # The mean of the weights' squares is the true mean of the weights: both in shares of most.
        second = float(state.sum()) * exp(-log_most)
        width = exp(log_most) * (sqrt(second / draws) + 10.0 / draws)
        if width < best_width:
            best, best_width = tilt, width
    return best
