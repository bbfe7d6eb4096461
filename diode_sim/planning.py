"""What a link is planned for, and what a message costs and risks with every code there is.

Takes a `Need`, gives arrays with one entry a code (k, r): bytes on the wire, latency, and the
probability to lose a message, at most, over all loads of the link. Pure. It only computes:
`diode_sim.searching` chooses, `diode_sim.confirming` simulates. What is assumed, and every
formula: docs/planning.md.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from diode_sim.analysis import Floats, TwoState, kernels, sends_loss, two_state
from diode_sim.options import Burst
from guard.link.params import (
    ALIGN_SHARE,
    BLOCK_MS_MAX,
    REPAIR_SYMBOLS_MIN,
    SEAL_TAG_BYTES,
    STREAM_ALIGN_BYTES,
    SYMBOLS_MAX,
    LinkParams,
)
from guard.link.records import PART_BYTES, WHOLE_BYTES
from schemas.errors import Malformed
from schemas.reasons import Reason

K_MAX = 252
REPAIR_PERCENT_MAX = 400
REPEATS_MAX = 16
INTERLEAVES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
MESSAGE_BYTES_MAX = 2**50
TARGET_LEAST = 1e-15
_NS_PER_MS = 1_000_000

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Need:
    """What a link is planned for.

    rate_bits_per_s   on the wire
    loss, burst       of datagrams, as `diode_sim.options` has them
    message_bytes     as the link carries it: an envelope, a file
    target_loss       the probability with which a message may be lost at most
    latency_ms_max    from the message's first datagram to its last repeat's last one; None: any
    always_busy       messages always wait: no block is closed before it is full
    bare              for `guard link` (files) instead of a guard's policy (envelopes)
    clock             what moves the channel while nothing is sent: `time`, by a step for each
                      datagram that the link could carry, or nothing (`datagrams`)
    """

    rate_bits_per_s: int
    mtu_bytes: int
    loss: float
    burst: Burst
    message_bytes: int
    target_loss: float
    latency_ms_max: float | None = None
    always_busy: bool = False
    bare: bool = False
    clock: Literal["time", "datagrams"] = "time"

    def __post_init__(self) -> None:
        if not 0.0 <= self.loss < 1.0:
            refuse("the loss must be at least 0 and less than 1")
        if not 1 <= self.message_bytes <= MESSAGE_BYTES_MAX:
            refuse(f"the message size must be from 1 to {MESSAGE_BYTES_MAX:,} bytes")
        if not TARGET_LEAST <= self.target_loss < 1.0:
            refuse(f"the target must be at least {TARGET_LEAST:g} and less than 1")
        if self.latency_ms_max is not None and not self.latency_ms_max > 0.0:
            refuse("the latency must be more than 0 ms")

    @property
    def channel(self) -> TwoState:
        """The channel as a chain of two states."""
        return two_state(self.loss, self.burst)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a sender is told. A full block has k source and r repair symbols."""

    k: int
    r: int
    repair_percent: int
    interleave: int = 1
    repeats: int = 0
    pause_ms: int = 2000

    def params(self, need: Need) -> LinkParams:
        """The real sender's own record of them. Raises `Malformed`."""
        return LinkParams(
            mtu_bytes=need.mtu_bytes, k_max=self.k, repair_percent=self.repair_percent,
            interleave_blocks=self.interleave, rate_bits_per_s=need.rate_bits_per_s,
            repeats=self.repeats, repeat_pause_ms=self.pause_ms,
            # as guard/cli/link_send.py has it, or guard/edge/link_parameters.py
            r_max=SYMBOLS_MAX - self.k if need.bare else self.r,
            design_loss_ppm=0 if need.bare else LinkParams().design_loss_ppm,
            frame_overhead_bytes=_frame_bytes(need),
        )  # fmt: skip


