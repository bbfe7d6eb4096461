"""A plan confirmed: what was computed for it is simulated in two ways that do not share its sums.

Takes a `Need` and a `Setting`, gives a `Confirmation`. First, the channel at the loss asked for, by
importance sampling (`diode_sim.rare`): bounds of the probability that a block is lost every time,
for each kind of block that a message may be in; from them a bound for the message. Second, the
real sender and receiver on a channel with the loss scaled up, until messages are lost often enough
to be counted (`diode_sim.cores`). Pure but for seeded chance.
"""

from dataclasses import dataclass, replace
from math import exp, log

import numpy as np

from diode_sim.analysis import Floats, kernels, sends_loss
from diode_sim.cores import BATCHES, Arrival, count_lost_messages
from diode_sim.options import Burst, Options
from diode_sim.planning import Need, Setting, idle_steps, repair_symbols, sizes
from diode_sim.rare import Case, Estimate, estimate
from diode_sim.searching import codes_of
from guard.link.params import SEAL_TAG_BYTES, SYMBOLS_MAX
from guard.link.records import WHOLE_BYTES

CONFIDENCE = 0.999
WHOLE = "full, in a whole group"
DIRECT_LOSS = 0.1  # the loss is scaled so that about so many blocks are lost
DIRECT_LOAD = 0.5  # of the link, where each message is to meet an idle one
DIRECT_MTU_BYTES = 256
DIRECT_DATAGRAMS_MAX = 40_000
DIRECT_MESSAGES_MIN = 200
_SCALED_LOSS_MAX = 0.6
_SCALED_BURSTS_MAX = 0.5
_BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class BlockCheck:
    """One kind of block: how many a message touches at most, computed loss, simulated loss."""

    what: str
    blocks: int
    k: int
    case: Case
    computed: float
    simulated: Estimate


