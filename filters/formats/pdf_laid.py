"""Pieces of text that a PDF's content draws, and the readings of them.

Takes strings in the order of drawing and pieces with their places; gives the text in that order,
with a blank wherever the place moves and without, and as it lies on the page: lines from top to
bottom, each from left to right, whichever way it is turned.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import frexp
from typing import Any

from filters.formats.pdf_font_codes import number_of

GAP = 0.18  # of the font's size, from which on a gap is a blank
_SAME_LINE = 0.35  # of the font's size
_PACKED = 4_096  # strings that are put together
_UNIT = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

Matrix = tuple[float, float, float, float, float, float]


def times(one: Matrix, two: Matrix) -> Matrix:
    """What the one does, and then the other."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = two
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j,
            e * g + f * i + k, e * h + f * j + m)  # fmt: skip


def matrix_of(given: Any) -> Matrix:
    """A matrix of the model, the unit for anything else."""
    if type(given) is not list or len(given) != 6:
        return _UNIT
    a, b, c, d, e, f = map(number_of, given)
    return (a, b, c, d, e, f)


@dataclass(slots=True)
class Piece:
    """Characters side by side. way: a quarter turn. across, along, end: of its line, in points."""

    way: int
    across: float
    along: float
    end: float
    size: float
    said: str
    drawn: str

    def is_blank(self) -> bool:
        """Whether it shows nothing."""
        return not (self.said.strip() or self.drawn.strip())


@dataclass(slots=True)
class Drawn:
    """Texts of one content, and whether it draws pictures.

    strings_max  how many strings are kept
    strings      how many are; one is "" where the place moves
    moved        whether the last one is that
    cut          whether there were more than is kept
    """

    strings_max: int
    strings: int = 0
    moved: bool = True
    pieces: list[Piece] = field(default_factory=list)
    pictures: bool = False
    cut: bool = False
    _said: list[str] = field(default_factory=list)
    _drawn: list[str] = field(default_factory=list)
    _packed: list[tuple[str, ...]] = field(
        default_factory=list
    )  # said and drawn, blanks in and out

    def add(self, said: str, drawn: str) -> None:
        """One string more."""
        if self.strings >= self.strings_max:
            self.cut = True
            return
        self.strings += 1
        self.moved = not (said or drawn)
        self._said.append(said)
        self._drawn.append(drawn)
        if len(self._said) >= _PACKED:
            self._pack()

    def _pack(self) -> None:
        """Put strings together: each alone takes a hundred times its size."""
        said, drawn = self._said, self._drawn
        same = said == drawn
        two = "".join([each or " " for each in said]), "".join(said)
        more = two if same else ("".join([each or " " for each in drawn]), "".join(drawn))
        self._packed.append(two + more)
        self._said, self._drawn = [], []

    def is_text(self) -> bool:
        """Whether anything is shown but blanks."""
        return not all(piece.is_blank() for piece in self.pieces)

    def texts(self) -> list[str]:
        """Every reading, each once."""
        if not self.pieces:
            return []
        self._pack()
        lines = _lines([piece for piece in self.pieces if not piece.is_blank()])
        found = ["".join(parts) for parts in zip(*self._packed, strict=True)]
        found += _laid_out(lines, 0) + _laid_out(lines, 1)
        return list(dict.fromkeys(found))


def _lines(pieces: list[Piece]) -> list[list[Piece]]:
    """Pieces by the lines on which they lie, near the first by the lesser of their sizes."""
    lines: list[list[Piece]] = []
    near: dict[int, tuple[float, list[Piece]]] = {}  # the last of each doubling of size
    way = -1
    for piece in sorted(pieces, key=lambda each: (each.way, each.across)):
        if piece.way != way:
            way, near = piece.way, {}
        for kind, (largest, line) in sorted(near.items(), reverse=True):
            far = piece.across - line[0].across
            if far <= _SAME_LINE * min(largest, piece.size):
                line.append(piece)
                near[kind] = max(largest, piece.size), line
                break
            if not far <= _SAME_LINE * largest:
                del near[kind]
        else:
            lines.append([piece])
            kind = min(max(frexp(piece.size)[1], -8), 16)
            near[kind] = piece.size, lines[-1]
    for line in lines:
        line.sort(key=lambda each: each.along)
    return lines


def _laid_out(lines: list[list[Piece]], which: int) -> list[str]:
    """Lines with blanks where there are gaps, and without any."""
    spaced, joined = [], []
    for line in lines:
        texts = [piece.drawn if which else piece.said for piece in line]
        joined += texts
        spaced.append(texts[0])
        for (left, right), text in zip(pairwise(line), texts[1:], strict=True):
            gap = right.along - left.end > GAP * max(left.size, right.size)
            spaced += [" ", text] if gap else [text]
        spaced.append(" ")
    return ["".join(spaced), "".join(joined)]