class Codes:
    """Codes (k, r) with the repair percentage that goes with each: arrays of the same length.

    k, r, percent  the codes; `touched` blocks a message may have bytes in, at most
    wire_a_byte    bytes on the wire for a byte of messages, sent once, while messages wait
    block_ms       what a full block takes on the wire
    """

    def __init__(self, need: Need, codes: tuple[Ints, Ints, Ints]) -> None:
        self.need = need
        self.channel = need.channel
        self.k, self.r, self.percent = codes
        self.n = self.k + self.r
        symbol_bytes, wire_bytes = sizes(need)
        self.payload = _payload_bytes(self.k, symbol_bytes, stream=need.bare)
        if int(self.payload.min()) <= WHOLE_BYTES:
            refuse("the MTU leaves no room for a message: take a larger one")
        size = need.message_bytes
        self.fits = size <= self.payload
        self.touched = np.where(self.fits, 2, -(-size // self.payload) + 1)
        share = size / (size + WHOLE_BYTES)
        carried = np.where(self.fits, (self.payload - WHOLE_BYTES) * share, self.payload)
        self.wire_a_byte: Floats = self.n * wire_bytes / carried
        self.block_ms: Floats = self.n * wire_bytes * 8000 / need.rate_bits_per_s

    def latency_ms(self, interleave: int, repeats: int, pause_ms: int) -> Floats:
        """From a message's first datagram to the last one of its last repeat's last group."""
        group_ms = interleave * self.block_ms
        send_ms = np.maximum(group_ms, self.touched * self.block_ms)
        latency: Floats = repeats * (pause_ms + send_ms) + group_ms
        return latency

    def loss(self, among: Ints, interleave: int, repeats: int, pause_ms: int) -> Floats:
        """P(a message is lost), at most, with the codes at the places `among`."""
        between = idle_steps(self.need, pause_ms)
        in_whole, in_part, in_tail = self.blocks(among, interleave)
        whole, part, tail = self.kernels(among, interleave)
        if not repeats:
            once: Floats = (
                in_whole * sends_loss(self.channel, whole, 0, 0)
                + in_part * sends_loss(self.channel, part, 0, 0)
                + in_tail * sends_loss(self.channel, tail, 0, 0)
            )
            return once
        end = np.maximum(whole, part) if self.need.always_busy else np.maximum(part, tail)
        ends = np.where(in_part + in_tail > 0, in_part + in_tail + 1, 0)
        many: Floats = (repeats + 1) * (
            in_whole * sends_loss(self.channel, whole, repeats, between)
            + ends * sends_loss(self.channel, np.maximum(whole, end), repeats, between)
        )
        return many

    def blocks(self, among: Ints, interleave: int) -> tuple[Ints, Ints, Ints]:
        """How many of the touched blocks are, at most: full, in a group of D; full, in a group of
        fewer; closed because nothing waited any more. docs/planning.md says why."""
        touched = self.touched[among]
        if self.need.always_busy:
            # Files are cut one by one: a group ends with its file (guard/link/sender.py).
            in_part = np.minimum(touched, interleave if self.need.bare and interleave > 1 else 0)
            return touched - in_part, in_part, np.zeros_like(touched)
        in_part = np.minimum(touched - 1, interleave - 1)
        return touched - 1 - in_part, in_part, np.ones_like(touched)

    def kernels(self, among: Ints, interleave: int) -> tuple[Floats, Floats, Floats]:
        """The kernels (see `diode_sim.analysis`) of those three kinds of blocks, (codes, 2, 2).

        Of each kind each entry's largest, so no block of the kind is lost more often.
        """
        n, r = self.n[among], self.r[among]
        whole = kernels(self.channel, interleave)[n, r]
        part = _part_kernels(self.channel, interleave)[n, r] if interleave > 1 else whole
        return whole, part, whole if self.need.always_busy else self._tails[among]

    @cached_property
    def _tails(self) -> Floats:
        """For each code the worst of a block that was closed early: of 1 to k symbols, alone."""
        table = kernels(self.channel, 1)
        tails = np.zeros((len(self.k), 2, 2))
        for percent, r_max in np.unique(np.stack([self.percent, self._r_max]), axis=1).T:
            mine = np.flatnonzero((self.percent == percent) & (self._r_max == r_max))
            k = np.arange(1, int(self.k[mine].max()) + 1)
            r = repair_symbols(self.need, k, int(percent), int(r_max))
            worst = np.maximum.accumulate(table[k + r, r], axis=0)
            tails[mine] = worst[self.k[mine] - 1]
        return tails

    @property
    def _r_max(self) -> Ints:
        return np.full_like(self.r, SYMBOLS_MAX) if self.need.bare else self.r


@lru_cache(maxsize=16)
def _part_kernels(channel: TwoState, interleave: int) -> Floats:
    """For a D > 1: of a full block in a group of fewer than D blocks, each entry's worst."""
    at = INTERLEAVES.index(interleave)
    before = INTERLEAVES[at - 1]
    worst = _part_kernels(channel, before) if at > 1 else kernels(channel, before)
    for apart in range(before, interleave):
        worst = np.maximum(worst, kernels(channel, apart))
    return worst


def repair_symbols(need: Need, k: Ints, percent: int, r_max: int) -> Ints:
    """Repair symbols that the sender gives to blocks of k source symbols. link §13 (2)"""
    least: Ints | int = REPAIR_SYMBOLS_MIN
    if not need.bare:
        least = _DESIGN_REPAIR[k]
    return np.minimum(np.minimum(np.maximum(least, -(-k * percent // 100)), r_max), SYMBOLS_MAX - k)


def sizes(need: Need) -> tuple[int, int]:
    """Bytes of a full symbol, and of its datagram on the wire. Raises `Malformed`."""
    base = _base(need)
    return base.symbol_bytes_max, base.wire_bytes(base.datagram_bytes_max)


def interleaves(need: Need) -> list[int]:
    """Values of D that help: 1 without bursts, else what the ends' memory for blocks takes."""
    if not need.burst.rate:
        return [1]
    most = LinkParams().window_bytes_max // (SYMBOLS_MAX * sizes(need)[0]) - 2
    return [interleave for interleave in INTERLEAVES if interleave <= max(1, most)]


def idle_steps(need: Need, pause_ms: int) -> int:
    """Steps that the channel surely goes on by in a pause."""
    base = _base(need)
    if need.clock == "time":
        wire_bits = base.wire_bytes(base.datagram_bytes_max) * 8
        return pause_ms * need.rate_bits_per_s // (1000 * wire_bits)
    heartbeat_ns = base.heartbeat_ns(base.datagram_bytes_max)
    return max(0, -(-pause_ms * _NS_PER_MS // heartbeat_ns) - 1)


def rows_max(need: Need) -> int:
    """Symbols that a block of more than one source symbol may have, for its time. link §13 (1)"""
    return min(SYMBOLS_MAX, need.rate_bits_per_s * BLOCK_MS_MAX // 8000 // sizes(need)[1])


def _base(need: Need) -> LinkParams:
    return LinkParams(
        mtu_bytes=need.mtu_bytes, rate_bits_per_s=need.rate_bits_per_s,
        frame_overhead_bytes=_frame_bytes(need),
    )  # fmt: skip


def _frame_bytes(need: Need) -> int:
    return 0 if need.bare else LinkParams().frame_overhead_bytes


def _payload_bytes(k: Ints, symbol_bytes: int, *, stream: bool) -> Ints:
    """Bytes of a long message that each full block carries; link §7, §13 (5)."""
    room = k * symbol_bytes - SEAL_TAG_BYTES - PART_BYTES
    if not stream:
        return room
    pages = room - room % STREAM_ALIGN_BYTES
    return np.where(room - pages <= room // ALIGN_SHARE, pages, room)


def refuse(sentence: str) -> NoReturn:
    """Raises `Malformed(ARGUMENT)`."""
    raise Malformed(Reason.ARGUMENT, f"plan: {sentence}")


# By k: what a block gets for the design loss alone, where a policy allows for as many.
_DESIGN_REPAIR = np.array(
    [0, *(LinkParams(repair_percent=0, r_max=254).repair_symbols(k) for k in range(1, K_MAX + 1))]
)
