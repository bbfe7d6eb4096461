"""Texts of an archive or an office document that was built, for the destination's word check.

Takes the native file, gives the names of an archive's entries (archives inside too), and of an
office document every text: what stands in one paragraph or cell is one text, however many runs it
is cut into. ZIP and TAR are opened by Python's zipfile and tarfile, XML by expat.
"""

import encodings.cp437  # noqa: F401  # zipfile reads names by it: not after confinement
import io
import tarfile
import zipfile
import zlib

from filters.twins.office_lines import texts
from filters.twins.office_tree import parse
from schemas.errors import Malformed
from schemas.reasons import Reason

_BYTES_MAX = 1 << 26
_CHARACTERS_MAX = 1 << 26  # of all texts: not all that is in a document is one, some are several
_LEVELS_MAX = 8
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP = b"\x1f\x8b"
_TAR = b"ustar\x00"  # with controls in them: no text begins as an archive does


def container_texts(untrusted: bytes) -> list[str]:
    """Every name and text, in no special order; `Malformed` for what does not open."""
    found: list[str] = []
    todo = [(untrusted, 1)]
    left, left_characters = _BYTES_MAX, _CHARACTERS_MAX
    try:
        while todo:
            contents, level = todo.pop()
            for name, inner in _files(contents):
                left -= len(inner)
                if left < 0 or level > _LEVELS_MAX:
                    raise ValueError("too large or too deep")
                found.append(name)
                if inner.startswith((*_ZIP, _GZIP)) or inner[257:263] == _TAR:
                    todo.append((inner, level + 1))
                elif inner.startswith(b"<?xml") and name.endswith((".xml", ".rels")):
                    read = texts(parse(inner), name.startswith("xl/"), left_characters)
                    left_characters -= sum(map(len, read))
                    found += read
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, ValueError, EOFError, KeyError,
            RuntimeError, OSError, OverflowError) as error:  # fmt: skip
        raise Malformed(Reason.SYNTAX, "the file does not open again") from error
    return found


def _files(contents: bytes) -> list[tuple[str, bytes]]:
    if contents.startswith(_ZIP):
        with zipfile.ZipFile(io.BytesIO(contents)) as opened:
            members = opened.infolist()
            if sum(member.file_size for member in members) > _BYTES_MAX:
                raise ValueError("too large")
            return [(member.filename, opened.read(member)) for member in members]
    if contents.startswith(_GZIP):
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        return [("", inflater.decompress(contents, _BYTES_MAX))]
    with tarfile.TarFile(fileobj=io.BytesIO(contents)) as tar:
        return [
            (member.name, data.read() if (data := tar.extractfile(member)) else b"")
            for member in tar
        ]
