"""Filter `pdf_verify`: the written PDF has the one form that the destination writes.

Takes the file that `pdf_build` wrote, changes nothing. Shares no code with the writer: it goes by
the table at the end from object to object, each directly behind the one before, holds every object
to the few kinds of token that the writer uses, and every stream to its length. No other part, no
comment, no byte between, and none of the names by which a PDF does something: not as a key, nor as
a name that says what a dictionary is. In lists, and as names of fonts and glyphs, they are names
like others.
"""

import re
from dataclasses import dataclass

from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_TAIL = re.compile(
    rb"xref\n0 (\d{1,7})\n0000000000 65535 f \n((?:\d{10} 00000 n \n)+)"
    rb"trailer\n<</Root 1 0 R/Size (\d{1,7})>>\nstartxref\n(\d{1,10})\n%%EOF\n"
)
_TOKEN = re.compile(
    rb"<<|>>|\[|\]|/[A-Za-z0-9+_.,\-]{1,127}|<(?:[0-9a-f]{2})*>|-?\d{1,10}(?:\.\d{1,6})?"
    rb"|true|false|R| "
)
_LENGTH = re.compile(rb"/Length (\d{1,10})[/>]")
_STREAM = b">>\nstream\n"
_DOES = re.compile(
    rb"/(?:A|AA|AcroForm|Annots|EF|Embedded[A-Za-z]*|Encrypt|Filespec|GoTo[A-Z0-9]*|Info|JS"
    rb"|JavaScript|Launch|Metadata|Names|OCGs?|OCProperties|ObjStm|OpenAction|Prev|RichMedia"
    rb"|StructTreeRoot|URI|XFA|XRef|XRefStm)(?![A-Za-z0-9+_.,\-])"
)

_REFERENCE = re.compile(rb"\d{1,10} 0 R")
_OF_FONTS = frozenset({b"/BaseFont", b"/FontName"})
_GLYPHS = b"/CharProcs"


class PdfVerifyParameters(Parameters):
    """None: there is one form."""


def _wrong(what: str) -> Malformed:
    return Malformed(Reason.SYNTAX, f"not as this side writes it: {what}")


def check(data: bytes) -> None:
    """`Malformed` for what the destination would not have written."""
    if not data.startswith(_HEADER):
        raise _wrong("the header")
    start = data.rfind(b"\nstartxref\n")
    stated = re.compile(rb"\nstartxref\n(\d{1,10})\n%%EOF\n").fullmatch(data, max(start, 0))
    tail = _TAIL.fullmatch(data, int(stated[1])) if stated else None
    if tail is None or int(tail[4]) != tail.start() or tail[1] != tail[3]:
        raise _wrong("the table and the trailer")
    places = [int(line[:10]) for line in tail[2].split(b"\n")[:-1]]
    if len(places) != int(tail[1]) - 1 or places[:1] != [len(_HEADER)]:
        raise _wrong("the table")
    for number, (begin, end) in enumerate(zip(places, [*places[1:], tail.start()], strict=True), 1):
        _object(data[begin:end] if begin < end else b"", number)


def _object(whole: bytes, number: int) -> None:
    head = b"%d 0 obj\n" % number
    if not whole.startswith(head) or not whole.endswith(b"\nendobj\n"):
        raise _wrong("an object that is not where the table says")
    body = whole[len(head) : -len(b"\nendobj\n")]
    at = body.find(_STREAM)
    entries = body if at < 0 else body[: at + 2]
    if _TOKEN.sub(b"", entries) or entries.count(b"<<") != entries.count(b">>"):
        raise _wrong("the tokens of an object")
    if _DOES.search(entries) is not None:
        _names(entries)
    if at >= 0:
        length = _LENGTH.findall(entries)
        rest = body[at + len(_STREAM) :]
        if len(length) != 1 or len(rest) != int(length[0]) + len(b"\nendstream"):
            raise _wrong("the length of a stream")
        if not rest.endswith(b"\nendstream"):
            raise _wrong("the end of a stream")


@dataclass(slots=True)
class _Level:
    """A dictionary or list that is open. around: the key whose value it is."""

    listed: bool
    around: bytes
    key: bytes = b""


def _names(entries: bytes) -> None:
    """Keys and values one by one; `Malformed` for a name that does something where it would."""
    levels = [_Level(True, b"")]
    for token in _TOKEN.findall(_REFERENCE.sub(b"0", entries)):
        level = levels[-1]
        if token == b" ":
            continue
        if token in (b">>", b"]"):
            if level.key or level.listed != (token == b"]") or len(levels) < 2:
                raise _wrong("the pairs of a dictionary")
            levels.pop()
            continue
        named = token.startswith(b"/")
        if not level.listed and not level.key:
            if not named:
                raise _wrong("the pairs of a dictionary")
            if level.around != _GLYPHS and _DOES.fullmatch(token) is not None:
                raise _active()
            level.key = token
            continue
        if level.around == _GLYPHS and token != b"0":
            raise _wrong("a glyph")
        value = named and not level.listed and level.key not in _OF_FONTS
        if value and _DOES.fullmatch(token) is not None:
            raise _active()
        if token in (b"<<", b"["):
            levels.append(_Level(token == b"[", b"" if level.listed else level.key))
        level.key = b""
    if len(levels) > 1:
        raise _wrong("the pairs of a dictionary")


def _active() -> Malformed:
    return Malformed(Reason.PDF_ACTIVE, "a name by which a PDF does more than to be looked at")


def make(parameters: PdfVerifyParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for any other file."""

    def run(message: Message) -> Answer:
        if message.meta.type not in ("", "application/pdf"):
            raise _wrong("the type")
        check(message.payload)
        return Pass()

    return run


STAGE = StageType(
    name="pdf_verify",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=PdfVerifyParameters,
    make=make,
    summary="the written PDF has the one form that the destination writes",
    rechecks=frozenset({"recognise", "schema"}),
)
