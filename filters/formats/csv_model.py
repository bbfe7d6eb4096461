"""The model of a CSV table, as the source side knows it: docs/spec/text-model.md §3.

Takes text, gives header and rows; takes decoded CBOR, gives the model; or raises `Malformed`. The
reader is one compiled expression a cell, without backtracking: a record costs time in proportion to
its length.
"""

import re
from typing import Literal

from pydantic import Field

from filters.formats.text_rules import TEXT_BYTES_MAX, TextParameters, finished
from filters.formats.text_signs import text_begins_as_other
from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed
from schemas.reasons import Reason

CSV_CBOR = "application/vnd.checkvalve.csv+cbor"
LAYOUT = 1
LIMITS = CborLimits(
    bytes_max=TEXT_BYTES_MAX, depth_levels_max=4, items_max=1_000_000, string_bytes_max=1 << 18
)
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_FORMULA = re.compile(r"\s*+[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER = re.compile(r"[+\-]?[0-9]++(?>(?:[.,][0-9]++)*)(?:[eE][+\-]?[0-9]++)?%?")

Table = tuple[list[str], list[list[str]]]


class CsvParameters(TextParameters):
    """The dialect, what cells may hold, and how many there may be.

    delimiter            between the cells of a record
    formulas             cells that a spreadsheet would run: refused, or defused by an apostrophe
    line_breaks          whether a quoted cell may hold line ends
    bytes_max            the whole file
    rows_max             records after the header
    columns_max          cells of a record
    cell_characters_max  characters of a cell
    """

    delimiter: Literal["comma", "semicolon", "tab", "bar"] = "comma"
    formulas: Literal["refuse", "defuse"] = "refuse"
    line_breaks: bool = True
    bytes_max: int = Field(default=1 << 20, ge=1, le=TEXT_BYTES_MAX)
    rows_max: int = Field(default=50_000, ge=0, le=900_000)
    columns_max: int = Field(default=256, ge=1, le=4096)
    cell_characters_max: int = Field(default=8192, ge=1, le=65_536)


def parse(text: str, rules: CsvParameters) -> Table:
    """Header and rows of a CSV text in the policy's dialect; `Malformed` for any other text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    if not text:
        raise Malformed(Reason.EMPTY, "there is no record")
    header, *rows = _records(text, rules)
    _shape(header, rows, rules)
    return header, rows


def _records(text: str, rules: CsvParameters) -> list[list[str]]:
    delimiter = re.escape(DELIMITERS[rules.delimiter])
    cell = re.compile(rf'(?:"((?>(?:[^"]++|"")*))"|([^"\n{delimiter}]*+))({delimiter}|\n|\Z)')
    records: list[list[str]] = []
    record: list[str] = []
    at, size = 0, len(text)
    while True:
        found = cell.match(text, at)
        if found is None:
            raise Malformed(
                Reason.SYNTAX, f"no cell at character {at}: a quote that is not doubled"
            )
        quoted, plain, ends = found.groups()
        record.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if len(record) > rules.columns_max:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "a record has more cells than its bound")
        if ends and ends != "\n":
            continue
        records.append(record)
        if len(records) > rules.rows_max + 1:
            raise Malformed(Reason.TOO_MANY_LINES, "more records than their bound")
        record = []
        if not ends and at >= size:
            return records


def _shape(header: list[str], rows: list[list[str]], rules: CsvParameters) -> None:
    """Names that differ and are no directive, rows as long as the header, cells within bounds."""
    width = len(header)
    if not all(header) or len({name.strip().casefold() for name in header}) != width:
        raise Malformed(Reason.CSV_SHAPE, "a column has no name, or two have the same")
    if header[0].strip().casefold().startswith("sep="):
        raise Malformed(Reason.CSV_SHAPE, "a line that tells a spreadsheet the delimiter")
    for row in rows:
        if len(row) != width:
            raise Malformed(Reason.CSV_SHAPE, "a record has not as many cells as the header")
    most = rules.cell_characters_max
    for record in (header, *rows):
        if max(map(len, record)) > most:
            raise Malformed(Reason.TEXT_TOO_LONG, "a cell is longer than its bound")
        if not rules.line_breaks and any("\n" in value for value in record):
            raise Malformed(Reason.CSV_SHAPE, "a line end inside a cell")
    if any("\n" in name for name in header):
        raise Malformed(Reason.CSV_SHAPE, "a line end in the name of a column")


def is_formula(value: str) -> bool:
    """Whether a spreadsheet would take the cell for more than text or a number."""
    return _FORMULA.match(value) is not None and _NUMBER.fullmatch(value) is None


def check_formulas(header: list[str], rows: list[list[str]]) -> None:
    """Raises `Malformed` if a cell is a formula."""
    if any(is_formula(value) for record in (header, *rows) for value in record):
        raise Malformed(Reason.CSV_FORMULA, "a cell that a spreadsheet would run")


def read(untrusted: bytes, rules: CsvParameters) -> Table:
    """Header and rows of the model that these bytes encode, such as may cross; else `Malformed`."""
    header, rows = table_of(decode(untrusted, LIMITS))
    if len(header) > rules.columns_max:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "a record has more cells than its bound")
    if len(rows) > rules.rows_max:
        raise Malformed(Reason.TOO_MANY_LINES, "more records than their bound")
    _shape(header, rows, rules)
    if text_begins_as_other(header[0]):
        raise Malformed(Reason.TYPE_NOT_ALLOWED, "it would begin as a file of another type")
    check_formulas(header, rows)
    for record in (header, *rows):
        finished("\x1f".join(record), rules, between="\n\x1f\t")
        if "\x1f" in "".join(record):
            raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character")
    return header, rows


def table_of(model: CborValue) -> Table:
    """Header and rows of a decoded model, all of them texts; else `Malformed`."""
    if type(model) is not dict or model.keys() != {"csv", "header", "rows"}:
        raise Malformed(Reason.MODEL_SHAPE, "not the model of a table")
    header, rows = model["header"], model["rows"]
    if model["csv"] is not LAYOUT or type(rows) is not list:
        raise Malformed(Reason.MODEL_SHAPE, "not the layout of a table")
    records = [_texts(record) for record in (header, *rows)]
    return records[0], records[1:]


def _texts(record: CborValue) -> list[str]:
    if type(record) is not list or not record:
        raise Malformed(Reason.MODEL_SHAPE, "a record is not a list of cells")
    texts: list[str] = []
    for value in record:
        if type(value) is not str:
            raise Malformed(Reason.MODEL_SHAPE, "a cell is not a text")
        texts.append(value)
    return texts
