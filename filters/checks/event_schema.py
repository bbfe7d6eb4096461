"""Filter `event_schema`: the event in the model is valid by the pack's JSON Schema.

Takes the model in CBOR, gives the JSON value it stands for to jsonschema-rs (draft 2020-12,
formats asserted, nothing fetched: a reference to another document does not compile); changes
nothing. Decimal numbers are validated as the nearest double.
"""

import json
from typing import Any

import jsonschema_rs
from pydantic import Field

from filters.formats.event_model import LIMITS
from schemas.cbor import decode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class EventSchemaParameters(Parameters):
    """schema_document: the document with the JSON Schema."""

    schema_document: str = Field(default="event.schema.json", max_length=64)


def make(parameters: EventSchemaParameters, documents: Documents) -> Run:
    """A run that refuses invalid events; raises if the schema is missing or does not compile."""
    validator = compile_schema(documents[parameters.schema_document])

    def run(message: Message) -> Answer:
        event = plain(decode(message.payload, LIMITS))
        if validator.is_valid(event):
            return Pass()
        return Refuse(Reason.SCHEMA_INVALID, f"the event is not valid: {_where(validator, event)}")

    return run


def compile_schema(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    """The validator of a JSON Schema; never looks for documents elsewhere."""
    return jsonschema_rs.Draft202012Validator(
        json.loads(schema), validate_formats=True, retriever=_nothing_elsewhere
    )


def _nothing_elsewhere(uri: str) -> Any:
    raise ValueError(f"the schema refers to {uri}, but is to stand alone")


def plain(value: Any) -> Any:
    """A decoded model as the values JSON has: exact decimals become floats."""
    kind = type(value)
    if kind is dict:
        return {name: plain(item) for name, item in value.items()}
    if kind is list:
        return [plain(item) for item in value]
    if kind is bytes:
        try:
            return float(value)
        except ValueError as error:
            raise Malformed(Reason.MODEL_SHAPE, "a byte string that is no number") from error
    return value


def _where(validator: jsonschema_rs.Draft202012Validator, event: Any) -> str:
    """The rule that failed first; never a value or a name of the message."""
    for error in validator.iter_errors(event):
        steps = [str(step) for step in error.schema_path if step != "$ref"]
        return f"rule {'/'.join(steps)}"[:160]
    return "no reason given"


STAGE = StageType(
    name="event_schema",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=EventSchemaParameters,
    make=make,
    summary="the event is valid by the pack's JSON Schema, by jsonschema-rs",
    rechecks=frozenset({"schema"}),
)
