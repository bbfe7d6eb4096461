"""Pictures inside a PDF: decoded and stored anew.

Takes a picture of pikepdf (an object, or an inline one), gives the new object of the model and its
pixels, or raises `Malformed`. Samples stay samples, of exactly the length that the size asks for.
JPEG goes through the walker and the decoder that files of that format go through; fax pictures are
decoded by libtiff through Pillow. JPEG 2000 and JBIG2 are not taken: rasterise such a document.
"""

import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pikepdf
from PIL import Image

from filters.formats import jpeg_structure
from filters.formats.pdf_filters import before_last, names_of
from filters.formats.picture_model import Frame, stored
from filters.formats.picture_pixels import decode
from filters.formats.picture_structure import PictureLimits, broken, check_size, unwanted
from schemas.errors import Malformed
from schemas.reasons import Reason

if TYPE_CHECKING:
    from filters.formats.pdf_builder import Builder

_LONG = {"W": "Width", "H": "Height", "BPC": "BitsPerComponent", "CS": "ColorSpace", "D": "Decode",
         "IM": "ImageMask", "I": "Interpolate", "F": "Filter", "DP": "DecodeParms"}  # fmt: skip
_FILTERS = {"AHx": "ASCIIHexDecode", "A85": "ASCII85Decode", "LZW": "LZWDecode",
            "Fl": "FlateDecode", "RL": "RunLengthDecode", "CCF": "CCITTFaxDecode",
            "DCT": "DCTDecode"}  # fmt: skip
_PLAIN = ("DeviceGray", "DeviceRGB")


def picture(value: Any, builder: "Builder", resources: Any) -> tuple[dict[str, Any], int]:
    """The new object of a picture, and how many pixels it has."""
    stream, table = _whole(value, builder)
    width, height = int(table.get("/Width", 0)), int(table.get("/Height", 0))
    pixels = check_size(width, height, PictureLimits(builder.limits.pixels_max))
    new: dict[str, Any] = {"Type": "XObject", "Subtype": "Image", "Width": width, "Height": height}
    mask = bool(table.get("/ImageMask", False))
    bits = 1 if mask else int(table.get("/BitsPerComponent", 8))
    filters = names_of(table.get("/Filter"))
    if "/Decode" in table:
        new["Decode"] = builder.built("numbers", table["/Decode"])
    for key in ("/SMask", "/Mask"):
        if key in table:
            new[key[1:]] = _masked(table[key], builder)
    if filters[-1:] in (["JPXDecode"], ["JBIG2Decode"]):
        unwanted("a JPEG 2000 or JBIG2 picture: rasterise the document")
    if filters[-1:] == ["DCTDecode"]:
        return _jpeg(stream, table, builder, resources, new), pixels
    if mask:
        new["ImageMask"] = True
        count = 1
    else:
        space = _space(table, builder, resources)
        new["ColorSpace"], count = space, builder.components(space)
    if bits not in (1, 2, 4, 8, 16):
        broken("a picture of a depth that PDF does not have")
    new["BitsPerComponent"] = bits
    due = (width * count * bits + 7) // 8 * height
    if filters[-1:] == ["CCITTFaxDecode"]:
        raw = _fax(stream, table, width, height)
    else:
        raw = bytes(stream.get_stream_buffer(pikepdf.StreamDecodeLevel.generalized))
    builder.count(len(raw))
    if len(raw) < due:
        broken("a picture has fewer samples than its size needs")
    return new | {"$b": zlib.compress(raw[:due], 1), "$n": due}, pixels


def _whole(value: Any, builder: "Builder") -> tuple[Any, Any]:
    """The stream and its dictionary; of an inline picture both are made."""
    if isinstance(value, pikepdf.Stream):
        return value, value
    if not isinstance(value, pikepdf.PdfInlineImage):
        broken("a picture that is no stream")
    table = pikepdf.Dictionary()
    for key, item in value.obj.items():
        name = _LONG.get(key[1:], key[1:])
        table[f"/{name}"] = item
    if "/Filter" in table:
        given = table["/Filter"]
        named = [given] if isinstance(given, pikepdf.Name) else list(given)
        full = [pikepdf.Name("/" + _FILTERS.get(str(n)[1:], str(n)[1:])) for n in named]
        table["/Filter"] = pikepdf.Array(full)
    stream = pikepdf.Stream(builder.holder, value._data._inline_image_raw_bytes(), table)
    return stream, stream


