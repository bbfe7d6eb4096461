"""What contents of an opened PDF draw, with the forms, masks, patterns and glyphs that they name.

Takes contents and resources of pikepdf, gives their work (`filters.formats.pdf_work`), each
content's found once for each resources that it may take. A soft mask and a pattern are drawn anew
for each thing that is painted with them, as renderers do. Raises `Malformed`.
"""

from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

import pikepdf

from filters.formats.pdf_charges import Charges
from filters.formats.pdf_frames import UNIT, Frame, frame_of
from filters.formats.pdf_matrix import Linear, linear_of, offset_of
from filters.formats.pdf_painted import Look, Painted, Use
from filters.formats.pdf_programs import Programs
from filters.formats.pdf_samples import samples_ns
from filters.formats.pdf_shadings import shading_work
from filters.formats.pdf_states import UNBLENDED, box_sides, entry, number
from filters.formats.pdf_steps import GLYPH_PART, glyph_steps, too_many
from filters.formats.pdf_structure import PdfLimits
from filters.formats.pdf_work import (
    ALPHA_NS,
    DASH_NS,
    FILL_NS,
    GROUP_NS,
    HUGE,
    MASKED_NS,
    NOTHING,
    PAINT_NS,
    PICTURE_NS,
    ROUGH_CLIP_NS,
    SHADES,
    STROKE_NS,
    TILES_NS,
    WORD_NS,
    Box,
    Extent,
    Sum,
    Work,
    costliest,
)
from filters.formats.picture_structure import broken
from schemas.errors import Malformed
from schemas.reasons import Reason

DEPTH_LEVELS_MAX = 24
OVERLAPS_MAX = 10**9
_REACH_MAX = 100.0  # of pens and letters that are inherited, in the units of whoever draws
_TILES = 4  # that are drawn for a thing: larger ones reach into it, of smaller ones one is copied


class _Form(NamedTuple):
    """A form as it is drawn. x, y: where its matrix puts it."""

    work: Work
    matrix: Linear
    x: float
    y: float
    frame: Frame
    is_group: bool


