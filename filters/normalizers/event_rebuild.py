"""Normalizer `event_rebuild`: a CloudEvents 1.0 event written anew as deterministic CBOR.

Takes JSON that `json_recognise` has passed, parses it, takes from it what the model of
docs/spec/events-model.md has a place for, and gives that model as CBOR. Order, blanks, escapes
and the spelling of numbers do not survive; optional attributes that are null are absent
(CloudEvents JSON format 1.0.2, section 3.1). An attribute that neither CloudEvents nor the policy
names is refused or, if the policy says so, dropped and told in the note. Sets the metadata's
`type`.
"""

import json
import re
from dataclasses import replace
from typing import Any, Literal, NoReturn

from filters.formats.event_model import (
    ATTRIBUTES,
    EVENT_CBOR,
    REQUIRED,
    EventParameters,
    EventRules,
    check,
    number,
)
from schemas.cbor import CborValue, encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed

NOTED_NAMES_MAX = 8
_UTF8_PARAMETER = re.compile(r'[ \t]*;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*', re.IGNORECASE)


class EventRebuildParameters(EventParameters):
    """unknown: what becomes of an attribute that neither CloudEvents nor `extensions` names."""

    unknown: Literal["refuse", "drop"] = "refuse"


def make(parameters: EventRebuildParameters, documents: Documents) -> Run:
    """A run that rebuilds."""
    rules = EventRules.of(parameters)
    drop = parameters.unknown == "drop"

    def run(message: Message) -> Answer:
        untrusted = parse(message.payload)
        dropped = _keep_named(untrusted, rules) if drop else []
        payload = encode(check(_normal(untrusted), rules))
        meta = replace(message.meta, type=EVENT_CBOR)
        return Changed(Message.make(meta, payload), _note(dropped))

    return run


def parse(untrusted_bytes: bytes) -> dict[str, Any]:
    """A JSON object as Python's, numbers as `event_model.number` gives them, or `Malformed`."""
    try:
        value = _decode(untrusted_bytes.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the bytes are not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(Reason.SYNTAX, "the bytes are not JSON") from error
    if type(value) is not dict:
        raise Malformed(Reason.MODEL_SHAPE, "the document is not one event")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Malformed(Reason.JSON_DUPLICATE_KEY, "a name stands twice in one object")
    return value


def _no_number(text: str) -> NoReturn:
    raise Malformed(Reason.JSON_NOT_A_NUMBER, "NaN and Infinity are no JSON numbers")


_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=number, parse_int=number, parse_constant=_no_number
).decode


def _keep_named(untrusted: dict[str, Any], rules: EventRules) -> list[str]:
    """Drop what nothing names; gives the names."""
    named = ATTRIBUTES.keys() | rules.extensions | {"data", "data_base64"}
    dropped = sorted(untrusted.keys() - named)
    for name in dropped:
        del untrusted[name]
    return dropped


def _normal(untrusted: dict[str, Any]) -> dict[str, CborValue]:
    """Without null attributes, and with the media type in lower case and without its charset."""
    event = {
        name: value
        for name, value in untrusted.items()
        if value is not None or name == "data" or name in REQUIRED
    }
    content_type = event.get("datacontenttype")
    if type(content_type) is str:
        media, semicolon, parameter = content_type.partition(";")
        if not semicolon or _UTF8_PARAMETER.fullmatch(semicolon + parameter):
            event["datacontenttype"] = media.strip(" \t").lower()
    return event


def _note(dropped: list[str]) -> str:
    if not dropped:
        return "rebuilt"
    more = len(dropped) - NOTED_NAMES_MAX
    names = ", ".join(ascii(name[:20]) for name in dropped[:NOTED_NAMES_MAX])
    return f"rebuilt; dropped {names}{f' and {more} more' if more > 0 else ''}"


STAGE = StageType(
    name="event_rebuild",
    version=1,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=EventRebuildParameters,
    make=make,
    summary="a CloudEvents event is written anew from its parsed form, as CBOR",
)
