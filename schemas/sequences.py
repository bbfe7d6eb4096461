"""Sets of sequence numbers, kept as ranges: what was handled, what is missing.

Numbers are positive integers. A set's size in memory is its number of ranges, not of numbers.
The text form is "1-500,502,510-600".
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Self


class RangeSet:
    """A set of integers as sorted, disjoint, non-adjacent closed ranges."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges())

    def ranges(self) -> Iterator[tuple[int, int]]:
        """(first, last) of each range, ascending."""
        return zip(self._firsts, self._lasts, strict=True)

    def add(self, number: int) -> bool:
        """Put a number in; says whether it was new."""
        at = bisect_right(self._firsts, number) - 1
        if at >= 0 and number <= self._lasts[at]:
            return False
        joins_before = at >= 0 and self._lasts[at] == number - 1
        joins_after = at + 1 < len(self._firsts) and self._firsts[at + 1] == number + 1
        if joins_before and joins_after:
            self._lasts[at] = self._lasts.pop(at + 1)
            self._firsts.pop(at + 1)
        elif joins_before:
            self._lasts[at] = number
        elif joins_after:
            self._firsts[at + 1] = number
        else:
            self._firsts.insert(at + 1, number)
            self._lasts.insert(at + 1, number)
        return True

    def text(self) -> str:
        """The text form."""
        return ",".join(
            str(first) if first == last else f"{first}-{last}" for first, last in self.ranges()
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """The set in a text that `text` gave. Raises ValueError for any other."""
        made = cls()
        for part in text.split(",") if text else ():
            first, _, last = part.partition("-")
            made._firsts.append(int(first))
            made._lasts.append(int(last or first))
        ends = [end for pair in made.ranges() for end in pair]
        if any(a > b for a, b in zip(ends, ends[1:], strict=False)):
            raise ValueError("the ranges are not in order")
        return made
