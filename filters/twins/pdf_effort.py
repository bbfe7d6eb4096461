"""What it takes to draw a cleaned PDF, or to read its text: the destination's own count.

Takes objects as they crossed and a way to their bytes; raises `Malformed` for more than so many
bytes may ask for (docs/spec/pdf-model.md, rule 7). Goes down from the pages: how often each thing
is drawn is known before its own content is looked at, since what refers comes after what it refers
to. A thing that nothing draws counts once, for it is read all the same.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from filters.twins.pdf_brush import Brush, is_mark
from schemas.errors import Malformed
from schemas.reasons import Reason

# More than the source side lets cross: things that nothing draws count here too.
EFFORT_LEAST, EFFORT_A_BYTE, EFFORT_MOST = 600_000, 5, 10_000_000
_TEXT = (b" Tj", b" TJ")
_NAMES = (b" Do", b" gs", b" scn", b" SCN", b" sc", b" SC")


def check_effort(objects: list[Any], bytes_of: Callable[[int], bytes], size: int) -> None:
    """`Malformed` for a model of so many bytes that asks for too much."""
    effort = _Effort(objects, bytes_of, min(EFFORT_LEAST + EFFORT_A_BYTE * size, EFFORT_MOST))
    for number in range(len(objects) - 1, -1, -1):
        effort.look(number)


class _Effort:
    def __init__(self, objects: list[Any], bytes_of: Callable[[int], bytes], most: int) -> None:
        self._objects, self._bytes_of, self._most = objects, bytes_of, most
        self._left = most
        self._times = [0] * len(objects)  # how often a form, pattern or soft mask is drawn
        self._codes: dict[int, Counter[int]] = {}  # how often a font's codes are shown
        self._any: Counter[int] = Counter()  # codes whose font is that of whoever draws
        self._maps: dict[int, int] = {}  # how many codes a map stands for
        self._draws_glyphs = any(type(item) is dict and "CharProcs" in item for item in objects)
        self._fonts_seen = False
        self._marks: list[int] = []  # how many things each object paints, once that is asked

    def look(self, number: int) -> None:
        """One object; all that could draw it were looked at before."""
        item = self._objects[number]
        if type(item) is not dict:
            return
        if item.get("Type") == "Page":
            self._content(item.get("Contents"), item.get("Resources"), 1)
        elif item.get("Subtype") == "Form" or item.get("PatternType") == 1:
            times = max(self._times[number], 1)
            self._content({"$o": number}, item.get("Resources"), times)
        elif "CharProcs" in item:
            self._fonts_seen = True
            for glyph, times in self._glyphs(number, item):
                self._spend(times)
                self._content(glyph, item.get("Resources"), max(times // 16, 1))

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more to draw than so many bytes may ask for")

    def _at(self, value: Any) -> tuple[int, Any]:
        """The object that is meant, with its number or -1; what is no reference means itself."""
        if type(value) is dict and type(value.get("$o")) is int:
            return value["$o"], self._objects[value["$o"]]
        return -1, value

    def _entries(self, value: Any) -> dict[str, Any]:
        found = self._at(value)[1]
        return found if type(found) is dict else {}

    def _glyphs(self, number: int, font: dict[str, Any]) -> Iterator[tuple[Any, int]]:
        """Each glyph, and how often it is shown."""
        by_name: Counter[str] = Counter()
        shown = self._codes.get(number, Counter()) + self._any
        code = -1
        listed = self._entries(font.get("Encoding")).get("Differences")
        for each in listed if type(listed) is list else []:
            if type(each) is str:
                by_name[each] += shown[code]
            code = each if type(each) is int else code + 1
        for name, glyph in self._entries(font["CharProcs"]).items():
            yield glyph, by_name[name]

    def _content(self, reference: Any, resources: Any, times: int) -> None:
        """Spend what one content takes, and pass on how often it draws others."""
        number, stream = self._at(reference)
        if number < 0 or type(stream) is not dict or type(stream.get("$n")) is not int:
            return  # refused where streams are looked at
        named = self._entries(resources)
        font: Counter[int] | None = self._any
        kept: list[Counter[int] | None] = []
        brush = Brush()
        raw = self._bytes_of(number)
        for each in self._entries(named.get("Font")).values():
            self._spend(times * (16 + self._codes_of(each) // 8))
        self._spend(times * (1 + raw.count(b"\n") + 3 * raw.count(b"<")))
        for line in raw.split(b"\n"):
            if line.endswith(_TEXT):
                self._text(line, font, times)
            elif line.endswith(b" Tf"):
                font = self._font(named, line)
            elif line.endswith(_NAMES) and b"/" in line:
                self._use(named, line, times, brush)
            elif line == b"q":
                kept.append(font)
            elif line == b"Q" and kept:
                font = kept.pop()
            brush.take(line)
        for drawn, uses in brush.uses():
            self._draw(drawn, uses * times)

    def _codes_of(self, reference: Any) -> int:
        """How many codes a font's map to Unicode stands for."""
        number, mapped = self._at(self._entries(reference).get("ToUnicode"))
        if number < 0 or type(mapped) is not dict or type(mapped.get("$n")) is not int:
            return 0
        if number not in self._maps:
            self._maps[number] = 0
            for line in self._bytes_of(number).split(b"\n"):
                parts = line.split(b" ", 2)
                self._maps[number] += 1
                if len(parts) == 3 and parts[0][:1] == parts[1][:1] == b"<":
                    wide = _number_of(parts[1]) - _number_of(parts[0])
                    self._maps[number] += min(max(wide, 0), 8 * self._most)
        return self._maps[number]

    def _font(self, named: dict[str, Any], line: bytes) -> Counter[int] | None:
        number, font = self._at(self._entries(named.get("Font")).get(_short(line)))
        if number < 0 or type(font) is not dict or "CharProcs" not in font:
            return None  # a font that draws no content
        return self._codes.setdefault(number, Counter())

    def _text(self, line: bytes, shown: Counter[int] | None, times: int) -> None:
        for piece in line.split(b"<")[1:]:
            digits = piece.partition(b">")[0]
            self._spend(times * (len(digits) // 8))
            if shown is not None and self._draws_glyphs:
                if shown is self._any and self._fonts_seen:
                    raise Malformed(Reason.MODEL_SHAPE, "text in a font that is set elsewhere")
                for code, count in Counter(_bytes(digits)).items():
                    shown[code] = min(shown[code] + count * times, self._most + 1)

    def _use(self, named: dict[str, Any], line: bytes, times: int, brush: Brush) -> None:
        """A name that draws a form, or sets a pattern or a mask to draw with."""
        short = _short(line)
        category = {"x": "XObject", "p": "Pattern", "g": "ExtGState"}.get(short[:1], "")
        number, item = self._at(self._entries(named.get(category)).get(short))
        if category == "XObject" and number >= 0:
            self._draw(number, times)
            if brush.is_held:
                brush.paint(self._marks_of(number))
        elif category == "Pattern" and number >= 0:
            brush.hold(line, number)
        elif category == "ExtGState" and type(item) is dict and "SMask" in item:
            brush.mask(self._at(self._entries(item["SMask"]).get("G"))[0])

    def _draw(self, number: int, times: int) -> None:
        self._times[number] = min(self._times[number] + times, self._most + 1)

    def _marks_of(self, number: int) -> int:
        """How many things an object paints; only earlier ones can be what it draws."""
        if not self._marks:
            for each, item in enumerate(self._objects):
                whole = type(item) is dict and item.get("Subtype") == "Form"
                self._marks.append(self._marks_in(each, item) if whole else 1)
        return self._marks[number]

    def _marks_in(self, number: int, form: dict[str, Any]) -> int:
        if "Group" in form or type(form.get("$n")) is not int:
            return 1
        forms = self._entries(self._entries(form.get("Resources")).get("XObject"))
        total = 0
        for line in self._bytes_of(number).split(b"\n"):
            if line.endswith(b" Do"):
                inner = self._at(forms.get(_short(line)))[0]
                total += self._marks[inner] if 0 <= inner < number else 1
            else:
                total += is_mark(line)
        return min(total, self._most + 1)


def _number_of(code: bytes) -> int:
    try:
        return int(code[1:-1] or b"0", 16)
    except ValueError:
        return 0


def _short(line: bytes) -> str:
    """The name among the operands, without its slash."""
    return line.partition(b"/")[2].partition(b" ")[0].decode("ascii", "replace")


def _bytes(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode("ascii", "replace"))
    except ValueError:
        return b""  # refused where lines are looked at
