"""The erasure code: Reed-Solomon over GF(2^8) with Cauchy rows.

Takes symbols as rows of arrays, gives repair symbols, or puts lost source symbols back in place.
Pure. `Codec` is what the link asks of a code; `ReferenceCodec` is the written definition in
NumPy, slow and plain; `guard.edge.isal` has the fast one, which must agree with this one.
Follows docs/spec/link.md §6 (4); the field and the rows are those of ISA-L.

Lost symbols come back in two steps. The repair symbols in hand, less what the source symbols in
hand give to them, are sums of the lost symbols alone (the syndromes); so only the e x e Cauchy
minor of the e lost symbols has to be inverted, and it has a closed inverse.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x11D

Symbols = NDArray[np.uint8]


class Codec(Protocol):
    """A code. Arrays are (rows, S) bytes, any row stride, contiguous rows."""

    name: str

    def encoder(self, sources: Symbols, repairs: Symbols) -> Callable[[], None]:
        """A call that writes the (r, S) repair symbols of the (k, S) source symbols.

        It works on these very arrays each time, so a sender makes it once for its buffers.
        """

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
_ALL = np.arange(256)
_LOG_OF_SUM = _LOG[_ALL[:, None] ^ _ALL]  # log(i + j); 0 where i = j, which then drops out


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


def minor_inverse(lost: list[int], repairs: list[int]) -> Symbols:
    """The (e, e) inverse of the Cauchy minor: lost source symbols from their syndromes.

    inverse[b, a] = prod_c (x_a + y_c)(x_c + y_b)
                    / ((x_a + y_b) prod_{c != a} (x_a + x_c) prod_{c != b} (y_b + y_c)),
    x the indices of the repair symbols in hand, y those of the lost source symbols.
    """
    x = np.array(repairs)
    y = np.array(lost)
    column = x[:, None]
    log_sums = _LOG_OF_SUM[column, y]
    by_x = log_sums.sum(axis=1) - _LOG_OF_SUM[column, x].sum(axis=1)
    by_y = log_sums.sum(axis=0) - _LOG_OF_SUM[y[:, None], y].sum(axis=1)
    inverse: Symbols = _EXP[(by_x + by_y[:, None] - log_sums.T) % 255]
    return inverse


class ReferenceCodec:
    """The definition, written out. About 100 times slower than the vector code."""

    name = "reference"

    def encoder(self, sources: Symbols, repairs: Symbols) -> Callable[[], None]:
        """See `Codec.encoder`."""
        rows = cauchy_rows(len(sources), len(repairs))

        def encode() -> None:
            for row, repair in zip(rows, repairs, strict=True):
                repair[:] = _combine(row, sources)

        return encode

    def rebuild(self, k: int, symbols: Symbols, lost: list[int], repairs: list[int]) -> None:
        """See `Codec.rebuild`."""
        rows = cauchy_rows(k, len(symbols) - k)[np.array(repairs) - k]
        sources = symbols[:k].copy()
        sources[lost] = 0
        syndromes = np.stack([_combine(row, sources) for row in rows]) ^ symbols[repairs]
        for row, index in zip(minor_inverse(lost, repairs), lost, strict=True):
            symbols[index] = _combine(row, syndromes)


def _combine(row: Symbols, symbols: Symbols) -> Symbols:
    total: Symbols = np.bitwise_xor.reduce(multiply(row[:, None], symbols), axis=0)
    return total
