"""Normalizer `pdf_build`: writes a PDF from its model, in the one form that `pdf_verify` reads.

Takes the model in CBOR, of a cleaned PDF or of pages as pictures, gives PDF 1.7 and sets the
metadata's `type`. Objects one after another, a classic table, no identifier, no information;
streams deflated by zlib, pictures written by the writers of our own. No PDF is parsed.
"""

import zlib
from dataclasses import replace
from typing import Any

from pydantic import Field

from filters.twins import jpeg_writer
from filters.twins.pdf_read import Clean, model
from filters.twins.picture_read import Crossed, Stored, frame_of
from filters.twins.picture_writers import png_rows
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

PDF = "application/pdf"
HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
POINTS_AN_INCH = 72
FIRST_OBJECT = 3  # after the catalog and the list of pages
_LEVEL = 6
# A page's picture ends this far within the page: a renderer that rounds up would add a pixel.
_WITHIN_MILLIONTHS = 1_000


class PdfBuildParameters(Parameters):
    """quality: of JPEG pictures, 1 to 100, on the scale that the common encoders use."""

    quality: int = Field(default=90, ge=1, le=100)


class _File:
    """The file on its way: its bytes, and where each object begins."""

    def __init__(self) -> None:
        self._out = bytearray(HEADER)
        self._places: list[int] = []

    def put(self, body: bytes) -> int:
        """Append one object; gives its number."""
        self._places.append(len(self._out))
        number = len(self._places)
        self._out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        return number

    def end(self) -> bytes:
        """The table, the trailer and the end."""
        start = len(self._out)
        self._out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(self._places) + 1)
        self._out += b"".join(b"%010d 00000 n \n" % place for place in self._places)
        self._out += b"trailer\n<</Root 1 0 R/Size %d>>\n" % (len(self._places) + 1)
        self._out += b"startxref\n%d\n%%%%EOF\n" % start
        return bytes(self._out)


def clean(document: Clean, quality: int) -> bytes:
    """The file of a cleaned PDF."""
    file = _File()
    pages = [number + FIRST_OBJECT for number in document.pages]
    _begin(file, pages)
    for number, item in enumerate(document.objects):
        if type(item) is dict and "$p" in item:
            file.put(_picture(item, quality))
        elif type(item) is dict and "$b" in item:
            entries = {key: value for key, value in item.items() if key not in ("$b", "$n")}
            file.put(
                stream(entries, zlib.compress(document.bytes_of(number), _LEVEL), "FlateDecode")
            )
        elif type(item) is dict and item.get("Type") == "Page":
            file.put(_dictionary(item, b"/Parent 2 0 R"))
        else:
            file.put(_value(item))
    return file.end()


def raster(crossed: Crossed, quality: int) -> bytes:
    """The file of pages that are pictures."""
    file = _File()
    pages = [FIRST_OBJECT + 3 * at + 2 for at in range(len(crossed.frames))]
    _begin(file, pages)
    for at, frame in enumerate(crossed.frames):
        sides = (frame.width, frame.height)
        width, height = (_points(side, crossed.dpi, 0) for side in sides)
        inner = tuple(_points(side, crossed.dpi, _WITHIN_MILLIONTHS) for side in sides)
        file.put(_page_picture(frame, quality))
        content = b"%s 0 0 %s 0 0 cm\n/x0 Do\n" % inner
        file.put(stream({}, zlib.compress(content, _LEVEL), "FlateDecode"))
        picture = FIRST_OBJECT + 3 * at
        file.put(
            b"<</Contents %d 0 R/MediaBox [0 0 %s %s]/Parent 2 0 R/Resources "
            b"<</XObject <</x0 %d 0 R>>>>/Type /Page>>" % (picture + 1, width, height, picture)
        )
    return file.end()


def _points(pixels: int, dpi: int, less_millionths: int) -> bytes:
    """Pixels as points, to six decimals."""
    millionths = (pixels * POINTS_AN_INCH * 1_000_000 + dpi // 2) // dpi - less_millionths
    whole, part = divmod(millionths, 1_000_000)
    return (b"%d.%06d" % (whole, part)).rstrip(b"0").rstrip(b".")


def _begin(file: _File, pages: list[int]) -> None:
    file.put(b"<</Pages 2 0 R/Type /Catalog>>")
    kids = b" ".join(b"%d 0 R" % page for page in pages)
    file.put(b"<</Count %d/Kids [%s]/Type /Pages>>" % (len(pages), kids))


def stream(entries: dict[str, Any], body: bytes, filtered: str) -> bytes:
    """A stream object; `Length` and `Filter` are added to the entries."""
    all_of = {**entries, "Filter": filtered, "Length": len(body)}
    return _dictionary(all_of, b"") + b"\nstream\n" + body + b"\nendstream"


def _picture(item: dict[str, Any], quality: int) -> bytes:
    frame = frame_of(item["$p"], "jpeg")
    body = jpeg_writer.write(frame.width, frame.height, frame.planes(), quality)
    entries = {key: value for key, value in item.items() if key != "$p"}
    entries |= {"ColorSpace": _space(frame), "BitsPerComponent": 8}
    return stream(entries, body, "DCTDecode")


def _page_picture(frame: Stored, quality: int) -> bytes:
    entries: dict[str, Any] = {
        "Type": "XObject", "Subtype": "Image", "Width": frame.width, "Height": frame.height,
        "ColorSpace": _space(frame), "BitsPerComponent": 8,
    }  # fmt: skip
    if frame.mode in ("YCC", "YCC420"):
        body = jpeg_writer.write(frame.width, frame.height, frame.planes(), quality)
        return stream(entries, body, "DCTDecode")
    colours = 1 if frame.mode == "L" else 3
    entries["DecodeParms"] = {"Colors": colours, "Columns": frame.width, "Predictor": 15}
    return stream(entries, png_rows(frame), "FlateDecode")


def _space(frame: Stored) -> str:
    return "DeviceGray" if frame.mode == "L" else "DeviceRGB"


def _value(value: Any) -> bytes:
    if type(value) is bool:
        return b"true" if value else b"false"
    if type(value) is int:
        return b"%d" % value
    if type(value) is str:
        return b"/" + value.encode("ascii")
    if type(value) is bytes:
        return b"<" + value.hex().encode() + b">"
    if type(value) is list:
        return b"[" + b" ".join(map(_value, value)) + b"]"
    if "$r" in value:
        real: str = value["$r"]
        return real.encode("ascii")
    if "$o" in value:
        return b"%d 0 R" % (value["$o"] + FIRST_OBJECT)
    return _dictionary(value, b"")


def _dictionary(entries: dict[str, Any], more: bytes) -> bytes:
    parts = [b"/%s %s" % (key.encode("ascii"), _value(entries[key])) for key in sorted(entries)]
    return b"<<" + b"".join(sorted([*parts, more] if more else parts)) + b">>"


def make(parameters: PdfBuildParameters, documents: Documents) -> Run:
    """A run that writes the file."""

    def run(message: Message) -> Answer:
        crossed = model(message.payload)
        if isinstance(crossed, Clean):
            payload = clean(crossed, parameters.quality)
        else:
            payload = raster(crossed, parameters.quality)
        return Changed(Message.make(replace(message.meta, type=PDF), payload), "written as PDF")

    return run


STAGE = StageType(
    name="pdf_build",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=PdfBuildParameters,
    make=make,
    summary="a PDF is written anew from its model",
)
