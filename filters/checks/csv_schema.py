"""Filter `csv_schema`: the table in the model has the columns that the policy names.

Takes the model in CBOR, changes nothing (docs/spec/text-model.md §3.6). A policy that names no
columns lets any header through.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from filters.formats.csv_model import table_of
from schemas.cbor import decode_recognised
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+\-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


class Column(Parameters):
    """name: in the header. type: of its cells. required: whether a cell must not be empty.

    characters_max  characters of a cell
    values          what a text may be, if given
    min, max        of numbers, as decimal text ("" no bound)
    """

    name: str = Field(min_length=1, max_length=256)
    type: Literal["text", "integer", "decimal", "boolean", "date", "datetime"] = "text"
    required: bool = False
    characters_max: int = Field(default=256, ge=1, le=65_536)
    values: list[str] = Field(default=[], max_length=1024)
    min: str = Field(default="", pattern=r"^(?:-?[0-9]{1,18}(?:\.[0-9]{1,18})?)?$")
    max: str = Field(default="", pattern=r"^(?:-?[0-9]{1,18}(?:\.[0-9]{1,18})?)?$")

    @model_validator(mode="after")
    def _bounds_of_numbers(self) -> Self:
        if (self.min or self.max) and self.type not in ("integer", "decimal"):
            raise ValueError("min and max are for numbers")
        if self.values and self.type != "text":
            raise ValueError("values are for texts")
        return self


class CsvSchemaParameters(Parameters):
    """columns: the header's, in its order; none: any header."""

    columns: list[Column] = Field(default=[], max_length=1024)


def make(parameters: CsvSchemaParameters, documents: Documents) -> Run:
    """A run that refuses other headers and cells that are not of their column's type."""
    names = [column.name for column in parameters.columns]
    fits = [_test(column) for column in parameters.columns]

    def run(message: Message) -> Answer:
        header, rows = table_of(decode_recognised(message.payload))
        if not names:
            return Pass()
        if header != names:
            return Refuse(Reason.SCHEMA_INVALID, "the header is not the policy's")
        for number, row in enumerate(rows, start=1):
            if len(row) != len(fits):
                raise Malformed(Reason.MODEL_SHAPE, "a record has not as many cells as the header")
            for at, value in enumerate(row):
                if not fits[at](value):
                    return Refuse(
                        Reason.SCHEMA_INVALID,
                        f"row {number}, column {names[at][:64]}: not of its type",
                    )
        return Pass()

    return run


def _test(column: Column) -> Callable[[str], bool]:
    """Whether a text may stand in the column."""
    kind = _KINDS[column.type]
    values = frozenset(column.values)
    least = Decimal(column.min) if column.min else None
    most = Decimal(column.max) if column.max else None

    def fits(value: str) -> bool:
        if not value:
            return not column.required
        if len(value) > column.characters_max or not kind(value):
            return False
        if values and value not in values:
            return False
        if least is not None and Decimal(value) < least:
            return False
        return most is None or Decimal(value) <= most

    return fits


def _is_date(value: str) -> bool:
    try:
        return _DATE.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_datetime(value: str) -> bool:
    try:
        return _DATETIME.fullmatch(value) is not None and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


_KINDS: dict[str, Callable[[str], bool]] = {
    "text": lambda _: True,
    "integer": lambda value: _INTEGER.fullmatch(value) is not None,
    "decimal": lambda value: _DECIMAL.fullmatch(value) is not None,
    "boolean": lambda value: value in ("true", "false"),
    "date": _is_date,
    "datetime": _is_datetime,
}

STAGE = StageType(
    name="csv_schema",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=CsvSchemaParameters,
    make=make,
    summary="the table has the columns that the policy names, and each cell its column's type",
    rechecks=frozenset({"schema"}),
)
