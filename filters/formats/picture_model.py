"""The model of a picture that crosses: docs/spec/picture-model.md, written and read by the source.

Takes frames of pixels as arrays, gives deterministic CBOR; takes CBOR, gives frames or raises
`Malformed`. Rows are stored as their difference to the row above (PNG's filter Up) and deflated:
what is inflated has exactly one length, and any bytes of that length are pixels.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from filters.formats.picture_structure import PictureLimits, check_frames, check_size
from schemas.cbor import CborLimits, decode, encode
from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.stage import Parameters

PICTURE_CBOR = "application/picture+cbor"
MODEL_LAYOUT = 1
PALETTE_COLOURS_MAX = 256
DPI_MAX = 1200
MODEL_BYTES_MAX = 16 << 20  # schemas.policy.PAYLOAD_BYTES_MAX

Plane = NDArray[np.uint8]
"""Rows of bytes, height by stride."""

SAMPLES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "P": 1}
PLANAR = ("YCC", "YCC420")
MODES = {
    "png": {"L", "LA", "RGB", "RGBA", "P"},
    "gif": {"P"},
    "tiff": {"L", "LA", "RGB", "RGBA"},
    "bmp": {"L", "RGB", "P"},
    "jpeg": {"L", "YCC", "YCC420"},
    "pdf": {"L", "RGB", "YCC", "YCC420"},
}

_BAND_BYTES = 1 << 20
_LEVEL = 1
_KEYS = ("dpi", "format", "frames", "loops", "picture")


class PictureParameters(Parameters):
    """Bounds of one picture.

    pixels_max       of one frame, width times height
    all_pixels_max   of all frames together
    side_pixels_max  of width and height each
    frames_max       frames or pages
    """

    pixels_max: int = Field(default=24_000_000, ge=1, le=200_000_000)
    all_pixels_max: int = Field(default=48_000_000, ge=1, le=400_000_000)
    side_pixels_max: int = Field(default=16_384, ge=1, le=65_535)
    frames_max: int = Field(default=256, ge=1, le=10_000)

    def limits(self) -> PictureLimits:
        """The same as the walkers take them."""
        return PictureLimits(
            self.pixels_max, self.all_pixels_max, self.side_pixels_max, self.frames_max
        )


@dataclass(slots=True)
class Frame:
    """One frame or page.

    mode     see `SAMPLES` and `PLANAR`
    planes   one of interleaved samples, or for YCC and YCC420 three: Y, Cb, Cr
    ms       how long it is shown, 0 if it is not animated
    palette  of mode P: 4 bytes a colour, red, green, blue, opacity
    """

    width: int
    height: int
    mode: str
    planes: list[Plane]
    ms: int = 0
    palette: bytes = b""


@dataclass(slots=True)
class Picture:
    """format: what the destination writes. dpi: of a PDF.

    loops: how often an animation is shown, 0 for ever.
    """

    format: str
    frames: list[Frame] = field(default_factory=list)
    loops: int = 0
    dpi: int = 0


def shapes(mode: str, width: int, height: int) -> list[tuple[int, int]]:
    """Rows and bytes a row of each plane."""
    if mode == "YCC420":
        half = ((height + 1) // 2, (width + 1) // 2)
        return [(height, width), half, half]
    if mode == "YCC":
        return [(height, width)] * 3
    return [(height, width * SAMPLES[mode])]


def write(picture: Picture) -> bytes:
    """The model in deterministic CBOR."""
    return write_frames(picture, picture.frames)


def write_frames(picture: Picture, frames: Iterable[Frame]) -> bytes:
    """The same for frames that come one by one, so that one is in memory at a time.

    `Malformed` where they have more bytes than any policy lets a payload have.
    """
    packed: list[Any] = []
    left_bytes = MODEL_BYTES_MAX
    for frame in frames:
        packed.append(stored(frame))
        left_bytes -= len(packed[-1][5])
        if left_bytes < 0:
            raise Malformed(
                Reason.SIZE_OUT_OF_BOUNDS,
                "its pixels deflate to more than 16 MiB, the most that crosses: make it smaller",
            )
    model: dict[str, Any] = {
        "picture": MODEL_LAYOUT,
        "format": picture.format,
        "frames": packed,
        "loops": picture.loops,
        "dpi": picture.dpi,
    }
    return encode(model)


def stored(frame: Frame) -> list[Any]:
    """A frame as the model holds it."""
    pixels = b"".join(_deflated(frame.planes))
    return [frame.width, frame.height, frame.mode, frame.ms, frame.palette, pixels]


def is_stored_within(frame: Frame, bytes_max: int) -> bool:
    """Whether a frame's pixels are stored in so many bytes; what is made is not kept."""
    left = bytes_max
    for part in _deflated(frame.planes):
        left -= len(part)
        if left < 0:
            return False
    return True


