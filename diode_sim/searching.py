"""The search for a link's settings.

Takes a `Need`, gives the `Setting` with the least bytes on the wire, and among those the least
latency, for which a message is lost with at most the probability asked for. Pure.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from diode_sim.planning import (
    K_MAX,
    REPAIR_PERCENT_MAX,
    REPEATS_MAX,
    Codes,
    Ints,
    Need,
    Setting,
    interleaves,
    refuse,
    repair_symbols,
    rows_max,
)
from guard.link.params import REPAIR_SYMBOLS_MIN, SYMBOLS_MAX

PAUSES_MS = (
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000,
    300_000, 600_000, 1_800_000, 3_600_000,
)  # fmt: skip
PAUSE_MS_UNASKED = 100  # shorter ones only where the latency is bounded
MARGIN = 0.95  # of the target: what is left over is for the doubt of a simulation
PERCENTS = (0, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 250, 300, 350, 400)


class _Found(NamedTuple):
    """The best so far: bytes on the wire a byte of a message, latency, and by what."""

    wire_a_byte: float
    latency_ms: float
    setting: Setting | None


def best_setting(need: Need) -> Setting:
    """See the module. Raises `Malformed(ARGUMENT)` if no setting reaches the target."""
    codes = Codes(need, _pairs_of_percents(need) if need.bare else _pairs(need))
    best = _Found(float("inf"), float("inf"), None)
    for repeats in range(REPEATS_MAX + 1):
        if float(codes.wire_a_byte.min()) * (repeats + 1) >= best.wire_a_byte:
            break
        pauses = _pauses(need, repeats)
        if not pauses:  # not even the shortest is within the latency
            break
        for interleave in interleaves(need):
            among = np.flatnonzero(codes.wire_a_byte * (repeats + 1) <= best.wire_a_byte)
            # What the longest pause does not help, none does.
            among = _good(codes, among, interleave, repeats, pauses[-1])
            for pause_ms in pauses:
                good = _good(codes, among, interleave, repeats, pause_ms)
                best = _better(codes, good, best, interleave, repeats, pause_ms)
    if best.setting is None:
        refuse(
            f"no code with up to {REPEATS_MAX} repeats reaches the target within the latency:"
            " ask for less"
        )
    return best.setting if need.bare else _least_percent(need, best.setting)


def codes_of(need: Need, setting: Setting) -> Codes:
    """The setting's one code."""
    one = ([setting.k], [setting.r], [setting.repair_percent])
    return Codes(need, (np.array(one[0]), np.array(one[1]), np.array(one[2])))


def message_loss(need: Need, setting: Setting) -> float:
    """P(a message is lost), at most."""
    only = np.array([0])
    codes = codes_of(need, setting)
    return float(codes.loss(only, setting.interleave, setting.repeats, setting.pause_ms)[0])


def _good(codes: Codes, among: Ints, interleave: int, repeats: int, pause_ms: int) -> Ints:
    """Of the codes at these places those that reach the target."""
    if not len(among):
        return among
    return among[
        codes.loss(among, interleave, repeats, pause_ms) <= MARGIN * codes.need.target_loss
    ]


def _better(
    codes: Codes, among: Ints, best: _Found, interleave: int, repeats: int, pause_ms: int
) -> _Found:
    """The best of the codes at these places if it is better than what was found before."""
    cost = codes.wire_a_byte * (repeats + 1)
    latency = codes.latency_ms(interleave, repeats, pause_ms)
    most = float("inf") if codes.need.latency_ms_max is None else codes.need.latency_ms_max
    among = among[latency[among] <= most]
    if not len(among):
        return best
    at = among[np.lexsort((latency[among], cost[among]))[0]]
    code = int(codes.k[at]), int(codes.r[at]), int(codes.percent[at])
    setting = Setting(*code, interleave, repeats, pause_ms)
    found = _Found(float(cost[at]), float(latency[at]), setting)
    return found if found[:2] < best[:2] else best


def _least_percent(need: Need, setting: Setting) -> Setting:
    """The least repair for small blocks that is enough: it costs while the link is not full."""
    for percent in PERCENTS:
        other = replace(setting, repair_percent=percent)
        enough = other.params(need).repair_symbols(setting.k) == setting.r
        if enough and message_loss(need, other) <= MARGIN * need.target_loss:
            return other
    return setting


def _pauses(need: Need, repeats: int) -> tuple[int, ...]:
    if not repeats:
        return (PAUSE_MS_UNASKED,)
    if need.latency_ms_max is None:
        least = PAUSE_MS_UNASKED
        some = tuple(pause for pause in PAUSES_MS if pause >= least)
        return some if need.burst.rate else some[:1]
    return tuple(pause for pause in PAUSES_MS if pause * repeats <= need.latency_ms_max)


def _pairs(need: Need) -> tuple[Ints, Ints, Ints]:
    """A policy names k, r and the percentage: every pair, small blocks repaired as well as can be.

    There are r repair symbols where the percentage, or the design loss, gives that many or more.
    """
    k_all = np.arange(1, K_MAX + 1)
    most = repair_symbols(need, k_all, REPAIR_PERCENT_MAX, SYMBOLS_MAX)
    k, r = np.meshgrid(k_all, np.arange(REPAIR_SYMBOLS_MIN, SYMBOLS_MAX), indexing="ij")
    fits = (k + r <= rows_max(need)) | ((k == 1) & (r <= SYMBOLS_MAX - 1))
    keep = fits & (k + r <= SYMBOLS_MAX) & (r <= most[:, None])
    return k[keep], r[keep], np.full(int(keep.sum()), REPAIR_PERCENT_MAX)


def _pairs_of_percents(need: Need) -> tuple[Ints, Ints, Ints]:
    """`guard link send` has k and a percentage only: every pair that it can come to.

    Of percentages that give the same pair the largest: it repairs smaller blocks best.
    """
    k_all = np.arange(1, K_MAX + 1)
    parts = []
    for percent in range(REPAIR_PERCENT_MAX + 1):
        r, next_r = (
            np.maximum(REPAIR_SYMBOLS_MIN, -(-k_all * one // 100)) for one in (percent, percent + 1)
        )
        last = (percent == REPAIR_PERCENT_MAX) | (next_r > r)
        fits = (k_all + r <= rows_max(need)) | (k_all == 1)
        keep = last & fits & (k_all + r <= SYMBOLS_MAX)
        parts.append(np.stack([k_all[keep], r[keep], np.full(int(keep.sum()), percent)]))
    k, r, percents = np.concatenate(parts, axis=1)
    return k, r, percents
