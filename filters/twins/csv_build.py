"""Normalizer `csv_build`: writes a CSV file from the model of a table.

Takes the model in CBOR, gives UTF-8 in the policy's delimiter, each record ended by a line feed
(docs/spec/text-model.md §3.7), and sets the metadata's `type`. One model has one file.
"""

from dataclasses import replace
from typing import Literal

from filters.twins.csv_read import records_of
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

CSV = "text/csv"
SIGNS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


class CsvBuildParameters(Parameters):
    """delimiter: between the cells of a record."""

    delimiter: Literal["comma", "semicolon", "tab", "bar"] = "comma"


def make(parameters: CsvBuildParameters, documents: Documents) -> Run:
    """A run that writes the file."""
    sign = SIGNS[parameters.delimiter]

    def written(value: str) -> str:
        if sign in value or '"' in value or "\n" in value or value != value.strip():
            return '"' + value.replace('"', '""') + '"'
        return value

    def run(message: Message) -> Answer:
        records = records_of(message.payload)
        lines = [sign.join(map(written, record)) or '""' for record in records]
        payload = ("\n".join(lines) + "\n").encode("utf-8")
        return Changed(Message.make(replace(message.meta, type=CSV), payload), "built")

    return run


STAGE = StageType(
    name="csv_build",
    version=1,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=CsvBuildParameters,
    make=make,
    summary="a CSV file is written from the model of a table",
)