class Drawing:
    """Of one document. page_resources: where a renderer looks for what a form's lack."""

    def __init__(self, pdf: pikepdf.Pdf, limits: PdfLimits, bound: int) -> None:
        self.page_resources: Any = None
        self._pdf = pdf
        self._bound = bound
        self._pixels_max = limits.pixels_max
        self._charges = Charges(limits, bound)
        self._programs = Programs(pdf, self._charges)
        self._known: dict[Any, Any] = {}
        self._open: list[Any] = []
        self._direct = 0

    def content(
        self, given: Any, resources: Any, key: Any, frame: Frame, look: Look | None = None
    ) -> Work:
        """Of a content stream, or a list of them. key: whose resources they are.

        look: for a page, what takes its own work as it grows.
        """
        if given is None:
            return Work()
        self._charges.content(given)
        painted = Painted(self._charges, self._programs, resources, frame, look)
        page = pikepdf.Dictionary(Type=pikepdf.Name.Page, Contents=given)
        pikepdf.Page(page).parse_contents(painted)
        total = painted.work
        forms: dict[str, _Form] = {}
        for use, times in painted.uses.items():
            total.add(self._used(use, times, painted, forms, resources, key))
        self._fonts_are_objects(painted, resources)
        for use, codes in painted.shown.items():
            total.add(self._text(use, codes, painted, resources, key))
        for (category, name), times in painted.set_names.items():
            thing = self._found(resources, category, name)
            drawn = self._pattern if category == "/Pattern" else self._mask
            total.add(drawn(thing, name, times, painted, resources, key))
        total.strays = painted.strays
        if total.steps > GLYPH_PART * (self._bound + 1):  # too many even of what only a glyph draws
            raise too_many()
        return total

    def form(self, stream: Any, around: Any, around_key: Any) -> Work:
        """Of a form, a pattern or a glyph; without resources it takes those around it."""
        if not isinstance(stream, pikepdf.Stream):
            return Work()
        own = stream.get("/Resources")
        resources, of = (around, around_key) if own is None else (own, None)
        frame = frame_of(stream.get("/BBox"))
        work: Work = self._once(
            (stream.objgen, of),
            lambda: self.content(stream, resources, stream.objgen if of is None else of, frame),
        )
        return work

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

    def _found(self, resources: Any, category: str, name: str) -> Any:
        """What a name means; a renderer takes what a form's resources lack from some page."""
        held = entry(resources, category)
        if held is None and resources is not self.page_resources:
            broken("a form draws what its resources do not have")
        return entry(held, name) if name else None

    def _used(
        self, use: Use, times: int, painted: Painted, forms: dict[str, _Form], resources: Any,
        key: Any,
    ) -> Work:  # fmt: skip
        thing = self._found(resources, use.category, use.name)
        if use.category == "/Shading":
            within = use.clip.times(times)
            work = self._shading(thing).drawn(times, use.matrix, within)
            _put_over(use, work.things, work, painted)
            return work
        if entry(thing, "/Subtype") == pikepdf.Name.Image:
            _place(UNIT.moved(use.matrix, 0, 0), use, painted)
            return _picture(thing, use, times, painted, self._samples_ns(thing))
        if use.name not in forms:
            forms[use.name] = self._form(thing, resources, key)
        return self._form_used(forms[use.name], use, times, painted)

    def _shading(self, shading: Any) -> Work:
        known = isinstance(shading, pikepdf.Object) and shading.is_indirect
        key = (shading.objgen, "shading") if known else None
        work: Work = (
            self._once(key, lambda: shading_work(shading, self._programs, self._charges))
            if known
            else shading_work(shading, self._programs, self._charges)
        )
        return work

    def _samples_ns(self, picture: Any) -> float:
        """Of a picture and its masks."""
        ns: float = self._once((picture.objgen, "samples"), lambda: sum(
            samples_ns(each, self._programs, self._pixels_max)
            for each in (picture, entry(picture, "/SMask"), entry(picture, "/Mask"))
        ))  # fmt: skip
        return ns

    def _form(self, form: Any, resources: Any, key: Any) -> _Form:
        matrix = entry(form, "/Matrix")
        group = str(entry(entry(form, "/Group"), "/S")).removeprefix("/")
        return _Form(
            self.form(form, resources, key), linear_of(matrix), *offset_of(matrix),
            frame_of(entry(form, "/BBox")), group == "Transparency",
        )  # fmt: skip

    def _form_used(self, form: _Form, use: Use, times: int, painted: Painted) -> Work:
        work = form.work.drawn(times, form.matrix.then(use.matrix), use.clip.times(times))
        whole = Extent(times, times * _whole(form, use, painted))
        _inherit(use, work.bare, work, painted)
        if use.blending != UNBLENDED:
            work.pixels = work.pixels.plus(whole.weighed(GROUP_NS))
        if form.is_group:
            work.things = whole
        elif use.blending != UNBLENDED:  # each thing, and all of them together
            work.things = work.things.plus(whole)
        _put_over(use, work.things, work, painted)
        return work

    def _mask(
        self, state: Any, name: str, times: int, painted: Painted, resources: Any, key: Any
    ) -> Work:
        """The soft mask of a graphics state that is set so many times."""
        font = entry(state, "/Font")
        if font is not None and not (isinstance(font, pikepdf.Array) and len(font) == 2
                                     and isinstance(font[0], pikepdf.Dictionary)):  # fmt: skip
            broken("a graphics state whose font is none")
        transfer_ns = self._transfer_ns(entry(state, "/TR")) + self._transfer_ns(
            entry(state, "/TR2")
        )
        mask = entry(state, "/SMask")
        form = entry(mask, "/G")
        if form is None:
            return Work(ns=transfer_ns)
        inner = self.form(form, resources, key)
        of_form = linear_of(entry(form, "/Matrix"))
        total, masked = Work(ns=transfer_ns), 0
        for matrix, things in painted.masks.get(name, {}).items():
            within = Box(things.total, painted.box.span * things.most)
            total.add(inner.drawn(things.count, of_form.then(matrix), within).aside())
            total.boxes = total.boxes.plus(things.extent.weighed(MASKED_NS))
            masked += things.count
        total.ns = min(total.ns + masked * self._transfer_ns(entry(mask, "/TR")), HUGE)
        total.steps = inner.steps * max(times, masked)
        return total

    def _transfer_ns(self, functions: Any) -> float:
        """Of transfer functions, whose values are found once."""
        return SHADES * WORD_NS * self._programs.words(functions)

    def _pattern(
        self, pattern: Any, name: str, times: int, painted: Painted, resources: Any, key: Any
    ) -> Work:
        """A pattern that is set so many times."""
        things = painted.patterns.get(name, Sum())
        if not isinstance(pattern, pikepdf.Stream):
            shading = self._shading(entry(pattern, "/Shading"))
            within = Box(things.total, painted.box.span * things.most)
            matrix = linear_of(entry(pattern, "/Matrix"))
            work = shading.drawn(things.count, matrix, within).aside()
            work.steps = shading.steps * max(times, things.count)
            return work
        inner, over = self.form(pattern, resources, key), overlaps(pattern)
        matrix = linear_of(entry(pattern, "/Matrix"))
        within = Box(things.total, painted.box.span * things.most).times(_TILES * over)
        work = inner.drawn(_TILES * over * things.count, matrix, within).aside()
        work.pixels = work.pixels.plus(things.extent.weighed(TILES_NS))
        work.steps = over * inner.steps * max(times, things.count)
        return work

    def _fonts_are_objects(self, painted: Painted, resources: Any) -> None:
        fonts = entry(resources, "/Font")
        for font in (entry(fonts, name) for name in painted.fonts if name):
            if entry(font, "/CharProcs") is not None and not font.is_indirect:
                broken("a font of drawn glyphs that is no object of its own")

    def _text(
        self, use: Use, codes: Counter[int], painted: Painted, resources: Any, key: Any
    ) -> Work:
        """Glyphs; where no font was set, it may be any of the document's."""
        fonts = entry(resources, "/Font")
        if use.name and fonts is not None:
            font = entry(fonts, use.name)
            by_code, worst = self._glyphs(font, resources, key)
            matrix = linear_of(entry(font, "/FontMatrix")).then(use.matrix)
        else:
            by_code, worst, matrix = {}, self._worst(resources, key), Linear(HUGE, 0, 0, HUGE)
        total = Work()
        for code, times in codes.items():
            glyph = by_code.get(code, worst)
            total.add(glyph.drawn(times, matrix, use.clip.times(times)))
        _inherit(use, total.bare, total, painted)
        total.things = NOTHING  # a text is one thing, which was counted
        return total

    def _worst(self, resources: Any, key: Any) -> Work:
        """The worst glyph of any font of the document."""

        def made() -> Work:
            fonts = [each for each in self._pdf.objects if entry(each, "/CharProcs") is not None]
            return costliest(self._glyphs(font, resources, key)[1] for font in fonts)

        worst: Work = self._once((key, "glyphs of any"), made)
        return worst

    def _glyphs(self, font: Any, around: Any, around_key: Any) -> tuple[dict[int, Work], Work]:
        """Each code's glyph, and the worst of any, for codes without a name."""
        own = font.get("/Resources")
        resources, of = (around, around_key) if own is None else (own, font.objgen)
        if own is not None and not font.is_indirect:
            self._direct += 1  # fonts without a number are told apart by one of our own
            of = self._direct

        def made() -> tuple[dict[int, Work], Work]:
            procs = entry(font, "/CharProcs")
            glyphs = dict(procs.items()) if isinstance(procs, pikepdf.Dictionary) else {}
            works: dict[str, Work] = {}
            for name, glyph in glyphs.items():
                work = self.form(glyph, resources, of)
                works[name] = replace(work, steps=glyph_steps(work.steps))
            return _by_code(font, works), costliest(works.values())

        if not font.is_indirect:
            return made()
        found: tuple[dict[int, Work], Work] = self._once((font.objgen, "glyphs", of), made)
        return found


