"""Filter `archive_read`: the archive model, read by the destination's own code.

Takes CBOR bytes, changes nothing. `archive` gives the model for the builder. Reader, name rules
and bounds are the destination's (docs/spec/archive-model.md).
"""

from string import ascii_lowercase, digits
from typing import Any

from pydantic import Field

from filters.twins.archive_names import Tree
from filters.twins.cbor_reader import ReaderLimits, read
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_BYTES_MAX = 16 << 20
_PART = frozenset(ascii_lowercase + digits + "_-")
_LIMITS = ReaderLimits(
    bytes_max=_BYTES_MAX, depth_levels_max=24, items_max=600_000, string_bytes_max=_BYTES_MAX
)


class ArchiveReadParameters(Parameters):
    """Bounds over all levels together.

    entries_max       entries
    total_bytes_max   bytes of their contents, as they cross
    depth_levels_max  archives in archives: 1 is an archive without another
    """

    entries_max: int = Field(default=1024, ge=1, le=65_535)
    total_bytes_max: int = Field(default=_BYTES_MAX, ge=1, le=_BYTES_MAX)
    depth_levels_max: int = Field(default=3, ge=1, le=8)


def archive(untrusted: bytes, parameters: ArchiveReadParameters) -> dict[str, Any]:
    """The model of an archive, of the right shape and within the bounds; else `Malformed`."""
    value = read(untrusted, _LIMITS)
    todo = [(value, 1)]
    entries, size_bytes = 0, 0
    while todo:
        model, level = todo.pop()
        if level > parameters.depth_levels_max:
            raise Malformed(Reason.TOO_DEEP, "archives in archives, deeper than their bound")
        for entry in _entries(model):
            entries += 1
            if "archive" in entry:
                todo.append((entry["archive"], level + 1))
            elif isinstance(entry.get("data"), bytes):
                size_bytes += len(entry["data"])
            else:
                raise _shape("an entry has neither bytes nor an archive")
    if entries > parameters.entries_max:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "more entries than the bound")
    if size_bytes > parameters.total_bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the entries together exceed their bound")
    found: dict[str, Any] = value
    return found


def _entries(model: Any) -> list[dict[str, Any]]:
    """The entries of one level, each a map with a good name and the name of a part."""
    if not isinstance(model, dict) or sorted(model) != ["archive", "entries", "kind"]:
        raise _shape("not the three keys of an archive")
    if model["archive"] is True or model["archive"] != 1:
        raise _shape("not the layout of an archive that is known here")
    kind, entries = model["kind"], model["entries"]
    if kind not in ("zip", "tar", "gzip") or not isinstance(entries, list):
        raise _shape("an archive of an unknown kind, or without a list of entries")
    tree, before = Tree(), b""
    for entry in entries:
        if not isinstance(entry, dict) or len(entry) != 3 or "name" not in entry:
            raise _shape("an entry is not name, part and contents")
        part = entry.get("part")
        if not isinstance(part, str) or not 0 < len(part) <= 32 or not part[0].isalpha():
            raise _shape("an entry's part is not a name")
        if set(part) - _PART:
            raise _shape("an entry's part is not a name")
        name = tree.put(entry["name"]).encode()
        if name < before:
            raise _shape("the entries are not sorted by their names")
        before = name
    if kind == "gzip" and [entry["name"] for entry in entries] != ["content"]:
        raise _shape("gzip holds other than one entry of the one name")
    return entries


def _shape(what: str) -> Malformed:
    return Malformed(Reason.MODEL_SHAPE, what)


def make(parameters: ArchiveReadParameters, documents: Documents) -> Run:
    """A run that refuses what is not the model."""

    def run(message: Message) -> Answer:
        archive(message.payload, parameters)
        return Pass()

    return run


STAGE = StageType(
    name="archive_read",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=ArchiveReadParameters,
    make=make,
    summary="the payload is the model of an archive, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
