"""Filter `csv_recognise`: the payload is one CSV table in the policy's dialect, to its last byte.

Takes any bytes, changes nothing (docs/spec/text-model.md §3). Formulas are refused here unless the
policy has them defused.
"""

from filters.formats.csv_model import CsvParameters, check_formulas, parse
from filters.formats.text_rules import decoded, judge
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass


def make(parameters: CsvParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such a table."""

    def run(message: Message) -> Answer:
        if len(message.payload) > parameters.bytes_max:
            raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the table is larger than its bound")
        text = decoded(message.payload, parameters)
        judge(text, parameters, between="\t\n\r")
        header, rows = parse(text, parameters)
        if parameters.formulas == "refuse":
            check_formulas(header, rows)
        return Pass()

    return run


STAGE = StageType(
    name="csv_recognise",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=CsvParameters,
    make=make,
    summary="the payload is one bounded CSV table in UTF-8, in the policy's dialect",
    rechecks=frozenset({"recognise"}),
)