def _by_code(font: Any, glyphs: dict[str, Work]) -> dict[int, Work]:
    found: dict[int, Work] = {}
    code = 0
    listed = entry(entry(font, "/Encoding"), "/Differences")
    for each in list(listed) if isinstance(listed, pikepdf.Array) else []:
        if isinstance(each, pikepdf.Name):
            found[code] = glyphs.get(str(each), Work())
            code += 1
        else:
            code = int(each)
    return found


def _picture(picture: Any, use: Use, times: int, painted: Painted, ns: float) -> Work:
    """A picture that takes so long each time."""
    width, height = use.matrix.size(1, 1)
    things = Extent(times, times * min(width * height, use.clip.area))
    is_mask = bool(entry(picture, "/ImageMask"))
    work = Work(
        ns=times * (PAINT_NS + ns),
        things=things,
        bare=things if is_mask else NOTHING,
        pixels=things.weighed(PICTURE_NS),
    )
    _put_over(use, things, work, painted)
    if is_mask and use.fill:
        painted.patterns.setdefault(use.fill, Sum()).add(things)
    return work


def _whole(form: _Form, use: Use, painted: Painted) -> float:
    """The area of all that a form draws, its box or not."""
    if form.work.strays:
        painted.strays = True
        return use.clip.area
    placed = form.frame.moved(form.matrix, form.x, form.y).moved(use.matrix, 0, 0)
    _place(placed, use, painted)
    width, height = placed.grown.sides
    return min(width * height, use.clip.area)


