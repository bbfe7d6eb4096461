"""Filter `text_check`: the payload is the model of a plain text, such as may cross.

Takes any bytes, changes nothing: strict CBOR of the shape, characters and bounds of
docs/spec/text-model.md. Plain text has no schema beyond that, so this is the schema check too.
"""

from filters.formats.text_model import LineParameters, read
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass


def make(parameters: LineParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        read(message.payload, parameters)
        return Pass()

    return run


STAGE = StageType(
    name="text_check",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=LineParameters,
    make=make,
    summary="the payload is the model of a plain text in deterministic CBOR",
    rechecks=frozenset({"recognise", "schema"}),
)
