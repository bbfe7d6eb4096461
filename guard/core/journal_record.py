"""The bytes of a journal: segment headers, record headers, the mark. No I/O.

Takes payloads and numbers, gives headers; takes untrusted bytes, gives where a whole record's
payload stands, or None where no whole record stands (what that means, the caller decides: the end,
a torn tail, damage). Follows docs/spec/journal.md §3 and §5.
"""

import struct
from zlib import crc32

SEGMENT_MAGIC = b"CVJS"
RECORD_MAGIC = b"CVJR"
VERSION = 1
RECORD_BYTES_MAX = 64 * 1024 * 1024
NUMBER_MAX = 2**63 - 1
SALT_BYTES = 4

_SEGMENT = struct.Struct(">4sHHIQ")
_RECORD = struct.Struct(">4sIQI")
_RECORD_AND_CHECKS = struct.Struct(">4sIQIII")
_CHECK = struct.Struct(">I")
_CHECKS = struct.Struct(">II")
_MARK = struct.Struct(">Q")
SEGMENT_HEADER_BYTES = _SEGMENT.size + _CHECK.size
RECORD_HEADER_BYTES = _RECORD_AND_CHECKS.size
MARK_BYTES = _MARK.size + _CHECK.size

Parts = tuple[bytes, ...]


def write_segment_header(first: int, salt: int) -> bytes:
    """24 bytes. salt: 32 bits of chance."""
    head = _SEGMENT.pack(SEGMENT_MAGIC, VERSION, 0, salt, first)
    return head + _CHECK.pack(crc32(head))


def read_segment_header(untrusted: bytes, first: int) -> int | None:
    """The salt of a segment whose first number is `first`; None when the header is not whole."""
    if len(untrusted) < SEGMENT_HEADER_BYTES:
        return None
    magic, version, zero, salt, number = _SEGMENT.unpack_from(untrusted)
    (check,) = _CHECK.unpack_from(untrusted, _SEGMENT.size)
    if (magic, version, zero, number) != (SEGMENT_MAGIC, VERSION, 0, first):
        return None
    return int(salt) if check == crc32(untrusted[: _SEGMENT.size]) else None


def write_record_header(number: int, behind: int, salt: int, length: int, parts: Parts) -> bytes:
    """28 bytes, to stand before the parts; length: of all parts together."""
    head = _RECORD.pack(RECORD_MAGIC, length, number, behind)
    check = salt
    for part in parts:
        check = crc32(part, check)
    return head + _CHECKS.pack(crc32(head, salt), check)


def read_record_header(
    untrusted: bytes | memoryview, at: int, number: int, salt: int
) -> int | None:
    """The length of the payload of record `number` at this place; None when its header is not
    whole. Whether the payload is, `read_payload` shows.
    """
    if len(untrusted) - at < RECORD_HEADER_BYTES:
        return None
    magic, length, found, _, check, _ = _RECORD_AND_CHECKS.unpack_from(untrusted, at)
    if magic != RECORD_MAGIC or found != number or not 1 <= length <= RECORD_BYTES_MAX:
        return None
    return int(length) if check == crc32(untrusted[at : at + _RECORD.size], salt) else None


def read_payload(untrusted: memoryview, at: int, length: int, salt: int) -> bytes | None:
    """The payload of the record whose header at `at` says `length`; None when it is not whole."""
    start = at + RECORD_HEADER_BYTES
    payload = untrusted[start : start + length]
    if len(payload) != length or _CHECK.unpack_from(untrusted, start - 4) != (
        crc32(payload, salt),
    ):
        return None
    return bytes(payload)


def find_synced_after(untrusted: bytes, number: int, salt: int) -> bool:
    """Whether a record's header in these bytes proves that record `number` was synced once.

    For the bytes after the last whole record (§4 (3)). Takes time linear in their length, for a
    header costs the same to check whatever length it states.
    """
    at = untrusted.find(RECORD_MAGIC)
    while 0 <= at <= len(untrusted) - RECORD_HEADER_BYTES:
        _, _, found, behind, check, _ = _RECORD_AND_CHECKS.unpack_from(untrusted, at)
        if found - behind > number and check == crc32(untrusted[at : at + _RECORD.size], salt):
            return True
        at = untrusted.find(RECORD_MAGIC, at + 1)
    return False


def write_mark(number: int) -> bytes:
    """12 bytes."""
    head = _MARK.pack(number)
    return head + _CHECK.pack(crc32(head))


def read_mark(untrusted: bytes) -> int | None:
    """The number; None when these bytes are no whole mark."""
    if len(untrusted) != MARK_BYTES:
        return None
    (number,) = _MARK.unpack_from(untrusted)
    (check,) = _CHECK.unpack_from(untrusted, _MARK.size)
    return int(number) if check == crc32(untrusted[: _MARK.size]) else None
