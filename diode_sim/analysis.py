"""What a link loses, computed: exact probabilities, no chance.

Takes a channel (random loss and Gilbert-Elliott bursts) and the shape of a block, gives the
probability that the block is lost, with repeats too, and confidence intervals for counts. Pure.
The mathematics is explained in docs/planning.md.

A channel is a chain of two states that goes on by one step a datagram: in the good state a
datagram is lost with probability `loss`, in the bad one always. A block of n = k + r symbols that
are D datagrams apart is lost when more than r of them are, for any k of them rebuild it and fewer
do not (an MDS code).
"""

from dataclasses import dataclass
from functools import lru_cache
from math import comb, expm1, fsum, log1p

import numpy as np
from numpy.typing import NDArray

from diode_sim.options import Burst
from guard.link.params import SYMBOLS_MAX

Floats = NDArray[np.float64]

GOOD, BAD = 0, 1
STATES = 2


@dataclass(frozen=True, slots=True)
class TwoState:
    """A channel. `enter` and `leave` are the probabilities of a step to the other state."""

    loss: float
    enter: float
    leave: float

    @property
    def bad_share(self) -> float:
        """Share of the datagrams in the bad state, in the long run."""
        return self.enter / (self.enter + self.leave)

    @property
    def datagram_loss(self) -> float:
        """Share of the datagrams lost, in the long run."""
        return self.bad_share + (1.0 - self.bad_share) * self.loss

    def start(self) -> Floats:
        """The long-run probabilities of the states, shape (2,)."""
        return np.array([1.0 - self.bad_share, self.bad_share])

    def steps(self, count: int) -> Floats:
        """Transitions over so many steps (0: none), shape (2, 2): from a row to a column.

        In closed form: powers by multiplication lose the last digits of the small entries.
        """
        bad, turns = self.bad_share, self._turns(count)
        return np.array(
            [
                [1.0 - bad * turns, bad * turns],
                [(1.0 - bad) * turns, 1.0 - (1.0 - bad) * turns],
            ]
        )

    def _turns(self, count: int) -> float:
        """How much of the past is forgotten after so many steps: 0 nothing, 1 all."""
        moves = self.enter + self.leave
        if not count or moves >= 1.0:
            return float(count > 0)
        return -expm1(count * log1p(-moves))


def two_state(loss: float, burst: Burst) -> TwoState:
    """The chain that `diode_sim.models` walks: `Loss` and `Burst` after one another.

    There a burst ends with probability 1 / mean after each datagram, and the next one may begin
    with the very next datagram; so the chain leaves the bad state a little more rarely.
    """
    if not burst.rate:
        return TwoState(loss, 0.0, 1.0)
    enter = burst.rate / (burst.rate + (1.0 - burst.rate) * burst.mean_datagrams)
    return TwoState(loss, enter, (1.0 - enter) / burst.mean_datagrams)


def random_loss(k: int, r: int, loss: float) -> float:
    """P(more than r of k + r datagrams are lost), each lost by itself: the MDS bound.

    A sum of positive terms, so every digit but the last few is right however small it is.
    """
    n = k + r
    return fsum(comb(n, i) * loss**i * (1.0 - loss) ** (n - i) for i in range(r + 1, n + 1))


@lru_cache(maxsize=24)  # 2 MB each
def kernels(channel: TwoState, apart: int) -> Floats:
    """Blocks whose symbols are `apart` datagrams apart: array (n, r, 2, 2), n and r up to 255.

    [n, r, s, t] is the probability that more than r of n symbols are lost and the last one finds
    the channel in state t, if one step before the first one the channel was in state s. By dynamic
    programming over the symbols; only sums of products of positive numbers.
    """
    most = SYMBOLS_MAX
    table = np.zeros((STATES, STATES, most + 1, most + 1))  # [s, t, n, r]
    lost = np.zeros((STATES, STATES, most + 1))  # [s, t, how many were lost]
    lost[GOOD, GOOD, 0] = lost[BAD, BAD, 0] = 1.0
    step = channel.steps(1)
    for n in range(1, most + 1):
        good = lost[:, GOOD] * step[GOOD, GOOD] + lost[:, BAD] * step[BAD, GOOD]
        bad = lost[:, GOOD] * step[GOOD, BAD] + lost[:, BAD] * step[BAD, BAD]
        lost[:, GOOD] = (1.0 - channel.loss) * good
        lost[:, GOOD, 1:] += channel.loss * good[:, :-1]
        lost[:, BAD, 1:] = bad[:, :-1]
        lost[:, BAD, 0] = 0.0
        table[:, :, n, :-1] = lost[:, :, :0:-1].cumsum(axis=2)[:, :, ::-1]
        step = channel.steps(apart) if n == 1 else step
    table = np.ascontiguousarray(np.moveaxis(table, (0, 1), (2, 3)))
    table.flags.writeable = False
    return table


def block_loss(channel: TwoState, k: int, r: int, apart: int = 1) -> float:
    """P(a block is lost) at any time of a channel that has run for long."""
    if not channel.enter:
        return random_loss(k, r, channel.loss)
    return float(channel.start() @ kernels(channel, apart)[k + r, r].sum(axis=1))


def sends_loss(channel: TwoState, kernel: Floats, repeats: int, between: int) -> Floats:
    """P(a block is lost in its first send and in each of its repeats), shape (...).

    kernel   (..., 2, 2), of `kernels`; `between` datagrams pass between one send and the next.
    Exact for bursts too: the state in which a lost block leaves the channel goes into the repeat.
    """
    idle = channel.steps(between)
    state = np.einsum("s,...st->...t", channel.start(), kernel)
    for _ in range(repeats):
        state = np.einsum("...s,...st->...t", state @ idle, kernel)
    probability: Floats = state.sum(axis=-1)
    return probability
