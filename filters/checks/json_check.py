"""Filter `json_check`: the payload is the model of a JSON document in deterministic CBOR.

Takes any bytes, changes nothing: strict decoding and the shape of docs/spec/json-model.md.
"""

from filters.formats.json_model import read
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class JsonCheckParameters(Parameters):
    """None: the bounds of the model are part of its specification."""


def make(parameters: JsonCheckParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        read(message.payload)
        return Pass()

    return run


STAGE = StageType(
    name="json_check",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=JsonCheckParameters,
    make=make,
    summary="the payload is the model of a JSON document in deterministic CBOR",
    rechecks=frozenset({"recognise"}),
)
