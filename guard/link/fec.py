"""The erasure code: Reed-Solomon over GF(2^8) with Cauchy rows.

Takes symbols as rows of arrays, gives repair symbols, or puts lost source symbols back in place.
Pure. `Codec` is what the link asks of a code; `ReferenceCodec` is the written definition in
NumPy, slow and plain; `guard.edge.isal` has the fast one, which must agree with this one.
Follows docs/spec/link.md §6 (4); the field and the rows are those of ISA-L.
"""

from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x11D

Symbols = NDArray[np.uint8]


class Codec(Protocol):
    """A code. Arrays are (rows, S) bytes, any row stride, contiguous rows."""

    name: str

    def encode(self, sources: Symbols, repairs: Symbols) -> None:
        """Write the (r, S) repair symbols of (k, S) source symbols."""

    def rebuild(self, k: int, symbols: Symbols, lost: list[int], repairs: list[int]) -> None:
        """Put back the lost source symbols of (k + r, S) symbols, in place.

        `lost` are their indices (< k); `repairs` as many indices (>= k) of repair symbols in hand.
        """


def _tables() -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    logarithm = np.zeros(256, dtype=np.int64)
    power = np.zeros(510, dtype=np.uint8)
    value = 1
    for exponent in range(255):
        power[exponent] = power[exponent + 255] = value
        logarithm[value] = exponent
        value <<= 1
        if value & 0x100:
            value ^= POLYNOMIAL
    return logarithm, power


_LOG, _EXP = _tables()


def multiply(left: Symbols, right: Symbols) -> Symbols:
    """The product in GF(2^8), element by element (shapes broadcast)."""
    product: Symbols = _EXP[_LOG[left] + _LOG[right]]
    product[np.broadcast_to((left == 0) | (right == 0), product.shape)] = 0
    return product


@lru_cache(maxsize=512)
def cauchy_rows(k: int, r: int) -> Symbols:
    """The (r, k) rows that make the repair symbols: 1 / (i xor j)."""
    sums = np.arange(k, k + r)[:, None] ^ np.arange(k)[None, :]
    rows: Symbols = _EXP[(255 - _LOG[sums]) % 255]
    rows.flags.writeable = False
    return rows


def rebuild_rows(k: int, lost: list[int], repairs: list[int]) -> Symbols:
    """The (e, k) rows that give the e lost symbols from the k in hand.

    In hand, in this order: the source symbols that are not lost, by index, then `repairs`. Only
    the e x e minor is inverted, by the closed formula for a Cauchy matrix:
    inverse[b, a] = prod_c (x_a + y_c)(x_c + y_b)
                    / ((x_a + y_b) prod_{c != a} (x_a + x_c) prod_{c != b} (y_b + y_c)).
    """
    x = np.array(repairs, dtype=np.int64)
    y = np.array(lost, dtype=np.int64)
    log_sums = _LOG[x[:, None] ^ y[None, :]]
    log_x = _LOG[x[:, None] ^ x[None, :]]  # the diagonal is _LOG[0] = 0: it drops out
    log_y = _LOG[y[:, None] ^ y[None, :]]
    by_x = log_sums.sum(axis=1) - log_x.sum(axis=1)
    by_y = log_sums.sum(axis=0) - log_y.sum(axis=0)
    inverse = _EXP[(by_x[None, :] + by_y[:, None] - log_sums.T) % 255]
    kept = np.delete(np.arange(k), y)
    known = _EXP[(255 - _LOG[x[:, None] ^ kept[None, :]]) % 255]
    through = np.bitwise_xor.reduce(multiply(inverse[:, :, None], known[None, :, :]), axis=1)
    return np.ascontiguousarray(np.concatenate([through, inverse], axis=1))


class ReferenceCodec:
    """The definition, written out. About 100 times slower than the vector code."""

    name = "reference"

    def encode(self, sources: Symbols, repairs: Symbols) -> None:
        """See `Codec.encode`."""
        rows = cauchy_rows(len(sources), len(repairs))
        for row, repair in zip(rows, repairs, strict=True):
            repair[:] = _combine(row, sources)

    def rebuild(self, k: int, symbols: Symbols, lost: list[int], repairs: list[int]) -> None:
        """See `Codec.rebuild`."""
        rows = rebuild_rows(k, lost, repairs)
        kept = [index for index in range(k) if index not in set(lost)]
        hand = symbols[kept + repairs]
        for row, index in zip(rows, lost, strict=True):
            symbols[index] = _combine(row, hand)


def _combine(row: Symbols, symbols: Symbols) -> Symbols:
    total: Symbols = np.bitwise_xor.reduce(multiply(row[:, None], symbols), axis=0)
    return total
