"""References in text: the quick way finds what looking for all of them finds."""

import random

import pytest

from filters.formats import word_forms

PIECES = (
    b"%",
    b"&",
    b"%4",
    b"%41",
    b"%zz",
    b"&#",
    b"&#65;",
    b"&amp;",
    b"&amp&lt;",
    b"&a",
    b";",
    b"a",
)


@pytest.mark.parametrize("between", [0, 30, 5_000])
@pytest.mark.parametrize("seed", range(40))
def test_signs_are_found_one_by_one_or_all_at_once(seed: int, between: int) -> None:
    """Where signs are rare, where they are not, and where the first are and the rest are not."""
    chance = random.Random(seed)
    pieces = chance.choices(PIECES, k=chance.choice((0, 3, 100)))
    raw = b"".join(piece + b"x" * chance.randrange(between + 1) for piece in pieces)
    found = [(one.start(), one.group()) for one in word_forms._references_in(raw)]
    assert found == [(one.start(), one.group()) for one in word_forms._REFERENCE.finditer(raw)]
