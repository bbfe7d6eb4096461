"""Filter `visual_identify`: which picture or document format it is, by its first bytes, twice.

Takes any payload and the declared media type, changes nothing. Our own look at the first bytes must
find a type that the policy names; libmagic must find the same; a declared type must be that type
too. The name of the file counts for nothing. The recogniser of the format decides what it is to the
last byte. libmagic's database is loaded when the stage is made; it is shown the first bytes alone.
"""

import pylibmagic  # noqa: F401  # gives python-magic its libmagic where the system has none
from magic import Magic
from pydantic import Field, field_validator

from filters.formats.picture_formats import MEDIA_TYPES as PICTURES
from filters.formats.picture_formats import format_of
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

HEAD_BYTES = 4096
_PDF = b"%PDF-"
_TYPES = PICTURES | {"application/pdf": "pdf"}
_MAGIC = {
    "png": {"image/png"}, "jpeg": {"image/jpeg"}, "gif": {"image/gif"}, "tiff": {"image/tiff"},
    "webp": {"image/webp"}, "bmp": {"image/bmp", "image/x-ms-bmp"}, "pdf": {"application/pdf"},
}  # fmt: skip


class VisualIdentifyParameters(Parameters):
    """types: the media types that may pass, each one that this stage knows."""

    types: list[str] = Field(min_length=1, max_length=16)

    @field_validator("types")
    @classmethod
    def _are_known(cls, types: list[str]) -> list[str]:
        unknown = [name for name in types if name not in _TYPES]
        if unknown:
            raise ValueError(f"{unknown[0]} is not known here; known are {', '.join(_TYPES)}")
        return types


def make(parameters: VisualIdentifyParameters, documents: Documents) -> Run:
    """A run that refuses what is not of one of the types."""
    families = {_TYPES[name] for name in parameters.types}
    libmagic = Magic(mime=True)
    libmagic.from_buffer(b"\x89PNG\r\n\x1a\n")

    def run(message: Message) -> Answer:
        payload = message.payload
        family = _family(payload)
        if family not in families:
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"{family} is not allowed here")
        found = libmagic.from_buffer(payload[:HEAD_BYTES])
        if found not in _MAGIC[family]:
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"found {family}, libmagic found {found[:60]}")
        declared = message.meta.type
        if declared and _TYPES.get(declared) != family:
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"found {family}, which was not declared")
        return Pass()

    return run


def _family(untrusted: bytes) -> str:
    if untrusted.startswith(_PDF):
        return "pdf"
    try:
        return format_of(untrusted)
    except Malformed as error:
        raise Malformed(
            Reason.TYPE_UNKNOWN, "no picture, and no PDF from the first byte"
        ) from error


STAGE = StageType(
    name="visual_identify",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=VisualIdentifyParameters,
    make=make,
    summary="the payload begins as one of the allowed pictures or as PDF, by libmagic and by us",
    rechecks=frozenset({"identify"}),
)
