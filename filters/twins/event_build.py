"""Normalizer `event_build`: writes the JSON of an event from its model.

Takes the model in CBOR, gives CloudEvents JSON in UTF-8 and sets the metadata's `type`. One model
has one JSON: first the attributes in the order of the CloudEvents specification, then extension
attributes by name, then the data with its names in the model's order; no blanks; of characters
only quotation mark, reverse solidus, tab and line ends are escaped; exact decimals as they stand
in the model. No JSON is parsed.
"""

from collections.abc import Callable
from dataclasses import replace
from json.encoder import encode_basestring as quoted
from typing import Any

from filters.twins.event_read import CONTENT, CORE, model
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

EVENT_JSON = "application/cloudevents+json"

_CONSTANTS = {None: "null", False: "false", True: "true"}


class EventBuildParameters(Parameters):
    """None: one model has one JSON."""


def write(event: dict[str, Any]) -> str:
    """The JSON of a model that `filters.twins.event_read.model` has given."""
    parts: list[str] = []
    extensions = sorted(event.keys() - {*CORE, *CONTENT})
    ordered = [name for name in (*CORE, *extensions, *CONTENT) if name in event]
    _object(parts.append, [(name, event[name]) for name in ordered])
    return "".join(parts)


def write_value(put: Callable[[str], None], value: Any) -> None:
    """Put the JSON of a value of the model, piece by piece."""
    kind = type(value)
    if kind is str:
        put(quoted(value))
    elif kind is int:
        put(str(value))
    elif kind is bytes:
        put(value.decode("ascii"))
    elif kind is dict:
        _object(put, value.items())
    elif kind is list:
        before = "["
        for item in value:
            put(before)
            before = ","
            write_value(put, item)
        put("]" if value else "[]")
    else:
        put(_CONSTANTS[value])


def _object(put: Callable[[str], None], members: Any) -> None:
    before = "{"
    for name, value in members:
        put(f"{before}{quoted(name)}:")
        before = ","
        if type(value) is str:
            put(quoted(value))
        else:
            write_value(put, value)
    put("}" if before == "," else "{}")


def make(parameters: EventBuildParameters, documents: Documents) -> Run:
    """A run that writes the JSON."""

    def run(message: Message) -> Answer:
        payload = write(model(message.payload)).encode("utf-8")
        return Changed(Message.make(replace(message.meta, type=EVENT_JSON), payload), "built")

    return run


STAGE = StageType(
    name="event_build",
    version=1,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=EventBuildParameters,
    make=make,
    summary="the JSON of a CloudEvents event is written from its model",
)
