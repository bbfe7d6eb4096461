"""The bounded recogniser of TAR: says what the entries are, or why the file is none we open.

Takes bytes and a purse; gives the entries in the order of the file or raises `Malformed`. Follows
POSIX.1-2001 (ustar and pax interchange) and GNU tar's long names. Files and folders alone: no
links, devices, sparse files, volumes or continued files. Every byte outside the entries' contents
is of its form or zero: padding, slack of the headers, the two blocks and the rest at the end.
Written for docs/spec/archive-model.md, section TAR.
"""

import re
from dataclasses import dataclass, field

from filters.formats.container_limits import ContainerLimits, Purse
from filters.formats.entry_names import all_different, file_name
from schemas.errors import Malformed
from schemas.reasons import Reason

BLOCK_BYTES = 512
END_BYTES_MAX = 2 * BLOCK_BYTES + 10240
_PAX_BYTES_MAX = 64 << 10
_LONG_NAME_BYTES_MAX = 4096
_OCTAL = re.compile(rb" *([0-7]*)[ \x00]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ([^=\x00\n]{1,128})=")
_TEXT = re.compile(rb"[^\x00]*\x00*")
_FILE, _FOLDER = b"0", b"5"
_LINKS = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device",
    b"6": "a pipe", b"K": "a link with a long name", b"S": "a sparse file",
    b"M": "the rest of a file from another volume", b"V": "a volume's label",
    b"D": "a list of a folder", b"N": "an old long name", b"7": "a contiguous file",
}  # fmt: skip
_DROPPED_KEYS = re.compile(
    rb"mtime|atime|ctime|uid|gid|uname|gname|comment|LIBARCHIVE\.creationtime"
    rb"|SCHILY\.(?:dev|ino|nlink|fflags)|LIBARCHIVE\.xattr\.[!-~]+|SCHILY\.xattr\.[!-~]+"
    rb"|SCHILY\.acl\.[a-z]+|RHT\.security\.selinux"
)
_UTF8 = b"ISO-IR 10646 2000 UTF-8"


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One entry: its name in NFC without a slash at its end, and where its contents are."""

    name: str
    is_folder: bool
    start: int
    size_bytes: int


@dataclass(slots=True)
class _Pending:
    """What the headers before an entry say of it."""

    path: bytes | None = None
    size: int | None = None
    seen: set[bytes] = field(default_factory=set)


def recognise(untrusted: bytes, purse: Purse) -> tuple[TarEntry, ...]:
    """The entries of the TAR file that `untrusted` is."""
    if len(untrusted) % BLOCK_BYTES or len(untrusted) < 2 * BLOCK_BYTES:
        raise _structure("the file is not whole blocks")
    entries: list[TarEntry] = []
    pending = _Pending()
    at, size = 0, len(untrusted)
    while True:
        if at >= size:
            raise _structure("the file ends without its two empty blocks")
        header = untrusted[at : at + BLOCK_BYTES]
        if not header.strip(b"\x00"):
            break
        at += BLOCK_BYTES
        kind, length = _header(header)
        body_end = at + length
        after = -(-body_end // BLOCK_BYTES) * BLOCK_BYTES
        if after > size:
            raise _structure("an entry is longer than the file")
        if untrusted[body_end:after].strip(b"\x00"):
            raise _structure("the padding after an entry is not empty")
        purse.entry()
        if kind in (b"x", b"g", b"L"):
            _before(kind, untrusted[at:body_end], pending)
        else:
            entries += _entry(header, kind, at, length, pending, purse)
            pending = _Pending()
        at = after
    if pending.seen:
        raise _structure("a header belongs to no entry")
    _ending(untrusted, at)
    all_different(
        [entry.name for entry in entries if not entry.is_folder],
        [entry.name for entry in entries if entry.is_folder],
    )
    return tuple(entries)


def contents(untrusted: bytes, entry: TarEntry) -> bytes:
    """What the entry holds."""
    return untrusted[entry.start : entry.start + entry.size_bytes]


def _structure(what: str) -> Malformed:
    return Malformed(Reason.ARCHIVE_STRUCTURE, what)


def _ending(untrusted: bytes, at: int) -> None:
    rest = len(untrusted) - at
    if untrusted[at:].strip(b"\x00"):
        raise Malformed(Reason.TRAILING_DATA, "something follows the end of the archive")
    if not 2 * BLOCK_BYTES <= rest <= END_BYTES_MAX:
        raise _structure("the empty blocks at the end are too few or too many")


def _header(header: bytes) -> tuple[bytes, int]:
    """The kind and the length of a header that is of its form."""
    told = _number(header[148:156])
    if told != sum(header) - sum(header[148:156]) + 8 * 0x20:
        raise Malformed(Reason.ARCHIVE_CHECKSUM, "a header does not have its checksum")
    is_gnu = header[257:265] == b"ustar  \x00"
    if not is_gnu and header[257:265] != b"ustar\x0000":
        raise _structure("a header is neither ustar, pax nor GNU")
    kind = header[156:157]
    if kind in _LINKS:
        raise Malformed(Reason.ARCHIVE_LINK, f"an entry is {_LINKS[kind]}")
    if kind not in b"\x0005xgL" or (kind == b"L" and not is_gnu):
        raise Malformed(Reason.ARCHIVE_LINK, "an entry is of a kind that is not allowed")
    for start, end in ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345)):
        if header[start] not in (0x80, 0xFF):  # GNU writes what octal cannot hold in base 256
            _number(header[start:end])
    for start, end in ((0, 100), (157, 257), (265, 297), (297, 329)):
        if _TEXT.fullmatch(header[start:end]) is None:
            raise _structure("bytes stand behind the end of a text in a header")
    if header[157:257].strip(b"\x00"):
        raise Malformed(Reason.ARCHIVE_LINK, "a file has the target of a link")
    _tail(header, is_gnu)
    return (_FILE if kind == b"\x00" else kind), _number(header[124:136])


def _tail(header: bytes, is_gnu: bool) -> None:
    """The last fields: the name's beginning in ustar; GNU's two times, and nothing else."""
    if is_gnu:
        _number(header[345:357])
        _number(header[357:369])
        rest = header[369:]
    else:
        if _TEXT.fullmatch(header[345:500]) is None:
            raise _structure("bytes stand behind the end of a text in a header")
        rest = header[500:]
    if rest.strip(b"\x00"):
        raise _structure("bytes stand where a header has none")


def _number(raw: bytes) -> int:
    found = _OCTAL.fullmatch(raw)
    if found is None:
        raise _structure("a number in a header is not octal")
    return int(found[1] or b"0", 8)


def _before(kind: bytes, body: bytes, pending: _Pending) -> None:
    """A header that speaks of the next entry (of all of them: a comment alone)."""
    if kind in pending.seen or (kind == b"g" and pending.seen):
        raise _structure("two headers speak of one entry")
    if kind == b"L":
        if len(body) > _LONG_NAME_BYTES_MAX or not body.endswith(b"\x00") or pending.path:
            raise _structure("a long name is not of its form")
        pending.path = body[:-1]
        if b"\x00" in pending.path:
            raise Malformed(Reason.ARCHIVE_NAME, "a long name has a zero byte")
    else:
        _records(body, pending, is_global=kind == b"g")
    if kind != b"g":
        pending.seen.add(kind)


def _records(body: bytes, pending: _Pending, *, is_global: bool) -> None:
    if len(body) > _PAX_BYTES_MAX:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "an extended header is larger than its bound")
    at, seen = 0, set[bytes]()
    while at < len(body):
        found = _RECORD.match(body, at)
        if found is None or int(found[1]) <= found.end() - at:
            raise _structure("a record of an extended header is not of its form")
        end = at + int(found[1])
        if end > len(body) or body[end - 1 : end] != b"\n":
            raise _structure("a record of an extended header is not as long as it says")
        key, value = found[2], body[found.end() : end - 1]
        if key in seen:
            raise _structure("an extended header says a thing twice")
        seen.add(key)
        _record(key, value, pending, is_global)
        at = end


def _record(key: bytes, value: bytes, pending: _Pending, is_global: bool) -> None:
    if key == b"path" and not is_global and pending.path is None:
        if b"\x00" in value:
            raise Malformed(Reason.ARCHIVE_NAME, "a name has a zero byte")
        pending.path = value
    elif key == b"size" and not is_global and re.fullmatch(rb"[0-9]{1,18}", value):
        pending.size = int(value)
    elif key == b"hdrcharset" and value == _UTF8:
        return
    elif key == b"linkpath" or key.startswith(b"GNU.sparse"):
        raise Malformed(Reason.ARCHIVE_LINK, "an entry is a link or a sparse file")
    elif _DROPPED_KEYS.fullmatch(key) is None or (is_global and key != b"comment"):
        raise Malformed(Reason.ARCHIVE_EXTRA_FIELD, "an extended header that is not allowed")


def _entry(
    header: bytes, kind: bytes, at: int, length: int, pending: _Pending, purse: Purse
) -> list[TarEntry]:
    """The entry of a header, in a list that is empty for the folder that holds all."""
    if pending.size not in (None, length):
        raise _structure("an entry has two sizes")
    raw = pending.path if pending.path is not None else _ustar_name(header)
    is_folder = kind == _FOLDER
    if raw.endswith(b"/") and not is_folder:  # a folder's name has the slash or not: tools differ
        raise _structure("an entry's name and its kind disagree on what it is")
    if is_folder and length:
        raise _structure("a folder has contents")
    raw = raw.removesuffix(b"/")
    if is_folder and raw in (b".", b""):
        if raw == b"":
            raise Malformed(Reason.ARCHIVE_NAME, "an entry's name is absolute")
        return []
    purse.opened(length, length)
    return [TarEntry(_name(raw, purse.limits), is_folder, at, length)]


def _name(raw: bytes, limits: ContainerLimits) -> str:
    return file_name(raw.removeprefix(b"./"), limits)


def _ustar_name(header: bytes) -> bytes:
    name = header[:100].rstrip(b"\x00")
    prefix = b"" if header[257:265] == b"ustar  \x00" else header[345:500].rstrip(b"\x00")
    return prefix + b"/" + name if prefix else name
