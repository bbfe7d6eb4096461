"""The model of a cleaned PDF that crosses: docs/spec/pdf-model.md, read by the source side.

Takes CBOR, gives pages and objects, or raises `Malformed`: names of keys are those that the
rebuild writes, references name earlier objects, streams hold what they say, content is in its one
form.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Any

from filters.formats.pdf_lines import is_content
from filters.formats.pdf_roles import RESOURCES, ROLES
from filters.formats.pdf_steps import check_steps
from filters.formats.pdf_structure import PdfLimits
from filters.formats.picture_model import check_frame, frames
from filters.formats.picture_structure import PictureLimits
from schemas.cbor import CborLimits, decode
from schemas.errors import Malformed
from schemas.reasons import Reason

DEPTH_LEVELS_MAX = 12
_NAME = re.compile(r"[A-Za-z0-9+_.,\-]{1,127}")
_REAL = re.compile(r"-?(?:0|[1-9]\d{0,8})\.\d{0,5}[1-9]")
_KEYS = {
    *(key for role in ROLES.values() for key in role), *RESOURCES, "MediaBox", "CropBox", "Rotate",
    "Contents", "Resources", "Width", "Height", "BitsPerComponent", "ImageMask", "Mask", "G", "BC",
    "BaseEncoding", "Differences", "Length1", "Length2", "Length3", "CharProcs", "$b", "$n", "$p",
    "$r", "$o", "SMask",
}  # fmt: skip


@dataclass(slots=True)
class Document:
    """pages: numbers of objects. objects: as they crossed."""

    pages: list[int]
    objects: list[Any]

    def inflated(self, number: int) -> bytes:
        """The bytes of a stream."""
        stream = self.objects[number]
        return inflate(stream["$b"], stream["$n"])


def inflate(raw: bytes, due: int) -> bytes:
    """Exactly `due` bytes, or `Malformed`."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(raw, due) if due else b""
        more = stream.decompress(stream.unconsumed_tail if due else raw, 1)
    except zlib.error as error:
        raise Malformed(Reason.SYNTAX, "a stream cannot be inflated") from error
    if more or len(found) != due or not stream.eof or stream.unused_data:
        raise Malformed(Reason.MODEL_SHAPE, "a stream holds other bytes than it says")
    return found


def read(untrusted: bytes, limits: PdfLimits) -> Document:
    """The document, every stream looked at."""
    size = len(untrusted)
    model = decode(untrusted, CborLimits(size, DEPTH_LEVELS_MAX + 4, 5_000_000, size))
    if type(model) is not dict or set(model) != {"pdf", "pages", "objects"} or model["pdf"] != 1:
        raise Malformed(Reason.MODEL_SHAPE, "the model has not the parts of a PDF")
    pages, objects = model["pages"], model["objects"]
    if type(pages) is not list or type(objects) is not list or len(objects) > limits.objects_max:
        raise Malformed(Reason.MODEL_SHAPE, "the model's pages or objects are no lists")
    numbers = [page for page in pages if type(page) is int and 0 <= page < len(objects)]
    if (
        not 1 <= len(pages) <= limits.pages_max
        or numbers != pages
        or len(set(numbers)) < len(pages)
    ):
        raise Malformed(Reason.MODEL_SHAPE, "the model's pages are none of its objects")
    document = Document(numbers, objects)
    check = _Check(document, limits)
    for number, item in enumerate(objects):
        check.value(item, number, 0)
    check_steps(document, size)
    check.contents()
    return document


