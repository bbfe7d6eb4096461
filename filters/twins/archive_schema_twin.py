"""Filter `archive_schema_twin`: the archive that was built, opened by another library.

Takes the native file, changes nothing. Python's own zipfile, tarfile and zlib must open it, find
every checksum right, plain files alone with good names, in order, and nothing else in the file:
written again from what was found it is the same bytes.
"""

import encodings.cp437  # noqa: F401  # zipfile reads names by it: not after confinement
import io
import tarfile
import zipfile
import zlib
from typing import Literal

from pydantic import Field

from filters.twins.archive_names import Tree
from filters.twins.archive_writers import Entries, gzip_file, tar_file, zip_file
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

_BYTES_MAX = 1 << 26


class ArchiveSchemaTwinParameters(Parameters):
    """kinds: that may be delivered. entries_max: of the outer archive."""

    kinds: list[Literal["zip", "tar", "gzip"]] = Field(min_length=1, max_length=3)
    entries_max: int = Field(default=1024, ge=1, le=65_535)


def make(parameters: ArchiveSchemaTwinParameters, documents: Documents) -> Run:
    """A run that refuses what another library does not find as it was written."""
    kinds = frozenset(parameters.kinds)

    def run(message: Message) -> Answer:
        kind, again, entries = _opened(message.payload)
        if kind not in kinds:
            return Refuse(Reason.SCHEMA_INVALID, "an archive of a kind that is not taken here")
        if len(entries) > parameters.entries_max:
            return Refuse(Reason.TOO_MANY_ELEMENTS, "more entries than the bound")
        tree = Tree()
        for name, _ in entries:
            tree.put(name)
        if again != message.payload:
            return Refuse(Reason.SCHEMA_INVALID, "the archive holds more than its entries")
        return Pass()

    return run


def _opened(untrusted: bytes) -> tuple[str, bytes, Entries]:
    try:
        if untrusted.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            found = _zip(untrusted)
            return "zip", zip_file(found), found
        if untrusted[:2] == b"\x1f\x8b":
            named = [_gzip(untrusted)]
            return "gzip", gzip_file(named), named
        found = _tar(untrusted)
        return "tar", tar_file(found), found
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, ValueError, EOFError, KeyError,
            RuntimeError, OSError, OverflowError) as error:  # fmt: skip
        raise Malformed(Reason.SCHEMA_INVALID, "the archive does not open again") from error


def _zip(untrusted: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(untrusted)) as opened:
        members = opened.infolist()
        if sum(member.file_size for member in members) > _BYTES_MAX:
            raise ValueError("too large")
        return [(member.filename, opened.read(member)) for member in members]


def _tar(untrusted: bytes) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    with tarfile.TarFile(fileobj=io.BytesIO(untrusted)) as opened:
        for member in opened:
            contents = opened.extractfile(member) if member.isreg() else None
            if contents is None or member.issparse():
                raise ValueError("not a plain file")
            found.append((member.name, contents.read(_BYTES_MAX)))
    return found


def _gzip(untrusted: bytes) -> tuple[str, bytes]:
    name = untrusted[10:].partition(b"\x00")[0].decode("ascii")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    contents = inflater.decompress(untrusted, _BYTES_MAX)
    if not inflater.eof or inflater.unused_data:
        raise ValueError("more or less than one member")
    return name, contents


STAGE = StageType(
    name="archive_schema_twin",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=ArchiveSchemaTwinParameters,
    make=make,
    summary="Python's own zipfile and tarfile find in the built archive what was written, no more",
    rechecks=frozenset({"schema"}),
)
