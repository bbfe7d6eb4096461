"""What the content of a cleaned PDF draws, for the search of words.

Takes the model and its fonts, follows each page's content through the forms that it draws, with
the state that they inherit. Gives strings and pieces with places (`filters.formats.pdf_laid`). What
no page draws (patterns, glyphs, soft masks) is read by itself. Forms that forms draw can stand for
very much: from a bound on, no more is followed, and that told.
"""

from copy import copy
from dataclasses import dataclass
from math import hypot
from typing import Any

from filters.formats.pdf_font_codes import Font, wide_widths
from filters.formats.pdf_laid import GAP, Drawn, Matrix, Piece, matrix_of, times
from filters.formats.pdf_model import Document

FOLLOWED_BYTES_MAX = 20_000_000
DEPTH_LEVELS_MAX = 32
STATES_MAX = 1_000
PIECES_MAX = 500_000  # of one page
_PARTS_KEPT = 1_000  # of a piece
STRINGS_MAX = 2_000_000  # of one document
WIDTHS_MAX = 2_000_000  # of all CID fonts together
_WIDE = 1.5  # of the font's size: no glyph is wider, so there is a gap
_UNIT = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_STARTS = frozenset((b"Td", b"TD", b"Tm", b"T*", b"ET"))
_KEPT = frozenset((b"Tj", b"TJ", b"Tf", b"Td", b"TD", b"Tm", b"T*", b"BT", b"ET", b"q", b"Q", b"cm",
                   b"Do", b"Tc", b"Tw", b"Tz", b"TL", b"Ts"))  # fmt: skip


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
        self._strings_left = STRINGS_MAX
        self._widths_left = WIDTHS_MAX
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
        drawn = Drawn(self._strings_left)
        self._walk(number, resources, _State(_UNIT, self._none), drawn, 0)
        self._strings_left -= drawn.strings
        self.cut |= drawn.cut
        return drawn

    def read_beside(self, number: int, resources: Any) -> Drawn:
        """The same, of what is to be read by itself all the same."""
        walked, self.walked = self.walked, set()
        drawn = self.read(number, resources)
        self.walked = walked
        return drawn

    def widths_of(self, given: Any) -> dict[int, float]:
        """Widths of a CID font; fewer, and that told, where all fonts have very many."""
        widths, left = wide_widths(given, self._widths_left)
        self._widths_left = max(left, 0)
        self.cut |= left <= 0
        return widths

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
                walk.set_font(self.fonts.get(font, self._none), float(operands[1]))
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
        inside.to_page = times(matrix_of(form.get("Matrix")), inside.to_page)
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
        self._end = 0.0, 0.0  # of what was shown last
        self._advance = self._kerned = 0.0  # of what was shown last, and since; in sizes

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
            state.to_page = times((a, b, c, d, e, f), state.to_page)
        elif operator == b"q":
            self._save()
        elif operator == b"Q":
            self._restore()
        elif operator != b"ET":
            self._set(operator, numbers[0])

    def set_font(self, font: Font, size: float) -> None:
        """What comes is shown in this font."""
        if size != self.state.size:
            self._end_piece()
        self.state.font, self.state.size = font, size

    def _set(self, operator: bytes, value: float) -> None:
        if operator in (b"Tz", b"Ts"):
            self._end_piece()
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
        """A string; by its codes where one goes back, or leaves a gap that may hold another's."""
        state, kerned = self.state, self._kerned
        if kerned > GAP:
            self.drawn.add("", "")
            self._end_piece()
        elif kerned < -2 * GAP or kerned + self._advance < 0:
            self._end_piece()
        said, drawn, width, codes = state.font.shown(raw)
        self.drawn.add(said, drawn)
        letter, word = state.letter, state.word
        if letter or word or not state.font.even:
            size = state.size or 1.0
            if self._parts(raw, letter / size, word / size):
                return
        spaces = word * raw.count(b" ") if word else 0.0
        self._put(said, drawn, width * state.size + codes * letter + spaces, max(letter, 0.0))

    def _parts(self, raw: bytes, letter: float, word: float) -> bool:
        """Show a string by its codes if it must be. letter, word: what is added, in sizes."""
        least, most = self.state.font.extremes
        least += min(letter, 0.0) + min(word, 0.0)
        if least >= 0 and most <= _WIDE and letter <= GAP and word <= GAP:
            return False
        size = self.state.size
        for code, said, drawn, width in self.state.font.each(raw):
            more = letter + word if code == b" " else letter
            self._put(said, drawn, (width + more) * size, (width + more - abs(width)) * size)
            if width + more < 0 or width > _WIDE or more > GAP:
                self._end_piece()
        return True

    def _put(self, said: str, drawn: str, x: float, behind: float) -> None:
        """Characters that move the place by x, of which so much comes behind what is seen."""
        if not self._open:
            self._start = self._text
        self._open.append((said, drawn))
        if len(self._open) >= _PARTS_KEPT:
            self._open = [_together(self._open)]
        self._advance, self._kerned = x / (self.state.size or 1.0), 0.0
        self._move(x)
        a, b, _, _, e, f = self._text
        behind *= self.state.stretch
        self._end = e - behind * a, f - behind * b

    def _kern(self, part: float) -> None:
        self._kerned += part
        self._move(part * self.state.size)

    def _move(self, x: float) -> None:
        a, b, c, d, e, f = self._text
        x *= self.state.stretch
        self._text = (a, b, c, d, x * a + e, x * b + f)

    def close(self) -> None:
        """The place moves: what is shown next is not beside what was shown before."""
        if not self.drawn.moved:
            self.drawn.add("", "")
        self._end_piece()
        self._advance = self._kerned = 0.0

    def _end_piece(self) -> None:
        held, self._open = self._open, []
        if not held:
            return
        if len(self.drawn.pieces) >= PIECES_MAX:
            self.drawn.cut = True
            return
        state = self.state
        a, b, c, d, x, y = self._start
        up, over = state.rise * d, state.rise * c
        right, top = times((a, b, c, d, self._end[0] + over, self._end[1] + up), state.to_page)[4:]
        a, b, c, d, e, f = times((a, b, c, d, x + over, y + up), state.to_page)
        size = abs(state.size) * hypot(c, d)
        if (state.size < 0) != (state.stretch < 0):  # it runs the other way
            a, b = -a, -b
        if a > abs(b):
            way, across, along, end = 0, -f, e, right
        elif b >= abs(a):
            way, across, along, end = 1, e, f, top
        elif -a > abs(b):
            way, across, along, end = 2, f, -e, -right
        else:
            way, across, along, end = 3, -e, -f, -top
        self.drawn.pieces.append(Piece(way, across, along, end, size, *_together(held)))


def _together(parts: list[tuple[str, str]]) -> tuple[str, str]:
    """Strings side by side as one."""
    if len(parts) == 1:
        return parts[0]
    return "".join([said for said, _ in parts]), "".join([drawn for _, drawn in parts])
