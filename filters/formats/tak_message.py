"""A message of the TAK protocol, version 1, as a Cursor-on-Target event: docs/spec/tak-protocol.md.

Takes bytes, gives the event's attributes, point, XML detail and typed details, all as texts, or
raises `Malformed`. Parses no XML.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from filters.formats.protobuf_reader import Shape, read, varint
from schemas.errors import Malformed
from schemas.reasons import Reason

MAGIC = b"\xbf"
_MESH = b"\xbf\x01\xbf"
_YEAR_2200_MS = 7_258_118_400_000
_TEXTS = {"contact": ("endpoint", "callsign"), "__group": ("name", "role"),
          "precisionlocation": ("geopointsrc", "altsrc"),
          "takv": ("device", "platform", "os", "version")}  # fmt: skip


def _texts(*names: str) -> Shape:
    return Shape({number: (name, "string") for number, name in enumerate(names, start=1)})


_DETAIL = Shape(
    {
        1: ("xml", "string"),
        2: ("contact", _texts(*_TEXTS["contact"])),
        3: ("__group", _texts(*_TEXTS["__group"])),
        4: ("precisionlocation", _texts(*_TEXTS["precisionlocation"])),
        5: ("status", Shape({1: ("battery", "varint")})),
        6: ("takv", _texts(*_TEXTS["takv"])),
        7: ("track", Shape({1: ("speed", "double"), 2: ("course", "double")})),
    }
)
_EVENT = Shape(
    {
        **{number: (name, "string") for number, name in (
            (1, "type"), (2, "access"), (3, "qos"), (4, "opex"), (5, "uid"), (9, "how"),
            (16, "caveat"), (17, "releasableTo"),
        )},
        6: ("time", "varint"), 7: ("start", "varint"), 8: ("stale", "varint"),
        **{10 + at: (name, "double") for at, name in enumerate(("lat", "lon", "hae", "ce", "le"))},
        15: ("detail", _DETAIL),
    }
)  # fmt: skip
_CONTROL = Shape({1: ("min", "varint"), 2: ("max", "varint"), 3: ("contact", "string")})
_MESSAGE = Shape(
    {
        1: ("control", _CONTROL),
        2: ("event", _EVENT),
        3: ("submitted", "varint"),
        4: ("created", "varint"),
    }
)


@dataclass(frozen=True, slots=True)
class TakEvent:
    """An event: attributes, point, the XML of its detail, typed details by name, what is
    dropped."""

    attributes: dict[str, str]
    point: dict[str, str]
    xml: str
    details: dict[str, dict[str, str]]
    dropped: tuple[str, ...]


def parse(untrusted: bytes) -> TakEvent:
    """The event in a framed TAK message."""
    message = read(_unframed(untrusted), _MESSAGE)
    event = message.get("event")
    if event is None:
        raise Malformed(Reason.MODEL_SHAPE, "the message holds no event")
    attributes = {"version": "2.0"}
    for name in ("type", "uid", "how"):
        if not event.get(name):
            raise Malformed(Reason.MODEL_SHAPE, f"the event has no {name}")
        attributes[name] = event[name]
    for name in ("access", "qos", "opex", "caveat", "releasableTo"):
        if event.get(name):
            attributes[name] = event[name]
    for name in ("time", "start", "stale"):
        attributes[name] = _time(event.get(name, 0))
    point = {name: _number(event.get(name, 0.0)) for name in ("lat", "lon", "hae", "ce", "le")}
    detail = event.get("detail", {})
    dropped = tuple(name for name in ("control", "submitted", "created") if name in message)
    return TakEvent(attributes, point, detail.get("xml", ""), _details(detail), dropped)


def _unframed(untrusted: bytes) -> bytes:
    """What follows the header of the mesh or the stream form."""
    if untrusted.startswith(_MESH):
        return untrusted[len(_MESH) :]
    if not untrusted.startswith(MAGIC):
        raise Malformed(Reason.TYPE_UNKNOWN, "it does not begin as a TAK message")
    length, at = varint(untrusted, 1)
    if length > len(untrusted) - at:
        raise Malformed(Reason.SYNTAX, "the message is shorter than its header says")
    if length < len(untrusted) - at:
        raise Malformed(Reason.TRAILING_DATA, "something follows the TAK message")
    return untrusted[at:]


def _details(detail: dict[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, fields in detail.items():
        if name != "xml":
            texts = {
                key: value if type(value) is str else _number(value)
                for key, value in fields.items()
                if value != ""
            }
            found[name] = dict(sorted(texts.items()))
    return found


def _time(milliseconds: int) -> str:
    if milliseconds >= _YEAR_2200_MS:
        raise Malformed(Reason.MODEL_SHAPE, "a time after the year 2199")
    seconds, rest = divmod(milliseconds, 1000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}.{rest:03d}Z"


def _number(value: float) -> str:
    """The shortest decimal that reads as the same number, without an exponent."""
    text = format(Decimal(repr(value)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
