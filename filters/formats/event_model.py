"""The model of a CloudEvents 1.0 event, as the source side knows it: docs/spec/events-model.md.

Takes decoded CBOR or parsed JSON, gives the model (a map) or raises `Malformed`; does nothing
else. The destination side checks the same with code of its own (`filters.twins.event_read`).
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.stage import Parameters

EVENT_CBOR = "application/cloudevents+cbor"
LIMITS = CborLimits(
    bytes_max=1 << 20, depth_levels_max=32, items_max=32_768, string_bytes_max=1 << 16
)
STRING_CHARACTERS_MAX = 16_384
NAME_CHARACTERS_MAX = 128
NUMBER_CHARACTERS_MAX = 64
INT32_MAX = 2**31 - 1
EXPONENT_MAX = 307
POWER_MAX = 9999
RESERVED_EXTENSIONS = frozenset({"cot"})  # marks another model, see filters.formats.model_paths

_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff]"
_URI = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_MEDIA = r"[a-z0-9][a-z0-9!#$&^_.+\-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+\-]{0,63}"
ATTRIBUTES = {
    "specversion": re.compile(r"1\.0"),
    "id": re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?"),
    "source": re.compile(rf"(?!.{{513}}){_URI}+"),
    "type": re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+\-]{0,254}"),
    "subject": re.compile(rf"{_PRINTABLE}{{1,512}}"),
    "time": re.compile(
        r"(?:19|20|21)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
        r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
        r"(?:Z|[+\-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    ),
    "datacontenttype": re.compile(_MEDIA),
    "dataschema": re.compile(rf"(?!.{{513}})[A-Za-z][A-Za-z0-9+.\-]{{0,31}}:{_URI}+"),
}
REQUIRED = ("specversion", "id", "source", "type")
_EXTENSION_TEXT = re.compile(rf"{_PRINTABLE}{{1,1024}}")
_NAME = re.compile(rf"{_PRINTABLE}{{1,{NAME_CHARACTERS_MAX}}}")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_NUMBER = re.compile(rb"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:e(-?[1-9][0-9]{0,3}))?")
_DECIMAL = re.compile(r"-?[0-9.]+(?:e-?[0-9]+)?")
_JSON_TYPE = re.compile(r"application/json|[a-z0-9.\-]+/[a-z0-9.\-]+\+json")


class EventParameters(Parameters):
    """What the policy lets an event hold.

    extensions     names of the extension attributes that may pass
    content_types  media types that `datacontenttype` may name
    base64         whether `data_base64` may pass (its bytes are looked at by no check)
    """

    extensions: list[str] = Field(default=[], max_length=64)
    content_types: list[str] = Field(default=["application/json"], max_length=32)
    base64: bool = False

    @model_validator(mode="after")
    def _sane(self) -> Self:
        for name in self.extensions:
            known = name in ATTRIBUTES or name.startswith("data") or name in RESERVED_EXTENSIONS
            if known or re.fullmatch(r"[a-z][a-z0-9]{0,19}", name) is None:
                raise ValueError(f"{name} cannot be the name of an extension attribute")
        return self


@dataclass(frozen=True, slots=True)
class EventRules:
    """`EventParameters` as sets."""

    extensions: frozenset[str]
    content_types: frozenset[str]
    base64: bool

    @classmethod
    def of(cls, parameters: EventParameters) -> Self:
        """The rules that the parameters give."""
        return cls(
            frozenset(parameters.extensions),
            frozenset(parameters.content_types),
            parameters.base64,
        )


def read(untrusted: bytes, rules: EventRules) -> dict[str, CborValue]:
    """The model that these bytes encode, or `Malformed`."""
    return check(decode(untrusted, LIMITS), rules)


def check(untrusted: Any, rules: EventRules) -> dict[str, CborValue]:
    """`untrusted` itself, if it has the shape of the model; else `Malformed`."""
    if type(untrusted) is not dict:
        raise Malformed(Reason.MODEL_SHAPE, "the event is not a map")
    for name, value in untrusted.items():
        pattern = ATTRIBUTES.get(name)
        if pattern is not None:
            if type(value) is not str or pattern.fullmatch(value) is None:
                raise Malformed(Reason.MODEL_SHAPE, f"the event's {name} is not of its form")
        elif name in rules.extensions:
            _extension(name, value)
        elif name != "data" and name != "data_base64":
            raise Malformed(Reason.MODEL_UNKNOWN_NAME, "an attribute that the policy does not name")
    for name in REQUIRED:
        if name not in untrusted:
            raise Malformed(Reason.MODEL_SHAPE, f"the event has no {name}")
    _content(untrusted, rules)
    return untrusted


def _extension(name: str, value: Any) -> None:
    kind = type(value)
    if kind is str:
        if _EXTENSION_TEXT.fullmatch(value) is None:
            raise Malformed(Reason.MODEL_SHAPE, f"the extension {name} holds no plain text")
    elif kind is int:
        if not -INT32_MAX - 1 <= value <= INT32_MAX:
            raise Malformed(Reason.MODEL_SHAPE, f"the extension {name} is no 32-bit integer")
    elif kind is not bool:
        raise Malformed(Reason.MODEL_SHAPE, f"the extension {name} is of no CloudEvents type")


def _content(event: Mapping[str, Any], rules: EventRules) -> None:
    content_type = event.get("datacontenttype")
    if content_type is not None and content_type not in rules.content_types:
        raise Malformed(Reason.TYPE_NOT_ALLOWED, "a datacontenttype the policy does not name")
    if "data_base64" in event:
        if not rules.base64:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "data_base64 is not allowed by the policy")
        if "data" in event:
            raise Malformed(Reason.MODEL_SHAPE, "the event has both data and data_base64")
        _base64(event["data_base64"])
    elif "data" in event:
        data = event["data"]
        if type(data) is not str and content_type and _JSON_TYPE.fullmatch(content_type) is None:
            raise Malformed(Reason.MODEL_SHAPE, "data that is not JSON must be a text")
        _data(data)


def _base64(value: Any) -> None:
    try:
        if base64.b64encode(base64.b64decode(value, validate=True)).decode() != value:
            raise ValueError
    except (ValueError, TypeError) as error:
        raise Malformed(Reason.MODEL_SHAPE, "data_base64 is not canonical base64") from error


def _data(data: Any) -> None:
    """Every value below `data` is one that JSON has; depth and count are the decoder's to bound."""
    todo = [data]
    texts: list[str] = []
    while todo:
        value = todo.pop()
        kind = type(value)
        if kind is str:
            texts.append(value)
        elif kind is dict:
            for name in value:
                if _NAME.fullmatch(name) is None:
                    raise Malformed(Reason.MODEL_SHAPE, "a name in data is not of its form")
            todo.extend(value.values())
        elif kind is list:
            todo.extend(value)
        elif kind is bytes:
            _number(value)
    if texts and max(map(len, texts)) > STRING_CHARACTERS_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a text in data is longer than its bound")
    if _NOT_TEXT.search("".join(texts)):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character in data")


