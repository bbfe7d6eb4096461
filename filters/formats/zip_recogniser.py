"""The bounded recogniser of ZIP: says what the entries are, or why the file is none we open.

Takes bytes and a purse; gives the entries in the order of the file or raises `Malformed`. Follows
PKWARE's APPNOTE 6.3.10, less everything a guard has no use for. Every byte of the file belongs to
exactly one local entry, the central directory or the end records: no prefix, gap, overlap or
trailing data. Local headers, central headers and data descriptors agree. Methods: stored and
deflate. Written for docs/spec/archive-model.md, section ZIP; clause numbers below are APPNOTE's.
"""

import struct
import zlib
from dataclasses import dataclass

from filters.formats.container_limits import ContainerLimits, Purse
from filters.formats.entry_names import all_different, file_name
from filters.formats.zip_extras import Extras, read_extras
from schemas.errors import Malformed
from schemas.reasons import Reason

_LOCAL = struct.Struct("<4sHHHHHIIIHH")  # 4.3.7
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")  # 4.3.12
_END = struct.Struct("<4sHHHHIIH")  # 4.3.16
_END64 = struct.Struct("<4sQHHIIQQQQ")  # 4.3.14
_LOCATOR64 = struct.Struct("<4sIQI")  # 4.3.15
_DESCRIPTORS = {  # 4.3.9: by its length, with or without signature, sizes of 4 or 8 bytes
    12: struct.Struct("<III"), 16: struct.Struct("<4sIII"),
    20: struct.Struct("<IQQ"), 24: struct.Struct("<4sIQQ"),
}  # fmt: skip
_SIGNATURES = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07")
_FLAGS_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_FLAG_DESCRIPTOR = 0x0008
_FLAGS_KNOWN = 0x0006 | _FLAG_DESCRIPTOR | 0x0800  # deflate's level, descriptor, UTF-8
_STORED, _DEFLATED = 0, 8
_NEEDED_MAX = 45
_KINDS = frozenset({0o000000, 0o100000, 0o040000})
_FOLDER_KIND = 0o040000
_DOS_FOLDER, _DOS_VOLUME = 0x10, 0x08
_FULL32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One entry: where its packed bytes are, and what they must give.

    name in NFC, without a slash at its end; start and packed_bytes in the file; crc32 of the
    size_bytes that come out.
    """

    name: str
    is_folder: bool
    is_deflated: bool
    start: int
    packed_bytes: int
    size_bytes: int
    crc32: int


@dataclass(frozen=True, slots=True)
class _Listed:
    """A line of the central directory."""

    raw_name: bytes
    flags: int
    method: int
    moment: tuple[int, int]
    crc32: int
    packed: int
    size: int
    offset: int
    is_folder: bool


def recognise(untrusted: bytes, purse: Purse) -> tuple[ZipEntry, ...]:
    """The entries of the ZIP file that `untrusted` is, each opened once and found whole."""
    entries = structure(untrusted, purse)
    for entry in entries:
        contents(untrusted, entry)
    return entries


def structure(untrusted: bytes, purse: Purse) -> tuple[ZipEntry, ...]:
    """The entries, by the headers alone; their bounds are kept before anything is opened."""
    start, end, count = _end(untrusted, purse.limits)
    listed = sorted(_central(untrusted, start, end, count, purse), key=_offset)
    entries: list[ZipEntry] = []
    at = 0
    for number, line in enumerate(listed):
        after = listed[number + 1].offset if number + 1 < len(listed) else start
        if line.offset != at:
            raise _structure("entries leave a gap, overlap, or do not begin the file")
        entries.append(_local(untrusted, line, after, purse.limits))
        at = after
    if at != start:
        raise _structure("something stands before the central directory")
    for entry in entries:
        purse.opened(entry.size_bytes, entry.packed_bytes)
    all_different(
        [entry.name for entry in entries if not entry.is_folder],
        [entry.name for entry in entries if entry.is_folder],
    )
    return tuple(entries)


def contents(untrusted: bytes, entry: ZipEntry) -> bytes:
    """What the entry holds, exactly as large as its header says; memory: that and a few KiB."""
    packed = untrusted[entry.start : entry.start + entry.packed_bytes]
    if entry.is_deflated:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            opened = inflater.decompress(packed, entry.size_bytes + 1)
        except zlib.error as error:
            raise Malformed(Reason.ARCHIVE_STRUCTURE, "an entry is not deflated data") from error
        if not inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
            raise _structure("an entry's packed data ends elsewhere than its header says")
    else:
        opened = packed
    if len(opened) != entry.size_bytes:
        raise _structure("an entry is not as large as its header says")
    if zlib.crc32(opened) != entry.crc32:
        raise Malformed(Reason.ARCHIVE_CHECKSUM, "an entry does not have its checksum")
    return opened


def _structure(what: str) -> Malformed:
    return Malformed(Reason.ARCHIVE_STRUCTURE, what)


def _offset(line: _Listed) -> int:
    return line.offset


def _end(untrusted: bytes, limits: ContainerLimits) -> tuple[int, int, int]:
    """Where the central directory begins and ends, and how many lines it has."""
    at = untrusted.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(untrusted):
        raise _structure("there is no end of a central directory")
    _, disk, first, here, count, size, start, comment = _END.unpack_from(untrusted, at)
    if at + _END.size + comment != len(untrusted):
        raise Malformed(Reason.TRAILING_DATA, "bytes follow the archive")
    _comment(untrusted[at + _END.size :], limits)
    if disk or first:
        raise _structure("the archive is spread over disks")
    end = at
    if untrusted[max(0, at - _LOCATOR64.size) : at].startswith(b"PK\x06\x07"):
        here, count, size, start, end = _end64(untrusted, at, (here, count, size, start))
    if here != count or start + size != end:
        raise _structure("the central directory is not where its end says")
    if count > limits.entries_max:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "more entries than the bound")
    return start, end, count


def _end64(
    untrusted: bytes, at: int, short: tuple[int, int, int, int]
) -> tuple[int, int, int, int, int]:
    """The same numbers in 64 bits, and where their record begins; the short ones must agree."""
    locator = at - _LOCATOR64.size
    _, disk, record, disks = _LOCATOR64.unpack_from(untrusted, locator)
    if disk or disks != 1 or record + _END64.size != locator:
        raise _structure("the zip64 end record is not where its locator says")
    fields = _END64.unpack_from(untrusted, record)
    if fields[0] != b"PK\x06\x06" or fields[1] != _END64.size - 12 or fields[4] or fields[5]:
        raise _structure("the zip64 end record is not of its form")
    long = fields[6:10]
    for narrow, wide, full in zip(short, long, (0xFFFF, 0xFFFF, _FULL32, _FULL32), strict=True):
        if narrow not in (wide, full):
            raise _structure("the two end records do not agree")
    return (*long, record)


def _comment(comment: bytes, limits: ContainerLimits) -> None:
    if len(comment) > limits.comment_bytes_max:
        raise Malformed(Reason.TEXT_TOO_LONG, "a comment is longer than its bound")
    if any(sign in comment for sign in _SIGNATURES):
        raise _structure("a comment holds a record of an archive")


def _central(untrusted: bytes, at: int, end: int, count: int, purse: Purse) -> list[_Listed]:
    lines: list[_Listed] = []
    for _ in range(count):
        purse.entry()
        if at + _CENTRAL.size > end or untrusted[at : at + 4] != b"PK\x01\x02":
            raise _structure("the central directory has fewer lines than its end says")
        (_, made, needed, flags, method, time, date, crc32, packed, size, name, extra, comment,
         disk, _, attributes, offset) = _CENTRAL.unpack_from(untrusted, at)  # fmt: skip
        at += _CENTRAL.size
        raw_name = untrusted[at : at + name]
        raw_extra = untrusted[at + name : at + name + extra]
        at += name + extra + comment
        if at > end:
            raise _structure("a line of the central directory is longer than the directory")
        _comment(untrusted[at - comment : at], purse.limits)
        _capable(needed, flags, method)
        if disk:
            raise _structure("the archive is spread over disks")
        extras = read_extras(raw_extra, raw_name)
        size, packed, offset = extras.wide(size, packed, offset)
        is_folder = raw_name.endswith(b"/")
        _attributes(attributes, made >> 8, is_folder, size)
        lines.append(
            _Listed(raw_name, flags, method, (time, date), crc32, packed, size, offset, is_folder)
        )
    if at != end:
        raise _structure("the central directory has more than its lines")
    return lines


def _capable(needed: int, flags: int, method: int) -> None:
    if flags & _FLAGS_ENCRYPTED:
        raise Malformed(Reason.ARCHIVE_ENCRYPTED, "an entry or the directory is encrypted")
    if flags & ~_FLAGS_KNOWN:
        raise _structure("an entry has a flag that is not allowed")
    if method not in (_STORED, _DEFLATED):
        raise Malformed(Reason.ARCHIVE_METHOD, "an entry is neither stored nor deflated")
    if needed & 0xFF > _NEEDED_MAX:
        raise Malformed(Reason.ARCHIVE_METHOD, "an entry needs a later version of the format")


def _attributes(attributes: int, system: int, is_folder: bool, size: int) -> None:
    """4.4.15: only plain files and folders, and the two tellings of which must agree."""
    kind = (attributes >> 16) & 0o170000
    if kind not in _KINDS or attributes & _DOS_VOLUME:
        raise Malformed(Reason.ARCHIVE_LINK, "an entry is a link, a device or a volume")
    says_folder = kind == _FOLDER_KIND or bool(attributes & _DOS_FOLDER and system in (0, 10, 3))
    if (says_folder and not is_folder) or (kind == 0o100000 and is_folder):
        raise _structure("an entry's name and its attributes disagree on what it is")
    if is_folder and size:
        raise _structure("a folder has contents")


def _local(untrusted: bytes, line: _Listed, after: int, limits: ContainerLimits) -> ZipEntry:
    """The entry of a line, whose local header, data and descriptor end at `after`."""
    at = line.offset
    if at + _LOCAL.size > after or untrusted[at : at + 4] != b"PK\x03\x04":
        raise _structure("a line of the directory points at no entry")
    (_, needed, flags, method, time, date, crc32, packed, size, name,
     extra) = _LOCAL.unpack_from(untrusted, at)  # fmt: skip
    at += _LOCAL.size
    raw_name = untrusted[at : at + name]
    raw_extra = untrusted[at + name : at + name + extra]
    at += name + extra
    if (raw_name, flags, method, (time, date)) != (
        line.raw_name, line.flags, line.method, line.moment,
    ):  # fmt: skip
        raise _structure("an entry's two headers do not agree")
    _capable(needed, flags, method)
    extras = read_extras(raw_extra, raw_name)
    if at + line.packed > after:
        raise _structure("entries overlap")
    if method == _STORED and line.packed != line.size:
        raise _structure("a stored entry has two sizes")
    told = _told(crc32, packed, size, extras)
    if flags & _FLAG_DESCRIPTOR:
        listed = (line.crc32, line.packed, line.size)
        if any(one not in (0, other) for one, other in zip(told, listed, strict=True)):
            raise _structure("an entry's two headers do not agree")
        _descriptor(untrusted[at + line.packed : after], line)
    elif told != (line.crc32, line.packed, line.size) or at + line.packed != after:
        raise _structure("an entry's two headers do not agree, or a gap follows it")
    return ZipEntry(
        file_name(raw_name.removesuffix(b"/"), limits),
        line.is_folder,
        method == _DEFLATED,
        at,
        line.packed,
        line.size,
        line.crc32,
    )


def _told(crc32: int, packed: int, size: int, extras: Extras) -> tuple[int, int, int]:
    """What the local header says of itself; a zip64 field stands for sizes that are all ones."""
    size, packed, _ = extras.wide(size, packed, 0)
    return crc32, packed, size


def _descriptor(raw: bytes, line: _Listed) -> None:
    form = _DESCRIPTORS.get(len(raw))
    if form is None:
        raise _structure("no data descriptor where one must be")
    fields = form.unpack(raw)
    if len(fields) == 4 and fields[0] != b"PK\x07\x08":
        raise _structure("a data descriptor has another signature")
    if fields[-3:] != (line.crc32, line.packed, line.size):
        raise _structure("a data descriptor and the directory do not agree")
