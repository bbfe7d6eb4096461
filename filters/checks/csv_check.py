"""Filter `csv_check`: the payload is the model of a table, such as may cross.

Takes any bytes, changes nothing: strict CBOR of the shape, characters and bounds of
docs/spec/text-model.md §3, and no cell that is a formula.
"""

from filters.formats.csv_model import CsvParameters, read
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass


def make(parameters: CsvParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        read(message.payload, parameters)
        return Pass()

    return run


STAGE = StageType(
    name="csv_check",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=CsvParameters,
    make=make,
    summary="the payload is the model of a table in deterministic CBOR, without formulas",
    rechecks=frozenset({"recognise"}),
)
