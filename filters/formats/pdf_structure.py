"""The outside of a PDF file: where it begins and ends, and how much its streams hold.

Takes untrusted bytes and bounds, gives what was noticed, or raises `Malformed`. This comes before
any library opens the file (ISO 32000-2, 7.5): the header is the first bytes, the last end mark is
the last but for a line end, objects are counted, and every stream that is deflated is inflated
here in pieces that are not kept, so that no file can make a library inflate more than the bound.
"""

import re
import zlib
from dataclasses import dataclass, field

from filters.formats.picture_structure import broken, unwanted
from schemas.errors import Malformed
from schemas.reasons import Reason

HEADER = re.compile(rb"%PDF-(?:1\.[0-7]|2\.0)[\r\n \t]")
_END = re.compile(rb"startxref[\r\n \t]+(\d{1,10})[\r\n \t]+%%EOF[\r\n \t]{0,4}\Z")
_ENDS = re.compile(rb"startxref[\r\n \t]+\d{1,10}[\r\n \t]+%%EOF")
_OBJECT = re.compile(rb"(?<![a-z])obj(?![a-zA-Z])")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
# Names, with letters written as their codes; only a table in a stream can lead to packed objects.
_TABLE = re.compile(rb"/(?:X|#58)(?:R|#52)(?:e|#65)(?:f|#66)")
_LZW = re.compile(rb"/(?:L|#4[Cc])(?:Z|#5[Aa])(?:W|#57)")
_NAME_BYTES = 40
_TAIL_BYTES = 2048
_PIECE_BYTES = 1 << 18
_FIRST_BYTES = 64  # of what may be no stream at all


READ_AGAIN = 3  # times as much as a file holds may be read to inflate it: no stream holds others
_FIRST_INPUT = 1 << 20


@dataclass(frozen=True, slots=True)
class PdfLimits:
    """Bounds of one file.

    pages_max           pages
    objects_max         objects, counted by their keyword and by what the library lists
    inflated_bytes_max  of all deflated streams together
    pixels_max, all_pixels_max  of one picture or rendered page, and of all
    """

    pages_max: int = 500
    objects_max: int = 100_000
    inflated_bytes_max: int = 200_000_000
    pixels_max: int = 24_000_000
    all_pixels_max: int = 100_000_000


@dataclass(slots=True)
class PdfOutside:
    """revisions: end marks. dropped: names of what will not survive, found so far."""

    revisions: int = 1
    dropped: list[str] = field(default_factory=list)


def walk(untrusted: bytes, limits: PdfLimits) -> PdfOutside:
    """What is to be said of the file's outside."""
    if HEADER.match(untrusted) is None:
        broken("the file does not begin as PDF 1.0 to 1.7 or 2.0")
    tail = untrusted[-_TAIL_BYTES:]
    end = _END.search(tail)
    if end is None:
        if b"%%EOF" in tail:
            raise Malformed(
                Reason.TRAILING_DATA, "something follows the end of the PDF, or is missing"
            )
        broken("the PDF has no end mark")
    if int(end[1]) >= len(untrusted):
        broken("the PDF says that its table lies beyond its end")
    count = sum(1 for _ in _OBJECT.finditer(untrusted))
    if count > limits.objects_max:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, f"more than {limits.objects_max} objects")
    _inflate_all(untrusted, limits.inflated_bytes_max)
    found = PdfOutside(sum(1 for _ in _ENDS.finditer(untrusted)))
    if found.revisions > 1:
        found.dropped.append("earlier revisions")
    return found


def _names_lzw(content: bytes) -> bool:
    """Whether a filter may be named: nothing bounds how far it lets the library inflate objects."""
    return (b"LZW" in content or b"#" in content) and _LZW.search(content) is not None


def _inflate_all(untrusted: bytes, bytes_max: int) -> None:
    """Count what deflated streams hold. What is no zlib stream counts for nothing here."""
    left, to_read = bytes_max, READ_AGAIN * len(untrusted) + _FIRST_INPUT
    whole = memoryview(untrusted)
    may_pack = _TABLE.search(untrusted) is not None
    if may_pack and _names_lzw(untrusted):
        unwanted("streams by LZW beside streams of objects: save it anew")
    for start in _STREAM.finditer(untrusted):
        at = start.end()
        head = untrusted[at : at + 2]
        if len(head) < 2 or head[0] & 15 != 8 or int.from_bytes(head, "big") % 31:
            continue
        stream, before = zlib.decompressobj(), b""
        waiting: bytes | memoryview = whole[at : at + _FIRST_BYTES]
        at += len(waiting)
        try:
            while waiting and not stream.eof:
                piece = stream.decompress(waiting, _PIECE_BYTES)
                left -= len(piece)
                if may_pack and _names_lzw(before + piece):
                    unwanted("streams by LZW beside streams of objects: save it anew")
                before = piece[-_NAME_BYTES:]
                if left < 0:
                    raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the streams hold too many bytes")
                to_read -= len(waiting) - len(stream.unconsumed_tail) - len(stream.unused_data)
                if to_read < 0:
                    raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "streams that lie in one another")
                waiting = stream.unconsumed_tail
                if not waiting:
                    waiting = whole[at : at + _PIECE_BYTES]
                    at += len(waiting)
        except zlib.error:
            continue
