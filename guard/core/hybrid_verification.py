"""Reading an envelope's COSE_Sign with two signatures, before anybody has vouched for it.

Takes bytes, gives content and what is to be verified; raises `Malformed(MANIFEST_MALFORMED)`. No
library reads these bytes: of the one form they may have, only the content's length is not fixed.
Pure. Follows docs/spec/manifest.md §6; other code than `guard.core.sealing`.
"""

from typing import NamedTuple

import cbor2

from schemas.errors import Malformed
from schemas.manifest import (
    COSE_SIGN_TAG,
    MLDSA65_SIGNATURE_BYTES,
    PROTECTED_EDDSA,
    PROTECTED_MLDSA65,
    SIGNATURE_BYTES,
    SIGNERS_CONTEXT,
)
from schemas.reasons import Reason

HYBRID_START = bytes([0xD8, COSE_SIGN_TAG, 0x84, 0x40, 0xA0])
"""Tag 98, array of 4, an empty protected header, an empty unprotected one."""
_EDDSA_HEAD = b"\x82\x83" + cbor2.dumps(PROTECTED_EDDSA) + b"\xa0" + bytes([0x58, SIGNATURE_BYTES])
_MLDSA_HEAD = (
    b"\x83"
    + cbor2.dumps(PROTECTED_MLDSA65)
    + b"\xa0\x59"
    + MLDSA65_SIGNATURE_BYTES.to_bytes(2, "big")
)
_MLDSA_AT = len(_EDDSA_HEAD) + SIGNATURE_BYTES
_TAIL_BYTES = _MLDSA_AT + len(_MLDSA_HEAD) + MLDSA65_SIGNATURE_BYTES


class TwoSignatures(NamedTuple):
    """Each signature with the bytes that it must be of; in the order `verify` takes them."""

    ed25519: bytes
    ed25519_signed: bytes
    mldsa: bytes
    mldsa_signed: bytes


def two_signatures(content: bytes, untrusted_tail: bytes) -> TwoSignatures:
    """Of the content (a byte string's bytes) and what stands after it. Raises `Malformed`."""
    right = len(untrusted_tail) == _TAIL_BYTES and untrusted_tail.startswith(_EDDSA_HEAD)
    if not right or not untrusted_tail.startswith(_MLDSA_HEAD, _MLDSA_AT):
        raise Malformed(Reason.MANIFEST_MALFORMED, "the two signatures are not of their form")
    return TwoSignatures(
        untrusted_tail[len(_EDDSA_HEAD) : _MLDSA_AT],
        _signed(PROTECTED_EDDSA, content),
        untrusted_tail[_MLDSA_AT + len(_MLDSA_HEAD) :],
        _signed(PROTECTED_MLDSA65, content),
    )


def _signed(protected: bytes, content: bytes) -> bytes:
    return cbor2.dumps([SIGNERS_CONTEXT, b"", protected, b"", content])
