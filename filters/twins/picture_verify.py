"""Filter `picture_verify`: the written file has the one form that the destination writes.

Takes the file that `picture_build` wrote, changes nothing. Shares no code with the writers: it
reads the few parts that their files have, in their one order, and knows nothing else of the
formats. So a taken-over writer can emit no comment, profile, private part or trailing byte.
"""

import re
import zlib
from struct import error, unpack

from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_JPEG = re.compile(
    rb"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    rb"(?:\xff\xdb\x00\x43[\x00\x01].{64}){1,2}"
    rb"\xff\xc0\x00(?:\x0b\x08.{4}\x01\x01\x11\x00|\x11\x08.{4}\x03\x01[\x11\x22]\x00\x02\x11\x01\x03\x11\x01)"
    rb"(?:\xff\xc4\x00\x1f.{29}\xff\xc4\x00\xb5.{179}){1,2}"
    rb"\xff\xda\x00(?:\x08\x01\x01\x00|\x0c\x03\x01\x00\x02\x11\x03\x11)\x00\x3f\x00",
    re.DOTALL,
)
_ZIP_END_BYTES_MAX = 22 + 0xFFFF  # the end record with the longest comment, APPNOTE 4.3.16
_PDF_BEGINS_BYTES_MAX = 1024  # where readers look for a header, as Acrobat does
_TIFF_TAGS = (256, 257, 258, 259, 262, 273, 277, 278, 279, 317)


class PictureVerifyParameters(Parameters):
    """None: each format has one form."""


def _wrong(what: str) -> Malformed:
    return Malformed(Reason.SYNTAX, f"not as this side writes it: {what}")


def _nothing_else(data: bytes) -> None:
    """Pixels can be chosen so that they are stored as the bytes of another file: of one that is
    opened by its end, or by what stands near its beginning."""
    end = data.rfind(b"PK\x05\x06", max(len(data) - _ZIP_END_BYTES_MAX, 0))
    if end >= 0 and b"PK\x01\x02" in data:  # behind the end too: some programs list it
        raise Malformed(Reason.TYPE_NOT_ALLOWED, "the picture would be a ZIP file too")
    if data.find(b"%PDF-", 0, _PDF_BEGINS_BYTES_MAX) >= 0:
        raise Malformed(Reason.TYPE_NOT_ALLOWED, "the picture would be a PDF too")


def _png(data: bytes) -> None:
    at, kinds = 8, []
    while at < len(data):
        (length,) = unpack(">I", data[at : at + 4])
        whole = data[at + 4 : at + 8 + length]
        if unpack(">I", data[at + 8 + length : at + 12 + length])[0] != zlib.crc32(whole):
            raise _wrong("a checksum")
        kinds.append(whole[:4])
        at += 12 + length
    names = b" ".join(kinds)
    if (
        re.fullmatch(rb"IHDR (acTL fcTL IDAT( fcTL fdAT)+|(PLTE (tRNS )?)?IDAT) IEND", names)
        is None
    ):
        raise _wrong("the chunks of a PNG")


def _jpeg(data: bytes) -> None:
    head = _JPEG.match(data)
    if head is None or data[-2:] != b"\xff\xd9":
        raise _wrong("the segments of a JPEG")
    if re.search(rb"\xff(?!\x00)", data[head.end() : -2]):
        raise _wrong("a marker within the scan")


def _gif(data: bytes) -> None:
    at = 13
    if data[10:13] != bytes(3):
        raise _wrong("the screen of a GIF")
    if data[at : at + 14] == b"\x21\xff\x0bNETSCAPE2.0":
        if data[at + 14 : at + 16] != b"\x03\x01" or data[at + 18] != 0:
            raise _wrong("the repeats of a GIF")
        at += 19
    while data[at : at + 1] == b"\x21":
        if data[at : at + 3] != b"\x21\xf9\x04" or data[at + 7 : at + 9] != b"\x00\x2c":
            raise _wrong("a frame of a GIF")
        at += 18 + (3 << ((data[at + 17] & 7) + 1)) + 1
        while data[at]:
            at += 1 + data[at]
        at += 1
    if data[at:] != b"\x3b":
        raise _wrong("the end of a GIF")


def _tiff(data: bytes) -> None:
    """Strips, their values and the directory of each page follow one another without a gap."""
    end = 8
    (at,) = unpack("<I", data[4:8])
    while at:
        (count,) = unpack("<H", data[at : at + 2])
        entries = [unpack("<HHII", data[at + 2 + 12 * n : at + 14 + 12 * n]) for n in range(count)]
        tags = tuple(entry[0] for entry in entries)
        if tags not in (_TIFF_TAGS, (*_TIFF_TAGS, 338)):
            raise _wrong("the tags of a TIFF")
        found = {tag: (number, value) for tag, _, number, value in entries}
        for start, size in zip(_longs(data, found[273]), _longs(data, found[279]), strict=True):
            if start != end:
                raise _wrong("the strips of a TIFF")
            end = start + size + size % 2
        for tag, kind, number, value in entries:
            size = {3: 2, 4: 4}[kind] * number
            if size > 4:
                if value != end or tag not in (258, 273, 279):
                    raise _wrong("the values of a TIFF")
                end += size
        if at != end:
            raise _wrong("the directories of a TIFF")
        end = at + 2 + 12 * count + 4
        (at,) = unpack("<I", data[end - 4 : end])
    if end != len(data):
        raise _wrong("the end of a TIFF")


def _longs(data: bytes, where: tuple[int, int]) -> tuple[int, ...]:
    count, value = where
    if count == 1:
        return (value,)
    return unpack(f"<{count}I", data[value : value + 4 * count])


def _bmp(data: bytes) -> None:
    size, zero, start, header, width, height, planes, bits, packed, pixels, *_ = unpack(
        "<IIIIiiHHIIii", data[2:46]
    )
    colours = unpack("<I", data[46:50])[0]
    if (zero, header, planes, packed) != (0, 40, 1, 0) or bits not in (8, 24) or width < 1:
        raise _wrong("the header of a bitmap")
    row_bytes = (width * bits + 31) // 32 * 4
    if start != 54 + 4 * colours or pixels != row_bytes * height or size != start + pixels:
        raise _wrong("the sizes of a bitmap")
    if size != len(data) or colours > 256 or bool(colours) != (bits == 8):
        raise _wrong("the sizes of a bitmap")


_READERS = (
    (b"\x89PNG\r\n\x1a\n", "image/png", _png),
    (b"\xff\xd8", "image/jpeg", _jpeg),
    (b"GIF89a", "image/gif", _gif),
    (b"II\x2a\x00", "image/tiff", _tiff),
    (b"BM", "image/bmp", _bmp),
)


def make(parameters: PictureVerifyParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for what the destination would not have written."""

    def run(message: Message) -> Answer:
        for first, media_type, reader in _READERS:
            if message.payload.startswith(first):
                if message.meta.type not in ("", media_type):
                    raise _wrong("the type")
                try:
                    reader(message.payload)
                except (error, IndexError, KeyError, ValueError) as fault:
                    raise _wrong("it ends too early") from fault
                _nothing_else(message.payload)
                return Pass()
        raise _wrong("the first bytes")

    return run


STAGE = StageType(
    name="picture_verify",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=PictureVerifyParameters,
    make=make,
    summary="the written picture has the one form that the destination writes",
    rechecks=frozenset({"recognise", "schema"}),
)
