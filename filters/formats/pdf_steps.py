"""How much there is to draw in a cleaned PDF's model, forms as often as they are drawn.

A form that draws another ten times, which draws another ten times, is a few lines and, eight deep,
a hundred million operations for whoever shows the page or reads its text. Steps: an operation is
one, a string that is shown three more, and one more for every four of its bytes; each font of a
content sixteen, and one more for every eight codes that its map to Unicode has; drawing a form is
all the steps of its content, and so is each thing that is painted with a tiling pattern or under a
soft mask; a glyph of a Type 3 font is one more than a sixteenth of them: who reads text does not
look into it, who draws it has it parsed. How many steps there may be grows with the size of what
holds them. Raises `Malformed`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from filters.formats.pdf_under import Names, things, under
from schemas.errors import Malformed
from schemas.reasons import Reason

if TYPE_CHECKING:
    from filters.formats.pdf_model import Document

STEPS_FIRST, STEPS_A_BYTE, STEPS_MAX = 300_000, 4, 8_000_000
STRING_STEPS, BYTES_A_STEP = 3, 4
FONT_STEPS, CODES_A_STEP = 16, 8
GLYPH_PART = 16
_RANGE = re.compile(rb"^<([0-9a-f]{0,512})> <([0-9a-f]{0,512})> ", re.MULTILINE)
_STRING = re.compile(rb"<([0-9a-f]*)>")
_NAMED = re.compile(rb"/([xpg]\d{1,5}) (?:Do|scn|SCN|sc|SC|gs)\n")
_SHOWN = re.compile(rb"^(q|Q)$|^/(f\d{1,5}) [^\n]*Tf$|<((?:[0-9a-f]{2})*)>", re.MULTILINE)
_CATEGORIES = {"x": "XObject", "p": "Pattern", "g": "ExtGState"}


def steps_max(size: int) -> int:
    """The bound for a file or a model of so many bytes."""
    return min(STEPS_FIRST + STEPS_A_BYTE * size, STEPS_MAX)


def check_steps(document: "Document", size: int) -> None:
    """`Malformed` for a model of so many bytes with more steps than it may have."""
    steps = _Steps(document, steps_max(size))
    for number, item in enumerate(document.objects):
        if type(item) is dict:
            steps.of_object(number, item)


def glyph_steps(steps: int) -> int:
    """What it takes to draw a glyph whose content has so many steps."""
    return 1 + steps // GLYPH_PART


class _Steps:
    """Steps of each object that draws; those to which it refers come before it."""

    def __init__(self, document: "Document", bound: int) -> None:
        self._document = document
        self._bound = bound
        self._left = bound  # for what is read, each content as often as it is read
        self._shown = 0
        self._pages = set(document.pages)
        self._number = 0
        self._steps: dict[int, int] = {}
        self._things: dict[int, int] = {}  # that forms paint, but those that are groups
        self._glyphs: dict[int, dict[int, int]] = {}  # of a Type 3 font, by code
        self._mapped: dict[int, int] = {}  # codes of a map to Unicode
        self._worst: dict[int, int] = {}  # of all of them together
        self._type3 = [
            number
            for number, item in enumerate(document.objects)
            if type(item) is dict and item.get("Subtype") == "Type3"
        ]

    def of_object(self, number: int, item: dict[str, Any]) -> None:
        """Count what one object draws."""
        self._number = number
        if number in self._pages:
            self._shown += self._content(item.get("Contents"), item.get("Resources"))
            if self._shown > self._bound:
                raise too_many()
        elif item.get("Subtype") == "Form" or item.get("PatternType") == 1:
            self._steps[number] = self._content({"$o": number}, item.get("Resources"))
        elif item.get("Subtype") == "Type3":
            self._glyphs[number] = found = self._of_glyphs(item)
            for code, steps in found.items():
                self._worst[code] = max(steps, self._worst.get(code, 0))
        elif "SMask" in item:
            self._steps[number] = self._of_mask(item)

    def _of_glyphs(self, font: dict[str, Any]) -> dict[int, int]:
        """The steps of each code's glyph."""
        made = {
            name: self._content(glyph, font.get("Resources"))
            for name, glyph in _map(font.get("CharProcs")).items()
        }
        found: dict[int, int] = {}
        code = 0
        for each in _list(_map(self._object(font.get("Encoding"))).get("Differences")):
            if type(each) is int:
                code = each
            elif type(each) is str:
                found[code] = glyph_steps(made.get(each, 0))
                code += 1
        return found

    def _of_mask(self, state: dict[str, Any]) -> int:
        mask = _map(self._object(state["SMask"]))
        return self._steps.get(_number(mask.get("G")), 0)

    def _content(self, reference: Any, resources: Any) -> int:
        """The steps of a content stream with all that it draws."""
        number = _number(reference)
        stream = _map(self._object(reference))
        size = stream.get("$n")
        if "$b" not in stream or type(size) is not int:
            return 0  # whether content is a stream is looked at elsewhere
        raw = self._document.inflated(number)
        lines, strings = raw.count(b"\n"), raw.count(b"<")
        self._read(1 + lines + STRING_STEPS * strings)
        hex_digits = sum(found.end(1) - found.start(1) for found in _STRING.finditer(raw))
        self._read(hex_digits // 2 // BYTES_A_STEP)
        total = 1 + lines + STRING_STEPS * strings + hex_digits // 2 // BYTES_A_STEP
        named = _map(self._object(resources))
        set_names = Counter(found[1] for found in _NAMED.finditer(raw))
        painted = self._painted(number, raw, named, set_names)
        for short, times in set_names.items():
            value = _map(named.get(_CATEGORIES[chr(short[0])])).get(short.decode())
            total += max(times, painted.get(short, 0)) * self._drawn(value)
        total += sum(self._font(font) for font in _map(named.get("Font")).values())
        fonts = {
            short.encode(): self._glyphs[_number(font)]
            for short, font in _map(named.get("Font")).items()
            if _number(font) in self._glyphs
        }
        if self._type3:
            known = self._number > self._type3[-1]
            total += _of_text(raw, fonts, self._worst if known else None)
        if total > GLYPH_PART * (self._bound + 1):  # too many even of what only a glyph draws
            raise too_many()
        return total

    def _painted(
        self, number: int, raw: bytes, named: dict[str, Any], set_names: Iterable[bytes]
    ) -> Mapping[bytes, int]:
        """How much is painted under each mask and with each pattern of a content."""
        names = Names(self._bound + 1)
        for short, form in _map(named.get("XObject")).items():
            names.things[short.encode()] = self._things.get(_number(form), 1)
        for short, value in _map(named.get("ExtGState")).items():
            state = _map(self._object(value))
            if "SMask" in state:
                names.masks[short.encode()] = bool(_map(self._object(state["SMask"])))
        content = _map(self._document.objects[number])
        if content.get("Subtype") == "Form" and "Group" not in content:
            self._things[number] = things(raw, names)
        drawn_with = any(short[:1] == b"p" or names.masks.get(short) for short in set_names)
        return under(raw, names) if drawn_with else {}

    def _font(self, reference: Any) -> int:
        """What it takes to read a font, each time that content is read."""
        number = _number(_map(self._object(reference)).get("ToUnicode"))
        stream = _map(self._document.objects[number]) if number >= 0 else {}
        if number not in self._mapped:
            whole = "$b" in stream and type(stream.get("$n")) is int
            self._mapped[number] = _codes(self._document.inflated(number)) if whole else 0
        return FONT_STEPS + min(self._mapped[number] // CODES_A_STEP, self._bound + 1)

    def _drawn(self, value: Any) -> int:
        number = _number(value)
        if number in self._steps:
            return self._steps[number]
        return self._of_mask(value) if type(value) is dict and "SMask" in value else 0

    def _read(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise too_many()

    def _object(self, value: Any) -> Any:
        number = _number(value)
        return self._document.objects[number] if number >= 0 else value


def _codes(cmap: bytes) -> int:
    """How many codes a map has, each range with all of them."""
    return cmap.count(b"\n") + sum(
        max(int(last or b"0", 16) - int(first or b"0", 16), 0)
        for first, last in _RANGE.findall(cmap)
    )


def _of_text(raw: bytes, fonts: dict[bytes, dict[int, int]], before: dict[int, int] | None) -> int:
    """The steps of the glyphs that a content shows by Type 3 fonts.

    before: what stands for the font of whoever draws it, until the content sets its own; None if
    that may be one whose glyphs are not counted yet.
    """
    total = 0
    font, kept = before, list[dict[int, int] | None]()
    for found in _SHOWN.finditer(raw):
        if found[1] == b"q":
            kept.append(font)
        elif found[1] is not None:
            font = kept.pop() if kept else font
        elif found[2] is not None:
            font = fonts.get(found[2], {})
        elif font is None:
            raise Malformed(Reason.MODEL_SHAPE, "text in a font that its content does not set")
        elif font:
            total += sum(font.get(code, 0) for code in bytes.fromhex(found[3].decode()))
    return total


def too_many() -> Malformed:
    """The refusal for more steps than the bound."""
    return Malformed(Reason.TOO_MANY_ELEMENTS, "the pages have more to draw than their size allows")


def _map(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _number(reference: Any) -> int:
    """The object that is referred to, or -1."""
    number = reference.get("$o") if type(reference) is dict else None
    return number if type(number) is int else -1