def _number(text: bytes) -> None:
    """A number that is no 64-bit integer: its exact decimal text, in its one spelling."""
    decimal = text.decode("ascii", "replace")
    if _DECIMAL.fullmatch(decimal) is None or number(decimal) != text:
        raise Malformed(Reason.MODEL_SHAPE, "a number in data is not in its one spelling")


def number(untrusted: str) -> int | bytes:
    """A JSON number for the model: an integer of CBOR's range, or exact decimal text.

    Digits stay as they are, trailing zeros included; an exponent loses its plus sign and leading
    zeros, and goes if it is zero; zero has neither sign nor exponent. Raises `Malformed`.
    """
    if len(untrusted) > NUMBER_CHARACTERS_MAX:
        raise Malformed(Reason.JSON_NUMBER_SIZE, "a number is longer than its bound")
    mantissa, e, exponent = untrusted.lower().partition("e")
    try:
        power = int(exponent) if e else 0
    except ValueError as error:
        raise Malformed(Reason.SYNTAX, "not a number") from error
    if abs(power) > POWER_MAX:
        raise Malformed(Reason.JSON_NUMBER_SIZE, "a number's exponent is out of bounds")
    text = f"{mantissa}e{power}" if power else mantissa
    parts = _NUMBER.fullmatch(text.encode("ascii", "replace"))
    if parts is None:
        raise Malformed(Reason.SYNTAX, "not a number")
    _, whole, fraction, _ = parts.groups(default=b"")
    digits = (whole + fraction).lstrip(b"0")
    if not digits:
        text, power = mantissa.removeprefix("-"), 0
    elif not -EXPONENT_MAX <= len(digits) - len(fraction) - 1 + power <= EXPONENT_MAX:
        raise Malformed(Reason.JSON_NUMBER_SIZE, "a number is too large or too small")
    if not fraction and not power:
        value = int(text)
        if -(2**64) <= value < 2**64:
            return value
    return text.encode()
