"""Pictures of an opened PDF whose decoder would need more memory than there is for it.

Takes a document of pikepdf, raises `Malformed`. A renderer that gets no memory for a picture leaves
it out and says nothing, so what is too large is refused by name. JPEG, JPEG 2000 and JBIG2 say in
their own bytes how large they are, whatever the PDF says of them, and are decoded whole.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pikepdf

from filters.formats.pdf_filters import before_last, inflated_bytes, names_of
from filters.formats.pdf_opened import DIGITS_MAX
from filters.formats.picture_structure import broken
from schemas.errors import Malformed
from schemas.reasons import Reason

PIXELS_A_PIXEL = 4  # of a picture's, for one that a page may have: scans are finer than screens
INFLATED_BYTES_MAX = 32 * 2**20  # of what decoders are given: it cannot be made much smaller
PARTS_MAX = 200_000  # of all pictures together, that are looked at

_JPEG_START, _JPEG_FRAMES = b"\xff\xd8", frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # T.81
_JPEG_ENDS = frozenset({0xD9, 0xDA})  # end, and start of a scan: no frame stands behind it
_JPX_START = b"\xff\x4f\xff\x51"  # of a JPEG 2000 codestream, and of its size (T.800, A.5.1)
_JPX_SIZE = struct.Struct(">4x2x2xIIII")
_SEGMENT = struct.Struct(">IBB")  # of JBIG2 (T.88, 7.2)
_REGIONS = frozenset({4, 6, 7, 20, 22, 23, 36, 38, 39, 40, 42, 43})
_PAGE = 48

Size = tuple[int, int]
"""Width and height; nothing by nothing for a part that says none."""


class _Pictures:
    """What is left of the bounds that the pictures of one document share."""

    def __init__(self, pixels_max: int) -> None:
        self._pixels_max = PIXELS_A_PIXEL * pixels_max
        self._bytes_left = INFLATED_BYTES_MAX
        self._parts_left = PARTS_MAX

    def look(self, stream: Any) -> None:
        """At what the PDF says, and at what the picture says itself."""
        if stream.get("/Subtype") == "/Image":
            self._check(_whole(stream.get("/Width", 0)), _whole(stream.get("/Height", 0)))
        names = names_of(stream.get("/Filter"))
        if names and names[-1] in _SIZES:
            for size in _SIZES[names[-1]](self._coded(stream, names)):
                self._check(*size)

    def _check(self, width: int, height: int) -> None:
        self._parts_left -= 1
        if self._parts_left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "pictures have too many parts")
        if width * height > self._pixels_max:
            sentence = "a picture is decoded to more pixels than it may"
            raise Malformed(Reason.TOO_MANY_PIXELS, sentence)

    def _coded(self, stream: Any, names: list[str]) -> bytes:
        """What the picture's decoder is given."""
        if names[0] in ("FlateDecode", "Fl"):
            raw = bytes(stream.read_raw_bytes())
            self._bytes_left -= inflated_bytes(raw, self._bytes_left)
            if self._bytes_left < 0:
                raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "pictures inflate to too many bytes")
        return before_last(stream, names)


def check_pictures(pdf: pikepdf.Pdf, pixels_max: int) -> None:
    """`Malformed` for a picture, used or not, of more pixels than the bound allows."""
    pictures = _Pictures(pixels_max)
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Stream):
            pictures.look(thing)


def _whole(value: Any) -> int:
    if isinstance(value, Decimal) and value.adjusted() < DIGITS_MAX:
        value = int(value)
    if not isinstance(value, int):
        broken("a picture whose size is no number")
    return abs(value)


def _jpeg_sizes(raw: bytes) -> Iterator[Size]:
    """Of the first frame, and nothing of each segment before it."""
    at = raw.find(_JPEG_START)
    while 0 <= at < len(raw) - 9:
        at = raw.find(b"\xff", at + 1)
        marker = raw[at + 1] if 0 <= at < len(raw) - 9 else 0xD9
        if marker in _JPEG_ENDS:
            return
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", raw, at + 5)
            yield width, height
            return
        if 0 < marker < 0xFF and not 0xD0 <= marker <= 0xD8 and marker != 1:  # these have a length
            at += 1 + int.from_bytes(raw[at + 2 : at + 4], "big")
        yield 0, 0


def _jpx_sizes(raw: bytes) -> Iterator[Size]:
    """Of each codestream."""
    at = raw.find(_JPX_START)
    while at >= 0 and len(raw) - at >= _JPX_SIZE.size:
        right, bottom, left, top = _JPX_SIZE.unpack_from(raw, at)
        yield max(right - left, 0), max(bottom - top, 0)
        at = raw.find(_JPX_START, at + 1)


def _jbig2_sizes(raw: bytes) -> Iterator[Size]:
    """Of each segment; what follows a damaged segment is not decoded either."""
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
        sized = flags & 63 in _REGIONS or flags & 63 == _PAGE
        yield struct.unpack(">II", raw[at : at + 8].ljust(8, b"\0")) if sized else (0, 0)
        if length == 0xFFFFFFFF:
            return
        at += length


_SIZES: Mapping[str, Callable[[bytes], Iterator[Size]]] = {
    "DCTDecode": _jpeg_sizes, "DCT": _jpeg_sizes, "JPXDecode": _jpx_sizes,
    "JBIG2Decode": _jbig2_sizes,
}  # fmt: skip
