"""Normalizer `csv_rebuild`: a CSV table written anew as deterministic CBOR.

Takes a table that `csv_recognise` has passed, gives the model of docs/spec/text-model.md §3. Line
ends, quoting, a mark of order and blank lines at the end do not survive; a formula that the policy
has defused gets an apostrophe. Sets the metadata's `type`.
"""

from dataclasses import replace

from filters.formats.csv_model import CSV_CBOR, LAYOUT, CsvParameters, Table, is_formula, parse
from filters.formats.text_rules import decoded, judge, kept
from schemas.cbor import CborValue, encode
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed


def make(parameters: CsvParameters, documents: Documents) -> Run:
    """A run that rebuilds."""
    defuse = parameters.formulas == "defuse"

    def run(message: Message) -> Answer:
        text = decoded(message.payload, parameters)
        judge(text, parameters, between="\t\n\r")
        text, dropped = kept(text, parameters)
        table = parse(text, parameters)
        if defuse:
            count = _defuse(table)
            dropped += [f"{count} formulas"] if count else []
        model: dict[str, CborValue] = {
            "csv": LAYOUT, "header": list(table[0]), "rows": [list(row) for row in table[1]],
        }  # fmt: skip
        note = f"rebuilt; dropped {', '.join(dropped)}" if dropped else "rebuilt"
        return Changed(Message.make(replace(message.meta, type=CSV_CBOR), encode(model)), note)

    return run


def _defuse(table: Table) -> int:
    """An apostrophe before each formula, in place; gives how many there were."""
    count = 0
    for record in (table[0], *table[1]):
        for at, value in enumerate(record):
            if is_formula(value):
                record[at] = f"'{value}"
                count += 1
    return count


STAGE = StageType(
    name="csv_rebuild",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=CsvParameters,
    make=make,
    summary="a CSV table is written anew, cell by cell, as CBOR; formulas refused or defused",
)
