"""The graphics state of a PDF's content as it is read, as far as it makes drawing costly.

ISO 32000-2, 8.4. What a content does not set itself it inherits from whoever draws it: what it has
set is kept along.
"""

from typing import NamedTuple

from filters.formats.pdf_frames import Frame
from filters.formats.pdf_matrix import Linear
from filters.formats.pdf_paths import Path
from filters.formats.pdf_states import UNBLENDED, States
from filters.formats.pdf_work import Box

FILL, STROKE, PEN, FONT = 1, 2, 4, 8  # what a content has set itself


class Cuts(NamedTuple):
    """All clips that are no boxes, which a renderer applies anew whenever they are others."""

    paths: int = 0
    area: float = 0.0
    segments: int = 0
    length: float = 0.0


NO_CUTS = Cuts()


class Graphics:
    """One graphics state.

    matrix, offset: of the content's units; area and stretch: what it does to them. clip: in the
    units that held at the beginning; rough: whether it is anything but a box. fill, stroke: names
    of patterns. size, letters, mode: of text, with its matrix.
    """

    __slots__ = (
        "area", "blending", "clip", "cuts", "dash", "fill", "font", "letters", "matrix", "miter",
        "mode", "offset", "own", "rough", "size", "stretch", "stroke", "text", "width",
    )  # fmt: skip

    def __init__(self, clip: Box) -> None:
        self.matrix, self.area, self.stretch = Linear(), 1.0, 1.0
        self.offset = 0.0, 0.0
        self.clip, self.rough, self.cuts = clip, False, NO_CUTS
        self.blending = UNBLENDED
        self.fill = self.stroke = self.font = ""
        self.width, self.miter, self.dash = 1.0, 10.0, 0.0
        self.size, self.letters, self.mode, self.text = 1.0, 1.0, 0.0, Linear()
        self.own = 0

    def kept(self) -> "Graphics":
        """A copy, as `q` keeps it."""
        kept = Graphics.__new__(Graphics)
        kept.matrix, kept.area, kept.stretch = self.matrix, self.area, self.stretch
        kept.offset, kept.clip, kept.rough = self.offset, self.clip, self.rough
        kept.cuts, kept.blending, kept.own = self.cuts, self.blending, self.own
        kept.fill, kept.stroke, kept.font = self.fill, self.stroke, self.font
        kept.width, kept.miter, kept.dash = self.width, self.miter, self.dash
        kept.size, kept.letters, kept.mode = self.size, self.letters, self.mode
        kept.text = self.text
        return kept

    def turn(self, matrix: Linear, x: float, y: float) -> None:
        """`cm`."""
        a, b, c, d = self.matrix
        self.offset = self.offset[0] + a * x + c * y, self.offset[1] + b * x + d * y
        self.matrix = matrix.then(self.matrix)
        self.area, self.stretch = self.matrix.area, self.matrix.stretch

    def change(self, name: str, states: States) -> None:
        """`gs`."""
        change = states.change(name)
        self.blending = states.blending(name, self.blending, self.matrix)
        if change.font_size is not None:
            self.font, self.size, self.own = "", change.font_size, self.own | FONT
        for key in ("width", "miter", "dash"):
            value = getattr(change, key)
            if value is not None:
                setattr(self, key, value)
                self.own |= PEN

    def cut(self, path: Path) -> None:
        """`W`."""
        width, height = self.matrix.size(*path.size)
        self.clip = Box(min(self.clip.area, width * height), min(self.clip.span, width + height))
        if not (path.is_box and self.matrix.is_level):
            length = min(path.length * self.stretch, path.segments * self.clip.span)
            self.cut_by(self.clip.area, length, path.segments)

    def cut_by(self, area: float, length: float, segments: int) -> None:
        """Anything but a box."""
        self.rough = True
        now = self.cuts
        self.cuts = Cuts(
            now.paths + 1, now.area + area, now.segments + segments, now.length + length
        )

    def placed(self, left: float, bottom: float, right: float, top: float) -> Frame:
        """A box of the units that hold now, in those that held at the beginning."""
        return Frame(left, bottom, right, top).moved(self.matrix, *self.offset)

    @property
    def letters_matrix(self) -> Linear:
        """Of letters of size 1 to the units that held at the beginning."""
        size = self.size
        return Linear(size * self.letters, 0.0, 0.0, size).then(self.text).then(self.matrix)

    @property
    def reach(self) -> float:
        """How far from its path a stroke may paint, or from its place a letter."""
        return max(abs(self.width) * max(self.miter, 1.0), abs(self.size))
