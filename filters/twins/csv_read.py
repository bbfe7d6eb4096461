"""Filter `csv_read`: what crossed is the model of a table, read by the destination's own code.

Takes any bytes, changes nothing: deterministic CBOR (`filters.twins.cbor_reader`) of the shape in
docs/spec/text-model.md §3. Its cells are judged later, in the file that is written from it.
"""

from typing import Any

from filters.twins.cbor_reader import ReaderLimits
from filters.twins.cbor_reader import read as read_cbor
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_LIMITS = ReaderLimits(
    bytes_max=16 << 20, depth_levels_max=4, items_max=1_000_002, string_bytes_max=1 << 18
)


class CsvReadParameters(Parameters):
    """None: the bounds of the model are part of its specification."""


def records_of(untrusted: bytes) -> list[list[str]]:
    """The records in the model, the header first; `Malformed` for any other bytes."""
    model = read_cbor(untrusted, _LIMITS)
    if type(model) is not dict or sorted(model) != ["csv", "header", "rows"]:
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of a table")
    if type(model["csv"]) is not int or model["csv"] != 1 or type(model["rows"]) is not list:
        raise Malformed(Reason.MODEL_SHAPE, "a layout of the model that is not known here")
    records: list[Any] = [model["header"], *model["rows"]]
    width = len(records[0]) if type(records[0]) is list else 0
    for record in records:
        if type(record) is not list or not record or len(record) != width:
            raise Malformed(Reason.MODEL_SHAPE, "a record is not as long as the header")
        if any(type(value) is not str for value in record):
            raise Malformed(Reason.MODEL_SHAPE, "a cell is not a text")
    return records


def make(parameters: CsvReadParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        records_of(message.payload)
        return Pass()

    return run


STAGE = StageType(
    name="csv_read",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=CsvReadParameters,
    make=make,
    summary="what crossed is the model of a table, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
