"""Chance that is the same on every machine and under every version of Python and NumPy.

Takes a seed, gives 64-bit words, numbers and bytes by integer arithmetic (SplitMix64; Steele, Lea,
Flood 2014) and SHAKE-128 (FIPS 202) alone. Pure. Whoever needs several independent runs of chance
from one seed makes each with `stream`.
"""

from collections.abc import Sequence
from hashlib import shake_128
from typing import TypeVar

GOLDEN = 0x9E3779B97F4A7C15
MASK = 2**64 - 1
ALL = 2**53

T = TypeVar("T")


def mix(word: int) -> int:
    """SplitMix64's output function on one word."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def stream(seed: int, name: str) -> int:
    """The seed of one use of a seed; other names give unrelated ones."""
    return mix(seed ^ int.from_bytes(shake_128(name.encode()).digest(8), "big"))


def word_at(seed: int, index: int) -> int:
    """Word number `index` of a seed's run, without those before it."""
    return mix((seed + (index + 1) * GOLDEN) & MASK)


def below_at(seed: int, index: int, bound: int) -> int:
    """A number from 0 to bound - 1. (Its bias is at most bound / 2**64.)"""
    return word_at(seed, index) % bound


def bytes_at(seed: int, index: int, size: int) -> bytes:
    """Bytes that do not compress."""
    return shake_128(seed.to_bytes(8, "big") + index.to_bytes(8, "big")).digest(size)


class Chance:
    """Words one after another."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._index = 0

    def word(self) -> int:
        """64 bits."""
        self._index += 1
        return word_at(self._seed, self._index - 1)

    def below(self, bound: int) -> int:
        """From 0 to bound - 1."""
        return self.word() % bound

    def between(self, least: int, most: int) -> int:
        """From least to most, both in."""
        return least + self.below(most - least + 1)

    def happens(self, share: float) -> bool:
        """Whether something of this probability happens."""
        return self.word() >> 11 < round(share * ALL)

    def choice(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.below(len(choices))]
