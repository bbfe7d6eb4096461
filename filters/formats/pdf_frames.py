"""Where content of a PDF lies: boxes with places, and what lies in them.

A renderer that blends a form takes the box around all that the form draws, whether its own box cuts
it off or not.
"""

from typing import Any, NamedTuple

from filters.formats.pdf_matrix import Linear
from filters.formats.pdf_states import box_of
from filters.formats.pdf_work import HUGE, Box

_GROWN, _GROWN_UNITS = 0.25, 5.0  # on each side: half a stroke stands out of many a box


class Frame(NamedTuple):
    """A level box, its corners in order."""

    left: float = -HUGE
    bottom: float = -HUGE
    right: float = HUGE
    top: float = HUGE

    @property
    def sides(self) -> tuple[float, float]:
        """Width and height."""
        return self.right - self.left, self.top - self.bottom

    @property
    def box(self) -> Box:
        """Its sizes."""
        return Box.of(*self.sides)

    @property
    def grown(self) -> "Frame":
        """What still counts as lying in it."""
        across, up = (side * _GROWN + _GROWN_UNITS for side in self.sides)
        return Frame(self.left - across, self.bottom - up, self.right + across, self.top + up)

    def holds(self, other: "Frame") -> bool:
        """Whether another lies in it."""
        return (
            self.left <= other.left
            and self.bottom <= other.bottom
            and self.right >= other.right
            and self.top >= other.top
        )

    def moved(self, matrix: Linear, x: float, y: float) -> "Frame":
        """The frame around this one, after a matrix."""
        half_width, half_height = (side / 2 for side in matrix.size(*self.sides))
        across, up = (self.left + self.right) / 2, (self.bottom + self.top) / 2
        x += matrix.a * across + matrix.c * up
        y += matrix.b * across + matrix.d * up
        return Frame(x - half_width, y - half_height, x + half_width, y + half_height)


UNIT = Frame(0.0, 0.0, 1.0, 1.0)  # of a picture


class Places:
    """From where to where something is drawn."""

    __slots__ = ("bottom", "left", "right", "top")

    def __init__(self) -> None:
        self.left = self.bottom = HUGE
        self.right = self.top = -HUGE

    def add(self, x: float, y: float) -> None:
        """Here too."""
        self.left, self.right = min(self.left, x), max(self.right, x)
        self.bottom, self.top = min(self.bottom, y), max(self.top, y)

    def around(self, frame: Frame) -> Frame:
        """What holds a frame in all of these places."""
        return Frame(
            frame.left + self.left, frame.bottom + self.bottom,
            frame.right + self.right, frame.top + self.top,
        )  # fmt: skip


def frame_of(box: Any) -> Frame:
    """A box of a file; everywhere, where it is none."""
    left, bottom, right, top = box_of(box)
    if left == right or bottom == top:
        return Frame()
    return Frame(min(left, right), min(bottom, top), max(left, right), max(bottom, top))
