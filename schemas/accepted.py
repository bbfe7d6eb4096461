"""The record of an accepted message in the `accepted` journal: metadata, where it came from, bytes.

Follows docs/spec/journal.md, "accepted". `origin` tells one drop from another (device, inode,
change time, size, name), so that a drop whose removal a power cut undid is not accepted twice.
"""

import struct

from schemas.errors import Malformed
from schemas.reasons import Reason

_LENGTHS = struct.Struct(">II")


def write_accepted(meta_bytes: bytes, origin: bytes, payload: bytes) -> tuple[bytes, ...]:
    """The record's parts, for one gathering write."""
    return _LENGTHS.pack(len(meta_bytes), len(origin)), meta_bytes, origin, payload


def read_accepted(record: bytes) -> tuple[bytes, bytes, bytes]:
    """(metadata, origin, payload). Raises `Malformed` for a record that is none."""
    if len(record) < _LENGTHS.size:
        raise Malformed(Reason.RECORD_MALFORMED, "an accepted record is cut short")
    meta_bytes, origin_bytes = _LENGTHS.unpack_from(record)
    origin_at = _LENGTHS.size + meta_bytes
    payload_at = origin_at + origin_bytes
    if payload_at > len(record):
        raise Malformed(Reason.RECORD_MALFORMED, "an accepted record is cut short")
    return record[_LENGTHS.size : origin_at], record[origin_at:payload_at], record[payload_at:]
