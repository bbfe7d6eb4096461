"""Losses counted: the channel models as they are, and blocks laid over them as the sender does.

Takes a link's options and the shape of a block, gives counts with confidence intervals. Pure but
for the seeded chance of `diode_sim.models`; no datagram is made. A group of D blocks is sent
symbol 0 of each, symbol 1 of each, and so on (link §6 (7)), one group after the other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diode_sim.intervals import Interval, clopper_pearson, of_batches
from diode_sim.models import CHUNK_DATAGRAMS, make_channel
from diode_sim.options import Options
from schemas.errors import Malformed
from schemas.reasons import Reason

BATCHES = 50
BLOCKS_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Count:
    """So many of the blocks were lost; the interval is of the probability to lose one."""

    blocks: int
    lost: int
    interval: Interval


def count_losses(
    options: Options, k: int, r: int, interleave: int, blocks: int, confidence: float
) -> Count:
    """Send at least `blocks` blocks (whole batches of whole groups) over the channel.

    With random loss alone the blocks are independent, and the interval is Clopper and Pearson's.
    With bursts it comes from the spread of batches, which needs some losses in most of them.
    Raises `Malformed(ARGUMENT)` for more blocks than a run may have.
    """
    if not 1 <= blocks <= BLOCKS_MAX:
        raise Malformed(Reason.ARGUMENT, f"blocks must be a number from 1 to {BLOCKS_MAX:,}")
    n = k + r
    groups = -(-blocks // (interleave * BATCHES))
    fates = _Fates(options)
    lost = []
    for _ in range(BATCHES):
        done, count = 0, 0
        while done < groups:
            some = min(groups - done, max(1, 2**20 // (n * interleave)))
            fate = fates.next(some * n * interleave).reshape(some, n, interleave)
            count += int(np.count_nonzero(fate.sum(axis=1, dtype=np.int64) > r))
            done += some
        lost.append(count)
    each = groups * interleave
    if options.burst.rate:
        interval = of_batches([count / each for count in lost], confidence)
    else:
        interval = clopper_pearson(sum(lost), each * BATCHES, confidence)
    return Count(each * BATCHES, sum(lost), interval)


class _Fates:
    """Which datagrams of a channel are lost, as many at a time as one asks for."""

    def __init__(self, options: Options) -> None:
        self._channel = make_channel(options)
        self._chunk = 0
        self._kept = np.zeros(0, dtype=np.bool_)

    def next(self, count: int) -> NDArray[np.bool_]:
        chunks = -(-max(0, count - len(self._kept)) // CHUNK_DATAGRAMS)
        fates = [self._channel.fates(self._chunk + at).lost for at in range(chunks)]
        self._chunk += chunks
        together = np.concatenate([self._kept, *fates])
        self._kept = together[count:]
        return together[:count]
