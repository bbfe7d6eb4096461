"""What one content of an opened PDF paints, operation by operation, before a renderer draws it.

Takes tokens of pikepdf's parser and the content's resources; gives the work of what it paints
itself, and uses of what it names, each with the graphics state that it is drawn under (ISO 32000-2,
8.4). Boxes are level in the content's own space, and never larger than the clip around them. Raises
`Malformed` for what a renderer may read another way than the parser.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

import pikepdf

from filters.formats.pdf_charges import Charges
from filters.formats.pdf_frames import UNIT, Frame, Places
from filters.formats.pdf_graphics import FILL, FONT, NO_CUTS, PEN, STROKE, Graphics
from filters.formats.pdf_matrix import Linear
from filters.formats.pdf_operands import codes_of, draws_behind_its_end, spelt
from filters.formats.pdf_paths import Path
from filters.formats.pdf_programs import Programs
from filters.formats.pdf_states import Blending, States, dash_of, entry, last_numbers, number
from filters.formats.pdf_steps import BYTES_A_STEP, STRING_STEPS
from filters.formats.pdf_work import (
    ALPHA_NS,
    CHARACTER_NS,
    CLIP_NS,
    DASH_NS,
    FILL_NS,
    INLINE_NS,
    LETTER_OUTLINE_NS,
    OUTLINE_NS,
    PAINT_NS,
    PICTURE_NS,
    ROUGH_CLIP_NS,
    STROKE_NS,
    WORD_NS,
    Box,
    Extent,
    Sum,
    Work,
)
from filters.formats.picture_structure import broken
from schemas.errors import Malformed
from schemas.reasons import Reason

_BATCH, _MARKS_MAX = 10_000, 1_000
_DASHES_MAX = 1e6  # of one path: a renderer cuts coordinates to some ten thousand pixels
_CLIPS_FROM, _STROKED = 4, (1, 2, 5, 6)  # text rendering modes that make a clip, or strokes
_ROUND = 10.0  # the length of a letter's outline, in sizes
_PLACES = {"l": 2, "c": 6, "v": 4, "y": 4}  # numbers of what draws a path
_FILLS = frozenset({"f", "F", "f*", "B", "B*", "b", "b*"})
_STROKES = frozenset({"S", "s", "B", "B*", "b", "b*"})
Look = Callable[[Work], None]


class Use(NamedTuple):
    """How a form, a picture, a shading or a glyph is drawn; what it sets not itself, it inherits.

    fill, stroke: names of patterns, "" without. reach: how far from its path a stroke, or from its
    place a letter, may paint. dash: the length of dash and gap together.
    """

    category: str
    name: str
    matrix: Linear
    clip: Box
    rough: bool
    blending: Blending
    fill: str
    stroke: str
    reach: float
    dash: float


class Painted(pikepdf.StreamParser):
    """What one content stream paints.

    box: the sizes of what bounds all of it. uses: of forms, pictures, shadings. shown: codes of
    fonts whose glyphs are content, by how they are shown; without a name where no font was set.
    set_names: how often states and patterns were set. masks, patterns: what was painted with them,
    of masks by the matrix that held when they were set.
    strays: whether something may lie outside of the frame, which is a little larger. look: takes
    the work of a page's content as it grows.
    """

    def __init__(
        self, charges: Charges, programs: Programs, resources: Any, frame: Frame,
        look: Look | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.box = frame.box
        self.strays = look is not None  # nobody blends a page
        self._look = look
        self._programs = programs
        self.uses: Counter[Use] = Counter()
        self.places: dict[Use, Places] = {}
        self.shown: dict[Use, Counter[int]] = {}
        self.fonts: set[str] = set()
        self.masks: dict[str, dict[Linear, Sum]] = {}
        self.patterns: dict[str, Sum] = {}
        self.set_names: Counter[tuple[str, str]] = Counter()
        self._steps, self._charged, self._ns = 1, 0, 0.0
        self._things, self._bare = Sum(), Sum()
        self._pixels, self._boxes, self._lines, self._letters = Sum(), Sum(), Sum(), Sum()
        self._states = States(entry(resources, "/ExtGState"))
        self._resources = entry(resources, "/Font")
        self._have_glyphs: dict[str, bool] = {}
        self._charges = charges
        self._operands: deque[Any] = deque(maxlen=64)  # a renderer forgets those before
        self.frame = frame.grown
        self._now = Graphics(self.box)
        self._kept: list[Graphics] = []
        self._path = Path()
        self._clips = False
        self._cuts = NO_CUTS
        self._marks = 0
        self._samples = 0.0  # of an inline picture

    @property
    def work(self) -> Work:
        """Of all but what it names."""
        return Work(
            self._steps, self._ns, self._things.extent, self._bare.extent,
            self._pixels.extent, self._boxes.extent, self._lines.extent, self._letters.extent,
        )  # fmt: skip

    def handle_object(self, thing: Any, _offset: int, _length: int) -> None:
        """An operand, or the operator that ends an operation."""
        operands = self._operands
        if not isinstance(thing, pikepdf.Operator):
            operands.append(thing)
            return
        self._steps += 1
        operator = str(thing)
        operation = _OPERATIONS.get(operator)
        if operation is not None:
            operation(self, operator, operands)
        operands.clear()
        if self._steps - self._charged > _BATCH:
            self.handle_eof()

    def handle_eof(self) -> None:
        """Charge what was not charged yet."""
        self._charges.steps(self._steps - self._charged)
        self._charged = self._steps
        if self._look is not None:
            self._look(self.work)

    def _keep(self, operator: str, _operands: deque[Any]) -> None:
        if operator == "q":
            self._kept.append(self._now.kept())
        elif self._kept:
            self._now = self._kept.pop()

    def _turn(self, _operator: str, operands: deque[Any]) -> None:
        *linear, x, y = last_numbers(operands, 6)
        self._now.turn(Linear(*linear), x, y)

    def _pen(self, operator: str, operands: deque[Any]) -> None:
        now = self._now
        now.own |= PEN
        if operator == "w":
            now.width = last_numbers(operands, 1)[0]
        elif operator == "M":
            now.miter = last_numbers(operands, 1)[0]
        else:
            now.dash = dash_of(operands[-2]) if len(operands) > 1 else 0.0

    def _colour(self, operator: str, operands: deque[Any]) -> None:
        """A colour, of strokes by capital letters; a pattern by its name."""
        name = ""
        if operator in ("sc", "scn", "SC", "SCN"):
            name = spelt(operands[-1]) if operands else ""
        if name:
            self.set_names["/Pattern", name] += 1
        elif operator in ("cs", "CS", "sc", "scn", "SC", "SCN"):
            self._ns += WORD_NS * self._programs.longest  # it may be a tint
        if operator.islower():
            self._now.fill, self._now.own = name, self._now.own | FILL
        else:
            self._now.stroke, self._now.own = name, self._now.own | STROKE

    def _state(self, _operator: str, operands: deque[Any]) -> None:
        if not operands:
            return
        name = spelt(operands[-1])
        self.set_names["/ExtGState", name] += 1
        self._now.change(name, self._states)

    def _font(self, operator: str, operands: deque[Any]) -> None:
        now = self._now
        if operator == "Tf":
            now.font = spelt(operands[-2]) if len(operands) > 1 else ""
            now.size, now.own = last_numbers(operands, 1)[0], now.own | FONT
            self.fonts.add(now.font)
        elif operator == "Tz":
            now.letters = last_numbers(operands, 1)[0] / 100
        else:
            now.mode = last_numbers(operands, 1)[0]

    def _place(self, operator: str, operands: deque[Any]) -> None:
        matrix = Linear(*last_numbers(operands, 6)[:4])
        self._now.text = Linear() if operator == "BT" else matrix

    def _show(self, _operator: str, operands: deque[Any]) -> None:
        now, codes = self._now, list(codes_of(operands))
        for raw in codes:
            self._steps += STRING_STEPS + len(raw) // BYTES_A_STEP
        if self._has_glyphs(now.font):
            use = self._used("", now.font, now.letters_matrix)
            shown = self.shown.setdefault(use, Counter())
            for raw in codes:
                shown.update(raw)
        count = sum(map(len, codes))
        self._ns += CHARACTER_NS * count
        if now.mode >= _CLIPS_FROM:
            now.cut_by(now.clip.area, 0.0, 0)
        matrix = now.letters_matrix
        self.strays = True  # where text ends is not looked at
        self._add(self._letters, FILL_NS * count, matrix.area)
        own = now.own & (FONT | FILL) == FONT | FILL
        self._paint(now.fill, FILL_NS, matrix.area, matrix.size(count, 1), not own, count)
        if now.mode in _STROKED:
            self._outline(count)

    def _outline(self, count: int) -> None:
        """So many letters as strokes."""
        now, all_own = self._now, FONT | PEN | STROKE
        spike = 2 * abs(now.width) * max(now.miter, 1.0)
        more, higher = now.matrix.size(spike, spike)
        width, height = now.letters_matrix.size(1, 1)
        covered = (width + more) * (height + higher)
        self._ns += LETTER_OUTLINE_NS * count
        if now.dash > 0:
            round_it = _ROUND * abs(now.size) / now.dash
            self._ns += DASH_NS * count * min(round_it, _DASHES_MAX)
        self._paint(now.stroke, FILL_NS, covered, (count * width + more, height + higher),
                    now.own & all_own != all_own, count)  # fmt: skip

    def _construct(self, operator: str, operands: deque[Any]) -> None:
        if operator == "re":
            self._path.box(*last_numbers(operands, 4))
        elif operator == "m":
            self._path.move(*last_numbers(operands, 2))
        else:
            self._path.draw(*last_numbers(operands, _PLACES[operator]))

    def _mark(self, operator: str, _operands: deque[Any]) -> None:
        """Marked content, whose list of marks a renderer copies at each level."""
        self._marks = max(self._marks + (-1 if operator == "EMC" else 1), 0)
        if self._marks > _MARKS_MAX:
            raise Malformed(Reason.TOO_DEEP, "marked content in marked content beyond the bound")

    def _clip(self, _operator: str, _operands: deque[Any]) -> None:
        self._clips = True

    def _end(self, operator: str, _operands: deque[Any]) -> None:
        path, clips = self._path, self._clips
        self._path, self._clips = Path(), False
        if operator in _FILLS and path.segments:
            self._fill(path)
        if operator in _STROKES and path.segments:
            self._stroke(path)
        if clips and path.segments:
            self._now.cut(path)

    def _fill(self, path: Path) -> None:
        now = self._now
        width, height = path.size
        self._within(path.left, path.bottom, path.right, path.top)
        if not (path.is_box and now.matrix.is_level):
            self._add_lines(OUTLINE_NS, path)
        covered, size = width * height * now.area, now.matrix.size(width, height)
        self._paint(now.fill, FILL_NS, covered, size, not now.own & FILL)

    def _stroke(self, path: Path) -> None:
        now = self._now
        pen = abs(now.width)
        spike = pen * max(now.miter, 1.0)
        width, height = (side + 2 * spike for side in path.size)
        covered = min(path.length * pen + path.segments * pen * spike, width * height)
        self._within(path.left - pen, path.bottom - pen, path.right + pen, path.top + pen)
        self._add_lines(STROKE_NS, path)
        if now.dash > 0:
            self._ns += DASH_NS * min(path.length / now.dash, _DASHES_MAX)
        self._paint(now.stroke, FILL_NS, covered * now.area, now.matrix.size(width, height),
                    now.own & (PEN | STROKE) != PEN | STROKE)  # fmt: skip

    def _paint(
        self, pattern: str, ns: float, covered: float, size: tuple[float, float], bare: bool,
        parts: int = 1,
    ) -> None:  # fmt: skip
        """A thing of so many parts. ns: a pixel. covered: of each part; all lie in a box."""
        now = self._now
        box = min(size[0] * size[1], now.clip.area)
        covered = min(covered, box)
        ns += ALPHA_NS * now.blending.alpha + ROUGH_CLIP_NS * now.rough
        self._ns += PAINT_NS
        self._cut()
        self._add(self._pixels, ns * parts, covered)
        self._add(self._things, 1.0, box)
        if bare:
            self._add(self._bare, 1.0, box)
        if now.blending.ns:
            self._add(self._boxes, now.blending.ns, box)
        if now.blending.mask:
            self._add(self.masked(now.blending), 1.0, box)
        if pattern:
            self._add(self.patterns.setdefault(pattern, Sum()), 1.0, box)

    def masked(self, blending: Blending) -> Sum:
        """What is painted under a soft mask."""
        return self.masks.setdefault(blending.mask, {}).setdefault(blending.mask_matrix, Sum())

    def _cut(self) -> None:
        """Apply the clips that hold now, unless they were just applied."""
        cuts = self._now.cuts
        if cuts is self._cuts:
            return
        self._cuts = cuts
        self._boxes.add(Extent(CLIP_NS * cuts.paths, CLIP_NS * cuts.area))
        self._lines.add(Extent(OUTLINE_NS * cuts.segments, OUTLINE_NS * cuts.length))

    def _within(self, left: float, bottom: float, right: float, top: float) -> None:
        """Look whether a box, in units that hold now, lies in the frame."""
        if not self.strays:
            self.strays = not self.frame.holds(self._now.placed(left, bottom, right, top))

    def _add(self, to: Sum, weight: float, covered: float) -> None:
        to.most += weight
        to.total += weight * covered

    def _add_lines(self, ns: float, path: Path) -> None:
        """Of a path; none of its segments is drawn beyond the clip."""
        now = self._now
        self._lines.most += ns * path.segments
        self._lines.total += ns * min(path.length * now.stretch, path.segments * now.clip.span)

    def _used(self, category: str, name: str, matrix: Linear) -> Use:
        now = self._now
        return Use(category, name, matrix, now.clip, now.rough, now.blending, now.fill, now.stroke,
                   now.reach, now.dash)  # fmt: skip

    def _use(self, operator: str, operands: deque[Any]) -> None:
        if operands:
            category = "/XObject" if operator == "Do" else "/Shading"
            self._cut()
            use = self._used(category, spelt(operands[-1]), self._now.matrix)
            self.uses[use] += 1
            if operator == "Do" and not self.strays:
                self.places.setdefault(use, Places()).add(*self._now.offset)

    def _picture_begins(self, _operator: str, operands: deque[Any]) -> None:
        """An inline picture: what it says of itself. It is decoded as it is read."""
        listed = list(operands)
        pairs = zip(listed[::2], listed[1::2], strict=False)
        said = {spelt(key): number(value) for key, value in pairs}
        size = said.get("/W", said.get("/Width", 0)) * said.get("/H", said.get("/Height", 0))
        depth = said.get("/BPC", said.get("/BitsPerComponent", 1))
        self._samples = abs(size)
        self._charges.bytes(int(self._samples if depth > 1 else self._samples / 8))

    def _picture(self, _operator: str, operands: deque[Any]) -> None:
        """An inline picture."""
        for image in operands:
            if draws_behind_its_end(image):
                broken("an inline picture that may end before its end")
            self._ns += INLINE_NS * self._samples
            self._within(*UNIT)
            self._paint(self._now.fill, PICTURE_NS, self._now.area, self._now.matrix.size(1, 1),
                        not self._now.own & FILL)  # fmt: skip

    def _has_glyphs(self, font: str) -> bool:
        """Whether a font's glyphs are content; one that was not set may be any."""
        if not font or self._resources is None:
            return True
        if font not in self._have_glyphs:
            self._have_glyphs[font] = entry(entry(self._resources, font), "/CharProcs") is not None
        return self._have_glyphs[font]


_OPERATIONS: dict[str, Callable[[Painted, str, deque[Any]], None]] = {
    **dict.fromkeys(("q", "Q"), Painted._keep), "cm": Painted._turn, "gs": Painted._state,
    **dict.fromkeys(("m", "re", *_PLACES), Painted._construct),
    **dict.fromkeys(("w", "M", "d"), Painted._pen),
    **dict.fromkeys(("g", "rg", "k", "cs", "sc", "scn"), Painted._colour),
    **dict.fromkeys(("G", "RG", "K", "CS", "SC", "SCN"), Painted._colour),
    **dict.fromkeys(("Tf", "Tz", "Tr"), Painted._font),
    **dict.fromkeys(("BT", "Tm"), Painted._place),
    **dict.fromkeys(("Tj", "TJ", "'", '"'), Painted._show),
    **dict.fromkeys(("BMC", "BDC", "EMC"), Painted._mark),
    **dict.fromkeys(("W", "W*"), Painted._clip),
    **dict.fromkeys((*_FILLS, *_STROKES, "n"), Painted._end),
    **dict.fromkeys(("Do", "sh"), Painted._use),
    "ID": Painted._picture_begins, "EI": Painted._picture,
}  # fmt: skip