def _place(drawn: Frame, use: Use, painted: Painted) -> None:
    """Look whether what is drawn lies in the frame of whoever draws it."""
    if not painted.strays:
        painted.strays = not painted.frame.holds(painted.places[use].around(drawn))


def _put_over(use: Use, things: Extent, work: Work, painted: Painted) -> None:
    """How things are put over what lies beneath."""
    blending = use.blending
    ns = ALPHA_NS * blending.alpha + ROUGH_CLIP_NS * use.rough
    work.pixels = work.pixels.plus(things.weighed(ns))
    work.boxes = work.boxes.plus(things.weighed(blending.ns))
    if blending.mask:
        painted.masked(blending).add(things)


def _inherit(use: Use, bare: Extent, work: Work, painted: Painted) -> None:
    """What things that set nothing themselves take from whoever draws them."""
    for pattern in {use.fill, use.stroke} - {""}:
        painted.patterns.setdefault(pattern, Sum()).add(bare)
    stretch = use.matrix.stretch
    if use.reach * stretch > _REACH_MAX:
        everywhere = Extent(bare.most, min(bare.most * use.clip.area, HUGE))
        work.pixels = work.pixels.plus(everywhere.weighed(FILL_NS))
    if use.dash > 0 and bare.most:
        dashes = work.lines.total / STROKE_NS / max(use.dash * stretch, 1 / HUGE)
        work.ns = min(work.ns + DASH_NS * dashes, HUGE)


def overlaps(pattern: Any) -> int:
    """How many tiles of a pattern lie over each other at one place."""
    width, height = box_sides(entry(pattern, "/BBox"))
    area = abs(number(entry(pattern, "/XStep")) * number(entry(pattern, "/YStep")))
    return max(int(min(width * height / area, OVERLAPS_MAX)), 1) if area else 1
