"""Filter `json_read`: what crossed is the model of a JSON document, by the destination's reader.

Takes any bytes, changes nothing: deterministic CBOR (`filters.twins.cbor_reader`) of the shape in
docs/spec/json-model.md.
"""

from typing import Any

from filters.twins.cbor_reader import ReaderLimits
from filters.twins.cbor_reader import read as read_cbor
from filters.twins.event_read import exact_number
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_LIMITS = ReaderLimits(
    bytes_max=16 << 20, depth_levels_max=66, items_max=1_000_006, string_bytes_max=1 << 20
)
_NAME_CHARACTERS_MAX = 512
_NONCHARACTERS = (*range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF)
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160), *_NONCHARACTERS))
_NO_PLACE_IN_NAMES = _CONTROLS | dict.fromkeys((9, 10, 13))


class JsonReadParameters(Parameters):
    """None: the bounds of the model are part of its specification."""


def value_of(untrusted: bytes) -> Any:
    """The JSON value in the model that these bytes encode; `Malformed` for any other bytes."""
    model = read_cbor(untrusted, _LIMITS)
    if type(model) is not dict or sorted(model) != ["json", "value"]:
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of a JSON document")
    if type(model["json"]) is not int or model["json"] != 1:
        raise Malformed(Reason.MODEL_SHAPE, "a layout of the model that is not known here")
    if not isinstance(model["value"], dict | list):
        raise Malformed(Reason.MODEL_SHAPE, "the value is neither an array nor a map")
    level = [model["value"]]
    while level:
        level = [inner for value in level for inner in _judged(value)]
    return model["value"]


def _judged(value: Any) -> list[Any]:
    """What is inside a value, once the value itself is found right."""
    if isinstance(value, dict):
        together = "".join(value)
        if not together.isprintable() and together.translate(_NO_PLACE_IN_NAMES) != together:
            raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a name holds a control character")
        if value and max(map(len, value)) > _NAME_CHARACTERS_MAX:
            raise Malformed(Reason.NAME_TOO_LONG, "a name is longer than its bound")
        return list(value.values())
    if isinstance(value, list):
        return value
    if isinstance(value, bytes):
        exact_number(value)
    elif isinstance(value, str) and not value.isprintable() and value.translate(_CONTROLS) != value:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")
    return []


def make(parameters: JsonReadParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        value_of(message.payload)
        return Pass()

    return run


STAGE = StageType(
    name="json_read",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=JsonReadParameters,
    make=make,
    summary="what crossed is the model of a JSON document, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