class _Check:
    """One document on its way; what is left of the bounds."""

    def __init__(self, document: Document, limits: PdfLimits) -> None:
        self.document = document
        self.bytes_left = limits.inflated_bytes_max
        self.pixels_left = limits.all_pixels_max
        self.pictures = PictureLimits(limits.pixels_max)

    def value(self, value: Any, number: int, depth: int) -> None:
        if depth > DEPTH_LEVELS_MAX:
            raise Malformed(Reason.TOO_DEEP, "an object nests deeper than its bound")
        kind = type(value)
        if not depth and kind is dict and ("$o" in value or "$r" in value):
            raise Malformed(Reason.MODEL_SHAPE, "an object that is only a reference or a number")
        if kind is str:
            if _NAME.fullmatch(value) is None:
                raise Malformed(Reason.MODEL_SHAPE, "a name of other characters than names have")
        elif kind is list:
            for item in value:
                self.value(item, number, depth + 1)
        elif kind is dict:
            self.map(value, number, depth)
        elif kind is bytes:
            if len(value) > 1024:
                raise Malformed(Reason.TEXT_TOO_LONG, "a string is longer than its bound")
        elif kind not in (bool, int) or abs(value) >= 2**32:
            raise Malformed(Reason.MODEL_SHAPE, "a value that objects do not have")

    def map(self, value: dict[str, Any], number: int, depth: int) -> None:
        if "$r" in value or "$o" in value:
            self.leaf(value, number)
            return
        for key, item in value.items():
            if key not in _KEYS and _NAME.fullmatch(key) is None:
                raise Malformed(Reason.MODEL_UNKNOWN_NAME, "a key that no object has")
            if key not in ("$b", "$n", "$p"):
                self.value(item, number, depth + 1)
        if ("$b" in value or "$p" in value) and depth:
            raise Malformed(Reason.MODEL_SHAPE, "a stream within an object")
        if "$b" in value:
            self.stream(value)
        elif "$p" in value:
            self.pixels_left -= check_frame(value["$p"], "jpeg", self.pictures)
            if self.pixels_left < 0:
                raise Malformed(Reason.TOO_MANY_PIXELS, "the pictures have too many pixels")
            for _ in frames([value["$p"]]):
                pass

    def leaf(self, value: dict[str, Any], number: int) -> None:
        if len(value) != 1:
            raise Malformed(Reason.MODEL_SHAPE, "a number or a reference with something beside it")
        if "$r" in value:
            if type(value["$r"]) is not str or _REAL.fullmatch(value["$r"]) is None:
                raise Malformed(Reason.MODEL_SHAPE, "a number that is not in its one spelling")
        elif type(value["$o"]) is not int or not 0 <= value["$o"] < number:
            raise Malformed(Reason.MODEL_SHAPE, "a reference to no earlier object")

    def stream(self, value: dict[str, Any]) -> None:
        raw, due = value["$b"], value.get("$n")
        if type(raw) is not bytes or type(due) is not int or not 0 <= due <= self.bytes_left:
            raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "a stream of too many bytes")
        self.bytes_left -= due
        inflate(raw, due)

    def contents(self) -> None:
        """Every content stream is in the one form."""
        document = self.document
        for number in content_numbers(document):
            stream = document.objects[number]
            if type(stream) is not dict or "$b" not in stream:
                raise Malformed(Reason.MODEL_SHAPE, "content that is no stream")
            if not is_content(document.inflated(number)):
                raise Malformed(Reason.SYNTAX, "content that is not in its one form")


def content_numbers(document: Document) -> list[int]:
    """The objects that are content: of pages, forms, patterns and glyphs."""
    found = []
    for number in document.pages:
        page = document.objects[number]
        if type(page) is not dict or page.get("Type") != "Page" or "MediaBox" not in page:
            raise Malformed(Reason.MODEL_SHAPE, "a page that is none")
        found.append(_number(page.get("Contents")))
    for number, item in enumerate(document.objects):
        if type(item) is not dict:
            continue
        if item.get("Subtype") == "Form" or item.get("PatternType") == 1:
            found.append(number)
        if item.get("Subtype") == "Type3":
            glyphs = item.get("CharProcs")
            found += [_number(each) for each in (glyphs.values() if type(glyphs) is dict else ())]
    return found


def _number(reference: Any) -> int:
    if type(reference) is not dict or type(reference.get("$o")) is not int:
        raise Malformed(Reason.MODEL_SHAPE, "content that is not referred to")
    found: int = reference["$o"]
    return found
