"""What the content of a cleaned PDF draws, for the search of words.

Takes the model and its fonts, follows each page's content through the forms that it draws, with
the state that they inherit. Gives the text in the order of drawing, with a blank wherever the place
moves and without, and as it lies on the page: lines from top to bottom, each from left to right,
whichever way it is turned. What no page draws (patterns, glyphs, soft masks) is read by itself.
Forms that forms draw can stand for very much: from a bound on, no more is followed, and that told.
"""

from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from math import hypot
from typing import Any

from filters.formats.pdf_font_codes import Font, number_of
from filters.formats.pdf_model import Document

FOLLOWED_BYTES_MAX = 20_000_000
DEPTH_LEVELS_MAX = 32
STATES_MAX = 1_000
PIECES_MAX = 500_000  # of one page
STRINGS_MAX = 4_000_000  # of one page
_GAP = 0.18  # of the font's size, from which on a gap is a blank
_SAME_LINE = 0.35  # of the font's size
_UNIT = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_STARTS = frozenset((b"Td", b"TD", b"Tm", b"T*", b"ET"))
_KEPT = frozenset((b"Tj", b"TJ", b"Tf", b"Td", b"TD", b"Tm", b"T*", b"BT", b"ET", b"q", b"Q", b"cm",
                   b"Do", b"Tc", b"Tw", b"Tz", b"TL", b"Ts"))  # fmt: skip

Matrix = tuple[float, float, float, float, float, float]


def _times(one: Matrix, two: Matrix) -> Matrix:
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
class _Piece:
    """Characters side by side. way: a quarter turn. across, along, end: of its line, in points."""

    way: int
    across: float
    along: float
    end: float
    size: float
    said: str
    drawn: str


@dataclass(slots=True)
class _State:
    """The graphics state as far as text goes."""

    to_page: Matrix
    font: Font
    size: float = 1.0
    letter: float = 0.0  # Tc
    word: float = 0.0  # Tw
    stretch: float = 1.0  # Tz
    leading: float = 0.0
    rise: float = 0.0


@dataclass(slots=True)
class Drawn:
    """Texts of one content, and whether it draws pictures.

    said, drawn  strings in the order of drawing, "" where the place moves
    cut          whether there were more than is kept
    """

    said: list[str] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    pieces: list[_Piece] = field(default_factory=list)
    pictures: bool = False
    cut: bool = False

    def add(self, said: str, drawn: str) -> None:
        """One string more."""
        if len(self.said) < STRINGS_MAX:
            self.said.append(said)
            self.drawn.append(drawn)
        else:
            self.cut = True

    def texts(self) -> list[str]:
        """Every reading, each once."""
        if not self.pieces:
            return []
        found = []
        lines = _lines(self.pieces)
        for which, order in enumerate((self.said, self.drawn)):
            found.append("".join([each or " " for each in order]))
            found.append("".join(order))
            found += _laid_out(lines, which)
        return list(dict.fromkeys(found))


