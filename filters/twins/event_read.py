"""Filter `event_read`: what crossed is the model of an event, read by the destination's own code.

Takes any bytes, changes nothing: deterministic CBOR (`filters.twins.cbor_reader`) of the shape in
docs/spec/events-model.md, with the extension attributes and content types that the destination's
policy names. The form of the attributes' texts is judged later, on the JSON built from it.
"""

from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic import Field, field_validator

from filters.twins.cbor_reader import ReaderLimits
from filters.twins.cbor_reader import read as read_cbor
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

CORE = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
NEEDED = frozenset(CORE[:4])
CONTENT = ("data", "data_base64")

_LIMITS = ReaderLimits(
    bytes_max=1 << 20, depth_levels_max=32, items_max=32_769, string_bytes_max=1 << 16
)
_TEXT_CHARACTERS_MAX = 16_384
_NAME_CHARACTERS_MAX = 128
_NUMBER_CHARACTERS_MAX = 64
_EXPONENT_MAX = 307
_NONCHARACTERS = (*range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF)
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160), *_NONCHARACTERS))
_NO_PLACE_IN_NAMES = _CONTROLS | dict.fromkeys((9, 10, 13, 0x2028, 0x2029))


class EventReadParameters(Parameters):
    """extensions, content_types: what may be there. base64: whether data_base64 may."""

    extensions: list[str] = Field(default=[], max_length=64)
    content_types: list[str] = Field(default=["application/json"], max_length=32)
    base64: bool = False

    @field_validator("extensions")
    @classmethod
    def _no_core_names(cls, names: list[str]) -> list[str]:
        if not {*CORE, *CONTENT, "cot"}.isdisjoint(names):
            raise ValueError("a name that CloudEvents or another model has taken")
        return names


def model(untrusted: bytes) -> dict[str, Any]:
    """The model in `untrusted`, whatever the policy says of it; `Malformed` for other bytes."""
    event = read_cbor(untrusted, _LIMITS)
    if type(event) is not dict or not NEEDED.issubset(event):
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of an event")
    if not all(type(event[name]) is str for name in CORE if name in event):
        raise Malformed(Reason.MODEL_SHAPE, "an attribute of the event is not a text")
    for name in event.keys() - {*CORE, *CONTENT}:
        value = event[name]
        if type(value) not in (str, bool, int) or (type(value) is int and value.bit_length() > 32):
            raise Malformed(Reason.MODEL_SHAPE, "an extension attribute is of no CloudEvents type")
    if "data" in event:
        _values(event["data"])
    return event


def _values(data: Any) -> None:
    texts: list[str] = []
    names: set[str] = set()
    for value in _walk(data, names):
        if type(value) is str:
            texts.append(value)
        elif type(value) is bytes:
            exact_number(value)
    if max(map(len, texts), default=0) > _TEXT_CHARACTERS_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a text in data is longer than its bound")
    if "" in names or max(map(len, names), default=0) > _NAME_CHARACTERS_MAX:
        raise Malformed(Reason.MODEL_SHAPE, "a name in data is empty or longer than its bound")
    _plain("".join(names), _NO_PLACE_IN_NAMES)
    _plain("".join(texts), _CONTROLS)


def _walk(value: Any, names: set[str]) -> Iterator[Any]:
    """Everything that is no container; `read_cbor` has bounded the depth."""
    if type(value) is dict:
        names.update(value)
        for item in value.values():
            yield from _walk(item, names)
    elif type(value) is list:
        for item in value:
            yield from _walk(item, names)
    else:
        yield value


def _plain(text: str, unwanted: dict[int, None]) -> None:
    if not text.isprintable() and text.translate(unwanted) != text:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")


def exact_number(raw: bytes) -> None:
    """The decimal text of a number that is no 64-bit integer, in its one spelling."""
    text = raw.decode("latin-1")
    mantissa, has_exponent, exponent = text.partition("e")
    whole, has_point, fraction = mantissa.removeprefix("-").partition(".")
    digits = whole + fraction + exponent.removeprefix("-")
    well_formed = (
        len(text) <= _NUMBER_CHARACTERS_MAX
        and digits.isdecimal()
        and digits.isascii()
        and whole != ""
        and (whole == "0" or whole[0] != "0")
        and bool(has_point) == bool(fraction)
        and len(exponent) <= 5
    )
    if not well_formed or (
        has_exponent and (str(int(exponent or 0)) != exponent or exponent == "0")
    ):
        raise Malformed(Reason.MODEL_SHAPE, "a byte string that is no number in its one spelling")
    if (has_exponent or text[0] == "-") and not (whole + fraction).strip("0"):
        raise Malformed(Reason.MODEL_SHAPE, "a zero with a sign or an exponent")
    if has_exponent and abs(Decimal(text).adjusted()) > _EXPONENT_MAX:
        raise Malformed(Reason.JSON_NUMBER_SIZE, "a number is too large or too small")
    if not has_exponent and not has_point and -1 << 64 <= int(text) < 1 << 64:
        raise Malformed(Reason.MODEL_SHAPE, "an integer that CBOR has its own form for")


def make(parameters: EventReadParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but a model that the policy lets in."""
    allowed = {*CORE, *CONTENT[: 1 + parameters.base64], *parameters.extensions}
    content_types = {*parameters.content_types, None}

    def run(message: Message) -> Answer:
        event = model(message.payload)
        if not allowed.issuperset(event):
            if "data_base64" in event:
                raise Malformed(Reason.TYPE_NOT_ALLOWED, "data_base64 is not allowed")
            raise Malformed(Reason.MODEL_UNKNOWN_NAME, "an attribute the policy does not name")
        content_type = event.get("datacontenttype")
        if content_type not in content_types:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "a datacontenttype the policy does not name")
        if "data_base64" in event:
            _base64(event)
        elif content_type is not None and not content_type.endswith(("/json", "+json")):
            _text_only(event)
        return Pass()

    return run


def _text_only(event: dict[str, Any]) -> None:
    if type(event.get("data", "")) is not str:
        raise Malformed(Reason.MODEL_SHAPE, "data that is not JSON must be a text")


def _base64(event: dict[str, Any]) -> None:
    text = event["data_base64"]
    try:
        if "data" in event or b2a_base64(a2b_base64(text), newline=False).decode() != text:
            raise ValueError
    except (NotBase64, ValueError, TypeError) as error:
        raise Malformed(Reason.MODEL_SHAPE, "data_base64 is not canonical, or not alone") from error


STAGE = StageType(
    name="event_read",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=EventReadParameters,
    make=make,
    summary="what crossed is the model of a CloudEvents event, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
