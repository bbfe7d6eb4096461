"""The source side's strict reading of the archive model (docs/spec/archive-model.md).

Takes CBOR bytes, gives the model or raises `Malformed`. Shape, names and bounds are looked at
here; what the parts hold has been looked at by their own stages. The destination side has code of
its own (`filters.twins.archive_read`).
"""

import re

from filters.formats.container_limits import ContainerLimits
from filters.formats.entry_names import all_different, file_name
from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed
from schemas.reasons import Reason

ARCHIVE_CBOR = "application/vnd.checkvalve.archive+cbor"
LAYOUT = 1
KINDS = ("gzip", "tar", "zip")
GZIP_NAME = "content"
BYTES_MAX = 16 << 20
ENTRIES_MAX = 65_536
DEPTH_LEVELS_MAX = 8
PART_PATTERN = r"[a-z][a-z0-9_\-]{0,31}"

_PART = re.compile(PART_PATTERN)
_LIMITS = CborLimits(
    bytes_max=BYTES_MAX,
    depth_levels_max=3 * DEPTH_LEVELS_MAX,
    items_max=8 * ENTRIES_MAX,
    string_bytes_max=BYTES_MAX,
)
_NAME_LIMITS = ContainerLimits(name_bytes_max=1024, name_levels_max=64)
_KEYS = frozenset({"archive", "kind", "entries"})
_FILE = frozenset({"name", "part", "data"})
_NESTED = frozenset({"name", "part", "archive"})

ArchiveModel = dict[str, CborValue]


def read(untrusted: bytes) -> ArchiveModel:
    """The model that `untrusted` encodes."""
    return shaped(decode(untrusted, _LIMITS), DEPTH_LEVELS_MAX)


def shaped(model: CborValue, levels_left: int) -> ArchiveModel:
    """The value, if it is an archive with at most so many levels; else `Malformed`."""
    if levels_left <= 0:
        raise Malformed(Reason.TOO_DEEP, "archives in archives, deeper than their bound")
    if type(model) is not dict or model.keys() != _KEYS:
        raise _shape("not the layout of an archive")
    if type(model["archive"]) is not int or model["archive"] != LAYOUT:
        raise _shape("not the layout of an archive that is known here")
    entries = model["entries"]
    if model["kind"] not in KINDS or type(entries) is not list:
        raise _shape("an archive of an unknown kind, or without a list of entries")
    names = [_entry(entry, levels_left) for entry in entries]
    if model["kind"] == "gzip":
        if names != [GZIP_NAME]:
            raise _shape("gzip holds other than one entry of the one name")
    elif names != sorted(names, key=_bytes):
        raise _shape("the entries are not sorted by their names")
    all_different(names, ())
    return model


def _bytes(name: str) -> bytes:
    return name.encode()


def _entry(entry: CborValue, levels_left: int) -> str:
    """The name of an entry that has its shape."""
    if type(entry) is not dict or entry.keys() not in (_FILE, _NESTED):
        raise _shape("an entry is not name, part and contents")
    name, part = entry["name"], entry["part"]
    if type(part) is not str or _PART.fullmatch(part) is None:
        raise _shape("an entry's part is not a name")
    if type(name) is not str or file_name(name.encode(), _NAME_LIMITS) != name:
        raise _shape("an entry's name is not in its form")
    if "archive" in entry:
        shaped(entry["archive"], levels_left - 1)
    elif type(entry["data"]) is not bytes:
        raise _shape("an entry's contents are not bytes")
    return name


def _shape(what: str) -> Malformed:
    return Malformed(Reason.MODEL_SHAPE, what)
