"""How much there is to draw on pages of an opened PDF, before a renderer draws them.

Takes pages of pikepdf, raises `Malformed` for more steps than the file's size allows (a step is
what it is in `filters.formats.pdf_steps`). Renderers keep what a form draws each time it is drawn:
forms that draw forms would take all memory there is, and end the process.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any

import pikepdf

from filters.formats.pdf_bodies import PROGRAM
from filters.formats.pdf_charges import Charges
from filters.formats.pdf_steps import (
    BYTES_A_STEP,
    GLYPH_PART,
    STRING_STEPS,
    glyph_steps,
    steps_max,
    too_many,
)
from filters.formats.pdf_structure import PdfLimits
from filters.formats.picture_structure import broken
from schemas.errors import Malformed
from schemas.reasons import Reason

DEPTH_LEVELS_MAX = 24
PARENTS_MAX = 64
WORD_BYTES, WORD_STEPS = 4, 400  # of a program that is run for each pixel
OVERLAPS_MAX = 10**9
_NAMING = {"Do": "/XObject", "gs": "/ExtGState", "sh": "/Shading", "scn": "/Pattern",
           "SCN": "/Pattern", "sc": "/Pattern", "SC": "/Pattern"}  # fmt: skip
_SHOWING = frozenset({"Tj", "TJ", "'", '"'})
_BATCH = 10_000
NAME_BYTES_MAX = 80  # a renderer cuts names of 255 and more, escapes and all
_WHITE = rb"\0\t\n\f\r ()<>\[\]{}/%"
_END_OF_PICTURE = re.compile(rb"EI[" + _WHITE + rb"]")
_OPERATOR = re.compile(rb"(?<![A-Za-z])(?:Do|gs|sh|scn?|SCN?|T[fjJ])(?![A-Za-z])")


class _Reading(pikepdf.StreamParser):
    """What one content stream draws: steps of its own, things by name, codes by font."""

    def __init__(self, charges: Charges, states: Any) -> None:
        super().__init__()
        self._states = states
        self.fonts: set[str] = set()
        self.steps = 1
        self.named: Counter[tuple[str, str]] = Counter()
        self.shown: dict[str, Counter[int]] = {}  # by the font's name, "" where none was set
        self._charges = charges
        self._charged = 0
        self._operands: deque[Any] = deque(maxlen=64)  # a renderer forgets those before
        self._font = ""
        self._kept: list[str] = []

    def handle_object(self, thing: Any, _offset: int, _length: int) -> None:
        """An operand, or the operator that ends an operation."""
        if not isinstance(thing, pikepdf.Operator):
            self._operands.append(thing)
            return
        self.steps += 1
        self._operation(str(thing))
        self._operands.clear()
        if self.steps - self._charged > _BATCH:
            self.handle_eof()

    def handle_eof(self) -> None:
        """Charge what was not charged yet."""
        self._charges.steps(self.steps - self._charged)
        self._charged = self.steps

    def _operation(self, operator: str) -> None:
        if operator == "q":
            self._kept.append(self._font)
        elif operator == "Q" and self._kept:
            self._font = self._kept.pop()
        elif operator in _SHOWING:
            self._show(self._operands)
        elif operator == "Tf":
            self._font = _spelt(self._operands[-2]) if len(self._operands) > 1 else ""
            self.fonts.add(self._font)
        elif operator in _NAMING and self._operands:
            name = _spelt(self._operands[-1])
            self.named[_NAMING[operator], name] += 1
            if operator == "gs" and _entry(_entry(self._states, name), "/Font") is not None:
                self._font = ""
        elif operator == "EI" and any(map(_draws_behind_its_end, self._operands)):
            broken("an inline picture that may end before its end")

    def _show(self, operands: Iterable[Any]) -> None:
        for each in operands:
            if isinstance(each, pikepdf.Array):
                self._show(list(each))
            elif isinstance(each, pikepdf.String | pikepdf.Name):
                raw = bytes(each) if isinstance(each, pikepdf.String) else _spelt(each)[1:].encode()
                self.steps += STRING_STEPS + len(raw) // BYTES_A_STEP
                self.shown.setdefault(self._font, Counter()).update(raw)


def _spelt(operand: Any) -> str:
    """What a renderer takes for a name, which may be a string."""
    if not isinstance(operand, pikepdf.String | pikepdf.Name):
        return ""
    name = "/" + str(operand).removeprefix("/")
    if len(name.encode()) > NAME_BYTES_MAX:
        broken("a name that is too long")
    return name


def _draws_behind_its_end(image: Any) -> bool:
    """Whether an inline picture has something that draws behind what a renderer may take for its
    end."""
    raw = bytes(image._inline_image_raw_bytes())
    ends = _END_OF_PICTURE.search(raw)
    return ends is not None and _OPERATOR.search(raw, ends.end()) is not None


class _Drawing:
    """Steps of what is drawn, each thing counted once for each resources that it may take."""

    def __init__(self, pdf: pikepdf.Pdf, limits: PdfLimits, bound: int) -> None:
        self.bound = bound
        self._pdf = pdf
        self._charges = Charges(limits, bound)
        self._known: dict[Any, Any] = {}
        self._open: list[Any] = []
        self._direct = 0
        self._page: Any = None

    def page(self, page: Any) -> int:
        resources = self._page = _inherited(page, "/Resources")
        total = self._content(page.get("/Contents"), resources, page.objgen)
        for appearance in _appearances(page):
            total += 1 + self._form(appearance, resources, page.objgen)
        return total

    def _once(self, key: Any, made: Any) -> Any:
        """What `made` gives, made once a key; a thing that draws itself is not taken."""
        if key not in self._known:
            if key in self._open:
                broken("the PDF's objects go round in a circle")
            if len(self._open) >= DEPTH_LEVELS_MAX:
                raise Malformed(Reason.TOO_DEEP, "forms draw forms deeper than the bound")
            self._open.append(key)
            self._known[key] = made()
            self._open.pop()
        return self._known[key]

    def _form(self, stream: Any, around: Any, around_key: Any) -> int:
        """Steps of a form, a pattern or a glyph; without resources it takes those around it."""
        if not isinstance(stream, pikepdf.Stream):
            return 0
        own = stream.get("/Resources")
        resources, of = (around, around_key) if own is None else (own, None)
        steps: int = self._once(
            (stream.objgen, of),
            lambda: self._content(stream, resources, stream.objgen if of is None else of),
        )
        return steps

    def _content(self, given: Any, resources: Any, key: Any) -> int:
        if given is None:
            return 0
        self._charges.content(given)
        reading = _Reading(self._charges, _entry(resources, "/ExtGState"))
        page = pikepdf.Dictionary(Type=pikepdf.Name.Page, Contents=given)
        pikepdf.Page(page).parse_contents(reading)
        total = reading.steps
        for (category, name), times in reading.named.items():
            total += times * self._thing(category, self._found(resources, category, name),
                                         resources, key)  # fmt: skip
        fonts = _entry(resources, "/Font")
        for font in (_entry(fonts, name) for name in reading.fonts if name):
            if _entry(font, "/CharProcs") is not None and not font.is_indirect:
                broken("a font of drawn glyphs that is no object of its own")
        for name, codes in reading.shown.items():
            total += self._text(_entry(fonts, name), not name or fonts is None, codes,
                                resources, key)  # fmt: skip
        if total > GLYPH_PART * (self.bound + 1):  # too many even of what only a glyph draws
            raise too_many()
        return total

    def _found(self, resources: Any, category: str, name: str) -> Any:
        """What a name means; a renderer takes what a form's resources lack from some page."""
        held = _entry(resources, category)
        if held is None and resources is not self._page:
            broken("a form draws what its resources do not have")
        return _entry(held, name) if name else None

    def _thing(self, category: str, thing: Any, resources: Any, key: Any) -> int:
        if category == "/ExtGState":
            font = _entry(thing, "/Font")
            if font is not None and not (isinstance(font, pikepdf.Array) and len(font) == 2
                                         and isinstance(font[0], pikepdf.Dictionary)):  # fmt: skip
                broken("a graphics state whose font is none")
            return self._form(_entry(_entry(thing, "/SMask"), "/G"), resources, key)
        if category == "/Shading":
            return _shading_steps(thing, self._charges)
        if category == "/Pattern" and not isinstance(thing, pikepdf.Stream):
            return _shading_steps(_entry(thing, "/Shading"), self._charges)
        if category == "/Pattern":
            return _overlaps(thing) * self._form(thing, resources, key)
        if category == "/XObject" and _entry(thing, "/Subtype") == pikepdf.Name.Image:
            return 0
        return self._form(thing, resources, key)

    def _text(self, font: Any, unset: bool, codes: Counter[int], resources: Any, key: Any) -> int:
        """Steps of glyphs; where no font was set, it may be any of the document's."""
        fonts = [font] if not unset else self._type3()
        total = 0
        for each in fonts:
            if _entry(each, "/CharProcs") is not None:
                of_codes, worst = self._glyphs(each, resources, key)
                total += sum(of_codes.get(code, worst) * times for code, times in codes.items())
        return total

    def _type3(self) -> list[Any]:
        if "fonts" not in self._known:
            objects = self._pdf.objects
            self._known["fonts"] = [o for o in objects if _entry(o, "/CharProcs") is not None]
        found: list[Any] = self._known["fonts"]
        return found

    def _glyphs(self, font: Any, around: Any, around_key: Any) -> tuple[dict[int, int], int]:
        """Steps of each code's glyph, and the most of any, for codes without a name."""
        own = font.get("/Resources")
        resources, of = (around, around_key) if own is None else (own, font.objgen)
        if own is not None and not font.is_indirect:
            self._direct += 1  # fonts without a number are told apart by one of our own
            of = self._direct

        def made() -> tuple[dict[int, int], int]:
            procs = _entry(font, "/CharProcs")
            glyphs = dict(procs.items()) if isinstance(procs, pikepdf.Dictionary) else {}
            steps = {
                name: glyph_steps(self._form(glyph, resources, of))
                for name, glyph in glyphs.items()
            }
            by_code: dict[int, int] = {}
            code = 0
            listed = _entry(_entry(font, "/Encoding"), "/Differences")
            for each in list(listed) if isinstance(listed, pikepdf.Array) else []:
                if isinstance(each, pikepdf.Name):
                    by_code[code] = steps.get(str(each), 0)
                    code += 1
                else:
                    code = int(each)
            return by_code, max(steps.values(), default=0)

        if not font.is_indirect:
            return made()
        found: tuple[dict[int, int], int] = self._once((font.objgen, "glyphs", of), made)
        return found


