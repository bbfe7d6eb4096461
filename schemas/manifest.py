"""The manifest: the signed description that travels with a payload, and the envelope of both.

Follows docs/spec/manifest.md. The manifest is a map with integer keys in deterministic CBOR
(RFC 8949 §4.2); COSE_Sign1 (RFC 9052) signs it with Ed25519. An envelope is the length of the
COSE_Sign1 in four bytes, the COSE_Sign1, and the payload. This module has the names and the
bounds; the source side writes with `guard.core.sealing`, the destination side reads with
`guard.core.verification`, which share nothing but this. For links where a byte is a millisecond
there is a compact form (§5), which carries only what the destination side cannot know; where the
policy asks for it, ML-DSA-65 signs beside Ed25519 (§6).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from struct import Struct

FORMAT = 1
MANIFEST_BYTES_MAX = 8192
COSE_SIGN1_TAG = 18
PROTECTED_EDDSA = b"\xa1\x01\x27"  # {1: -8}: algorithm EdDSA  # RFC 9053 §2.2
SIGNATURE_CONTEXT = "Signature1"
LENGTH_BYTES = 4
SIGNATURE_BYTES = 64
DIGEST_BYTES = 32
ID_BYTES = 16

COSE_SIGN_TAG = 98
PROTECTED_MLDSA65 = b"\xa1\x01\x38\x30"  # {1: -49}: algorithm ML-DSA-65  # RFC 9964
SIGNERS_CONTEXT = "Signature"
MLDSA65_SIGNATURE_BYTES = 3309  # FIPS 204 table 2
MLDSA65_PUBLIC_BYTES = 1952
HYBRID_BYTES_MAX = 12_288

COMPACT_CONTEXT = "checkvalve compact manifest 1"
COMPACT_DEMONSTRATION = "checkvalve compact manifest 1 demonstration"
COMPACT_FORM = 0x10  # in the first byte, which is 0 in a full envelope; the precedence is below it
COMPACT_HEAD = Struct(">B64s2sII")  # form, signature, policy, released, ledger size
COMPACT_POLICY_BYTES = 2
COMPACT_TEXTS_BYTES_MAX = 4096


class Form(StrEnum):
    """How a manifest is written; the signed policy of each side names one."""

    FULL = "full"
    COMPACT = "compact"


class Signatures(StrEnum):
    """By which algorithms a manifest is signed; the signed policy of each side names one (§6)."""

    ED25519 = "ed25519"
    HYBRID = "hybrid"


class Key(IntEnum):
    """The manifest's keys, in the order they are written."""

    FORMAT = 1
    FLOW = 2
    SOURCE_DOMAIN = 3
    DESTINATION_DOMAIN = 4
    SEQUENCE = 5
    ID = 6
    PAYLOAD_DIGEST = 7
    PAYLOAD_BYTES = 8
    TYPE = 9
    LABEL = 10
    PRECEDENCE = 11
    QUEUES = 12
    ACCEPTED_S = 13
    RELEASED_S = 14
    POLICY_DIGEST = 15
    RECEIPTS_DIGEST = 16
    LEDGER_SIZE = 17
    LEDGER_ROOT = 18
    NAME = 19
    DEMONSTRATION = 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the source side's `release` says of one message.

    sequence         1, 2, 3, … of the flow, without a hole
    id               16 bytes
    payload_digest   SHA-256 of the payload; receipts_digest of the chain's legs
    accepted_s, released_s   whole seconds since 1970, UTC
    policy_digest    of the source side's policy; ledger_size and ledger_root of the last
                     checkpoint of the source side's ledger before this message's batch
    queues           comma-separated; name: as dropped, "" unless the policy lets it cross
    demonstration    1 where the trust root is a demonstration's, else 0

    Opened from a compact envelope, receipts_digest and ledger_root are empty: the source side's
    ledger has both (§5).
    """

    flow: str
    source_domain: str
    destination_domain: str
    sequence: int
    id: bytes
    payload_digest: bytes
    payload_bytes: int
    type: str
    label: str
    precedence: int
    queues: str
    accepted_s: int
    released_s: int
    policy_digest: bytes
    receipts_digest: bytes
    ledger_size: int
    ledger_root: bytes
    name: str = ""
    demonstration: int = 0
