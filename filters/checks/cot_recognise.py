"""Filter `cot_recognise`: the payload is a Cursor-on-Target model in deterministic CBOR.

Takes any bytes, changes nothing: strict decoding and the shape of docs/spec/cot-model.md.
"""

from filters.formats.cot_model import read
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class CotRecogniseParameters(Parameters):
    """None: the bounds of the model are part of its specification."""


def make(parameters: CotRecogniseParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        read(message.payload)
        return Pass()

    return run


STAGE = StageType(
    name="cot_recognise",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=CotRecogniseParameters,
    make=make,
    summary="the payload is the model of a Cursor-on-Target event in deterministic CBOR",
    rechecks=frozenset({"recognise"}),
)