def _deflated(planes: list[Plane]) -> Iterator[bytes]:
    deflate = zlib.compressobj(_LEVEL)
    for plane in planes:
        rows = max(_BAND_BYTES // plane.shape[1], 1)
        for top in range(0, len(plane), rows):
            band = plane[top : top + rows]
            if top:
                above = plane[top - 1 : top - 1 + len(band)]
                difference = band - above
            else:
                difference = band.copy()
                difference[1:] -= band[:-1]
            yield deflate.compress(np.ascontiguousarray(difference).data)
    yield deflate.flush()


def read(untrusted: bytes, limits: PictureLimits) -> Picture:
    """The picture with all its pixels, or `Malformed`."""
    picture, packed = head(untrusted, limits)
    picture.frames = list(frames(packed))
    return picture


def head(untrusted: bytes, limits: PictureLimits) -> tuple[Picture, list[Any]]:
    """The picture without its frames, and the frames as they are stored, checked but for pixels."""
    size = len(untrusted)
    bounds = CborLimits(size, 4, 16 + 7 * limits.frames_max, size)
    model = decode(untrusted, bounds)
    if type(model) is not dict or tuple(sorted(model)) != _KEYS:
        raise Malformed(Reason.MODEL_SHAPE, "the model has not the parts of a picture")
    parts: dict[str, Any] = dict(model)
    form, packed, loops, dpi = parts["format"], parts["frames"], parts["loops"], parts["dpi"]
    if parts["picture"] != MODEL_LAYOUT or type(form) is not str or form not in MODES:
        raise Malformed(Reason.MODEL_SHAPE, "the model is of no format that is written")
    if type(packed) is not list or not packed:
        raise Malformed(Reason.MODEL_SHAPE, "the picture has no frames")
    if not _is_count(loops, 0xFFFF) or not _is_count(dpi, DPI_MAX) or (dpi > 0) != (form == "pdf"):
        raise Malformed(Reason.MODEL_SHAPE, "the picture's loops or resolution are out of range")
    pixels = sum(check_frame(entry, form, limits) for entry in packed)
    check_frames(len(packed), pixels, limits)
    _check_together(form, packed, loops)
    return Picture(form, [], loops, dpi), packed


def _is_count(value: Any, largest: int) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= largest


def check_frame(entry: Any, form: str, limits: PictureLimits) -> int:
    """The pixels of a stored frame whose parts are sound; `Malformed` for one whose are not."""
    if type(entry) is not list or len(entry) != 6:
        raise Malformed(Reason.MODEL_SHAPE, "a frame has not the parts of a frame")
    width, height, mode, ms, palette, pixels = entry
    if not _is_count(width, 0xFFFF) or not _is_count(height, 0xFFFF) or not _is_count(ms, 0xFFFF):
        raise Malformed(Reason.MODEL_SHAPE, "a frame's numbers are out of range")
    if type(mode) is not str or mode not in MODES[form]:
        raise Malformed(Reason.MODEL_SHAPE, "a frame is of a mode that its format does not have")
    if form == "gif" and ms % 10:
        raise Malformed(Reason.MODEL_SHAPE, "a GIF frame is shown for hundredths of a second")
    if type(palette) is not bytes or type(pixels) is not bytes:
        raise Malformed(Reason.MODEL_SHAPE, "a frame's palette or pixels are no bytes")
    entries, odd = divmod(len(palette), 4)
    if odd or entries > PALETTE_COLOURS_MAX or (entries > 0) != (mode == "P"):
        raise Malformed(Reason.MODEL_SHAPE, "a frame's palette is of a wrong length")
    colours = np.frombuffer(palette, ">u4")
    if (colours[1:] <= colours[:-1]).any():
        raise Malformed(Reason.MODEL_SHAPE, "a frame's palette is not ascending")
    return check_size(width, height, limits)


def _check_together(form: str, packed: list[Any], loops: int) -> None:
    animated = form in ("png", "gif") and len(packed) > 1
    if form in ("jpeg", "bmp") and len(packed) > 1:
        raise Malformed(Reason.MODEL_SHAPE, f"a {form} of more than one frame")
    if animated and len({tuple(entry[:2]) for entry in packed}) > 1:
        raise Malformed(Reason.MODEL_SHAPE, "an animation of frames of different sizes")
    if animated and form == "png" and len({entry[2] for entry in packed} | {"P"}) > 2:
        raise Malformed(Reason.MODEL_SHAPE, "an animation of frames of different modes")
    if animated and form == "png" and packed[0][2] == "P":
        raise Malformed(Reason.MODEL_SHAPE, "an animated PNG with palettes")
    if not animated and (loops or any(entry[3] for entry in packed)):
        raise Malformed(Reason.MODEL_SHAPE, "a picture that is no animation has times")


def frames(packed: list[Any]) -> Iterator[Frame]:
    """Each stored frame with its pixels; `Malformed` where they have not their one length."""
    for width, height, mode, ms, palette, pixels in packed:
        due = shapes(mode, width, height)
        flat = _inflated(pixels, sum(rows * stride for rows, stride in due))
        planes, at = [], 0
        for rows, stride in due:
            plane = flat[at : at + rows * stride].reshape(rows, stride)
            planes.append(np.cumsum(plane, axis=0, dtype=np.uint8))
            at += rows * stride
        if mode == "P" and not np.array_equal(used(planes[0]), np.arange(len(palette) // 4)):
            raise Malformed(
                Reason.MODEL_SHAPE, "pixels have more or fewer colours than the palette"
            )
        yield Frame(width, height, mode, planes, ms, palette)


def used(plane: Plane) -> NDArray[np.intp]:
    """The values that a plane has, ascending; some rows at a time, since counting takes memory."""
    rows = max(_BAND_BYTES // plane.shape[1], 1)
    counts = np.zeros(256, np.intp)
    for top in range(0, len(plane), rows):
        counts += np.bincount(plane[top : top + rows].ravel(), minlength=256)
    return np.flatnonzero(counts)


def with_palette(frame: Frame, colours: Plane) -> Frame:
    """The frame with these colours for its indices: only those in use, each once, ascending.

    colours: one row of 4 bytes for each index; the plane of `frame` is not changed.
    """
    own = used(frame.planes[0])
    kept, places = np.unique(np.ascontiguousarray(colours[own]).view(">u4"), return_inverse=True)
    table = np.zeros(256, np.uint8)
    table[own] = places.ravel()
    return replace(frame, planes=[table[frame.planes[0]]], palette=kept.astype(">u4").tobytes())


def _inflated(pixels: bytes, due_bytes: int) -> Plane:
    inflate = zlib.decompressobj()
    try:
        flat = inflate.decompress(pixels, due_bytes)
        more = inflate.decompress(inflate.unconsumed_tail, 1)
    except zlib.error as error:
        raise Malformed(Reason.SYNTAX, "the pixels cannot be inflated") from error
    if more or len(flat) != due_bytes or not inflate.eof or inflate.unused_data:
        raise Malformed(Reason.MODEL_SHAPE, "the pixels are not as many as the size says")
    return np.frombuffer(flat, np.uint8)
