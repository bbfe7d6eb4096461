"""Extra fields of ZIP headers: an allow-list, each of its form; what they say is dropped.

Takes the raw field block of one header and the entry's name, gives `Extras` or raises `Malformed`.
APPNOTE 4.5; the numbers are those of 4.6 and of Info-ZIP's list. Two fields mean something here:
zip64's sizes, and the Unicode path, which may only repeat the name.
"""

import struct
import zlib
from dataclasses import dataclass

from schemas.errors import Malformed
from schemas.reasons import Reason

_ZIP64 = 0x0001
_UNICODE_PATH = 0x7075
_ENCRYPTION = frozenset({0x0017, 0x9901, 0x0014, 0x0015, 0x0016, 0x0018, 0x0019})
# Number -> largest length. Times and owners alone, and Java's empty mark.
_DROPPED = {
    0x000A: 32,  # NTFS times
    0x000D: 12,  # PKWARE's Unix times and owner, without a link's target
    0x5455: 13,  # extended times
    0x5855: 12,  # Info-ZIP Unix, first form
    0x7855: 4,  # second form
    0x7875: 24,  # third form
    0x6375: 0,  # a Unicode comment is a comment: none here
    0xCAFE: 0,  # Java's mark of a JAR
}
_ALIGNMENT = 0xD935  # zipalign: two bytes and zeros
_GROWTH = 0xA220  # room to grow, as Microsoft Office leaves it: a mark, a number, and zeros
_GROWTH_MARK = 0xA028
_FULL32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Extras:
    """What the fields say that matters: the numbers of zip64, in their order."""

    numbers: tuple[int, ...] | None = None

    def wide(self, size: int, packed: int, offset: int) -> tuple[int, int, int]:
        """The three numbers, each from zip64's field where the short one is all ones (4.5.3).

        A field may hold both sizes where the short ones are not all ones: then it must repeat
        them or be zero, as writers do that did not know the sizes before.
        """
        values = [size, packed, offset]
        if self.numbers is None:
            if _FULL32 in values:
                raise Malformed(Reason.ARCHIVE_STRUCTURE, "a size needs zip64 and has none")
            return size, packed, offset
        left = list(self.numbers)
        full = [at for at, value in enumerate(values) if value == _FULL32]
        if full:
            if len(left) < len(full):
                raise Malformed(Reason.ARCHIVE_STRUCTURE, "a zip64 field lacks a number")
            for at in full:
                values[at] = left.pop(0)
        for spare, value in zip(left, values, strict=False):
            if spare not in (0, value):
                raise Malformed(Reason.ARCHIVE_STRUCTURE, "a zip64 field disagrees")
        return values[0], values[1], values[2]


def read_extras(raw: bytes, raw_name: bytes) -> Extras:
    """The fields, which must tile `raw`."""
    at, seen, numbers = 0, set[int](), None
    while at < len(raw):
        if at + 4 > len(raw):
            raise _extra("extra fields end too early")
        number, size = struct.unpack_from("<HH", raw, at)
        body = raw[at + 4 : at + 4 + size]
        at += 4 + size
        if at > len(raw) or number in seen:
            raise _extra("extra fields do not fit, or one stands twice")
        seen.add(number)
        if number in _ENCRYPTION:
            raise Malformed(Reason.ARCHIVE_ENCRYPTED, "an entry or the directory is encrypted")
        if number == _ZIP64:
            if size % 8 or size > 24:
                raise _extra("a zip64 field is not of its form")
            numbers = struct.unpack(f"<{size // 8}Q", body)
        elif number == _UNICODE_PATH:
            _path(body, raw_name)
        elif number == _ALIGNMENT:
            if size < 2 or body[2:].strip(b"\x00"):
                raise _extra("padding that is not empty")
        elif number == _GROWTH:
            if size < 4 or struct.unpack_from("<H", body)[0] != _GROWTH_MARK or any(body[4:]):
                raise _extra("room to grow that is not empty")
        elif size > _DROPPED.get(number, -1):
            raise _extra("an extra field that is not allowed")
    return Extras(numbers)


def _extra(what: str) -> Malformed:
    return Malformed(Reason.ARCHIVE_EXTRA_FIELD, what)


def _path(body: bytes, raw_name: bytes) -> None:
    """4.6.9: version 1, the name's checksum, the name in UTF-8: here it may only be the same."""
    if len(body) < 5 or body[0] != 1:
        raise _extra("a Unicode path is not of its form")
    if struct.unpack_from("<I", body, 1)[0] != zlib.crc32(raw_name) or body[5:] != raw_name:
        raise Malformed(Reason.ARCHIVE_NAME, "an entry has a second, other name")
