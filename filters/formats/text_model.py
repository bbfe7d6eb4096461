"""The model of a plain text, as the source side knows it: docs/spec/text-model.md §2.

Takes decoded CBOR or lines, gives the model (a map) or raises `Malformed`; does nothing else.
"""

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from filters.formats.text_rules import TEXT_BYTES_MAX, TextParameters, finished, judge
from filters.formats.text_signs import is_json, text_begins_as_other
from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed
from schemas.reasons import Reason

TEXT_CBOR = "application/vnd.checkvalve.text+cbor"
LAYOUT = 1
LIMITS = CborLimits(
    bytes_max=TEXT_BYTES_MAX, depth_levels_max=4, items_max=1_000_000, string_bytes_max=1 << 18
)
_LINE_END = re.compile("\r\n|[\r\u2028\u2029]")
_BLANKS = (
    "\t \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u202f\u205f\u3000"
)


class LineParameters(TextParameters):
    """What a text may hold, and how much of it.

    bytes_max            the whole text
    lines_max            lines
    line_characters_max  characters of one line
    trailing_blanks      blanks at the ends of lines
    """

    bytes_max: int = Field(default=1 << 20, ge=1, le=TEXT_BYTES_MAX)
    lines_max: int = Field(default=50_000, ge=1, le=900_000)
    line_characters_max: int = Field(default=8192, ge=1, le=65_536)
    trailing_blanks: Literal["drop", "keep"] = "drop"


def split(text: str) -> list[str]:
    """The lines of a text, whatever they end with; a last line without an end is one too."""
    lines = _LINE_END.sub("\n", text).split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def stripped(line: str) -> str:
    """The line without blanks at its end."""
    return line.rstrip(_BLANKS)


def bounded(lines: Sequence[str], rules: LineParameters) -> None:
    """Return if the lines are as many and as long as they may be, else `Malformed`."""
    if not lines:
        raise Malformed(Reason.EMPTY, "there is no line")
    if len(lines) > rules.lines_max:
        raise Malformed(Reason.TOO_MANY_LINES, "more lines than their bound")
    if max(map(len, lines)) > rules.line_characters_max:
        raise Malformed(Reason.LINE_TOO_LONG, "a line is longer than its bound")


def recognised(text: str, rules: LineParameters) -> list[str]:
    """The lines of a dropped text that the rules let in; `Malformed` for any other."""
    lines = split(text)
    bounded(lines, rules)
    judge(text, rules, between="\t\n\r\u2028\u2029")
    return lines


def read(untrusted: bytes, rules: LineParameters) -> dict[str, CborValue]:
    """The model that these bytes encode, such as may cross; else `Malformed`."""
    model = decode(untrusted, LIMITS)
    if type(model) is not dict or model.keys() != {"text", "lines"} or model["text"] is not LAYOUT:
        raise Malformed(Reason.MODEL_SHAPE, "not the model of a text")
    lines = model["lines"]
    if type(lines) is not list:
        raise Malformed(Reason.MODEL_SHAPE, "the lines are not a list")
    texts: list[str] = []
    for line in lines:
        if type(line) is not str or "\n" in line:
            raise Malformed(Reason.MODEL_SHAPE, "a line is not a text without line ends")
        texts.append(line)
    bounded(texts, rules)
    text = "\n".join(texts)
    if text_begins_as_other(text) or is_json(text):
        raise Malformed(Reason.TYPE_NOT_ALLOWED, "it would be a file of another type")
    finished(text, rules)
    if rules.trailing_blanks == "drop" and any(line != stripped(line) for line in texts):
        raise Malformed(Reason.MODEL_SHAPE, "a line ends with blanks")
    return model
