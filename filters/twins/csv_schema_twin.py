"""Filter `csv_schema_twin`: the written CSV is one that the destination takes, by Python's reader.

Takes CSV, changes nothing. The standard library's reader in strict mode takes it apart; characters
are judged by `filters.twins.text_judge`, formulas and column types by the tests below, which are
written apart from the source side's.
"""

import csv
from decimal import Decimal, InvalidOperation
from io import StringIO
from typing import Literal

from pydantic import Field

from filters.twins.csv_build import SIGNS
from filters.twins.text_judge import JudgeParameters, begins_plain, judge
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

CELL_CHARACTERS_MAX = 65_536
_DIGITS = frozenset("0123456789")
_STARTS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")


class TwinColumn(Parameters):
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
    min: str = Field(default="", max_length=40)
    max: str = Field(default="", max_length=40)


class CsvSchemaTwinParameters(JudgeParameters):
    """delimiter: of the file. line_breaks: whether a cell may hold them. columns: the header's."""

    delimiter: Literal["comma", "semicolon", "tab", "bar"] = "comma"
    line_breaks: bool = True
    columns: list[TwinColumn] = Field(default=[], max_length=1024)


def make(parameters: CsvSchemaTwinParameters, documents: Documents) -> Run:
    """A run that refuses what the destination does not take."""
    names = [column.name for column in parameters.columns]
    sign = SIGNS[parameters.delimiter]
    csv.field_size_limit(CELL_CHARACTERS_MAX)

    def run(message: Message) -> Answer:
        records = _records(message.payload, sign)
        judge("\n".join(value for record in records for value in record), parameters)
        header = records[0]
        begins_plain(header[0])
        if _directs(header[0]):
            return Refuse(Reason.CSV_SHAPE, "a header that sets a spreadsheet's delimiter")
        if any(len(record) != len(header) for record in records):
            return Refuse(Reason.CSV_SHAPE, "a record is not as long as the header")
        if names and header != names:
            return Refuse(Reason.SCHEMA_INVALID, "the header is not the one taken here")
        for number, record in enumerate(records):
            for at, value in enumerate(record):
                if _runs(value):
                    return Refuse(Reason.CSV_FORMULA, "a cell that a spreadsheet would run")
                if "\n" in value and not (parameters.line_breaks and number):
                    return Refuse(Reason.CSV_SHAPE, "a line end inside a cell")
                if names and number and not _fits(parameters.columns[at], value):
                    return Refuse(Reason.SCHEMA_INVALID, f"row {number}: not of its column's type")
        return Pass()

    return run


def _records(untrusted: bytes, sign: str) -> list[list[str]]:
    try:
        text = untrusted.decode("utf-8")
        records = list(csv.reader(StringIO(text, newline=""), delimiter=sign, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Malformed(Reason.SYNTAX, "Python's reader takes it for no CSV in UTF-8") from error
    if not records or not all(records) or "\r" in text or not text.endswith("\n"):
        raise Malformed(Reason.CSV_SHAPE, "an empty record, or a line end that is not written here")
    return records


def _directs(name: str) -> bool:
    """Whether a spreadsheet takes a first line that begins so for its own: `sep=;`."""
    word, sign, _ = name.lstrip().partition("=")
    return sign == "=" and word.lower() == "sep"


def _runs(value: str) -> bool:
    bare = value.lstrip()
    if value[:1] in ("\t", "\n"):
        return True
    return bare[:1] in _STARTS and bool(bare) and not _numeric(value)


def _numeric(value: str) -> bool:
    mantissa, _, exponent = value.lower().removesuffix("%").partition("e")
    power = exponent.removeprefix("-") if exponent[:1] == "-" else exponent.removeprefix("+")
    whole = mantissa[1:] if mantissa[:1] in ("+", "-") else mantissa
    parts = whole.replace(",", ".").split(".")
    exponent_right = ("e" in value.lower()) == bool(power) and _DIGITS.issuperset(power)
    return all(part and _DIGITS.issuperset(part) for part in parts) and exponent_right


def _fits(column: TwinColumn, value: str) -> bool:
    if value == "":
        return not column.required
    if len(value) > column.characters_max or (column.values and value not in column.values):
        return False
    match column.type:
        case "integer" | "decimal":
            return _number(column, value)
        case "boolean":
            return value in {"true", "false"}
        case "date":
            return _day(value)
        case "datetime":
            return _moment(value)
    return True


def _number(column: TwinColumn, value: str) -> bool:
    whole, point, fraction = value.removeprefix("-").partition(".")
    plain = 0 < len(whole) <= 18 and _DIGITS.issuperset(whole) and (whole == "0" or whole[0] != "0")
    fine = _DIGITS.issuperset(fraction) and bool(point) == bool(fraction) and len(fraction) <= 18
    if not plain or not fine or (point and column.type == "integer"):
        return False
    try:
        number = Decimal(value)
        low = Decimal(column.min) if column.min else number
        high = Decimal(column.max) if column.max else number
    except InvalidOperation:
        return False
    return low <= number <= high


def _day(value: str) -> bool:
    year, month, day = value[:4], value[5:7], value[8:]
    shape = len(value) == 10 and value[4] == value[7] == "-"
    if not shape or not _DIGITS.issuperset(year + month + day) or year == "0000":
        return False
    leap = int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= int(month) <= 12 and 1 <= int(day) <= lengths[int(month) - 1]


def _moment(value: str) -> bool:
    day, t, rest = value.partition("T")
    clock, zone = (rest[:-1], "+00:00") if rest[-1:] == "Z" else (rest[:-6], rest[-6:])
    clock, point, fraction = clock.partition(".")
    fine = not point or (1 <= len(fraction) <= 6 and _DIGITS.issuperset(fraction))
    return (
        bool(t)
        and fine
        and _day(day)
        and _clock(clock, 3)
        and _clock(zone[1:], 2)
        and (zone[0] in "+-")
    )


def _clock(text: str, parts: int) -> bool:
    found = text.split(":")
    if len(found) != parts or any(len(p) != 2 or not _DIGITS.issuperset(p) for p in found):
        return False
    return int(found[0]) < 24 and all(int(part) < 60 for part in found[1:])


STAGE = StageType(
    name="csv_schema_twin",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=CsvSchemaTwinParameters,
    make=make,
    summary="the written CSV has the columns and cells that the destination takes",
    rechecks=frozenset({"schema"}),
)