@dataclass(frozen=True, slots=True)
class DirectCheck:
    """The real ends on a channel with more loss, a block of one kind a message: what was computed
    there, and what was counted."""

    what: str
    factor: float
    loss: float
    burst_rate: float
    computed: float
    counted: Arrival

    @property
    def agrees(self) -> bool:
        """Whether the count does not speak for more loss than was computed."""
        return self.counted.interval.low <= self.computed


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What was simulated. `message_high` is the upper bound for a message, at `CONFIDENCE`."""

    blocks: tuple[BlockCheck, ...]
    message_high: float
    direct: DirectCheck

    def meets(self, target: float) -> bool:
        """Whether the simulated bound is within the target and the direct count agrees."""
        return self.message_high <= target and self.direct.agrees


def confirm(need: Need, setting: Setting, draws: int, messages: int, seed: int) -> Confirmation:
    """Simulate a plan. All bounds together hold with probability `CONFIDENCE`."""
    kinds = _kinds(need, setting)
    each = 1.0 - (1.0 - CONFIDENCE) / len(kinds)
    checks = []
    for number, (what, blocks, k, case) in enumerate(kinds):
        simulated = estimate(need.channel, case, draws, seed + number, each)
        checks.append(BlockCheck(what, blocks, k, case, _computed(need, case), simulated))
    high = _message_high(need, setting, checks)
    return Confirmation(tuple(checks), high, _direct(need, setting, checks[-1], messages, seed))


def _kinds(need: Need, setting: Setting) -> list[tuple[str, int, int, Case]]:
    """Each kind of block of a message, the worst of its kind: what, how many, k, the case."""
    whole, part, tail = (
        int(count[0]) for count in codes_of(need, setting).blocks(np.array([0]), setting.interleave)
    )
    sends = setting.repeats + 1
    between = idle_steps(need, setting.pause_ms)
    full = Case(setting.k + setting.r, setting.r, setting.interleave, sends, between)
    kinds = []
    if whole:
        kinds.append((WHOLE, whole, setting.k, full))
    if part:
        cases = [replace(full, apart=apart) for apart in range(1, setting.interleave)]
        worst = max(cases, key=lambda case: _computed(need, case))
        kinds.append((f"full, in a group of {worst.apart}", part, setting.k, worst))
    if tail:
        k_all = np.arange(1, setting.k + 1)
        r_max = SYMBOLS_MAX if need.bare else setting.r
        r_all = repair_symbols(need, k_all, setting.repair_percent, r_max)
        cases = [
            Case(k + r, r, 1, sends, between)
            for k, r in zip(k_all.tolist(), r_all.tolist(), strict=True)
        ]
        worst = max(cases, key=lambda case: _computed(need, case))
        kinds.append(("closed early, the worst", tail, worst.n - worst.r, worst))
    return kinds


def _computed(need: Need, case: Case) -> float:
    kernel: Floats = kernels(need.channel, case.apart)[case.n, case.r]
    return float(sends_loss(need.channel, kernel, case.sends - 1, case.between))


def _message_high(need: Need, setting: Setting, checks: list[BlockCheck]) -> float:
    """The message's bound from those of its blocks, put together as `Codes.loss` does.

    Where a message is repeated, its bytes may be in one kind of block now and in another then. That
    is counted by what was computed for the worst of each send, in proportion.
    """
    highs = [check.simulated.interval.high for check in checks]
    if not setting.repeats:
        return sum(check.blocks * high for check, high in zip(checks, highs, strict=True))
    whole = [check for check in checks if check.what == WHOLE]
    ends = [check for check in checks if check.what != WHOLE]
    high = sum(check.blocks * check.simulated.interval.high for check in whole)
    if ends:
        kinds = codes_of(need, setting).kernels(np.array([0]), setting.interleave)
        kernel: Floats = np.maximum.reduce(kinds)
        case = checks[-1].case
        mixed = float(sends_loss(need.channel, kernel, case.sends - 1, case.between)[0])
        worst = max(check.computed for check in checks)
        blocks = sum(check.blocks for check in ends) + 1
        high += blocks * max(highs) * max(1.0, mixed / worst)
    return (setting.repeats + 1) * high


def _direct(
    need: Need, setting: Setting, kind: BlockCheck, messages: int, seed: int
) -> DirectCheck:
    """Messages of which each fills one block of this kind, through the real ends.

    In datagrams of 256 bytes, at the rate at which they take as long as those asked for: a channel
    does not know how large a datagram is. Where messages do not always wait they come so slowly
    that each is mostly alone.
    """
    factor = _factor(need, kind.case)
    scaled = _scaled(need, factor)
    rate = need.rate_bits_per_s * _wire_bytes(DIRECT_MTU_BYTES, need)
    small = replace(
        setting.params(need), mtu_bytes=DIRECT_MTU_BYTES, queue_bytes_max=2**30,
        interleave_blocks=kind.case.apart,
        rate_bits_per_s=max(1000, round(rate / _wire_bytes(need.mtu_bytes, need))),
    )  # fmt: skip
    size = kind.k * small.symbol_bytes_max - SEAL_TAG_BYTES - WHOLE_BYTES
    sent = kind.case.n * (setting.repeats + 1)
    count = min(messages, max(DIRECT_MESSAGES_MIN, DIRECT_DATAGRAMS_MAX // sent))
    count = max(count, BATCHES * kind.case.apart)  # a batch is a whole group at least
    wire = sent * small.wire_bytes(small.datagram_bytes_max)
    gap_ns = 0 if need.always_busy else round(wire * 8e9 / small.rate_bits_per_s / DIRECT_LOAD)
    options = Options(loss=scaled.loss, burst=scaled.burst, seed=seed)
    counted = count_lost_messages(small, options, size, count, gap_ns, CONFIDENCE)
    computed = _computed(scaled, kind.case)
    return DirectCheck(kind.what, factor, scaled.loss, scaled.burst.rate, computed, counted)


def _wire_bytes(mtu_bytes: int, need: Need) -> int:
    return sizes(replace(need, mtu_bytes=mtu_bytes))[1]


def _factor(need: Need, case: Case) -> float:
    """How much the loss is scaled up, so that about `DIRECT_LOSS` is computed; 1 at least."""
    most = min(
        _SCALED_LOSS_MAX / need.loss if need.loss else float("inf"),
        _SCALED_BURSTS_MAX / need.burst.rate if need.burst.rate else float("inf"),
    )
    low, high = 0.0, log(max(1.0, most)) if most < float("inf") else 0.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if _computed(_scaled(need, exp(middle)), case) < DIRECT_LOSS:
            low = middle
        else:
            high = middle
    return max(1.0, float(f"{exp(low):.3g}"))


def _scaled(need: Need, factor: float) -> Need:
    burst = need.burst
    if burst.rate:
        rate = min(_SCALED_BURSTS_MAX, burst.rate * factor)
        burst = Burst(rate=rate, mean_datagrams=burst.mean_datagrams)
    return replace(need, loss=need.loss * factor, burst=burst)
