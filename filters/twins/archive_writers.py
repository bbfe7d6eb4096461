"""ZIP, TAR and gzip written anew, in one canonical form each.

Takes sorted names and contents, gives the file's bytes; parses nothing. One model gives one file
with one version of zlib: entries in the order given, a fixed time (1980 in ZIP, 1970 in TAR and
gzip), mode 0644, no owner, comment, folder, extra field or data descriptor. Follows APPNOTE 6.3.10
(version 2.0), POSIX.1-2001 ustar with a pax header where a name needs one, and RFC 1952.
"""

import struct
import zlib
from collections.abc import Callable, Sequence

_DEFLATE_LEVEL = 6
_UTF8 = 0x0800
_VERSION, _UNIX = 20, 3
_DAY_ONE = 0x21  # the first of January 1980
_PLAIN_FILE = 0o100644 << 16
_BLOCK_BYTES = 512

Entries = Sequence[tuple[str, bytes]]


def zip_file(entries: Entries, stored: frozenset[str] = frozenset()) -> bytes:
    """A ZIP file. `stored`: names whose contents are never deflated."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    at = 0
    for name, contents in entries:
        raw = name.encode()
        packed = contents if name in stored else _deflated(contents)
        method = 8 if len(packed) < len(contents) else 0
        body = packed if method else contents
        flags = 0 if raw.isascii() else _UTF8
        common = struct.pack(
            "<HHHHHIIIHH", _VERSION, flags, method, 0, _DAY_ONE, zlib.crc32(contents),
            len(body), len(contents), len(raw), 0,
        )  # fmt: skip
        parts += (b"PK\x03\x04", common, raw, body)
        directory.append(
            b"PK\x01\x02" + bytes((_VERSION, _UNIX)) + common
            + struct.pack("<HHHII", 0, 0, 0, _PLAIN_FILE, at) + raw
        )  # fmt: skip
        at += 4 + len(common) + len(raw) + len(body)
    lines = b"".join(directory)
    end = struct.pack("<HHHHIIH", 0, 0, len(directory), len(directory), len(lines), at, 0)
    return b"".join((*parts, lines, b"PK\x05\x06", end))


def _deflated(contents: bytes) -> bytes:
    deflater = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(contents) + deflater.flush()


def tar_file(entries: Entries) -> bytes:
    """A TAR file, ended by two empty blocks."""
    blocks: list[bytes] = []
    for name, contents in entries:
        raw = name.encode()
        if len(raw) > 100 or not raw.isascii():
            record = _pax_record(b"path", raw)
            blocks += (_header(b"pax", len(record), b"x"), _padded(record))
            raw = b"file"
        blocks += (_header(raw, len(contents), b"0"), _padded(contents))
    return b"".join((*blocks, bytes(2 * _BLOCK_BYTES)))


def _pax_record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    size = len(rest)
    while len(str(size)) + len(rest) != size:
        size = len(str(size)) + len(rest)
    return str(size).encode() + rest


def _padded(contents: bytes) -> bytes:
    return contents + bytes(-len(contents) % _BLOCK_BYTES)


def _header(name: bytes, size: int, kind: bytes) -> bytes:
    before = name.ljust(100, b"\x00") + b"0000644\x000000000\x000000000\x00"
    before += b"%011o\x00%011o\x00" % (size, 0)
    after = kind + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\x000000000\x00"
    after = after.ljust(_BLOCK_BYTES - len(before) - 8, b"\x00")
    return before + b"%06o\x00 " % (sum(before) + sum(after) + 8 * 0x20) + after


def gzip_file(entries: Entries) -> bytes:
    """A gzip file of the one entry, with its name (ASCII)."""
    ((name, contents),) = entries
    header = b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff" + name.encode("ascii") + b"\x00"
    trailer = struct.pack("<II", zlib.crc32(contents), len(contents))
    return header + _deflated(contents) + trailer


WRITERS: dict[str, Callable[[Entries], bytes]] = {
    "zip": zip_file, "tar": tar_file, "gzip": gzip_file,
}  # fmt: skip
