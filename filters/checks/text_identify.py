"""Filter `text_identify`: the payload begins as text, and as no format that only looks like text.

Takes any payload and the declared media type, changes nothing. The first bytes after any blanks
must hold no control characters and no markup, libmagic must call the first kilobyte there a text
and none of the kinds that a program runs or opens as more than text (HTML, scripts that it knows,
RTF, PDF, mail), the whole must not be JSON, and a declared type must be one that the policy names.
The recogniser of the format decides on the rest.
"""

import re
from functools import lru_cache

import pylibmagic  # noqa: F401  # gives python-magic its libmagic where the system has none
from magic import Magic
from pydantic import Field

from filters.formats.text_signs import begins_as_other, is_json
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

HEAD_BYTES = 1024
REMEMBERED_HEADS_MAX = 256
_NO_OPINION = frozenset({"text/plain", "application/octet-stream", "application/csv"})
_JSON = "application/json"  # which it calls any line that begins with a number in brackets
_MORE_THAN_TEXT = frozenset(
    {"text/html", "text/xml", "text/rtf", "text/calendar", "text/vcard", "text/vtt", "text/PGP",
     "text/x-php", "text/x-shellscript", "text/x-msdos-batch", "text/x-perl", "text/x-ruby",
     "text/x-script.python", "text/x-lua", "text/x-tcl", "text/x-awk", "text/x-gawk"}
)  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANKS = b" \t\r\n"
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"+ADw", b"+/v", b"\xdds\x66\x73", b"\x0e\xfe\xff")


class TextIdentifyParameters(Parameters):
    """types: the media types that a sender may declare for this payload; none is right too."""

    types: list[str] = Field(default=["text/plain"], min_length=1, max_length=16)


def make(parameters: TextIdentifyParameters, documents: Documents) -> Run:
    """A run that refuses what begins as something else."""
    types = frozenset(parameters.types)
    look = lru_cache(REMEMBERED_HEADS_MAX)(Magic(mime=True).from_buffer)
    look(b"a text\n")

    def run(message: Message) -> Answer:
        payload = message.payload
        if payload.startswith(_MARKS) or b"\x00" in payload[:2]:
            return Refuse(Reason.ENCODING_NOT_UTF8, "the payload does not begin as plain UTF-8")
        bare = payload.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)
        head = bare[:HEAD_BYTES] or payload[:HEAD_BYTES]  # nothing but blanks is text as well
        if begins_as_other(bare):
            return Refuse(Reason.TYPE_NOT_ALLOWED, "it begins as a file of another type")
        if _CONTROL.search(head):
            return Refuse(Reason.CHARACTER_NOT_ALLOWED, "a control character")
        found = look(head)
        text = found.startswith("text/") or found in _NO_OPINION or found == _JSON
        if not text or found in _MORE_THAN_TEXT:
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"libmagic found {found}")
        if bare.startswith((b"{", b"[")) and is_json(bare.decode("utf-8", "replace")):
            return Refuse(Reason.TYPE_NOT_ALLOWED, "it is JSON")
        if message.meta.type and message.meta.type not in types:
            return Refuse(Reason.TYPE_NOT_ALLOWED, "a type was declared that this is not")
        return Pass()

    return run


STAGE = StageType(
    name="text_identify",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=TextIdentifyParameters,
    make=make,
    summary="the payload begins as text, and as no format that only looks like text",
    rechecks=frozenset({"identify"}),
)
