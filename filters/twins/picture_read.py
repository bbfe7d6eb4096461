"""Filter `picture_read`: what crossed is the model of a picture, by the destination's own code.

Takes any bytes, changes nothing: deterministic CBOR (`filters.twins.cbor_reader`) of the shape in
docs/spec/picture-model.md, within the destination's own bounds. No picture is decoded: rows are
inflated to exactly the length that follows from the size, and any bytes of that length are pixels.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from filters.twins.cbor_reader import ReaderLimits
from filters.twins.cbor_reader import read as read_cbor
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

Plane = NDArray[np.uint8]
Form = Literal["png", "jpeg", "gif", "tiff", "bmp", "pdf"]

BYTES_A_PIXEL = {"L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4, "YCC": 3}
MODES_OF: dict[str, tuple[str, ...]] = {
    "png": ("L", "LA", "RGB", "RGBA", "P"),
    "jpeg": ("L", "YCC", "YCC420"),
    "gif": ("P",),
    "tiff": ("L", "LA", "RGB", "RGBA"),
    "bmp": ("L", "RGB", "P"),
    "pdf": ("L", "RGB", "YCC", "YCC420"),
}
_TIMES_MAX = 0xFFFF
_DPI_MAX = 1200


class PictureReadParameters(Parameters):
    """What is taken.

    formats         that may come
    pixels_max      of one frame, width times height
    all_pixels_max  of all frames together
    frames_max      frames or pages
    """

    formats: list[Form] = Field(default=["png", "jpeg", "gif", "tiff", "bmp"], min_length=1)
    pixels_max: int = Field(default=24_000_000, ge=1, le=200_000_000)
    all_pixels_max: int = Field(default=48_000_000, ge=1, le=400_000_000)
    frames_max: int = Field(default=256, ge=1, le=10_000)


@dataclass(frozen=True, slots=True)
class Stored:
    """A frame with its rows still deflated."""

    width: int
    height: int
    mode: str
    ms: int
    palette: bytes
    deflated: bytes

    def sizes(self) -> list[tuple[int, int]]:
        """Rows and bytes a row of each plane."""
        if self.mode == "YCC420":
            colour = (-(-self.height // 2), -(-self.width // 2))
            return [(self.height, self.width), colour, colour]
        if self.mode == "YCC":
            return [(self.height, self.width)] * 3
        return [(self.height, self.width * BYTES_A_PIXEL[self.mode])]

    def planes(self) -> list[Plane]:
        """The rows of each plane, as they are seen."""
        sizes = self.sizes()
        whole = _whole(self.deflated, sum(rows * row_bytes for rows, row_bytes in sizes))
        found, start = [], 0
        for rows, row_bytes in sizes:
            end = start + rows * row_bytes
            differences = whole[start:end].reshape(rows, row_bytes)
            found.append(np.add.accumulate(differences, axis=0, dtype=np.uint8))
            start = end
        if self.mode == "P":
            _each_colour(found[0], len(self.palette) // 4)
        return found


@dataclass(frozen=True, slots=True)
class Crossed:
    """A picture as it crossed."""

    form: str
    loops: int
    dpi: int
    frames: list[Stored]

    @property
    def pixels(self) -> int:
        """Of all frames."""
        return sum(frame.width * frame.height for frame in self.frames)


def model(untrusted: bytes) -> Crossed:
    """The picture in `untrusted`, pixels not looked at; `Malformed` for other bytes."""
    size = len(untrusted)
    return picture_of(read_cbor(untrusted, ReaderLimits(size, 4, 100_000, size)))


def picture_of(value: Any) -> Crossed:
    """The same of a value that the CBOR reader has given."""
    if type(value) is not dict or set(value) != {"picture", "format", "frames", "loops", "dpi"}:
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of a picture")
    form, frames = value["format"], value["frames"]
    if value["picture"] is True or value["picture"] != 1 or form not in MODES_OF:
        raise Malformed(Reason.MODEL_SHAPE, "a layout or a format that is not known here")
    if type(frames) is not list or not frames:
        raise Malformed(Reason.MODEL_SHAPE, "a picture of no frames")
    _number(value["loops"], 0, _TIMES_MAX)
    _number(value["dpi"], 1 if form == "pdf" else 0, _DPI_MAX if form == "pdf" else 0)
    crossed = Crossed(form, value["loops"], value["dpi"], [frame_of(each, form) for each in frames])
    _one_animation(crossed)
    return crossed


def frame_of(value: Any, form: str) -> Stored:
    """A stored frame whose parts are sound; `Malformed` for one whose are not."""
    if type(value) is not list or len(value) != 6:
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of a frame")
    width, height, mode, ms, palette, deflated = value
    _number(width, 1, _TIMES_MAX)
    _number(height, 1, _TIMES_MAX)
    _number(ms, 0, _TIMES_MAX)
    if mode not in MODES_OF[form] or type(palette) is not bytes or type(deflated) is not bytes:
        raise Malformed(Reason.MODEL_SHAPE, "a frame of another mode than its format has")
    colours = len(palette) / 4
    if (colours not in range(1, 257)) if mode == "P" else palette:
        raise Malformed(Reason.MODEL_SHAPE, "a palette that does not fit its frame")
    entries = [palette[at : at + 4] for at in range(0, len(palette), 4)]
    if entries != sorted(set(entries)):
        raise Malformed(Reason.MODEL_SHAPE, "a palette whose colours do not ascend")
    if form == "gif":
        _hundredths(ms, palette)
    return Stored(width, height, mode, ms, palette, deflated)


def _each_colour(indices: Plane, colours: int) -> None:
    """No pixel is beyond the palette, and no colour of it is without a pixel."""
    if int(indices.max()) >= colours:
        raise Malformed(Reason.MODEL_SHAPE, "a pixel has a colour beyond the palette")
    flat = indices.tobytes()
    if any(colour not in flat for colour in range(colours)):
        raise Malformed(Reason.MODEL_SHAPE, "the palette has a colour that no pixel has")


def _hundredths(ms: int, palette: bytes) -> None:
    """GIF: times in hundredths of a second, colours there or not, one of those that are not."""
    opacity = palette[3::4]
    if ms % 10 or opacity.strip(b"\x00\xff") or opacity.count(0) > 1:
        raise Malformed(Reason.MODEL_SHAPE, "a frame that GIF has no form for")


def _number(value: Any, smallest: int, largest: int) -> None:
    if type(value) is not int or not smallest <= value <= largest:
        raise Malformed(Reason.MODEL_SHAPE, "a number of the picture is out of range")


def _one_animation(crossed: Crossed) -> None:
    first, *others = crossed.frames
    if crossed.form in ("jpeg", "bmp") and others:
        raise Malformed(Reason.MODEL_SHAPE, "more frames than the format has")
    moves = crossed.form in ("png", "gif") and bool(others)
    if moves:
        if any((each.width, each.height) != (first.width, first.height) for each in others):
            raise Malformed(Reason.MODEL_SHAPE, "frames of an animation differ in size")
        if crossed.form == "png" and {each.mode for each in crossed.frames} not in _ANIMATED:
            raise Malformed(Reason.MODEL_SHAPE, "frames of an animated PNG differ in mode")
    elif crossed.loops or any(each.ms for each in crossed.frames):
        raise Malformed(Reason.MODEL_SHAPE, "times in a picture that does not move")


_ANIMATED = ({"L"}, {"LA"}, {"RGB"}, {"RGBA"})


def pieces(deflated: bytes, due: int) -> Iterator[bytes]:
    """What is inflated, in pieces; `Malformed` unless it has exactly this length and ends."""
    stream = zlib.decompressobj()
    left = due
    waiting = deflated
    try:
        while left:
            piece = stream.decompress(waiting, min(left, 1 << 20))
            waiting = stream.unconsumed_tail
            if not piece:
                break
            left -= len(piece)
            yield piece
        extra = stream.decompress(waiting, 1)
    except zlib.error as error:
        raise Malformed(Reason.SYNTAX, "the rows cannot be inflated") from error
    if left or extra or not stream.eof or stream.unused_data:
        raise Malformed(Reason.MODEL_SHAPE, "not as many rows as the size says")


def _whole(deflated: bytes, due: int) -> Plane:
    found = np.empty(due, np.uint8)
    at = 0
    for piece in pieces(deflated, due):
        found[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)
    return found


def make(parameters: PictureReadParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but a model within the bounds."""
    formats = frozenset(parameters.formats)

    def run(message: Message) -> Answer:
        crossed = model(message.payload)
        if crossed.form not in formats:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, f"{crossed.form} is not taken here")
        if len(crossed.frames) > parameters.frames_max:
            raise Malformed(Reason.TOO_MANY_FRAMES, "more frames than are taken here")
        largest = max(frame.width * frame.height for frame in crossed.frames)
        if largest > parameters.pixels_max or crossed.pixels > parameters.all_pixels_max:
            raise Malformed(Reason.TOO_MANY_PIXELS, "more pixels than are taken here")
        for frame in crossed.frames:
            if frame.mode == "P":
                frame.planes()
                continue
            due = sum(rows * row_bytes for rows, row_bytes in frame.sizes())
            for _ in pieces(frame.deflated, due):
                pass
        return Pass()

    return run


STAGE = StageType(
    name="picture_read",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=PictureReadParameters,
    make=make,
    summary="what crossed is the model of a picture, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
