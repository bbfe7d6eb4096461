"""Sets of sequence numbers, kept as ranges: what has landed, what was handled, what is missing.

Takes numbers and ranges, gives what is in and what is not. Pure. A set's size in memory is its
number of ranges, not of numbers; adding the next number in order costs a comparison. The text
form is "1-500,502,510-600". Follows docs/spec/link.md §8.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import Self

Range = tuple[int, int]
"""First and last, both in."""

_PART = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", re.ASCII)


class RangeSet:
    """Disjoint ranges of integers in order, never touching each other."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def __len__(self) -> int:
        """How many ranges; `count` gives how many numbers."""
        return len(self._firsts)

    @property
    def count(self) -> int:
        """How many numbers are in."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def last(self) -> int | None:
        """The highest number that is in; None of an empty set."""
        return self._lasts[-1] if self._lasts else None

    def is_just(self, first: int, last: int) -> bool:
        """Whether it is this one range."""
        return self._firsts == [first] and self._lasts == [last]

    def ranges(self) -> tuple[Range, ...]:
        """All ranges, in order."""
        return tuple(zip(self._firsts, self._lasts, strict=True))

    def add(self, first: int, last: int | None = None) -> None:
        """Put a number, or a range, in; it joins what it touches."""
        if last is None:
            last = first
        if self._lasts and first == self._lasts[-1] + 1:  # the common case: the next in order
            self._lasts[-1] = last
            return
        left = bisect_right(self._firsts, first) - 1
        if left < 0 or self._lasts[left] < first - 1:
            left += 1
        right = bisect_right(self._firsts, last + 1)
        if left < right:
            first = min(first, self._firsts[left])
            last = max(last, self._lasts[right - 1])
        self._firsts[left:right] = [first]
        self._lasts[left:right] = [last]

    def remove(self, first: int, last: int) -> bool:
        """Take a range out; gives whether any of it was in."""
        left = bisect_right(self._firsts, first) - 1
        if left < 0 or self._lasts[left] < first:
            left += 1
        right = bisect_right(self._firsts, last)
        if left >= right:
            return False
        ends = (self._firsts[left], first - 1), (last + 1, self._lasts[right - 1])
        rest = [(low, high) for low, high in ends if low <= high]
        self._firsts[left:right] = [low for low, _ in rest]
        self._lasts[left:right] = [high for _, high in rest]
        return True

    def above(self, number: int) -> tuple[Range, ...]:
        """Take out all that is higher than this number, and give it."""
        rest = RangeSet(self.ranges())
        if self._lasts and self._lasts[-1] > number:
            self.remove(number + 1, self._lasts[-1])
        rest.remove(0, number)
        return rest.ranges()

    def missing(self, first: int, last: int) -> list[Range]:
        """The ranges of [first, last] that are not in."""
        found: list[Range] = []
        at = max(bisect_right(self._firsts, first) - 1, 0)
        while first <= last and at < len(self._firsts):
            low, high = self._firsts[at], self._lasts[at]
            if low > last:
                break
            if first < low:
                found.append((first, low - 1))
            first = max(first, high + 1)
            at += 1
        if first <= last:
            found.append((first, last))
        return found

    def close_lowest_hole(self) -> Range:
        """Join the two lowest ranges; gives the hole that was between them."""
        hole = (self._lasts[0] + 1, self._firsts[1] - 1)
        del self._lasts[0], self._firsts[1]
        return hole

    def text(self) -> str:
        """The text form; of numbers from 0 on."""
        return ",".join(
            str(first) if first == last else f"{first}-{last}" for first, last in self.ranges()
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """The set in a text that `text` gave. Raises ValueError for any other."""
        made = cls()
        for part in text.split(",") if text else ():
            found = _PART.fullmatch(part)
            if found is None:
                raise ValueError("a range is no number and no two numbers")
            made._firsts.append(int(found[1]))
            made._lasts.append(int(found[2] or found[1]))
        apart = all(low_last + 1 < high for (_, low_last), (high, _) in pairwise(made.ranges()))
        if not apart or made.text() != text or any(a > b for a, b in made.ranges()):
            raise ValueError("the ranges are not in order, or not apart")
        return made
