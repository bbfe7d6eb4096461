"""Matrices of a PDF, whose numbers cross with six decimals.

Takes the six numbers as they came; raises `Malformed` where six decimals would make it another
matrix: text that is drawn tiny and magnified again would vanish, or another appear.
"""

from collections.abc import Sequence
from typing import Any

from filters.formats.picture_structure import broken

_DECIMALS = 6
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
