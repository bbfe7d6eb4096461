"""Blocks of a JPEG picture (ITU-T T.81, A.3): transformed, quantised, and made to stay as they are.

Takes planes of samples, gives quantised coefficients in zigzag order. Integers throughout, so that
every machine gives the same: the transforms are those of Loeffler, Ligtenberg and Moschytz (1989)
with 13 fractional bits, and `inverse` rounds as the decoders in common use do. That makes a block
predictable: what a decoder will make of it, transformed and quantised again, has to be the same
block, and is changed until it is. So a delivered JPEG that goes through again does not change.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Blocks = NDArray[np.int32]
"""8 by 8 by the number of blocks."""
Plane = NDArray[np.uint8]
Again = Callable[[Blocks, NDArray[np.intp]], Blocks]
"""Coefficients -> those of the picture that a decoder makes of them; and which blocks they are."""

ROUNDS_MAX = 12
_KEPT = (58, 49, 36, 28, 21, 15, 10, 6, 3)
"""Coefficients that a block keeps which does not come to rest; in the end it keeps its mean."""

TURNS_A_BLOCK, TURNS_MIN = 6, 1 << 17

ZIGZAG = np.array([
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
])  # fmt: skip

_LUMINANCE = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
])  # fmt: skip
_CHROMINANCE = np.array([
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *[99] * 32,
])  # fmt: skip


@dataclass(slots=True)
class Turns:
    """left: how often blocks of a picture may still be decoded and coded again.

    Photographs need one or two turns a block, some twenty along an edge that cuts blocks; noise of
    black and white five. What is made to need more than all blocks have together is flattened.
    """

    left: int


def turns(planes: list[Plane]) -> Turns:
    """Those of a picture of these planes."""
    return Turns(max(TURNS_A_BLOCK * sum(plane.size for plane in planes) // 64, TURNS_MIN))


def quantisation(quality: int, colour: bool) -> NDArray[np.int32]:
    """The table of T.81 Annex K in natural order, scaled for a quality from 1 to 100."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = (_CHROMINANCE if colour else _LUMINANCE) * percent + 50
    scaled: NDArray[np.int32] = np.clip(table // 100, 1, 255).astype(np.int32)
    return scaled


def coefficients(plane: Plane, table: NDArray[np.int32], allowed: Turns) -> NDArray[np.int32]:
    """Rows by columns of blocks by 64 quantised coefficients in zigzag order.

    What comes to rest takes its turns from `allowed`.
    """
    height, width = plane.shape
    down, across = (height + 7) // 8, (width + 7) // 8
    columns = _mirrored(width, across)
    whole = plane[_mirrored(height, down)][:, columns]
    blocks = whole.reshape(down, 8, across, 8).transpose(1, 3, 0, 2).reshape(8, 8, -1)
    at = np.arange(down * across)
    right = at[at % across == across - 1] if width % 8 else at[:0]
    below = at[at // across == down - 1] if height % 8 else at[:0]
    is_right, is_below = np.isin(at, right), np.isin(at, below)
    steps = table.reshape(8, 8, 1)

    mirrored_x, mirrored_y = _mirrored(width % 8 or 8, 1), _mirrored(height % 8 or 8, 1)

    def again(found: Blocks, which: NDArray[np.intp]) -> Blocks:
        seen = inverse(found * steps)
        if len(right):
            edge = np.flatnonzero(is_right[which])
            seen[:, :, edge] = seen[:, mirrored_x][:, :, edge]
        if len(below):
            edge = np.flatnonzero(is_below[which])
            seen[:, :, edge] = seen[mirrored_y][:, :, edge]
        return _quantised(forward(seen), steps)

    found = _quantised(forward(blocks.astype(np.int32)), steps)
    _settle(found, again, allowed)
    ordered: NDArray[np.int32] = found.reshape(64, down, across)[ZIGZAG].transpose(1, 2, 0)
    return ordered


def _mirrored(count: int, blocks: int) -> NDArray[np.intp]:
    """Where each sample of a line of blocks is taken from: the last block repeats its own, turned.

    A line that mirrors itself is one that the transform keeps best.
    """
    last = count - 8 * (blocks - 1)
    own = np.pad(np.arange(last), (0, 8 - last), "symmetric")
    return np.concatenate([np.arange(count - last), count - last + own])


def _settle(found: Blocks, again: Again, allowed: Turns) -> None:
    """Change blocks until decoding and coding them again changes none of them."""
    moving = _rounds(found, again, np.arange(found.shape[2]), allowed)
    order = np.empty(64, np.int64)
    order[ZIGZAG] = np.arange(64)
    for kept in _KEPT:
        if not 0 < len(moving) <= allowed.left:
            break
        found[:, :, moving] *= (order < kept).reshape(8, 8, 1)
        moving = _rounds(found, again, moving, allowed)
    if len(moving):
        _flatten(found, again, moving)


def _rounds(
    found: Blocks, again: Again, moving: NDArray[np.intp], allowed: Turns
) -> NDArray[np.intp]:
    """Those of the blocks that move still when the rounds or the turns are over."""
    for _ in range(ROUNDS_MAX):
        if not 0 < len(moving) <= allowed.left:
            break
        allowed.left -= len(moving)
        before = found[:, :, moving]
        after = again(before, moving)
        changed = (after != before).any(axis=(0, 1))
        moving = moving[changed]
        found[:, :, moving] = after[:, :, changed]
    return moving


def _flatten(found: Blocks, again: Again, moving: NDArray[np.intp]) -> None:
    """Each of these blocks gets its mean, each mean made to rest once for all that have it."""
    means, first, places = np.unique(found[0, 0, moving], return_index=True, return_inverse=True)
    flat = np.zeros((8, 8, len(means)), np.int32)
    flat[0, 0] = means
    which = np.arange(len(means))
    own = Turns(ROUNDS_MAX * len(means))  # there are no more means than a coefficient has values
    left = _rounds(flat, lambda some, at: again(some, moving[first[at]]), which, own)
    flat[:, :, left] = 0  # mid-grey: the transform of nothing is nothing
    found[:, :, moving] = flat[:, :, places]


def _quantised(transformed: Blocks, steps: NDArray[np.int32]) -> Blocks:
    wide = steps * 8
    sizes = (np.abs(transformed) + (wide >> 1)) // wide
    signed: Blocks = np.where(transformed < 0, -sizes, sizes).astype(np.int32)
    return signed


def _rounded(value: Blocks, bits: int) -> Blocks:
    return (value + (1 << (bits - 1))) >> bits


def forward(samples: Blocks) -> Blocks:
    """The coefficients of samples 0..255, times 8."""
    rows = _forward_lines((samples - 128).swapaxes(0, 1), 2, 11)
    return _forward_lines(rows.swapaxes(0, 1), -2, 15)


def _forward_lines(line: Blocks, shift: int, bits: int) -> Blocks:
    """Transform along the first axis."""
    sums, differences = line[:4] + line[:3:-1], line[:4] - line[:3:-1]
    even, odd = sums[:2] + sums[:1:-1], sums[:2] - sums[:1:-1]
    out = np.empty_like(line)
    for at, value in ((0, even[0] + even[1]), (4, even[0] - even[1])):
        out[at] = value << shift if shift > 0 else _rounded(value, -shift)
    turn = (odd[0] + odd[1]) * 4433
    out[2] = _rounded(turn + odd[0] * 6270, bits)
    out[6] = _rounded(turn - odd[1] * 15137, bits)
    t7, t6, t5, t4 = differences
    z1, z2, z3, z4 = _odd(t4, t5, t6, t7)
    out[7] = _rounded(t4 * 2446 + z1 + z3, bits)
    out[5] = _rounded(t5 * 16819 + z2 + z4, bits)
    out[3] = _rounded(t6 * 25172 + z2 + z3, bits)
    out[1] = _rounded(t7 * 12299 + z1 + z4, bits)
    return out


def _odd(t0: Blocks, t1: Blocks, t2: Blocks, t3: Blocks) -> tuple[Blocks, Blocks, Blocks, Blocks]:
    z3, z4 = t0 + t2, t1 + t3
    z5 = (z3 + z4) * 9633
    return (t0 + t3) * -7373, (t1 + t2) * -20995, z3 * -16069 + z5, z4 * -3196 + z5


def inverse(dequantised: Blocks) -> Blocks:
    """The samples 0..255 that a decoder makes of coefficients."""
    columns = _inverse_lines(dequantised, 11)
    rows = _inverse_lines(columns.swapaxes(0, 1), 18).swapaxes(0, 1)
    return np.clip(rows + 128, 0, 255)


def _inverse_lines(line: Blocks, bits: int) -> Blocks:
    """Transform back along the first axis."""
    turn = (line[2] + line[6]) * 4433
    low, high = turn - line[6] * 15137, turn + line[2] * 6270
    first, second = (line[0] + line[4]) << 13, (line[0] - line[4]) << 13
    even = (first + high, second + low, second - low, first - high)
    t0, t1, t2, t3 = line[7], line[5], line[3], line[1]
    z1, z2, z3, z4 = _odd(t0, t1, t2, t3)
    odd = (
        t3 * 12299 + z1 + z4,
        t2 * 25172 + z2 + z3,
        t1 * 16819 + z2 + z4,
        t0 * 2446 + z1 + z3,
    )
    out = np.empty_like(line)
    for at in range(4):
        out[at] = _rounded(even[at] + odd[at], bits)
        out[7 - at] = _rounded(even[at] - odd[at], bits)
    return out
