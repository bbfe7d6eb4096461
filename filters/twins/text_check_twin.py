"""Filter `text_check_twin`: the written text is one that the destination takes, by its own code.

Takes the bytes of a plain text, changes nothing: UTF-8, line feeds alone, bounded lines, and the
characters of `filters.twins.text_judge`.
"""

from typing import Literal

from pydantic import Field

from filters.twins.text_judge import JudgeParameters, begins_plain, is_json, judge
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass


class TextCheckTwinParameters(JudgeParameters):
    """lines_max, line_characters_max: bounds. trailing_blanks: whether a line may end with one."""

    lines_max: int = Field(default=50_000, ge=1, le=900_000)
    line_characters_max: int = Field(default=8192, ge=1, le=65_536)
    trailing_blanks: Literal["refuse", "keep"] = "refuse"


def make(parameters: TextCheckTwinParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for what the destination does not take."""
    strict = parameters.trailing_blanks == "refuse"

    def run(message: Message) -> Answer:
        try:
            text = message.payload.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed(Reason.ENCODING_NOT_UTF8, "the text is not UTF-8") from error
        if not text.endswith("\n"):
            raise Malformed(Reason.SYNTAX, "the last line does not end")
        judge(text, parameters)
        begins_plain(text)
        if is_json(text):
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "it is JSON")
        lines = text[:-1].split("\n")
        if len(lines) > parameters.lines_max:
            raise Malformed(Reason.TOO_MANY_LINES, "more lines than are taken here")
        for line in lines:
            if len(line) > parameters.line_characters_max:
                raise Malformed(Reason.LINE_TOO_LONG, "a line is longer than is taken here")
            if strict and line[-1:].isspace():
                raise Malformed(Reason.SYNTAX, "a line ends with blanks")
        return Pass()

    return run


STAGE = StageType(
    name="text_check_twin",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=TextCheckTwinParameters,
    make=make,
    summary="the written text holds what the destination takes, by its own tables",
    rechecks=frozenset({"recognise", "schema"}),
)
