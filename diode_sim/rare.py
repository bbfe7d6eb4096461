"""Losses too rare to wait for: importance sampling of the channel, with exact weights.

Takes a channel, the shape of a block and how often it is sent, a number of draws and a seed; gives
the estimated probability that the block is lost every time, with bounds. Pure but for the seeded
chance. Why it is right, and where it is compared with plain simulation: docs/planning.md.

A walk goes through the channel symbol by symbol: first the state, then whether the symbol is lost.
Each of these is drawn with another probability than its true one, by a guide, so that most walks
lose the block. A walk counts with the product of true over drawn probabilities of all its
draws; so whatever the guide is, the mean is right, and a bad guide only makes the bounds wide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diode_sim.analysis import BAD, GOOD, Floats, TwoState
from diode_sim.intervals import Interval, bernstein

HITS = 0.8  # share of the walks that are to lose the block: the others show that it can come
_BATCH = 20_000
_UNIT = 2.0**-53

Ints = NDArray[np.int64]


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


class Guide:
    """How much is expected of each place that a walk can come to.

    ahead[send][i, s, c]  after i symbols of a send, in state s, c symbols lost (r + 1: or more)
    most                  no walk that loses the block every time weighs more
    """

    def __init__(self, channel: TwoState, case: Case) -> None:
        self.ahead: list[Floats] = []
        ahead = np.ones(2)
        idle = channel.steps(case.between)
        hits = HITS ** (1.0 / case.sends)
        for _ in range(case.sends):
            lost = self._send(channel, case, ahead, 0.0)
            whole = float(channel.start() @ lost[0, :, 0])
            came = float(channel.start() @ self._send(channel, case, np.zeros(2), 1.0)[0, :, 0])
            rest = (1.0 - hits) / hits * whole / came if came else 0.0
            self.ahead.insert(0, self._send(channel, case, ahead, rest))
            ahead = idle @ self.ahead[0][0, :, 0]
        self.most = float(channel.start() @ self.ahead[0][0, :, 0])

    @staticmethod
    def _send(channel: TwoState, case: Case, if_lost: Floats, if_came: float) -> Floats:
        """Backward through a send, from what its end is worth."""
        table = np.zeros((case.n + 1, 2, case.r + 2))
        table[case.n] = if_came
        table[case.n, :, -1] = if_lost
        for at in range(case.n - 1, -1, -1):
            after = _or_lost(channel, table[at + 1])
            step = channel.steps(case.apart if at else 1)
            table[at] = step @ after
        return table


def estimate(channel: TwoState, case: Case, draws: int, seed: int, confidence: float) -> Estimate:
    """The probability that the block is lost in all of its sends, by `draws` walks."""
    guide = Guide(channel, case)
    if not guide.most:
        return Estimate(0.0, Interval(0.0, 0.0), draws, 0)
    total = squares = 0.0
    hits = done = 0
    while done < draws:
        count = min(_BATCH, draws - done)
        words = np.random.PCG64(np.random.SeedSequence([seed, done]))
        weights = walks(channel, case, guide, words, count) / guide.most
        total += float(weights.sum())
        squares += float((weights * weights).sum())
        hits += len(weights)
        done += count
    mean = total / draws
    spread = max(0.0, (squares - draws * mean * mean) / (draws - 1))
    found = bernstein(mean, spread, draws, 1.0, confidence)
    bounds = Interval(found.low * guide.most, min(1.0, found.high * guide.most))
    return Estimate(mean * guide.most, bounds, draws, hits)


def walks(
    channel: TwoState, case: Case, guide: Guide, words: np.random.PCG64, count: int
) -> Floats:
    """So many walks; the weights of those on which the block is lost every time.

    A walk on which the block came in one send is not walked further: it counts 0.
    """
    weight = np.ones(count)
    state = _draw(words, weight, np.broadcast_to(channel.start(), (count, 2)), _first(guide))
    for send in range(case.sends):
        if send and case.between:
            value = guide.ahead[send][0, :, 0]
            true = channel.steps(case.between)[state]
            state = _draw(words, weight, true, np.broadcast_to(value, true.shape))
        lost = np.zeros(len(state), dtype=np.int64)
        for at in range(case.n):
            table = guide.ahead[send][at + 1]
            after = _or_lost(channel, table)
            true = channel.steps(case.apart if at else 1)[state]
            state = _draw(words, weight, true, after[:, lost].T)
            more = np.minimum(lost + 1, case.r + 1)
            chance = np.where(state == BAD, 1.0, channel.loss)
            true = np.stack([1.0 - chance, chance], axis=1)
            value = np.stack([table[state, lost], table[state, more]], axis=1)
            lost = np.where(_draw(words, weight, true, value) == 1, more, lost)
        is_lost = lost > case.r
        state, weight = state[is_lost], weight[is_lost]
    return weight


def _draw(words: np.random.PCG64, weight: Floats, true: Floats, value: Floats) -> Ints:
    """0 or 1 for each walk, drawn with probabilities in proportion to true x value, shape
    (walks, 2). The weights become true / drawn times what they were."""
    drawn = true * value
    drawn /= drawn.sum(axis=1, keepdims=True)
    chosen = (_uniform(words, len(weight)) < drawn[:, 1]).astype(np.int64)
    rows = np.arange(len(weight))
    weight *= true[rows, chosen] / drawn[rows, chosen]
    return chosen


def _first(guide: Guide) -> Floats:
    return guide.ahead[0][0, :, 0][None, :]


def _or_lost(channel: TwoState, table: Floats) -> Floats:
    """What a state is worth before it is known whether its symbol is lost, shape (2, r + 2)."""
    one_more = np.concatenate([table[:, 1:], table[:, -1:]], axis=1)
    worth = np.empty_like(table)
    worth[GOOD] = (1.0 - channel.loss) * table[GOOD] + channel.loss * one_more[GOOD]
    worth[BAD] = one_more[BAD]
    return worth


def _uniform(words: np.random.PCG64, count: int) -> Floats:
    """From 0 to 1, from a generator's raw words: those stay the same over versions of NumPy."""
    raw: NDArray[np.uint64] = np.asarray(words.random_raw(count))
    return (raw >> np.uint64(11)).astype(np.float64) * _UNIT
