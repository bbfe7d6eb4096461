"""What it takes to draw the samples of pictures of an opened PDF, and whether a decoder may begin.

Takes a picture of pikepdf, gives nanoseconds each time that it is drawn. JPEG 2000 and JBIG2 say in
their own bytes how large they are, whatever the PDF says of them, and are decoded whole. Raises
`Malformed` for more than the bound.
"""

import re
import struct
from collections.abc import Iterator
from typing import Any

import pikepdf

from filters.formats.pdf_filters import before_last, names_of
from filters.formats.pdf_programs import Programs
from filters.formats.pdf_states import entry, number
from filters.formats.pdf_work import (
    CODED_NS,
    DEAR_SAMPLE_NS,
    JBIG2_NS,
    JPX_NS,
    SAMPLE_NS,
    SCAN_NS,
    WORD_NS,
)
from schemas.errors import Malformed
from schemas.reasons import Reason

_DEAR = frozenset({"/Lab", "/DeviceCMYK", "/DeviceN", "/ICCBased"})  # families of colours
_SIZE = b"\xff\x4f\xff\x51"  # start of a JPEG 2000 codestream, and of its size (T.800, A.5.1)
_SIZE_FORM = struct.Struct(">4x2x2xIIII16xH")
_SEGMENT = struct.Struct(">IBB")  # of JBIG2 (T.88, 7.2)
_REGIONS = frozenset({4, 6, 7, 20, 22, 23, 36, 38, 39, 40, 42, 43})
_PAGE = 48
_FRAME = re.compile(rb"\xff[\xc0-\xc2\xc9\xca]..[\x08\x0c](..)(..)", re.DOTALL)
_SCAN = b"\xff\xda"
_PALETTE = 256  # colours of a picture of one colour, that are found once
_JPX_SAMPLES = 4  # a pixel of the bound
_JBIG2_PIXELS = 8  # a pixel of the bound: each is a bit


def samples_ns(picture: Any, programs: Programs, pixels_max: int) -> float:
    """Of a picture without its masks."""
    pixels = abs(number(entry(picture, "/Width")) * number(entry(picture, "/Height")))
    space = entry(picture, "/ColorSpace")
    total = pixels * (DEAR_SAMPLE_NS if _is_dear(space) else SAMPLE_NS)
    is_short = str(_family(space)) == "/Separation" and entry(picture, "/BitsPerComponent") != 16
    tints = _PALETTE if is_short else pixels
    total += WORD_NS * programs.tint_words(space) * tints
    if not isinstance(picture, pikepdf.Stream):
        return total
    names = names_of(picture.get("/Filter"))
    if names[-1:] == ["JPXDecode"]:
        raw = before_last(picture, names)
        return total + JPX_NS * _jpx_samples(raw, pixels_max) + CODED_NS * len(raw)
    if names[-1:] == ["JBIG2Decode"]:
        parameters = _last(picture.get("/DecodeParms"))
        shared = entry(parameters, "/JBIG2Globals")
        total += JBIG2_NS * _jbig2_pixels(before_last(picture, names), pixels_max)
        if isinstance(shared, pikepdf.Stream):
            level = pikepdf.StreamDecodeLevel.generalized
            total += JBIG2_NS * _jbig2_pixels(bytes(shared.get_stream_buffer(level)), pixels_max)
        return total
    stored = bytes(picture.get_raw_stream_buffer())
    if names[-1:] == ["DCTDecode"]:
        total += _scans_ns(stored)
    return total + CODED_NS * len(stored)


def _family(space: Any) -> Any:
    return space[0] if isinstance(space, pikepdf.Array) and len(space) else space


def _is_dear(space: Any) -> bool:
    return str(_family(space)) in _DEAR


def _scans_ns(raw: bytes) -> float:
    """Of a JPEG that is decoded scan by scan, each over all of it (T.81, B.2.2)."""
    sizes: Iterator[int] = (int.from_bytes(size[1], "big") * int.from_bytes(size[2], "big")
             for size in _FRAME.finditer(raw))  # fmt: skip
    return SCAN_NS * max(sizes, default=0) * raw.count(_SCAN)


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, pikepdf.Array) and len(value) else value


def _jpx_samples(raw: bytes, pixels_max: int) -> int:
    """Of the largest codestream."""
    most, at = 0, raw.find(_SIZE)
    while at >= 0 and len(raw) - at >= _SIZE_FORM.size:
        right, bottom, left, top, components = _SIZE_FORM.unpack_from(raw, at)
        most = max(most, max(right - left, 0) * max(bottom - top, 0) * components)
        at = raw.find(_SIZE, at + 1)
    return _bounded(most, _JPX_SAMPLES * pixels_max)


def _jbig2_pixels(raw: bytes, pixels_max: int) -> int:
    """Of its page and all regions together."""
    return sum(
        _bounded(width * height, _JBIG2_PIXELS * pixels_max)
        for width, height in _jbig2_sizes(memoryview(raw))
    )


def _jbig2_sizes(raw: memoryview) -> Iterator[tuple[int, int]]:
    """Of each segment that has one; what follows a damaged segment is not decoded either."""
    at = 0
    while len(raw) - at >= _SEGMENT.size:
        segment, flags, referred = _SEGMENT.unpack_from(raw, at)
        at += 5
        count = referred >> 5
        if count == 7:
            count = int.from_bytes(raw[at : at + 4], "big") & 0x1FFFFFFF
            at += 4 + (count + 8) // 8
        else:
            at += 1
        at += count * (1 if segment <= 256 else 2 if segment <= 65536 else 4)
        at += 4 if flags & 64 else 1
        length, at = int.from_bytes(raw[at : at + 4], "big"), at + 4
        if flags & 63 in _REGIONS or flags & 63 == _PAGE:
            yield (
                int.from_bytes(raw[at : at + 4], "big"),
                int.from_bytes(raw[at + 4 : at + 8], "big"),
            )
        if length == 0xFFFFFFFF:
            return
        at += length


def _bounded(count: int, bound: int) -> int:
    if count > bound:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "a picture that is decoded to more than it may")
    return count
