"""Normalizer `archive_rebuild`: an archive opened, each part through its own chain, as CBOR.

Takes a ZIP, TAR or gzip file that `container_recognise` has passed, opens it and every archive in
it within one set of bounds, sends each part through the stages that the table names for its
extension, and gives the model of docs/spec/archive-model.md. Folders without files, times, modes,
owners, comments, extra fields and the order of entries do not survive. Sets the metadata's `type`.
"""

import re
from collections import Counter
from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator

from filters.formats.archive_model import ARCHIVE_CBOR, GZIP_NAME, LAYOUT, PART_PATTERN
from filters.formats.container_limits import Purse
from filters.formats.container_parameters import ContainerParameters
from filters.formats.containers import ArchiveKind, kind_of, opened
from filters.formats.entry_names import extension
from filters.formats.part_chain import PartChain, PartStage, PartStopped, at_part
from schemas.cbor import CborValue, encode
from schemas.effort import Within, unbounded
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

# What desktop systems leave beside the files: told and dropped, never looked at.
_LEFTOVERS = re.compile(
    r"(?:.*/)?__MACOSX/.*|(?:.*/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)", re.IGNORECASE
)


class PartLine(Parameters):
    """One kind of part.

    part        its name, which crosses; the destination's table has the same
    extensions  of the names of such parts, in lower case, without the full stop
    archive     for an archive in an archive: which kind; it has no stages of its own
    stage       for any other part: its stages, in order
    count_max   parts of this kind in all: what is slow to look at is worth a small number
    """

    part: str = Field(pattern=f"^{PART_PATTERN}$")
    extensions: list[str] = Field(min_length=1, max_length=32)
    archive: Literal["", "zip", "tar", "gzip"] = ""
    stage: list[PartStage] = Field(default=[], max_length=16)
    count_max: int = Field(default=1024, ge=1, le=65_535)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.archive) == bool(self.stage):
            raise ValueError("a part is an archive or has stages, one of the two")
        return self


class ArchiveRebuildParameters(ContainerParameters):
    """What becomes of the parts.

    parts           the table of parts
    unknown         what becomes of a part whose extension is not in it
    all_pixels_max  of the pictures in all parts together, frame by frame
    """

    parts: list[PartLine] = Field(default=[], max_length=64)
    unknown: Literal["refuse", "drop"] = "refuse"
    all_pixels_max: int = Field(default=100_000_000, ge=1, le=1_000_000_000)

    @model_validator(mode="after")
    def _extensions_are_unique(self) -> Self:
        known = [name for line in self.parts for name in line.extensions]
        if len(set(known)) != len(known):
            raise ValueError("an extension stands twice in the table of parts")
        return self


def make(parameters: ArchiveRebuildParameters, documents: Documents) -> Run:
    """A run that rebuilds; raises `Broken` for stages that may not stand in the table."""
    return make_bounded(parameters, documents, unbounded)


def make_bounded(parameters: ArchiveRebuildParameters, documents: Documents, within: Within) -> Run:
    """The same, with foreign code of the parts' stages held to bounds."""
    table = {
        name: (line, PartChain(line.stage, documents, within) if line.stage else None)
        for line in parameters.parts
        for name in line.extensions
    }
    drops = parameters.unknown == "drop"

    def run(message: Message) -> Answer:
        kind = kind_of(message.payload)
        if kind is None:
            raise Malformed(Reason.TYPE_UNKNOWN, "the payload does not begin as an archive")
        purse = Purse(parameters.limits(), parameters.all_pixels_max)
        opener = _Opener(message, table, purse, drops)
        try:
            model = opener.archive(message.payload, kind, message.meta.name, 1)
        except PartStopped as stopped:
            return stopped.answer
        meta = replace(message.meta, type=ARCHIVE_CBOR)
        return Changed(Message.make(meta, encode(model)), opener.note())

    return run


class _Opener:
    """One message being opened: what is left of its bounds, and what was left out."""

    def __init__(
        self,
        message: Message,
        table: dict[str, tuple[PartLine, PartChain | None]],
        purse: Purse,
        drops: bool,
    ) -> None:
        self.message = message
        self.table = table
        self.purse = purse
        self.drops = drops
        self.dropped = 0
        self.parts = 0
        self.counts: Counter[str] = Counter()

    def archive(
        self, untrusted: bytes, kind: ArchiveKind, outer_name: str, level: int
    ) -> dict[str, CborValue]:
        if level > self.purse.limits.depth_levels_max:
            raise Malformed(Reason.TOO_DEEP, "archives in archives, deeper than their bound")
        entries: list[CborValue] = []
        for name, contents in opened(untrusted, kind, self.purse):
            self.parts += 1
            try:
                entry = self.entry(
                    _gzip_name(name, outer_name, self.table, contents) if kind == "gzip" else name,
                    contents, level,
                )  # fmt: skip
            except (Malformed, PartStopped) as error:
                raise at_part(error, self.parts) from error
            if entry is None:
                self.dropped += 1
            else:
                entries.append({**entry, "name": GZIP_NAME if kind == "gzip" else name})
        if kind == "gzip" and not entries:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "nothing is left of a gzip file")
        return {"archive": LAYOUT, "kind": kind, "entries": entries}

    def entry(self, name: str, contents: bytes, level: int) -> dict[str, CborValue] | None:
        """The part as it crosses, without its name; None if it is dropped."""
        if _LEFTOVERS.fullmatch(name):
            return None
        found = self.table.get(extension(name))
        if found is None:
            if self.drops:
                return None
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "the policy names no part of this extension")
        line, chain = found
        self.counts[line.part] += 1
        if self.counts[line.part] > line.count_max:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, f"more parts of kind {line.part} than may be")
        if chain is not None:
            return {"part": line.part, "data": chain(self.message, contents, self.purse)}
        if not line.archive or kind_of(contents) != line.archive:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "a part is not the archive its name says")
        return {
            "part": line.part,
            "archive": self.archive(contents, line.archive, name, level + 1),
        }

    def note(self) -> str:
        if self.dropped:
            return f"rebuilt; {self.dropped} of {self.parts} parts dropped"
        return f"rebuilt; {self.parts} parts"


def _gzip_name(
    told: str, outer: str, table: dict[str, tuple[PartLine, PartChain | None]], contents: bytes
) -> str:
    """A name for what a gzip file holds: the file's own without its ending, else the header's.

    Names tell which chain has to take the contents whole, nothing more: none of them crosses.
    """
    stem = outer.rpartition("/")[2]
    if stem.lower().endswith(".tgz"):
        stem = stem[:-4] + ".tar"
    elif stem.lower().endswith(".gz"):
        stem = stem[:-3]
    for name in (stem, told):
        if extension(name) in table:
            return name
    return "content.tar" if kind_of(contents) == "tar" else told


STAGE = StageType(
    name="archive_rebuild",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=ArchiveRebuildParameters,
    make=make,
    summary="an archive is opened, each part goes through its own chain, and crosses as CBOR",
    make_bounded=make_bounded,
)
