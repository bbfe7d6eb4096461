"""Everything the code can repair is repaired: a block is delivered if and only if k symbols came.

Each message fills one block, so that what landed tells which blocks were repaired.
"""

import random
from collections import Counter
from dataclasses import replace
from math import comb, sqrt

import pytest

from guard.edge.isal import best_codec
from guard.link.arrivals import ReceiverState
from guard.link.events import Landed
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from tests.guard.link.pair import FLOW, KEY, MS, cut

CODEC = best_codec()
TINY = LinkParams(mtu_bytes=256, k_max=8, r_max=4, design_loss_ppm=0, rate_bits_per_s=10**11)

Sent = tuple[bytes, int]
"""A datagram, and which `sendmsg` it left with."""


def sent_blocks(params: LinkParams, blocks: int) -> tuple[list[Sent], int]:
    """All datagrams of so many full blocks in the order they leave, and their k."""
    sender = Sender(replace(params, queue_bytes_max=2**30), KEY, 1, FLOW, CODEC)
    now_ns, burst_number, found = 0, 0, list[Sent]()
    for sequence in range(1, blocks + 1):
        sender.offer(sequence, 0, bytes([sequence % 256]) * (params.block_bytes_max - 16))
    while not sender.idle:
        now_ns += MS
        while bursts := sender.due(now_ns):
            for burst in bursts:
                burst_number += 1
                if not burst.heartbeat:
                    found += [(datagram, burst_number) for datagram in cut(burst)]
    (k,) = {datagram[16] for datagram, _ in found}
    return found, k


def landed(params: LinkParams, survivors: list[Sent]) -> set[int]:
    """The messages that land if just these datagrams come, those of a send in one buffer."""
    receiver = Receiver(params, KEY, FLOW, CODEC, ReceiverState())
    found = set[int]()
    at = 0
    while at < len(survivors):
        end = at
        while end < len(survivors) and survivors[end][1] == survivors[at][1]:
            end += 1
        buffer = b"".join(datagram for datagram, _ in survivors[at:end])
        for event in receiver.take(memoryview(buffer), len(survivors[at][0]), MS):
            if isinstance(event, Landed):
                assert event.envelope == bytes([event.sequence % 256]) * len(event.envelope)
                found.add(event.sequence)
        at = end
    return found


def repairable(survivors: list[Sent], k: int) -> set[int]:
    """The messages of which k symbols came: block 0 holds sequence 1."""
    count = Counter(int.from_bytes(datagram[8:16], "big") for datagram, _ in survivors)
    return {number + 1 for number, held in count.items() if held >= k}


SHAPES = {
    "1+3": replace(TINY, k_max=1, r_max=3),
    "8+4": replace(TINY, repair_percent=50),
    "20+3": replace(TINY, k_max=20),
    "80+8": LinkParams(design_loss_ppm=0, rate_bits_per_s=10**11),
    "80+8 interleaved": LinkParams(
        mtu_bytes=256, design_loss_ppm=0, interleave_blocks=32, rate_bits_per_s=10**11
    ),
    "64+12 untagged": replace(TINY, k_max=64, r_max=12, repair_percent=18, tag=False),
    "230+25": replace(TINY, k_max=230, r_max=25, repair_percent=11),
}


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.10])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_loss(shape: str, loss: float) -> None:
    params = SHAPES[shape]
    blocks = 64 if params.k_max >= 64 else 400
    datagrams, k = sent_blocks(params, blocks)
    n = len(datagrams) // blocks
    chance = random.Random(f"{shape} {loss}")
    survivors = [datagram for datagram in datagrams if chance.random() >= loss]
    repaired = landed(params, survivors)
    assert repaired == repairable(survivors, k)
    # The share is what an MDS code gives, within five standard deviations.
    bound = sum(comb(n, gone) * loss**gone * (1 - loss) ** (n - gone) for gone in range(n - k + 1))
    deviation = sqrt(max(bound * (1 - bound), 1e-12) / blocks)
    assert abs(len(repaired) / blocks - bound) <= 5 * deviation + 1 / blocks


@pytest.mark.parametrize(
    ("interleave", "k_max", "step"), [(1, 8, 1), (3, 4, 1), (8, 5, 7)], ids=["D=1", "D=3", "D=8"]
)
def test_bursts_of_every_length_at_every_phase(interleave: int, k_max: int, step: int) -> None:
    """Up to D x r in a row are repaired; of longer ones exactly the blocks lose that must."""
    params = replace(TINY, k_max=k_max, repair_percent=50, interleave_blocks=interleave)
    datagrams, k = sent_blocks(params, 3 * interleave)
    everything = set(range(1, 3 * interleave + 1))
    group = len(datagrams) // 3
    r = group // interleave - k
    assert r >= 3
    longer = 0
    for length in range(1, interleave * (r + 2) + 1):
        for phase in range(length % step, group, step):
            survivors = datagrams[:phase] + datagrams[phase + length :]
            repaired = landed(params, survivors)
            assert repaired == repairable(survivors, k), (length, phase)
            if length <= interleave * r:
                assert repaired == everything, (length, phase)
            longer += repaired != everything
    assert longer > 0


def test_symbols_of_a_block_in_any_order_and_any_company() -> None:
    """Shuffled over the whole transfer, so that all blocks are open at once."""
    params = replace(SHAPES["20+3"], window_blocks=256)
    datagrams, k = sent_blocks(params, 120)
    chance = random.Random(6)
    for loss in (0.01, 0.05, 0.10):
        survivors = [datagram for datagram in datagrams if chance.random() >= loss]
        chance.shuffle(survivors)
        survivors = [(datagram, n // 40) for n, (datagram, _) in enumerate(survivors)]
        assert landed(params, survivors) == repairable(survivors, k)
