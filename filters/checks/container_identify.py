"""Filter `container_identify`: what kind of container the payload begins as, twice over.

Takes any payload and the declared media type, changes nothing. Our own look at the first bytes
must find a family the policy allows; libmagic must find a type of that family, or have no opinion;
a declared type must be of that family too. A compound file (Office before 2007) is refused by its
name. This is a first sorting: the recogniser decides. libmagic's database is loaded when the
stage is made, before confinement; it sees the first 4 KiB alone.
"""

from typing import Literal

import pylibmagic  # noqa: F401  # gives python-magic its libmagic where the system has none
from magic import Magic
from pydantic import Field

from filters.formats.containers import is_legacy_office, kind_of
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

HEAD_BYTES = 4096

_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_NO_OPINION = frozenset({"application/octet-stream"})
_OFFICE_TYPES = {
    "docx": _OOXML + "wordprocessingml.document",
    "xlsx": _OOXML + "spreadsheetml.sheet",
    "pptx": _OOXML + "presentationml.presentation",
    "odt": _ODF + "text",
    "ods": _ODF + "spreadsheet",
    "odp": _ODF + "presentation",
    "odg": _ODF + "graphics",
    "odf": _ODF + "formula",
}
_FOUND = {
    "zip": frozenset({"application/zip", "application/java-archive"}) | _NO_OPINION,
    "tar": frozenset({"application/x-tar", "application/x-ustar"}) | _NO_OPINION,
    "gzip": frozenset({"application/gzip", "application/x-gzip"}),
    "office": frozenset({"application/zip", *_OFFICE_TYPES.values()}) | _NO_OPINION,
}
_DECLARED = {
    "zip": frozenset({"application/zip"}),
    "tar": frozenset({"application/x-tar"}),
    "gzip": frozenset({"application/gzip", "application/x-gzip"}),
    "office": frozenset(_OFFICE_TYPES.values()),
}


class ContainerIdentifyParameters(Parameters):
    """families: what may pass; `office` is OOXML and ODF, which also begin as ZIP."""

    families: list[Literal["zip", "tar", "gzip", "office"]] = Field(min_length=1, max_length=4)


def make(parameters: ContainerIdentifyParameters, documents: Documents) -> Run:
    """A run that refuses what is not of one of the families."""
    families = frozenset(parameters.families)
    libmagic = Magic(mime=True)
    libmagic.from_buffer(b"PK\x03\x04")

    def run(message: Message) -> Answer:
        head = message.payload[:HEAD_BYTES]
        if is_legacy_office(head):
            return Refuse(Reason.OFFICE_LEGACY, "a compound file (Office before 2007)")
        kind = kind_of(head)
        if kind is None:
            return Refuse(Reason.TYPE_UNKNOWN, "the payload does not begin as a container")
        own = {kind, "office"} & families if kind == "zip" else {kind} & families
        found = libmagic.from_buffer(head)
        own = {family for family in own if found in _FOUND[family]}
        if not own:
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"found {kind}, libmagic found {found}")
        declared = message.meta.type
        if declared and not any(declared in _DECLARED[family] for family in own):
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"found {kind}, which was not declared")
        return Pass()

    return run


STAGE = StageType(
    name="container_identify",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=ContainerIdentifyParameters,
    make=make,
    summary="the payload begins as an allowed container, by libmagic and by our own look",
    rechecks=frozenset({"identify"}),
)
