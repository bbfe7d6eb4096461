"""Filter `pdf_read`: what crossed is a cleaned PDF or pages as pictures, by the destination's code.

Takes any bytes, changes nothing. Shares no code with the source: an own table says which key may
hold which kinds of value, references name earlier objects only, font programs begin as such, and
content streams are held to the operators and operands of docs/spec/pdf-model.md by a state machine
over their lines. No PDF is parsed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from filters.twins.cbor_reader import ReaderLimits
from filters.twins.cbor_reader import read as read_cbor
from filters.twins.pdf_effort import check_effort
from filters.twins.pdf_tables import KEYS, NUMBERED, check_line
from filters.twins.picture_read import Crossed, Stored, frame_of, picture_of, pieces
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_.,-")
_PROGRAMS = (b"\x00\x01\x00\x00", b"true", b"OTTO", b"%!", b"\x01\x00", b"\x80\x01", b"typ1")
_CMAP = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<>[]/ \n")
_DEPTH_LEVELS_MAX = 16


class PdfReadParameters(Parameters):
    """What is taken.

    ways                which of the two models
    pages_max           pages
    objects_max         objects
    inflated_bytes_max  of all streams together
    all_pixels_max      of all pictures, or all pages that are pictures
    """

    ways: list[Literal["clean", "raster"]] = Field(default=["clean"], min_length=1, max_length=2)
    pages_max: int = Field(default=500, ge=1, le=10_000)
    objects_max: int = Field(default=100_000, ge=10, le=1_000_000)
    inflated_bytes_max: int = Field(default=200_000_000, ge=1_000, le=1_000_000_000)
    all_pixels_max: int = Field(default=100_000_000, ge=1, le=1_000_000_000)


@dataclass(frozen=True, slots=True)
class Clean:
    """A cleaned PDF as it crossed."""

    pages: list[int]
    objects: list[Any]

    def bytes_of(self, number: int) -> bytes:
        """What a stream holds."""
        stream = self.objects[number]
        return b"".join(pieces(stream["$b"], stream["$n"]))


def model(untrusted: bytes) -> Clean | Crossed:
    """What crossed, its streams and pixels not looked at; `Malformed` for other bytes."""
    size = len(untrusted)
    value = read_cbor(untrusted, ReaderLimits(size, 20, 5_000_000, size))
    if type(value) is dict and "picture" in value:
        return picture_of(value)
    if type(value) is not dict or set(value) != {"pdf", "pages", "objects"}:
        raise _shape("the parts of a PDF")
    pages, objects = value["pages"], value["objects"]
    if value["pdf"] is True or value["pdf"] != 1 or type(objects) is not list or not pages:
        raise _shape("a layout that is known here")
    if type(pages) is not list or len({page for page in pages if type(page) is int}) != len(pages):
        raise _shape("pages")
    for number, item in enumerate(objects):
        if type(item) is dict and ("$o" in item or "$r" in item):
            raise _shape("an object of its own")
        _object(item, number)
    for page in pages:
        if not 0 <= page < len(objects) or _kind_of(objects[page]) != "Page":
            raise _shape("a page")
    return Clean(pages, objects)


def _shape(what: str) -> Malformed:
    return Malformed(Reason.MODEL_SHAPE, f"not {what}")


def _kind_of(item: Any) -> Any:
    return item.get("Type") if type(item) is dict else None


def _object(item: Any, number: int) -> None:
    """One object and all that stands in it, without recursion."""
    todo: list[tuple[Any, str, int]] = [(item, "", 0)]
    while todo:
        value, kinds, depth = todo.pop()
        if depth > _DEPTH_LEVELS_MAX:
            raise Malformed(Reason.TOO_DEEP, "an object nests too deep")
        kind = _kind(value, number)
        if kinds and kind not in kinds:
            raise Malformed(Reason.MODEL_UNKNOWN_NAME, "a key with a value that it may not have")
        if kind == "a":
            todo.extend((each, "", depth + 1) for each in value)
        elif kind == "d":
            todo.extend(_members(value, depth))


def _members(value: dict[str, Any], depth: int) -> Iterator[tuple[Any, str, int]]:
    for key, each in value.items():
        if key in ("$b", "$n", "$p"):
            if depth:
                raise _shape("an object without a stream in it")
        elif key == "CharProcs":
            yield from _glyphs(each, depth + 1)
        elif key in KEYS:
            yield each, KEYS[key], depth + 1
        elif NUMBERED.fullmatch(key) is not None or depth >= 1:
            _plain_name(key)  # a resource or a glyph
            yield each, "odna", depth + 1
        else:
            raise Malformed(Reason.MODEL_UNKNOWN_NAME, "a key that no object has")


def _glyphs(value: Any, depth: int) -> Iterator[tuple[Any, str, int]]:
    """Glyphs by name, which may be any, those of keys too; each a reference."""
    if type(value) is not dict:
        raise _shape("glyphs by name")
    for name, each in value.items():
        _plain_name(name)
        yield each, "o", depth + 1


def _kind(value: Any, number: int) -> str:
    if type(value) is bool:
        return "b"
    if type(value) is int:
        if not -(2**32) < value < 2**32:
            raise _shape("a number within range")
        return "i"
    if type(value) is str:
        _plain_name(value)
        return "n"
    if type(value) is bytes:
        return "s"
    if type(value) is list:
        return "a"
    if type(value) is not dict:
        raise _shape("a value that objects have")
    if set(value) == {"$o"}:
        if type(value["$o"]) is not int or not 0 <= value["$o"] < number:
            raise _shape("a reference to an earlier object")
        return "o"
    if set(value) == {"$r"}:
        _real(value["$r"])
        return "i"
    return "d"


def _plain_name(text: str) -> None:
    if not 0 < len(text) <= 127 or not _NAME_CHARACTERS.issuperset(text):
        raise _shape("a name of plain characters")


def _real(text: Any) -> None:
    whole, _, part = text.removeprefix("-").partition(".") if type(text) is str else ("", "", "")
    digits = whole.isdecimal() and part.isdecimal() and (whole + part).isascii()
    if not digits or len(whole) > 9 or len(part) > 6 or part[-1] == "0" or str(int(whole)) != whole:
        raise _shape("a number in its one spelling")


def check_streams(clean: Clean, bytes_max: int, pixels_max: int, size: int) -> None:
    """Every stream holds what it says and what its place allows; `Malformed` otherwise.

    size: of the whole model, in bytes.
    """
    content = set(_content(clean))
    _check_sizes(clean, bytes_max)
    check_effort(clean.objects, clean.bytes_of, size)
    pixels = pixels_max
    for number, item in enumerate(clean.objects):
        if type(item) is not dict:
            continue
        if "$p" in item:
            frame = frame_of(item["$p"], "jpeg")
            pixels -= frame.width * frame.height
            if pixels < 0:
                raise Malformed(Reason.TOO_MANY_PIXELS, "more pixels than are taken here")
            _count_rows(frame)
        elif "$b" in item:
            raw = clean.bytes_of(number)
            if number in content:
                _lines(raw)
        elif number in content:
            raise _shape("content that is a stream")
    _programs(clean)


def _check_sizes(clean: Clean, bytes_max: int) -> None:
    """What all streams say that they hold, before any of them is inflated."""
    left = bytes_max
    for item in clean.objects:
        if type(item) is dict and "$b" in item:
            if type(item["$b"]) is not bytes or type(item.get("$n")) is not int or item["$n"] < 0:
                raise _shape("a stream")
            left -= item["$n"]
            if left < 0:
                raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "more bytes than are taken here")


def _count_rows(frame: Stored) -> None:
    for _ in pieces(frame.deflated, sum(rows * size for rows, size in frame.sizes())):
        pass


def _lines(raw: bytes) -> None:
    if raw and not raw.endswith(b"\n"):
        raise Malformed(Reason.SYNTAX, "a line of content without an end")
    for line in raw.split(b"\n")[:-1]:
        check_line(line)


def _content(clean: Clean) -> Iterator[int]:
    for number, item in enumerate(clean.objects):
        if type(item) is not dict:
            continue
        if item.get("Type") == "Page":
            yield _referred(item.get("Contents"))
        if item.get("Subtype") == "Form" or item.get("PatternType") == 1:
            yield number
        if "CharProcs" in item:
            for glyph in item["CharProcs"].values():
                yield _referred(glyph)


def _referred(value: Any) -> int:
    if type(value) is not dict or type(value.get("$o")) is not int:
        raise _shape("a reference to content")
    found: int = value["$o"]
    return found


def _programs(clean: Clean) -> None:
    """What is carried over as it is begins as what it must be."""
    for item in clean.objects:
        if type(item) is not dict:
            continue
        for key in ("FontFile", "FontFile2", "FontFile3"):
            if key in item and not _start(clean, item[key]).startswith(_PROGRAMS):
                raise Malformed(Reason.SYNTAX, "a font program that does not begin as one")
        for key in ("ToUnicode", "Encoding"):
            if type(item.get(key)) is not dict or set(item[key]) != {"$o"}:
                continue
            mapped = _stream_of(clean, item[key])
            if not all(_CMAP.issuperset(part) for part in pieces(mapped["$b"], mapped["$n"])):
                raise Malformed(Reason.SYNTAX, "a character map with other characters")


def _stream_of(clean: Clean, reference: Any) -> dict[str, Any]:
    stream = clean.objects[_referred(reference)]
    if type(stream) is not dict or "$b" not in stream:
        raise _shape("a stream where one must be")
    return stream


def _start(clean: Clean, reference: Any) -> bytes:
    stream = _stream_of(clean, reference)
    return next(pieces(stream["$b"], stream["$n"]), b"")[:8]


def make(parameters: PdfReadParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such a model within the bounds."""

    def run(message: Message) -> Answer:
        crossed = model(message.payload)
        way = "clean" if isinstance(crossed, Clean) else "raster"
        if way not in parameters.ways:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, f"a PDF of the way {way} is not taken here")
        if isinstance(crossed, Clean):
            if len(crossed.pages) > parameters.pages_max:
                raise Malformed(Reason.TOO_MANY_FRAMES, "more pages than are taken here")
            if len(crossed.objects) > parameters.objects_max:
                raise Malformed(Reason.TOO_MANY_ELEMENTS, "more objects than are taken here")
            size = len(message.payload)
            check_streams(crossed, parameters.inflated_bytes_max, parameters.all_pixels_max, size)
            return Pass()
        if crossed.form != "pdf" or len(crossed.frames) > parameters.pages_max:
            raise Malformed(Reason.TOO_MANY_FRAMES, "no PDF, or more pages than are taken here")
        if crossed.pixels > parameters.all_pixels_max:
            raise Malformed(Reason.TOO_MANY_PIXELS, "more pixels than are taken here")
        for frame in crossed.frames:
            _count_rows(frame)
        return Pass()

    return run


STAGE = StageType(
    name="pdf_read",
    version=3,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=PdfReadParameters,
    make=make,
    summary="what crossed is a cleaned PDF or pages as pictures, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
