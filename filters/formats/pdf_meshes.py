"""How much of a page the triangles or patches of a mesh cover.

ISO 32000-2, 8.7.4.5.5 to 8.7.4.5.8. Takes a shading's dictionary and its bytes, gives how many
there are and the sum of the boxes around them, in the shading's units. What is not laid out in
whole bytes is taken to be everywhere.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from filters.formats.pdf_states import NUMBER_MAX, entry, number, numbers_of
from filters.formats.pdf_work import HUGE, Extent

FREE, LATTICE, COONS, TENSOR = 4, 5, 6, 7
_POINTS = {COONS: 12, TENSOR: 16}
_SHARED = 4  # points of a patch that the one before has
_COMPONENTS_MAX = 32
Point = tuple[float, float]


def covered(shading: Any, kind: int, raw: bytes) -> Extent:
    """Of weight 1 each."""
    layout = _Layout(shading, kind)
    if not layout.is_whole:
        return Extent(len(raw) * 8 / layout.bits_least, HUGE)
    shapes = {FREE: _triangles, LATTICE: _lattice}.get(kind, _patches)
    count, total = 0, 0.0
    for points in shapes(layout, raw):
        across, up = ([point[axis] for point in points] for axis in (0, 1))
        count += 1
        total += (max(across) - min(across)) * (max(up) - min(up))
    return Extent(count, min(total * layout.width * layout.height, HUGE))


class _Layout:
    """How a mesh's numbers stand in its bytes. width, height: of what coordinates can reach."""

    def __init__(self, shading: Any, kind: int) -> None:
        self.kind = kind
        bits = [int(number(entry(shading, key))) for key in (
            "/BitsPerFlag", "/BitsPerCoordinate", "/BitsPerComponent")]  # fmt: skip
        decode = numbers_of(entry(shading, "/Decode"))[: 4 + 2 * _COMPONENTS_MAX]
        colours = 1 if entry(shading, "/Function") is not None else max(len(decode) - 4, 2) // 2
        self.flag, self.place, self.colour = bits[0] // 8, bits[1] // 8, bits[2] // 8 * colours
        self.is_whole = bits[1] in (8, 16, 24, 32) and bits[2] in (8, 16) and (
            bits[0] == 8 or kind == LATTICE)  # fmt: skip
        self.bits_least = max(2 * bits[1] + colours * bits[2], 1)
        self.width, self.height = NUMBER_MAX, NUMBER_MAX
        if len(decode) >= 4:
            self.width, self.height = abs(decode[1] - decode[0]), abs(decode[3] - decode[2])
        self.across = int(number(entry(shading, "/VerticesPerRow")))

    def points(self, raw: bytes, at: int, count: int) -> list[Point]:
        """So many points, 0 to 1 each way."""
        size, most = self.place, float(256**self.place - 1)
        ends = range(at, at + 2 * size * count, size)
        found = [int.from_bytes(raw[end : end + size], "big") / most for end in ends]
        return list(zip(found[::2], found[1::2], strict=True))


def _triangles(layout: _Layout, raw: bytes) -> Iterator[Sequence[Point]]:
    size = layout.flag + 2 * layout.place + layout.colour
    corners: list[Point] = []
    for at in range(0, len(raw) - size + 1, size):
        point = layout.points(raw, at + layout.flag, 1)[0]
        joined = raw[at] & 3 if len(corners) == 3 else 0
        if joined:
            corners = [corners[1 if joined == 1 else 0], corners[2], point]
        else:
            corners = [*corners, point] if len(corners) < 3 else [point]
        if len(corners) == 3:
            yield corners


def _lattice(layout: _Layout, raw: bytes) -> Iterator[Sequence[Point]]:
    size = 2 * layout.place + layout.colour
    points = [layout.points(raw, at, 1)[0] for at in range(0, len(raw) - size + 1, size)]
    across = max(layout.across, 2)
    for at in range(len(points) - across - 1):
        if at % across != across - 1:
            yield [points[corner] for corner in (at, at + 1, at + across, at + across + 1)]


def _patches(layout: _Layout, raw: bytes) -> Iterator[Sequence[Point]]:
    """Which four points a patch shares with the one before is not looked at: all are taken."""
    many = _POINTS[layout.kind]
    at, before = 0, list[Point]()
    while at < len(raw):
        joined = bool(raw[at] & 3 and before)
        count = many - _SHARED * joined
        after = at + 1 + 2 * layout.place * count
        if after > len(raw):
            break
        points = layout.points(raw, at + 1, count)
        yield [*points, *before] if joined else points
        before = points
        at = after + layout.colour * (2 if joined else 4)
