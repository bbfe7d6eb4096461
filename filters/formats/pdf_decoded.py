"""Pictures of an opened PDF whose decoder would need more memory than there is for it.

Takes a document of pikepdf, raises `Malformed`. A renderer that gets no memory for a picture leaves
it out and says nothing, so what is too large is refused by name. JPEG, JPEG 2000 and JBIG2 say in
their own bytes how large they are, whatever the PDF says of them, and are decoded whole.
"""

import re
import struct
from collections.abc import Iterator
from typing import Any

import pikepdf

from filters.formats.pdf_filters import before_last, inflated_bytes, names_of
from filters.formats.picture_structure import broken
from schemas.errors import Malformed
from schemas.reasons import Reason

CODED_BYTES_MAX = 32 * 2**20
PIXELS_A_PIXEL = 4  # of a picture's, for one that a page may have: scans are finer than screens
_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf].{3}(..)(..)", re.DOTALL)  # T.81
_SIZE = b"\xff\x4f\xff\x51"  # start of a JPEG 2000 codestream, and of its size (T.800, A.5.1)
_SIZE_FORM = struct.Struct(">4x2x2xIIII")
_SEGMENT = struct.Struct(">IBB")  # of JBIG2 (T.88, 7.2)
_REGIONS = frozenset({4, 6, 7, 20, 22, 23, 36, 38, 39, 40, 42, 43})
_PAGE = 48


def check_pictures(pdf: pikepdf.Pdf, pixels_max: int) -> None:
    """`Malformed` for a picture, used or not, of more pixels than the bound allows."""
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Stream):
            for width, height in _sizes(thing):
                if width * height > PIXELS_A_PIXEL * pixels_max:
                    sentence = "a picture is decoded to more pixels than it may"
                    raise Malformed(Reason.TOO_MANY_PIXELS, sentence)


def _sizes(stream: Any) -> Iterator[tuple[int, int]]:
    """What the PDF says, and what the picture says itself."""
    if stream.get("/Subtype") == "/Image":
        yield _whole(stream.get("/Width", 0)), _whole(stream.get("/Height", 0))
    names = names_of(stream.get("/Filter"))
    if names[-1:] in (["DCTDecode"], ["DCT"]):
        for size in _FRAME.finditer(_coded(stream, names)):
            yield int.from_bytes(size[2], "big"), int.from_bytes(size[1], "big")
    elif names[-1:] == ["JPXDecode"]:
        yield from _jpx_sizes(_coded(stream, names))
    elif names[-1:] == ["JBIG2Decode"]:
        yield from _jbig2_sizes(_coded(stream, names))


def _coded(stream: Any, names: list[str]) -> bytes:
    """What the picture's decoder is given: it may be deflated, and cannot be made much smaller."""
    inflates = names[0] in ("FlateDecode", "Fl")
    if (
        inflates
        and inflated_bytes(bytes(stream.read_raw_bytes()), CODED_BYTES_MAX) > CODED_BYTES_MAX
    ):
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "a picture is inflated to too many bytes")
    return before_last(stream, names)


def _whole(value: Any) -> int:
    try:
        return abs(int(value))
    except (TypeError, ValueError, OverflowError):
        broken("a picture of no size")


def _jpx_sizes(raw: bytes) -> Iterator[tuple[int, int]]:
    """Of each codestream."""
    at = raw.find(_SIZE)
    while at >= 0 and len(raw) - at >= _SIZE_FORM.size:
        right, bottom, left, top = _SIZE_FORM.unpack_from(raw, at)
        yield max(right - left, 0), max(bottom - top, 0)
        at = raw.find(_SIZE, at + 1)


def _jbig2_sizes(raw: bytes) -> Iterator[tuple[int, int]]:
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
