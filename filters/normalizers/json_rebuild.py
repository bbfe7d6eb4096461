"""Normalizer `json_rebuild`: a JSON document written anew as deterministic CBOR.

Takes JSON that `json_recognise` has passed, parses it, gives the model of docs/spec/json-model.md.
The order of names, blanks, escapes and the spelling of numbers do not survive; every digit does.
Sets the metadata's `type`.
"""

import json
from dataclasses import replace
from typing import Any, NoReturn

from filters.formats.event_model import number
from filters.formats.json_model import JSON_CBOR, LAYOUT, check
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

_MARK_OF_ORDER = b"\xef\xbb\xbf"


class JsonRebuildParameters(Parameters):
    """None: the bounds are the recogniser's, and one JSON has one model."""


def make(parameters: JsonRebuildParameters, documents: Documents) -> Run:
    """A run that rebuilds."""

    def run(message: Message) -> Answer:
        model = check({"json": LAYOUT, "value": parse(message.payload)})
        meta = replace(message.meta, type=JSON_CBOR)
        return Changed(Message.make(meta, encode(model)), "rebuilt")

    return run


def parse(untrusted_bytes: bytes) -> Any:
    """JSON as Python's values, numbers as `event_model.number` gives them, or `Malformed`."""
    try:
        return _decode(untrusted_bytes.removeprefix(_MARK_OF_ORDER).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the bytes are not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(Reason.SYNTAX, "the bytes are not JSON") from error


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

STAGE = StageType(
    name="json_rebuild",
    version=1,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=JsonRebuildParameters,
    make=make,
    summary="a JSON document is written anew from its parsed form, as CBOR, numbers exactly",
)
