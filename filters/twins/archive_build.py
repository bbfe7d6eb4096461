"""Normalizer `archive_build`: the native ZIP, TAR or gzip file, from the archive model.

Takes the model in CBOR; each part goes through the destination's own stages of its kind, an
archive inside is built like the outer one, and the file is written by `archive_writers`. Sets the
metadata's `type`. No archive is parsed.
"""

from dataclasses import replace
from typing import Any

from pydantic import Field

from filters.twins.archive_read import ArchiveReadParameters, archive
from filters.twins.archive_writers import WRITERS
from filters.twins.part_stages import HeldPart, Line, Native, native
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

_TYPES = {"zip": "application/zip", "tar": "application/x-tar", "gzip": "application/gzip"}


class BuiltPart(Parameters):
    """part: its name. extensions: of its files. stage: what builds it; none for an archive."""

    part: str = Field(pattern=r"^[a-z][a-z0-9_\-]{0,31}$")
    extensions: list[str] = Field(min_length=1, max_length=32)
    stage: list[Line] = Field(default=[], max_length=16)


class ArchiveBuildParameters(ArchiveReadParameters):
    """parts: every kind of part that may be built."""

    parts: list[BuiltPart] = Field(default=[], max_length=64)


def make(parameters: ArchiveBuildParameters, documents: Documents) -> Run:
    """A run that builds; raises `Broken` for stages that may not stand in the table."""
    table = {line.part: (line, native(line.stage, documents)) for line in parameters.parts}

    def run(message: Message) -> Answer:
        model = archive(message.payload, parameters)
        try:
            payload = _built(message, model, table)
        except HeldPart as held:
            return held.hold
        meta = replace(message.meta, type=_TYPES[model["kind"]])
        return Changed(Message.make(meta, payload), "built from the model")

    return run


def _built(
    message: Message, model: dict[str, Any], table: dict[str, tuple[BuiltPart, Native]]
) -> bytes:
    files: list[tuple[str, bytes]] = []
    for entry in model["entries"]:
        name, part = entry["name"], entry["part"]
        if part not in table:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "a part that is not taken here")
        line, build = table[part]
        _, dot, ending = name.rpartition(".")
        if model["kind"] == "gzip":
            name = f"{name}.{line.extensions[0]}"
        elif not (dot and ending.lower() in line.extensions):
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "a name that does not fit its part")
        if bool(line.stage) == ("archive" in entry):
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "a part that is not what it must be")
        if "archive" in entry:
            files.append((name, _built(message, entry["archive"], table)))
        else:
            files.append((name, build(message, entry["data"])))
    return WRITERS[model["kind"]](files)


STAGE = StageType(
    name="archive_build",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=ArchiveBuildParameters,
    make=make,
    summary="the archive is written from its model, each part by the stages of its kind",
)
