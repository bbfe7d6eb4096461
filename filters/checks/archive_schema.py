"""Filter `archive_schema`: the archive that is to cross has only what the policy names.

Takes the archive model, changes nothing. Kinds, parts with their extensions, sizes and counts are
held to a list that stands in this stage's own parameters: what the rebuild did is not believed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from filters.formats.archive_model import PART_PATTERN
from filters.formats.entry_names import extension
from schemas.cbor import CborLimits, decode_recognised
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

_BYTES_MAX = 16 << 20

_LIMITS = CborLimits(bytes_max=16 << 20)


class AllowedPart(Parameters):
    """part: its name. extensions: of names of such parts. bytes_max: one part, as it crosses."""

    part: str = Field(pattern=f"^{PART_PATTERN}$")
    extensions: list[str] = Field(min_length=1, max_length=32)
    bytes_max: int = Field(default=_BYTES_MAX, ge=0, le=_BYTES_MAX)


class ArchiveSchemaParameters(Parameters):
    """kinds: of archives, at any level. parts: the list. entries_max: all levels together."""

    kinds: list[Literal["zip", "tar", "gzip"]] = Field(min_length=1, max_length=3)
    parts: list[AllowedPart] = Field(max_length=64)
    entries_max: int = Field(default=1024, ge=1, le=65_535)


def make(parameters: ArchiveSchemaParameters, documents: Documents) -> Run:
    """A run that refuses archives with anything else."""
    parts = {line.part: line for line in parameters.parts}
    kinds = frozenset(parameters.kinds)

    def run(message: Message) -> Answer:
        count = 0
        # the recogniser before this stage answers for the shape
        model: Any = decode_recognised(message.payload, _LIMITS)
        try:
            for kind, entry in _entries(model):
                count += 1
                fault = _fault(kind, entry, kinds, parts)
                if fault or count > parameters.entries_max:
                    return Refuse(Reason.SCHEMA_INVALID, fault or "more entries than the bound")
        except (KeyError, TypeError, AttributeError) as error:
            raise Malformed(Reason.MODEL_SHAPE, "not the layout of an archive") from error
        return Pass()

    return run


def _entries(model: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every entry of every level, with the kind of the archive it is in."""
    todo = [model]
    while todo:
        archive = todo.pop()
        if not archive["entries"]:
            yield archive["kind"], {}
        for entry in archive["entries"]:
            yield archive["kind"], entry
            if "archive" in entry:
                todo.append(entry["archive"])


def _fault(
    kind: str, entry: Mapping[str, Any], kinds: frozenset[str], parts: Mapping[str, AllowedPart]
) -> str:
    if kind not in kinds:
        return "an archive of a kind that is not allowed"
    if not entry:
        return ""
    line = parts.get(entry["part"])
    if line is None:
        return "a part that the policy does not name"
    if kind != "gzip" and extension(entry["name"]) not in line.extensions:
        return "an entry whose name does not fit its part"
    if len(entry.get("data", b"")) > line.bytes_max:
        return "a part is larger than its bound"
    return ""


STAGE = StageType(
    name="archive_schema",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=ArchiveSchemaParameters,
    make=make,
    summary="the archive that crosses has only the kinds, parts and sizes that the policy names",
    rechecks=frozenset({"schema"}),
)