def _space(table: Any, builder: "Builder", resources: Any) -> Any:
    given = table.get("/ColorSpace")
    if given is None:
        broken("a picture without a colour space")
    if isinstance(given, pikepdf.Name) and resources is not None:
        spaces = resources.get("/ColorSpace", {})
        if str(given) in spaces:
            given = spaces[str(given)]
    return builder.built("@space", given)


def _masked(value: Any, builder: "Builder") -> Any:
    if isinstance(value, pikepdf.Array):
        return builder.built("numbers", value)
    return builder.reference("@xobject", value)


def _jpeg(
    stream: Any, table: Any, builder: "Builder", resources: Any, new: dict[str, Any]
) -> dict[str, Any]:
    """A JPEG picture: stored to be written as JPEG, or as samples if its space is no plain one."""
    raw = before_last(stream, names_of(table["/Filter"]))
    found = jpeg_structure.walk(raw, PictureLimits(builder.limits.pixels_max, drop_trailing=True))
    found.orientation = 1  # a PDF turns its pictures itself
    if (found.width, found.height) != (new["Width"], new["Height"]):
        broken("a JPEG picture of another size than the PDF says")
    if found.colours == 4:
        unwanted("a JPEG picture of four colours: rasterise the document")
    if table.get("/ImageMask", False):
        broken("a JPEG picture as a stencil")
    space = _space(table, builder, resources) if "/ColorSpace" in table else ""
    kind = space if isinstance(space, str) else space[0]
    _, frames = decode(found)
    frame: Frame = next(iter(frames))
    if kind in ("", "CalGray", "CalRGB", *_PLAIN):
        if new.pop("Decode", None) in ([1, 0], [1, 0] * 3):
            frame.planes = [255 - plane for plane in frame.planes]
        elif not _is_usual(table):
            unwanted("a JPEG picture whose samples are stretched: rasterise the document")
        return new | {"$p": stored(frame)}
    if found.colours != 1 or builder.components(space) != 1:
        unwanted("a JPEG picture in a colour space that is not taken: rasterise the document")
    samples = frame.planes[0].tobytes()
    builder.count(len(samples))
    held = {"$b": zlib.compress(samples, 1), "$n": len(samples)}
    return new | {"ColorSpace": space, "BitsPerComponent": 8} | held


def _is_usual(table: Any) -> bool:
    """Whether samples mean what they mean without a Decode array."""
    given = [float(value) for value in table.get("/Decode", [])]
    return given in ([], [0, 1], [0, 1] * 3, [1, 0], [1, 0] * 3)


def _fax(stream: Any, table: Any, width: int, height: int) -> bytes:
    """CCITT fax (ISO 32000-2, 7.4.6) by way of a TIFF file of one strip."""
    parms = table.get("/DecodeParms", pikepdf.Dictionary())
    if isinstance(parms, pikepdf.Array):
        parms = parms[-1]
    k = int(parms.get("/K", 0))
    if int(parms.get("/Columns", 1728)) != width:
        broken("a fax picture of another width than the PDF says")
    raw = before_last(stream, names_of(table["/Filter"]))
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, 1), (259, 3, 4 if k < 0 else 3), (262, 3, 0),
        (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(raw)), (292, 4, 1 if k > 0 else 0),
    ]  # fmt: skip
    directory = len(entries).to_bytes(2, "little")
    for tag, kind, number in entries:
        directory += tag.to_bytes(2, "little") + kind.to_bytes(2, "little")
        directory += (1).to_bytes(4, "little") + number.to_bytes(4, "little")
    padded = raw + bytes(len(raw) % 2)
    start = (8 + len(padded)).to_bytes(4, "little")
    with Image.open(
        BytesIO(b"II*\x00" + start + padded + directory + bytes(4)), formats=["TIFF"]
    ) as image:
        rows = np.asarray(image)
    if rows.shape != (height, width):
        raise Malformed(Reason.SYNTAX, "a fax picture of another size than the PDF says")
    black_is_one = bool(parms.get("/BlackIs1", False))
    return np.packbits(rows != black_is_one, axis=1).tobytes()