def _lines(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Pieces by the lines on which they lie."""
    lines: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda each: (each.way, each.across)):
        first = lines[-1][0] if lines else None
        reach = _SAME_LINE * max(first.size, piece.size) if first else 0.0
        if first and first.way == piece.way and piece.across - first.across <= reach:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    for line in lines:
        line.sort(key=lambda each: each.along)
    return lines


def _laid_out(lines: list[list[_Piece]], which: int) -> list[str]:
    """Lines with blanks where there are gaps, and without any."""
    spaced, joined = [], []
    for line in lines:
        texts = [piece.drawn if which else piece.said for piece in line]
        joined += texts
        spaced.append(texts[0])
        for (left, right), text in zip(pairwise(line), texts[1:], strict=True):
            gap = right.along - left.end > _GAP * max(left.size, right.size)
            spaced += [" ", text] if gap else [text]
        spaced.append(" ")
    return ["".join(spaced), "".join(joined)]


class Reader:
    """Contents of one document. fonts: by the numbers of objects. Bounds what forms draw.

    cut: whether something drawn was not followed. walked: contents that were.
    """

    def __init__(self, document: Document, fonts: dict[int, Font], followed_bytes_max: int) -> None:
        self.document = document
        self.fonts = fonts
        self.cut = False
        self.walked: set[int] = set()
        self._left = followed_bytes_max
        self._none = Font(drawn={code: chr(code) for code in range(32, 256)})
        self._draws: dict[int, tuple[bool, bool]] = {}

    def draws(self, number: int) -> tuple[bool, bool]:
        """Whether a content or what it draws has text, and pictures. Earlier ones are known."""
        known = self._draws.get(number)
        if known is not None:
            return known
        item = self.document.objects[number]
        if type(item) is not dict or item.get("Subtype") == "Image":
            return False, type(item) is dict
        raw = self.document.inflated(number) if "$b" in item else b""
        text, pictures = b" Tj\n" in raw or b" TJ\n" in raw, False
        for other in _numbers(item.get("Resources"), "XObject").values():
            inner = self._draws.get(other) or (False, self._is_picture(other))
            text, pictures = text or inner[0], pictures or inner[1]
        self._draws[number] = text, pictures
        return text, pictures

    def _is_picture(self, number: int) -> bool:
        item = self.document.objects[number]
        return type(item) is dict and item.get("Subtype") == "Image"

    def read(self, number: int, resources: Any) -> Drawn:
        """What one content draws, forms in it included."""
        drawn = Drawn()
        self._walk(number, resources, _State(_UNIT, self._none), drawn, 0)
        self.cut |= drawn.cut
        return drawn

    def _walk(self, number: int, resources: Any, state: _State, drawn: Drawn, depth: int) -> None:
        raw = self.document.inflated(number)
        self.walked.add(number)
        walk = _Walk(state, drawn)
        fonts, forms = _numbers(resources, "Font"), _numbers(resources, "XObject")
        for line in raw.split(b"\n"):
            operator = line[line.rfind(b" ") + 1 :]
            if operator not in _KEPT:
                continue
            operands = line.split(b" ")[:-1]
            if operator == b"Tf":
                font = fonts.get(operands[0][1:].decode(), -1)
                walk.state.font = self.fonts.get(font, self._none)
                walk.state.size = float(operands[1])
            elif operator == b"Do":
                self._follow(forms.get(operands[0][1:].decode(), -1), walk, depth)
            else:
                walk.operation(operator, operands)
        walk.close()

    def _follow(self, number: int, walk: "_Walk", depth: int) -> None:
        """A form that is drawn, with the state around it."""
        if number < 0:
            return
        if self._is_picture(number):
            walk.drawn.pictures = True
            return
        text, pictures = self.draws(number)
        walk.drawn.pictures |= pictures
        if not text:
            return
        form = self.document.objects[number]
        self._left -= form["$n"] + 1
        whole = form.get("Subtype") == "Form"  # else it is not held to the one form of content
        if not whole or self._left < 0 or depth >= DEPTH_LEVELS_MAX:
            self.cut = True
            return
        walk.close()
        inside = copy(walk.state)
        inside.to_page = _times(matrix_of(form.get("Matrix")), inside.to_page)
        self._walk(number, form.get("Resources"), inside, walk.drawn, depth + 1)


def _numbers(resources: Any, category: str) -> dict[str, int]:
    """Short names of a category -> numbers of objects."""
    given = resources.get(category) if type(resources) is dict else None
    return {
        short: each["$o"]
        for short, each in (given.items() if type(given) is dict else ())
        if type(each) is dict and "$o" in each
    }


class _Walk:
    """One content on its way: the state, where text goes, and the piece that is being written."""

    def __init__(self, state: _State, drawn: Drawn) -> None:
        self.state = state
        self.drawn = drawn
        self._saved: list[_State] = []
        self._unsaved = 0
        self._text = self._line = _UNIT
        self._open: list[tuple[str, str]] = []
        self._start = _UNIT

    def operation(self, operator: bytes, operands: list[bytes]) -> None:
        """One line, but for fonts and forms."""
        if operator in (b"Tj", b"TJ"):
            for operand in operands:
                if operand[:1] == b"<":
                    self._show(bytes.fromhex(operand[1:-1].decode()))
                elif operand not in (b"[", b"]"):
                    self._kern(float(operand) / -1000)
            return
        if operator in _STARTS:
            self.close()
        numbers = [float(operand) for operand in operands]
        state = self.state
        if operator in (b"Td", b"TD"):
            if operator == b"TD":
                state.leading = -numbers[1]
            self._next_line(numbers[0], numbers[1])
        elif operator == b"T*":
            self._next_line(0.0, -state.leading)
        elif operator == b"Tm":
            self._text = self._line = matrix_of([{"$r": each.decode()} for each in operands])
        elif operator == b"BT":
            self._text = self._line = _UNIT
        elif operator == b"cm":
            self.close()
            a, b, c, d, e, f = numbers
            state.to_page = _times((a, b, c, d, e, f), state.to_page)
        elif operator == b"q":
            self._save()
        elif operator == b"Q":
            self._restore()
        elif operator != b"ET":
            self._set(operator, numbers[0])

    def _set(self, operator: bytes, value: float) -> None:
        if operator == b"Tz":
            value /= 100
        names = {b"Tc": "letter", b"Tw": "word", b"Tz": "stretch", b"TL": "leading", b"Ts": "rise"}
        setattr(self.state, names[operator], value)

    def _save(self) -> None:
        if len(self._saved) < STATES_MAX:
            self._saved.append(copy(self.state))
        else:
            self._unsaved += 1

    def _restore(self) -> None:
        self.close()
        if self._unsaved:
            self._unsaved -= 1
        elif self._saved:
            self.state = self._saved.pop()

    def _next_line(self, x: float, y: float) -> None:
        a, b, c, d, e, f = self._line
        self._text = self._line = (a, b, c, d, x * a + y * c + e, x * b + y * d + f)

    def _show(self, raw: bytes) -> None:
        state = self.state
        if not self._open:
            self._start = self._text
        said, drawn, width, codes = state.font.shown(raw)
        self._open.append((said, drawn))
        self.drawn.add(said, drawn)
        spaces = state.word * raw.count(b" ") if state.word else 0.0
        self._move(width * state.size + codes * state.letter + spaces)

    def _kern(self, part: float) -> None:
        far = part > _GAP or part < -2 * _GAP
        if part > _GAP:
            self.drawn.add("", "")
        if far:
            self._end_piece()
        self._move(part * self.state.size)

    def _move(self, x: float) -> None:
        a, b, c, d, e, f = self._text
        x *= self.state.stretch
        self._text = (a, b, c, d, x * a + e, x * b + f)

    def close(self) -> None:
        """The place moves: what is shown next is not beside what was shown before."""
        if self.drawn.said and (self.drawn.said[-1] or self.drawn.drawn[-1]):
            self.drawn.add("", "")
        self._end_piece()

    def _end_piece(self) -> None:
        held, self._open = self._open, []
        if not held:
            return
        if len(self.drawn.pieces) >= PIECES_MAX:
            self.drawn.cut = True
            return
        state = self.state
        a, b, c, d, e, f = _times(self._start, state.to_page)
        right, top = _times(self._text, state.to_page)[4:]
        size = abs(state.size) * hypot(c, d)
        if a > abs(b):
            way, across, along, end = 0, -f, e, right
        elif b >= abs(a):
            way, across, along, end = 1, e, f, top
        elif -a > abs(b):
            way, across, along, end = 2, f, -e, -right
        else:
            way, across, along, end = 3, -e, -f, -top
        said, drawn = held[0]
        if len(held) > 1:
            said, drawn = "".join([one for one, _ in held]), "".join([two for _, two in held])
        self.drawn.pieces.append(_Piece(way, across, along, end, size, said, drawn))
