"""Filter `identify`: what the payload is, by its first bytes, twice and independently.

Takes any payload and the declared media type, changes nothing. Our own look at the first bytes
must find a type the policy names; libmagic must find the same or have no opinion (it calls much
good XML and JSON plain text, and JSON whatever kind of text its first name spells); a declared type
must be that type too. The name of the file counts for nothing. This is a first sorting only: the
recogniser of the format decides.

libmagic's database is loaded when the stage is made, before confinement. One look costs it 0.15
ms where an XML declaration settles the matter and 1.2 ms for other text (CPU time; measured), too
much for every message. So it sees the beginning alone, up to the name of the root element or the
first key, at most 64 bytes, and its answers for the newest 1,024 different beginnings are
remembered: real traffic begins alike. A sender who invents names makes it look each time; that
costs time, and no verdict.
"""

import re
from functools import lru_cache

import pylibmagic  # noqa: F401  # gives python-magic its libmagic where the system has none
from magic import Magic
from pydantic import Field

from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

HEAD_BYTES = 64
REMEMBERED_HEADS_MAX = 1024

_NO_OPINION = frozenset({"text/plain", "application/octet-stream"})
_XML = frozenset({"text/xml", "application/xml"})
_SIGNS = (
    (
        "xml",
        re.compile(rb"[ \t\r\n]*+<(?:\?xml[ \t\r\n?]|!--|!DOCTYPE|!\[|[A-Za-z_])", re.IGNORECASE),
    ),
    ("json", re.compile(rb"[ \t\r\n]*+[\[{]")),
)
_TYPES = {
    "text/xml": "xml",
    "application/xml": "xml",
    "application/cot+xml": "xml",
    "application/json": "json",
    "application/cloudevents+json": "json",
}
_FOUND = {
    "xml": _XML | _NO_OPINION,
    "json": frozenset({"application/json"}) | _NO_OPINION,
}
_BEGINNINGS = {
    "xml": re.compile(rb"[ \t\r\n]*+(?>(?:<\?xml[^<>]*+>)?)[ \t\r\n]*+<[A-Za-z_][^\s<>/]*+[\s>/]"),
    "json": re.compile(rb"[ \t\r\n]*+\{[ \t\r\n]*+\"[^\"\\]*+\"[ \t\r\n]*+:"),
}
_ENCODINGS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00", b"+ADw", b"+AHs")


class IdentifyParameters(Parameters):
    """types: the media types that may pass, each one that this stage knows.

    byte_order_mark  whether the payload may begin with one
    """

    types: list[str] = Field(min_length=1, max_length=16)
    byte_order_mark: bool = False


def make(parameters: IdentifyParameters, documents: Documents) -> Run:
    """A run that refuses what is not of one of the types. Raises `KeyError` for an unknown type."""
    families = {_TYPES[name] for name in parameters.types}
    libmagic = Magic(mime=True)
    second_opinion = lru_cache(REMEMBERED_HEADS_MAX)(libmagic.from_buffer)
    second_opinion(b"<a/>")

    def run(message: Message) -> Answer:
        payload = message.payload
        head = payload[:HEAD_BYTES]
        if parameters.byte_order_mark:
            head = head.removeprefix(b"\xef\xbb\xbf")
        if head.startswith(_ENCODINGS) or head[1:2] == b"\x00":
            return Refuse(Reason.ENCODING_NOT_UTF8, "the payload does not begin as plain UTF-8")
        family = _family(head)
        if family is None:
            return Refuse(Reason.TYPE_UNKNOWN, "the payload is of no type this stage knows")
        beginning = _BEGINNINGS[family].match(head)
        found = second_opinion(beginning[0] if beginning else head)
        if family not in families or not _agree(family, found):
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"found {family}, libmagic found {found}")
        declared = message.meta.type
        if declared and _TYPES.get(declared) != family:
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"found {family}, which was not declared")
        return Pass()

    return run


def _family(head: bytes) -> str | None:
    for family, sign in _SIGNS:
        if sign.match(head):
            return family
    return None


def _agree(family: str, found: str) -> bool:
    """Whether what libmagic found does not speak against our own look."""
    a_text = family == "json" and found.startswith("text/") and found != "text/rtf"
    return a_text or found in _FOUND[family]


STAGE = StageType(
    name="identify",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=IdentifyParameters,
    make=make,
    summary="the payload begins as one of the allowed types, by libmagic and by our own look",
    rechecks=frozenset({"identify"}),
)
