"""The bounded recogniser of gzip: one member, whole, and nothing after it.

Takes bytes and a purse; gives the contents and the name that the header has, or raises
`Malformed`. Follows RFC 1952. Written for docs/spec/archive-model.md, section gzip.
"""

import zlib
from dataclasses import dataclass

from filters.formats.container_limits import ContainerLimits, Purse
from schemas.errors import Malformed
from schemas.reasons import Reason

_HEADER_BYTES, _TRAILER_BYTES = 10, 8
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0


@dataclass(frozen=True, slots=True)
class Member:
    """What a gzip file holds: the opened bytes, and its header's name (Latin-1), if it has one."""

    contents: bytes
    raw_name: bytes


def recognise(untrusted: bytes, purse: Purse) -> Member:
    """The one member of the gzip file that `untrusted` is."""
    start, raw_name = _header(untrusted, purse.limits)
    if len(untrusted) < start + _TRAILER_BYTES:
        raise _structure("the file is shorter than its header and trailer")
    size_bytes = int.from_bytes(untrusted[-4:], "little")
    purse.entry()
    purse.opened(size_bytes, len(untrusted) - start - _TRAILER_BYTES)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        contents = inflater.decompress(untrusted[start:], size_bytes + 1)
    except zlib.error as error:
        raise Malformed(Reason.ARCHIVE_STRUCTURE, "the contents are not deflated data") from error
    if not inflater.eof:
        raise _structure("the contents are larger than the trailer says, or end too early")
    if len(inflater.unused_data) != _TRAILER_BYTES:
        raise Malformed(Reason.TRAILING_DATA, "something follows the first member")
    if len(contents) != size_bytes:
        raise _structure("the contents are not as large as the trailer says")
    if zlib.crc32(contents) != int.from_bytes(untrusted[-8:-4], "little"):
        raise Malformed(Reason.ARCHIVE_CHECKSUM, "the contents do not have their checksum")
    return Member(contents, raw_name)


def _structure(what: str) -> Malformed:
    return Malformed(Reason.ARCHIVE_STRUCTURE, what)


def _header(untrusted: bytes, limits: ContainerLimits) -> tuple[int, bytes]:
    """Where the packed data begins, and the name (RFC 1952 section 2.3)."""
    if len(untrusted) < _HEADER_BYTES + _TRAILER_BYTES or untrusted[:2] != b"\x1f\x8b":
        raise _structure("the file does not begin as gzip")
    if untrusted[2] != 8:
        raise Malformed(Reason.ARCHIVE_METHOD, "the contents are not deflated")
    flags = untrusted[3]
    if flags & _RESERVED:
        raise _structure("a reserved flag is set")
    if flags & _FEXTRA:
        raise Malformed(Reason.ARCHIVE_EXTRA_FIELD, "an extra field")
    at, raw_name = _HEADER_BYTES, b""
    if flags & _FNAME:
        raw_name, at = _text(untrusted, at, limits.name_bytes_max)
    if flags & _FCOMMENT:
        _, at = _text(untrusted, at, limits.comment_bytes_max)
    if flags & _FHCRC:
        told = int.from_bytes(untrusted[at : at + 2], "little")
        if told != zlib.crc32(untrusted[:at]) & 0xFFFF:
            raise Malformed(Reason.ARCHIVE_CHECKSUM, "the header does not have its checksum")
        at += 2
    return at, raw_name


def _text(untrusted: bytes, at: int, bytes_max: int) -> tuple[bytes, int]:
    end = untrusted.find(b"\x00", at, at + bytes_max + 1)
    if end < 0:
        raise Malformed(Reason.TEXT_TOO_LONG, "a text of the header does not end within its bound")
    return untrusted[at:end], end + 1
