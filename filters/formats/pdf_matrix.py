"""Matrices of a PDF, whose numbers cross with six decimals.

Takes the six numbers as they came; raises `Malformed` where six decimals would make it another
matrix: text that is drawn tiny and magnified again would vanish, or another appear.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

from filters.formats.picture_structure import broken

_DECIMALS = 6
_MOST = 1e9  # of one number
_CHANGE_MAX = 0.2  # of the area; to a matrix of ordinary numbers rounding does far less


def check_matrix(given: Sequence[Any]) -> None:
    """`Malformed` for a matrix that rounding changes. One that has no area anyway is taken."""
    try:
        a, b, c, d = (float(value) for value in given[:4])
    except (TypeError, ValueError):
        broken("no matrix where one must be")
    before = a * d - b * c
    a, b, c, d = (round(value, _DECIMALS) for value in (a, b, c, d))
    if abs(a * d - b * c - before) > _CHANGE_MAX * abs(before):
        broken("a matrix of numbers that are too small")


class Linear(NamedTuple):
    """What a matrix does to lengths and areas; where it puts them is left out."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0

    def then(self, other: "Linear") -> "Linear":
        """This, and the other one after it."""
        a, b, c, d = self
        p, q, r, s = other
        return Linear(*map(_held, (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s)))

    @property
    def area(self) -> float:
        """How much larger areas become."""
        return abs(self.a * self.d - self.b * self.c)

    @property
    def stretch(self) -> float:
        """How much longer lengths become at most."""
        squares = sum(each * each for each in self)
        return sqrt((squares + sqrt(max(squares * squares - 4 * self.area**2, 0))) / 2)

    @property
    def is_level(self) -> bool:
        """Whether sides of boxes stay level and upright."""
        return self.b == self.c == 0 or self.a == self.d == 0

    def size(self, width: float, height: float) -> tuple[float, float]:
        """Of the level box around a box."""
        a, b, c, d = map(abs, self)
        return a * width + c * height, b * width + d * height


def linear_of(given: Any) -> Linear:
    """The linear part of six numbers of a file; without them, nothing changes."""
    try:
        return Linear(*(_held(float(value)) for value in list(given)[:4]))
    except (TypeError, ValueError):
        return Linear()


def offset_of(given: Any) -> tuple[float, float]:
    """Where six numbers of a file put things; without them, nothing moves."""
    try:
        x, y = (_held(float(value)) for value in list(given)[4:6])
        return x, y
    except (TypeError, ValueError):
        return 0.0, 0.0


def _held(value: float) -> float:
    return min(max(value, -_MOST), _MOST)
