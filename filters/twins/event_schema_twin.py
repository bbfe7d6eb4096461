"""Filter `event_schema_twin`: the event's JSON is valid, says a pydantic model.

Takes CloudEvents JSON, parses it with pydantic's own parser and validates it against the model
below; changes nothing. The model says what the pack's `event.schema.json` says and is written
apart from it: a test holds the two equal over mutated events.
"""

import re
from datetime import datetime, time
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import TypeAliasType

from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

_UNWANTED = {*range(32), *range(127, 160), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF}
_UNPRINTED = dict.fromkeys(_UNWANTED | {0x2028, 0x2029})
_UNWRITTEN = dict.fromkeys(_UNWANTED - {9, 10, 13})
_URI_CHARACTERS = re.compile(r"[!#$&-;=?@A-Z\[\]_a-z~]+")
_EXTENSION_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")


def _printed(text: str) -> str:
    if not text.isprintable() and text.translate(_UNPRINTED) != text:
        raise ValueError("a control character")
    return text


def _written(text: str) -> str:
    if not text.isprintable() and text.translate(_UNWRITTEN) != text:
        raise ValueError("a control character")
    return text


def _uri(text: str) -> str:
    first, *escaped = text.split("%")
    for piece in escaped:
        if len(bytes.fromhex(piece[:2])) != 1:
            raise ValueError("a percent sign that escapes nothing")
    rest = first + "".join(piece[2:] for piece in escaped)
    if rest and _URI_CHARACTERS.fullmatch(rest) is None:
        raise ValueError("a character that no URI has")
    return text


def _absolute(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    if not (colon and rest and len(scheme) <= 32 and scheme.isascii()):
        raise ValueError("no scheme")
    if not scheme[:1].isalpha() or not re.sub("[+.-]", "", scheme).isalnum():
        raise ValueError("no scheme")
    return _uri(text)


def _time(text: str) -> str:
    """RFC 3339 within 1900..2199, no leap second, at most nanoseconds."""
    moment = datetime.fromisoformat(text[:19])
    if moment.isoformat() != text[:19] or not 1900 <= moment.year < 2200:
        raise ValueError("not RFC 3339, or of another century")
    rest = text[19:]
    if rest[:1] == ".":
        digits = len(rest) - 1 - len(rest[1:].lstrip("0123456789"))
        if not 1 <= digits <= 9:
            raise ValueError("no fraction of a second")
        rest = rest[1 + digits :]
    if rest != "Z":
        offset = time.fromisoformat(rest[1:]).isoformat("minutes")
        if rest[:1] not in ("+", "-") or offset != rest[1:]:
            raise ValueError("no offset")
    return text


def _whole(number: float) -> float:
    if number != int(number):
        raise ValueError("not an integer")
    return number


Graphic = Annotated[str, Field(max_length=256, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")]
TypeName = Annotated[str, Field(max_length=255, pattern=r"^[[:alnum:]][[:alnum:]._:/+-]*$")]
Line = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_printed)]
Uri = Annotated[str, Field(max_length=512), AfterValidator(_absolute)]
UriReference = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_uri)]
Time = Annotated[str, Field(min_length=20, max_length=35), AfterValidator(_time)]
_MEDIA_WORD = r"[0-9a-z][0-9a-z!#$&^_.+-]{0,63}"
MediaType = Annotated[str, Field(pattern=f"^{_MEDIA_WORD}/{_MEDIA_WORD}$")]
_GROUP = "[0-9A-Za-z+/]"
Base64 = Annotated[
    str, Field(max_length=65536, pattern=f"^({_GROUP}{{4}})*({_GROUP}{{2}}==|{_GROUP}{{3}}=)?$")
]
Int32 = Annotated[float, Field(ge=-(2**31), le=2**31 - 1), AfterValidator(_whole)]
Note = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_printed)]
Name = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_printed)]
Text = Annotated[str, Field(max_length=16_384), AfterValidator(_written)]
Value = TypeAliasType(
    "Value",
    "bool | Text | int | float"
    " | Annotated[list[Value], Field(max_length=32_768)]"
    " | Annotated[dict[Name, Value], Field(max_length=16_384)] | None",
)


class Event(BaseModel):
    """CloudEvents 1.0 in JSON, with bounds; attributes not named here are extensions."""

    model_config = ConfigDict(
        strict=True, extra="allow", allow_inf_nan=False, hide_input_in_errors=True
    )
    __pydantic_extra__: dict[str, bool | Int32 | Note]

    specversion: Literal["1.0"]
    id: Graphic
    source: UriReference
    type: TypeName
    subject: Line = ""
    time: Time = ""
    datacontenttype: MediaType = ""
    dataschema: Uri = ""
    data: Value = None
    data_base64: Base64 = ""

    @model_validator(mode="after")
    def _whole_event(self) -> Self:
        if {"data", "data_base64"} <= self.model_fields_set:
            raise ValueError("both data and data_base64")
        for name in self.__pydantic_extra__:
            if _EXTENSION_NAME.fullmatch(name) is None:
                raise ValueError("not the name of an extension attribute")
        return self


class EventSchemaTwinParameters(Parameters):
    """None: the model is code."""


def make(parameters: EventSchemaTwinParameters, documents: Documents) -> Run:
    """A run that refuses invalid events."""
    validate = Event.__pydantic_validator__.validate_json

    def run(message: Message) -> Answer:
        try:
            validate(message.payload)
        except ValidationError as error:
            return Refuse(Reason.SCHEMA_INVALID, f"the event is not valid: {_where(error)}")
        return Pass()

    return run


def _where(error: ValidationError) -> str:
    """The first fault's kind and attribute; never a value, nor a name that the sender chose."""
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    at = first["loc"][0] if first["loc"] and first["loc"][0] in Event.model_fields else "the event"
    return f"{first['type']} at {at}"


STAGE = StageType(
    name="event_schema_twin",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=EventSchemaTwinParameters,
    make=make,
    summary="the event's JSON is valid by a pydantic model",
    rechecks=frozenset({"schema"}),
)
