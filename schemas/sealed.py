"""The record of a committed message in the `sealed` journal, and of a landed one in `landed`.

Follows docs/spec/journal.md. A sealed record is the sequence number (8 bytes), the precedence
(1 byte), the digest of the policy that it was sealed under (32 bytes) and the envelope: a compact
envelope does not tell that digest, and `send` checks its signature. A landed record has a kind
byte first: an envelope that the link brought, or something the link has to tell (in JSON) that
belongs between them in time.
"""

import json
import struct
from enum import IntEnum

from schemas.errors import Malformed
from schemas.manifest import DIGEST_BYTES
from schemas.reasons import Reason

_SEALED = struct.Struct(f">QB{DIGEST_BYTES}s")
_LANDED = struct.Struct(">BQB")


class Landed(IntEnum):
    """What a landed record is."""

    ENVELOPE = 1
    EVENT = 2  # the rest is JSON: a gap, a checkpoint of the source's ledger, an alarm


def write_sealed(
    sequence: int, precedence: int, policy_digest: bytes, envelope: bytes
) -> tuple[bytes, ...]:
    """The parts of a sealed record."""
    return _SEALED.pack(sequence, precedence, policy_digest), envelope


def read_sealed(record: bytes) -> tuple[int, int, bytes, bytes]:
    """(sequence, precedence, policy digest, envelope). Raises `Malformed`."""
    if len(record) <= _SEALED.size:
        raise Malformed(Reason.RECORD_MALFORMED, "a sealed record is cut short")
    sequence, precedence, policy_digest = _SEALED.unpack_from(record)
    return sequence, precedence, policy_digest, record[_SEALED.size :]


def write_landed(sequence: int, precedence: int, envelope: bytes) -> tuple[bytes, ...]:
    """The parts of a landed record that is an envelope."""
    return _LANDED.pack(Landed.ENVELOPE, sequence, precedence), envelope


def write_landed_event(event: dict[str, int | str]) -> tuple[bytes, ...]:
    """The parts of a landed record that is an event."""
    return _LANDED.pack(Landed.EVENT, 0, 0), json.dumps(event, separators=(",", ":")).encode()


def read_landed(record: bytes) -> tuple[Landed, int, bytes]:
    """(what it is, sequence number or 0, envelope or JSON). Raises `Malformed`."""
    if len(record) <= _LANDED.size:
        raise Malformed(Reason.RECORD_MALFORMED, "a landed record is cut short")
    kind, sequence, _ = _LANDED.unpack_from(record)
    if kind not in (Landed.ENVELOPE, Landed.EVENT):
        raise Malformed(Reason.RECORD_MALFORMED, "a landed record is of no known kind")
    return Landed(kind), sequence, record[_LANDED.size :]
