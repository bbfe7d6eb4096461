"""What it takes to draw content of a PDF: sums that forms, masks and patterns pass on.

Pure arithmetic. Nanoseconds are those of PDFium on one core of a small machine, rounded up; a bound
needs their order, not their truth. Lengths and areas are in the content's own units, until a page's
scale makes them pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from filters.formats.pdf_matrix import Linear

HUGE = 1e15  # what no sum of ordinary numbers reaches, and no product of two makes infinite
FILL_NS, ALPHA_NS, CLIP_NS, ROUGH_CLIP_NS = 0.6, 5.0, 0.3, 2.0  # a pixel
BLEND_NS, MIX_NS = 12.0, 20.0  # a pixel; the latter of colour with colour
GROUP_NS, MASKED_NS, PICTURE_NS, TILES_NS = 5.0, 6.0, 2.5, 16.0  # a pixel
AXIAL_NS, RADIAL_NS, MESH_NS, PATCH_NS = 2.0, 40.0, 3.0, 14.0  # a pixel
OUTLINE_NS, STROKE_NS = 60.0, 80.0  # a pixel of length
SAMPLE_NS, DEAR_SAMPLE_NS, INLINE_NS = 2.5, 14.0, 5.0  # a sample of a picture
JPX_NS, JBIG2_NS, SCAN_NS = 15.0, 10.0, 1.0  # a sample to decode
CODED_NS = 120.0  # a byte of a picture as it is stored
SHADES, SHADE_NS, WORD_NS = 256, 200.0, 5.0  # each shade of a shading, each word of a program
DASH_NS, CHARACTER_NS, PAINT_NS, CORNER_NS = 250.0, 500.0, 500.0, 1000.0  # each
LETTER_OUTLINE_NS = 10_000.0  # each


class Box(NamedTuple):
    """An area that bounds what is drawn, and the width and height of it together."""

    area: float = HUGE
    span: float = HUGE

    @classmethod
    def of(cls, width: float, height: float) -> "Box":
        """A box of such sides; everything where it has none."""
        return cls(width * height, width + height) if width and height else cls()

    def times(self, count: float) -> "Box":
        """What so many of them cover."""
        return Box(self.area * count, self.span * count)


class Extent(NamedTuple):
    """A sum over things that are drawn, each with a weight.

    most: the weights. total: weights times what each covers.
    """

    most: float = 0.0
    total: float = 0.0

    def plus(self, other: "Extent") -> "Extent":
        """The sum."""
        return Extent(_held(self.most + other.most), _held(self.total + other.total))

    def drawn(self, times: float, scale: float, covered: float) -> "Extent":
        """So many times, magnified; nothing covers more than its part of what all may cover."""
        most = _held(self.most * times)
        return Extent(most, min(_held(self.total * scale * times), _held(self.most * covered)))

    def weighed(self, weight: float) -> "Extent":
        """Each of them by so much more."""
        return Extent(_held(self.most * weight), _held(self.total * weight))


NOTHING = Extent()


class Sum:
    """An extent that grows."""

    __slots__ = ("most", "total")

    def __init__(self) -> None:
        self.most = self.total = 0.0

    @property
    def extent(self) -> Extent:
        """As it is now."""
        return NOTHING.plus(Extent(self.most, self.total))

    @property
    def count(self) -> int:
        """The weights as a number of things."""
        return int(min(self.most, HUGE))

    def add(self, more: Extent) -> None:
        """The sum, here."""
        self.most += more.most
        self.total += more.total


@dataclass(slots=True)
class Work:
    """Of one content, with all that it draws.

    steps    those of `filters.formats.pdf_steps`
    ns       what does not grow with the scale
    things   what is painted, each of weight 1, by the boxes that hold it
    bare     those of them that inherit what is costly
    pixels   nanoseconds a pixel that is painted
    boxes    nanoseconds a pixel of the boxes that hold what is painted
    lines    nanoseconds a pixel of length
    letters  nanoseconds a pixel of letters, which may be larger than they say
    strays   whether something may lie outside of the content's box; what is cut off is not drawn,
             but a renderer blends all of it
    """

    steps: int = 0
    ns: float = 0.0
    things: Extent = NOTHING
    bare: Extent = NOTHING
    pixels: Extent = NOTHING
    boxes: Extent = NOTHING
    lines: Extent = NOTHING
    letters: Extent = NOTHING
    strays: bool = False

    def add(self, other: "Work") -> None:
        """The sum, here."""
        self.steps += other.steps
        self.ns = _held(self.ns + other.ns)
        self.things = self.things.plus(other.things)
        self.bare = self.bare.plus(other.bare)
        self.pixels = self.pixels.plus(other.pixels)
        self.boxes = self.boxes.plus(other.boxes)
        self.lines = self.lines.plus(other.lines)
        self.letters = self.letters.plus(other.letters)

    def drawn(self, times: int, matrix: Linear, within: Box) -> "Work":
        """What it takes to draw this so many times; within: what all of them may cover."""
        area = matrix.area
        boxes = area if matrix.is_level else HUGE  # turned, a thin box becomes a wide one
        return Work(
            self.steps * times,
            _held(self.ns * times),
            self.things.drawn(times, boxes, within.area),
            self.bare.drawn(times, boxes, within.area),
            self.pixels.drawn(times, area, within.area),
            self.boxes.drawn(times, boxes, within.area),
            self.lines.drawn(times, matrix.stretch, within.span),
            self.letters.drawn(times, area, within.area),
        )

    def aside(self) -> "Work":
        """This as work of a mask or a pattern, of which nothing is painted by itself."""
        return replace(self, things=NOTHING, bare=NOTHING)

    def page_ns(self, pixels_a_unit: float) -> float:
        """Of a page that is drawn with so many pixels along each unit."""
        pixels = (self.pixels.total + self.boxes.total) * pixels_a_unit**2
        return self.ns + pixels + self.lines.total * pixels_a_unit


def _held(value: float) -> float:
    return min(value, HUGE)


def costliest(works: Iterable[Work]) -> Work:
    """The most of any of them, in each respect."""
    worst = Work()
    for work in works:
        for each in fields(Work):
            have, other = getattr(worst, each.name), getattr(work, each.name)
            most = Extent(*map(max, have, other)) if each.type is Extent else max(have, other)
            setattr(worst, each.name, most)
    return worst
