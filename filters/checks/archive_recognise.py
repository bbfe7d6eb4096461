"""Filter `archive_recognise`: the payload is the archive model, in its one encoding.

Takes any bytes, changes nothing; see `filters.formats.archive_model`.
"""

from filters.formats.archive_model import read
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class ArchiveRecogniseParameters(Parameters):
    """None: the bounds of the model are part of its definition."""


def make(parameters: ArchiveRecogniseParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        read(message.payload)
        return Pass()

    return run


STAGE = StageType(
    name="archive_recognise",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=ArchiveRecogniseParameters,
    make=make,
    summary="the payload is the model of an archive, in deterministic CBOR",
    rechecks=frozenset({"recognise"}),
)
