"""Pixels of a picture that a walker has gone through: decoded by Pillow, put into canonical form.

Takes a `Structure`, gives a `Picture`. The decoder sees `Structure.shown` alone, of the one format
that the walker found, and its size must be the walker's. Canonical: the picture is turned as it is
looked at; 8 bits a sample; fully transparent pixels have no colour; a palette has exactly the
colours in use, sorted; opaque pictures have no opacity.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from filters.formats.picture_model import Frame, Picture, Plane, with_palette
from filters.formats.picture_structure import Structure, unwanted
from schemas.errors import Malformed
from schemas.reasons import Reason

assert all((BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin,
            WebPImagePlugin))  # fmt: skip  # what decodes is loaded with this module

_WRITTEN = {"png": "png", "jpeg": "jpeg", "gif": "gif", "tiff": "tiff", "bmp": "bmp"}
_TAKEN = {
    "1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBA",
    "PA": "RGBA", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB",
}  # fmt: skip
_GIF_COLOURS_MAX = 256
_BAND_PIXELS = 1 << 20
_BITMAP_BYTES_MAX = 16_000_000  # what is written of it is not compressed, and a message is bounded


def warm_up() -> None:
    """Decode one picture of each format, so that nothing is loaded later.

    Pillow's own bound on pixels is taken away: the walkers hold files to the policy's.
    """
    Image.MAX_IMAGE_PIXELS = None
    for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        for mode in ("L", "P", "RGB"):
            kept = BytesIO()
            taken = mode if mode != "P" or form not in ("JPEG", "WEBP") else "L"
            Image.new(taken, (16, 16)).save(kept, form)
            with Image.open(BytesIO(kept.getvalue()), formats=[form]) as image:
                image.convert("RGBA").convert("RGB").quantize(16, Image.Quantize.FASTOCTREE)
    np.unique(np.zeros(4, np.uint32), return_inverse=True)


def decode(found: Structure) -> tuple[Picture, Iterator[Frame]]:
    """What will be written and its frames, one by one; `Malformed` where Pillow finds a fault."""
    form = _written_as(found)
    if form == "bmp" and 3 * found.all_pixels > _BITMAP_BYTES_MAX:
        raise Malformed(Reason.TOO_MANY_PIXELS, "too large a bitmap: save it as PNG")
    animated = form in ("png", "gif") and found.frames > 1
    picture = Picture(form, [], found.loops if animated else 0)
    return picture, _guarded(found, form, animated)


def _written_as(found: Structure) -> str:
    """WebP is written as what every program opens: JPEG if it is such a picture, else PNG.

    Such a picture has VP8 as its only chunk or behind VP8X; in an animation ANIM stands there, even
    in one of a single frame, whose own chunks may have opacity.
    """
    if found.format != "webp":
        return _WRITTEN[found.format]
    first, second = found.shown[12:16], found.shown[30:34]
    return "jpeg" if b"VP8 " in (first, second if first == b"VP8X" else first) else "png"


def _guarded(found: Structure, form: str, animated: bool) -> Iterator[Frame]:
    try:
        yield from _frames(found, form, animated)
    except Malformed:
        raise
    except Exception as error:  # whatever a decoder raises: the pixels are not what they must be
        raise Malformed(Reason.SYNTAX, "the pixels cannot be decoded") from error


def _frames(found: Structure, form: str, animated: bool) -> Iterator[Frame]:
    with _opened(found) as image:
        if form == "jpeg":
            yield _jpeg_frame(found, image)
            return
        beside = int(getattr(image, "default_image", False))
        if getattr(image, "n_frames", 1) != beside + found.frames:
            raise Malformed(Reason.SYNTAX, "the decoder finds another number of frames")
        for at in range(found.frames):
            if beside and not at:
                _begin(found, image)
            image.seek(beside + at)
            image.load()
            ms = found.durations_ms[at] if animated else 0
            yield _frame(found, image, form, animated, ms)


def _begin(found: Structure, image: Any) -> None:
    """Go to the first frame of an animated PNG whose own image is no part of the animation.

    Pillow would draw that frame over the image; it is drawn on nothing (PNG third edition, 11.3.4).
    """
    found.drop("the image beside the animation")
    image.load()
    whole = (0, 0, *image.size)
    nothing = (0,) * len(image.getbands())
    image.paste(nothing[0] if len(nothing) == 1 else nothing, whole)
    image.seek(1)
    image.blend_op = PngImagePlugin.Blend.OP_SOURCE
    if image.dispose_extent != whole and "A" not in image.getbands():
        unwanted("an animation that begins with a part of the picture")


def _opened(found: Structure) -> Any:
    image = Image.open(BytesIO(found.shown), formats=[found.format.upper()])
    if image.size != (found.width, found.height):
        raise Malformed(Reason.SYNTAX, "the decoder finds another size")
    return image


def _frame(found: Structure, image: Any, form: str, animated: bool, ms: int) -> Frame:
    upright = not animated and found.orientation == 1
    if image.mode == "P" and upright and form in ("png", "gif", "bmp"):
        return _palette_frame(image)
    pixels = _turned(_samples(image), found.orientation)
    if form == "gif":
        return _quantised(pixels, ms)
    if animated and pixels.shape[2] != 4:
        pixels = np.asarray(Image.fromarray(_squeezed(pixels)).convert("RGBA"))
    if form == "bmp":
        pixels = np.ascontiguousarray(pixels[:, :, : 3 if pixels.shape[2] > 2 else 1])
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    height, width = pixels.shape[:2]
    return Frame(width, height, mode, [pixels.reshape(height, -1)], ms)


def _squeezed(pixels: Plane) -> Plane:
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def _samples(image: Any) -> Plane:
    """Height by width by samples, 8 bits each."""
    mode = image.mode
    if mode.startswith("I;16") or mode == "I":
        wide = np.asarray(image).astype(np.uint32)
        return (np.minimum(wide, 0xFFFF) >> 8).astype(np.uint8)[:, :, None]
    if mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif "transparency" in image.info and mode in ("1", "L", "RGB"):
        image = image.convert("RGBA" if mode == "RGB" else "LA")
    elif mode not in _TAKEN:
        unwanted("pixels of a kind that is not taken")
    elif _TAKEN[mode] != mode:
        image = image.convert(_TAKEN[mode])
    pixels: Plane = np.asarray(image)
    if pixels.ndim == 2:
        return pixels[:, :, None]
    return _seen(pixels) if pixels.shape[2] in (2, 4) else pixels


def _seen(pixels: Plane) -> Plane:
    """Without opacity if all is opaque; without colour where nothing is to be seen."""
    opacity = pixels[:, :, -1]
    if opacity.min() == 255:
        return np.ascontiguousarray(pixels[:, :, :-1])
    if opacity.min() == 0:
        pixels = pixels.copy()
        pixels[opacity == 0] = 0
    return pixels


def _turned(pixels: Plane, orientation: int) -> Plane:
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _palette_frame(image: Any) -> Frame:
    indices: Plane = np.asarray(image)
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 3] = 255
    given = np.frombuffer(bytes(image.getpalette("RGB") or b""), np.uint8).reshape(-1, 3)
    colours[: len(given), :3] = given
    transparent = image.info.get("transparency", b"")
    if type(transparent) is int:
        colours[transparent, 3] = 0
    else:
        colours[: len(transparent), 3] = np.frombuffer(transparent, np.uint8)
    if image.format == "GIF":
        colours[colours[:, 3] < 255] = 0
    colours[colours[:, 3] == 0] = 0
    height, width = indices.shape
    frame = with_palette(Frame(width, height, "P", [indices]), colours)
    if image.format == "BMP":
        seen = np.frombuffer(frame.palette, np.uint8).reshape(-1, 4)
        if (seen[:, :1] == seen[:, 1:3]).all():
            return Frame(width, height, "L", [colours[:, 0][indices]])
    return frame


def _quantised(pixels: Plane, ms: int) -> Frame:
    """At most 256 colours, each opaque or not to be seen. Some rows at a time: they take memory."""
    height, width = pixels.shape[:2]
    plane = np.empty((height, width), np.uint8)
    found = np.zeros(0, np.uint32)
    rows = max(_BAND_PIXELS // width, 1)
    for top in range(0, height, rows):
        found = _distinct(found, _packed(pixels[top : top + rows]))
        if len(found) > _GIF_COLOURS_MAX:
            found, plane = _few(pixels)
            break
    else:
        for top in range(0, height, rows):
            plane[top : top + rows] = np.searchsorted(found, _packed(pixels[top : top + rows]))
    return Frame(width, height, "P", [plane], ms, found.astype(">u4").tobytes())


def _distinct(found: NDArray[np.uint32], more: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """All values of both, ascending. `numpy.unique` of values alone loads a module when it runs."""
    ordered: NDArray[np.uint32] = np.sort(np.concatenate((found, more.ravel())))
    first: NDArray[np.bool_] = np.append(True, ordered[1:] != ordered[:-1])
    return ordered[first]


def _packed(pixels: Plane) -> NDArray[np.uint32]:
    """A number a pixel, red, green, blue, opacity: all of it, or 0 where less than half is seen."""
    samples = pixels.shape[2]
    whole = np.empty((*pixels.shape[:2], 4), np.uint8)
    whole[:, :, :3] = pixels[:, :, : 3 if samples > 2 else 1]
    whole[:, :, 3] = 255
    if samples in (2, 4):
        whole[pixels[:, :, -1] < 128] = 0
    return whole.view(">u4")[:, :, 0].astype(np.uint32)


def _few(pixels: Plane) -> tuple[NDArray[np.uint32], Plane]:
    """The colours, ascending, and each pixel's place in them, of a frame that had too many."""
    grey = pixels.shape[2] < 3
    seen = np.repeat(pixels[:, :, :1], 3, axis=2) if grey else pixels[:, :, :3].copy()
    hidden = np.zeros(pixels.shape[:2], np.bool_)
    if pixels.shape[2] in (2, 4):
        hidden = pixels[:, :, -1] < 128
        seen[hidden] = 0
    few = Image.fromarray(seen).quantize(
        _GIF_COLOURS_MAX - 1, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    indices: Plane = np.asarray(few)
    colours = np.frombuffer(bytes(few.getpalette("RGB") or b""), np.uint8).reshape(1, -1, 3)
    of_index = _packed(colours)[0]
    used = of_index[np.flatnonzero(np.bincount(indices[~hidden], minlength=len(of_index)))]
    found = _distinct(used, np.zeros(int(hidden.any()), np.uint32))
    plane: Plane = np.searchsorted(found, of_index).astype(np.uint8)[indices]
    plane[hidden] = 0  # what is not to be seen is 0, and so the first
    return found, plane


def _jpeg_frame(found: Structure, image: Any) -> Frame:
    if found.format == "jpeg" and image.mode in ("L", "RGB") and not _is_rgb_inside(found):
        planes = _stored_planes(found, image)
    else:
        if "A" in image.getbands() and image.getextrema()[-1][0] < 255:
            unwanted("pixels with opacity in a picture that is to be a JPEG")
        whole = np.asarray(image.convert("RGB").convert("YCbCr"))
        planes = [np.ascontiguousarray(whole[:, :, at]) for at in range(3)]
        if found.format == "webp" and min(whole.shape[:2]) > 1:  # as `_stored_planes` takes them
            planes[1:] = [halved(plane) for plane in planes[1:]]
    planes = [_turned(plane, found.orientation) for plane in planes]
    height, width = planes[0].shape
    mode = "L"
    if len(planes) == 3:
        mode = "YCC" if planes[1].shape == planes[0].shape else "YCC420"
    return Frame(width, height, mode, planes)


def _is_rgb_inside(found: Structure) -> bool:
    """Adobe's transform 0, or components named R, G, B: nothing is stored as YCbCr."""
    at = found.shown.find(b"\xff\xee\x00\x0eAdobe", 0, 64)
    adobe = at >= 0 and found.shown[at + 15] == 0
    return found.colours == 3 and (adobe or found.shown.find(b"R\x11\x00G\x11\x00B\x11\x00") >= 0)


def _stored_planes(found: Structure, image: Any) -> list[Plane]:
    """Y, Cb and Cr as the file stores them, no colour calculated anew.

    libjpeg decodes colour planes of half size whole when the picture is decoded at half size
    (ITU-T T.81 leaves how to enlarge them to the decoder): so nothing is enlarged and shrunk.
    """
    if image.mode == "L":
        return [np.asarray(image)]
    width, height = image.size
    if not found.halved or width < 2 or height < 2:
        image.draft("YCbCr", image.size)
        whole = np.asarray(image)
        return [np.ascontiguousarray(whole[:, :, at]) for at in range(3)]
    image.draft("L", image.size)
    grey = np.asarray(image)
    with _opened(found) as half:
        half.draft("YCbCr", (width // 2, height // 2))
        colours = np.asarray(half)
    if colours.shape[:2] != ((height + 1) // 2, (width + 1) // 2):
        raise Malformed(Reason.SYNTAX, "the decoder finds another size")
    return [grey, *(np.ascontiguousarray(colours[:, :, at]) for at in (1, 2))]


def halved(plane: Plane) -> Plane:
    """Half the width and height, rounded up: the mean of four."""
    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)), "edge").astype(np.uint16)
    four = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return ((four + 2) >> 2).astype(np.uint8)
