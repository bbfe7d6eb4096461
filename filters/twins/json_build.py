"""Normalizer `json_build`: writes a JSON document from its model.

Takes the model in CBOR, gives JSON in UTF-8 (docs/spec/json-model.md §3) and sets the metadata's
`type`. One model has one JSON. No JSON is parsed.
"""

from dataclasses import replace

from filters.twins.event_build import write_value
from filters.twins.json_read import value_of
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

JSON = "application/json"


class JsonBuildParameters(Parameters):
    """None: one model has one JSON."""


def make(parameters: JsonBuildParameters, documents: Documents) -> Run:
    """A run that writes the JSON."""

    def run(message: Message) -> Answer:
        parts: list[str] = []
        write_value(parts.append, value_of(message.payload))
        parts.append("\n")
        payload = "".join(parts).encode("utf-8")
        return Changed(Message.make(replace(message.meta, type=JSON), payload), "built")

    return run


STAGE = StageType(
    name="json_build",
    version=1,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=JsonBuildParameters,
    make=make,
    summary="a JSON document is written from its model",
)