def check_drawn(pdf: pikepdf.Pdf, kept: Iterable[int], limits: PdfLimits, size: int) -> None:
    """`Malformed` if the kept pages of a file of so many bytes have more to draw than they may."""
    drawing = _Drawing(pdf, limits, steps_max(size))
    total = 0
    for at in kept:
        total += drawing.page(pdf.pages[at].obj)
        if total > drawing.bound:
            raise too_many()


def _entry(holder: Any, key: str) -> Any:
    return holder.get(key) if isinstance(holder, pikepdf.Dictionary | pikepdf.Stream) else None


def _overlaps(pattern: Any) -> int:
    """How many tiles of a pattern lie over each other at one place."""
    try:
        left, bottom, right, top = (float(side) for side in pattern.BBox)
        area = abs(float(pattern.XStep) * float(pattern.YStep))
        tiles = abs((right - left) * (top - bottom)) / area
        return max(int(min(tiles, OVERLAPS_MAX)), 1)
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):
        return 1  # nothing that could be drawn


def _shading_steps(shading: Any, charges: Charges) -> int:
    """Steps of a shading by functions of the place, whose programs are run for each pixel."""
    if _entry(shading, "/ShadingType") != 1:
        return 0
    given = _entry(shading, "/Function")
    functions = list(given) if isinstance(given, pikepdf.Array) else [given]
    programs = [each for each in functions[:64] if _entry(each, "/FunctionType") == PROGRAM]
    level = pikepdf.StreamDecodeLevel.specialized
    size = 0
    for each in programs:
        if isinstance(each, pikepdf.Stream):
            size += len(each.get_stream_buffer(level))
            charges.bytes(size)
    return WORD_STEPS * size // WORD_BYTES


def _inherited(page: Any, key: str) -> Any:
    for _ in range(PARENTS_MAX):
        if not isinstance(page, pikepdf.Dictionary):
            break
        if key in page:
            return page[key]
        page = page.get("/Parent")
    return None


def _appearances(page: Any) -> Iterator[Any]:
    """The normal appearances of a page's annotations, in each state."""
    listed = page.get("/Annots")
    for each in list(listed) if isinstance(listed, pikepdf.Array) else []:
        normal = _entry(_entry(each, "/AP"), "/N")
        if isinstance(normal, pikepdf.Stream):
            yield normal
        elif isinstance(normal, pikepdf.Dictionary):
            yield from (state for _, state in normal.items())
