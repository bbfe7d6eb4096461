"""Opening an envelope, on the destination side, with other code than sealed it.

Takes an envelope's bytes, the sealing public key and what this side's policy accepts; gives the
manifest and the payload, or raises. Reads CBOR with the `cbor2` library (the source side writes
with our own encoder) and insists that writing the value again gives the very same bytes. Follows
docs/spec/manifest.md; a compact envelope is read in `guard.core.compact_verification`.
"""

import hashlib
import io
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import cbor2

from guard.core.compact_verification import (
    Bound,
    is_compact,
    policy_prefix,
    read_compact,
    signed_by,
)
from guard.core.hybrid_verification import HYBRID_START, two_signatures
from schemas.errors import Forged, Malformed
from schemas.manifest import (
    COSE_SIGN1_TAG,
    FORMAT,
    HYBRID_BYTES_MAX,
    LENGTH_BYTES,
    MANIFEST_BYTES_MAX,
    PROTECTED_EDDSA,
    SIGNATURE_BYTES,
    SIGNATURE_CONTEXT,
    Form,
    Key,
    Manifest,
    Signatures,
)
from schemas.message import QUEUES_CHARACTERS_MAX, Precedence
from schemas.reasons import Reason

VerifySignature = Callable[..., None]
"""(signature, signed bytes) -> None; raises `Forged` when it does not verify. With two signatures
(manifest §6) it is given those of ML-DSA-65 too, and both must verify."""

# What is signed is an array of four; all but the last part are the same for every manifest.
_SIGNED_HEAD = b"\x84" + b"".join(
    cbor2.dumps(part) for part in (SIGNATURE_CONTEXT, PROTECTED_EDDSA, b"")
)
_COSE_START = (  # tag 18, array of 4, the protected header, an empty unprotected header
    bytes([0xC0 | COSE_SIGN1_TAG, 0x84, 0x40 | len(PROTECTED_EDDSA)]) + PROTECTED_EDDSA + b"\xa0"
)
_SIGNATURE_HEAD = bytes([0x58, SIGNATURE_BYTES])
_LENGTH_WIDTHS = {b"\x58": 1, b"\x59": 2}
_CONTENT_BYTES_MIN = 128  # its four digests alone are as long
_CONTENT_BYTES_MAX = 8116
_CBOR_MAP = 5
_MAX = 2**63
_OPTIONAL = (Key.NAME, Key.DEMONSTRATION)
_NAME = re.compile("[ -.0-~]{1,255}")  # printable ASCII, what else it had escaped; never a path
_FIELDS: dict[Key, tuple[type, int, int]] = {
    Key.FORMAT: (int, FORMAT, FORMAT),
    Key.FLOW: (str, 1, 64),
    Key.SOURCE_DOMAIN: (str, 1, 64),
    Key.DESTINATION_DOMAIN: (str, 1, 64),
    Key.SEQUENCE: (int, 1, _MAX),
    Key.ID: (bytes, 16, 16),
    Key.PAYLOAD_DIGEST: (bytes, 32, 32),
    Key.PAYLOAD_BYTES: (int, 0, 2**32),
    Key.TYPE: (str, 1, 127),
    Key.LABEL: (str, 0, 256),
    Key.PRECEDENCE: (int, Precedence.ROUTINE, Precedence.FLASH_OVERRIDE),
    Key.QUEUES: (str, 0, QUEUES_CHARACTERS_MAX),
    Key.ACCEPTED_S: (int, 0, 2**40),
    Key.RELEASED_S: (int, 0, 2**40),
    Key.POLICY_DIGEST: (bytes, 32, 32),
    Key.RECEIPTS_DIGEST: (bytes, 32, 32),
    Key.LEDGER_SIZE: (int, 0, _MAX),
    Key.LEDGER_ROOT: (bytes, 32, 32),
    Key.NAME: (str, 1, 255),
    Key.DEMONSTRATION: (int, 1, 1),
}


@dataclass(frozen=True, slots=True)
class Accepts:
    """What this side's signed policy takes: one flow between two domains, under these policies.

    form: the weakest form of a manifest that is taken; a compact one only where the policy says so.
    demonstration: 1 where this side is a demonstration's: only there a demonstration's are taken.
    signatures: hybrid where only what is signed twice is taken.
    names: whether a manifest may bring the name of the dropped file.
    """

    flow: str
    source_domain: str
    destination_domain: str
    policy_digests: Collection[bytes]
    payload_bytes_max: int
    form: Form = Form.FULL
    demonstration: int = 0
    signatures: Signatures = Signatures.ED25519
    names: bool = False


def open_envelope(
    untrusted_envelope: bytes, sequence: int, accepts: Accepts, verify: VerifySignature
) -> tuple[Manifest, bytes]:
    """The manifest and the payload of an envelope that the link brought as this sequence number.

    Raises `Malformed` (MANIFEST_MALFORMED) for other bytes, `Forged` with MANIFEST_SIGNATURE,
    MANIFEST_OTHER_FLOW, MANIFEST_DEMONSTRATION, MANIFEST_SEQUENCE, MANIFEST_POLICY or
    MANIFEST_DIGEST for what does not verify or is not for this side.
    """
    manifest, payload = _opened(untrusted_envelope, sequence, accepts, verify)
    if manifest.name and not accepts.names:
        raise Forged(Reason.MANIFEST_POLICY, "it brings a file's name, and none is taken here")
    if manifest.name and _NAME.fullmatch(manifest.name) is None:
        raise Malformed(Reason.MANIFEST_MALFORMED, "its name is not written as names are")
    return manifest, payload


def _opened(
    untrusted_envelope: bytes, sequence: int, accepts: Accepts, verify: VerifySignature
) -> tuple[Manifest, bytes]:
    hybrid = accepts.signatures is Signatures.HYBRID
    if accepts.form is Form.COMPACT and not hybrid and is_compact(untrusted_envelope):
        return _open_compact(untrusted_envelope, sequence, accepts, verify)
    untrusted_cose, payload = _split(untrusted_envelope)
    if untrusted_cose.startswith(HYBRID_START):
        content, untrusted_tail = _content(untrusted_cose[len(HYBRID_START) :])
        verify(*two_signatures(content, untrusted_tail))
    elif hybrid:
        raise Malformed(Reason.MANIFEST_MALFORMED, "the manifest is not signed twice")
    else:
        content, signature = _cose_parts(untrusted_cose)
        verify(signature, _SIGNED_HEAD + cbor2.dumps(content))
    manifest = _manifest(_read(content))
    if (manifest.flow, manifest.source_domain, manifest.destination_domain) != (
        accepts.flow,
        accepts.source_domain,
        accepts.destination_domain,
    ):
        raise Forged(Reason.MANIFEST_OTHER_FLOW, "the manifest is for another flow or domain")
    if manifest.demonstration > accepts.demonstration:
        raise Forged(Reason.MANIFEST_DEMONSTRATION, "it comes from a demonstration")
    if manifest.sequence != sequence:
        raise Forged(Reason.MANIFEST_SEQUENCE, "the link brought it under another number")
    if manifest.policy_digest not in accepts.policy_digests:
        raise Forged(Reason.MANIFEST_POLICY, "it was released under a policy not accepted here")
    if manifest.payload_bytes != len(payload) or len(payload) > accepts.payload_bytes_max:
        raise Forged(Reason.MANIFEST_DIGEST, "the payload is not as long as the manifest says")
    if hashlib.sha256(payload).digest() != manifest.payload_digest:
        raise Forged(Reason.MANIFEST_DIGEST, "the payload is not the one that was sealed")
    return manifest, payload


def _open_compact(
    untrusted_envelope: bytes, sequence: int, accepts: Accepts, verify: VerifySignature
) -> tuple[Manifest, bytes]:
    """The same for a compact one: what does not travel is bound by the signature.  # manifest §5"""
    prefix = policy_prefix(untrusted_envelope)
    named = sorted(digest for digest in accepts.policy_digests if digest.startswith(prefix))
    if not named:
        raise Forged(Reason.MANIFEST_POLICY, "it was released under a policy not accepted here")
    bound = _bound_by_signature(untrusted_envelope, sequence, accepts, named, verify)
    manifest, payload = read_compact(untrusted_envelope, bound)
    if len(payload) > accepts.payload_bytes_max:
        raise Forged(Reason.MANIFEST_DIGEST, "the payload is longer than this side takes")
    return manifest, payload


def _bound_by_signature(
    untrusted_envelope: bytes,
    sequence: int,
    accepts: Accepts,
    named: list[bytes],
    verify: VerifySignature,
) -> Bound:
    """What the signature verifies with. More than one policy only where digests begin alike."""
    for digest in named:
        bound = Bound(
            accepts.flow, accepts.source_domain, accepts.destination_domain, sequence, digest,
            accepts.demonstration,
        )  # fmt: skip
        try:
            verify(*signed_by(untrusted_envelope, bound))
        except Forged as error:
            if error.reason is not Reason.MANIFEST_SIGNATURE:
                raise  # whose signature it is, is known
            continue
        return bound
    raise Forged(Reason.MANIFEST_SIGNATURE, "the signature does not verify")


def _split(untrusted_envelope: bytes) -> tuple[bytes, bytes]:
    cose_bytes = int.from_bytes(untrusted_envelope[:LENGTH_BYTES], "big")
    payload_at = LENGTH_BYTES + cose_bytes
    twice = untrusted_envelope.startswith(HYBRID_START, LENGTH_BYTES)
    most = HYBRID_BYTES_MAX if twice else MANIFEST_BYTES_MAX
    if not 0 < cose_bytes <= most or payload_at > len(untrusted_envelope):
        raise Malformed(Reason.MANIFEST_MALFORMED, "the envelope is cut short")
    return untrusted_envelope[LENGTH_BYTES:payload_at], untrusted_envelope[payload_at:]


def _cose_parts(untrusted_cose: bytes) -> tuple[bytes, bytes]:
    """Content and signature. Nobody has vouched for these bytes yet, so no library reads them: of
    the one form they may have, only the content's length is not fixed.  # manifest §3 (2)
    """
    if not untrusted_cose.startswith(_COSE_START):
        raise Malformed(Reason.MANIFEST_MALFORMED, "the manifest is no COSE_Sign1 of this form")
    content, untrusted_signature = _content(untrusted_cose[len(_COSE_START) :])
    whole = len(untrusted_signature) == len(_SIGNATURE_HEAD) + SIGNATURE_BYTES
    if not whole or not untrusted_signature.startswith(_SIGNATURE_HEAD):
        raise Malformed(Reason.MANIFEST_MALFORMED, "the signature is not 64 bytes")
    return content, untrusted_signature[len(_SIGNATURE_HEAD) :]


def _content(untrusted: bytes) -> tuple[bytes, bytes]:
    """A byte string of 128 to 8,116 bytes with the shortest head, and what stands after it."""
    width = _LENGTH_WIDTHS.get(untrusted[:1], 0)
    content_at = 1 + width
    content_bytes = int.from_bytes(untrusted[1:content_at], "big")
    end = content_at + content_bytes
    shortest = (content_bytes > 0xFF) == (width > 1)
    if not _CONTENT_BYTES_MIN <= content_bytes <= _CONTENT_BYTES_MAX or not shortest:
        raise Malformed(Reason.MANIFEST_MALFORMED, "the manifest's content is not of this form")
    return untrusted[content_at:end], untrusted[end:]


def _read(untrusted: bytes) -> dict[Any, Any]:
    """One flat map in deterministic CBOR, and nothing after it.

    Neither tags nor containers fit within depth 1, so the library meets no type with a meaning.
    """
    if not untrusted or untrusted[0] >> 5 != _CBOR_MAP:
        raise Malformed(Reason.MANIFEST_MALFORMED, "the manifest is not a map")
    try:
        decoder = cbor2.CBORDecoder(
            io.BytesIO(untrusted), max_depth=1, allow_indefinite=False, allow_duplicate_keys=False
        )
        value = decoder.decode()
        again = cbor2.dumps(value, canonical=True)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise Malformed(Reason.MANIFEST_MALFORMED, "the manifest is not CBOR") from error
    if again != untrusted or not isinstance(value, dict):
        raise Malformed(Reason.MANIFEST_MALFORMED, "the manifest is not in deterministic form")
    return value


def _manifest(untrusted: dict[Any, Any]) -> Manifest:
    if not all(type(key) is int for key in untrusted):  # True and 1.0 equal 1 and are other keys
        raise Malformed(Reason.MANIFEST_MALFORMED, "the manifest has a key that is no integer")
    for key, (kind, least, most) in _FIELDS.items():
        if key not in untrusted:
            if key in _OPTIONAL:
                continue
            raise Malformed(Reason.MANIFEST_MALFORMED, f"the manifest has no {key.name.lower()}")
        value = untrusted[key]
        if type(value) is not kind or not least <= _size(value) <= most:
            raise Malformed(Reason.MANIFEST_MALFORMED, f"{key.name.lower()} is out of bounds")
    if untrusted.keys() - _FIELDS.keys():
        raise Malformed(Reason.MANIFEST_MALFORMED, "the manifest has a key that is not known")
    values = {key.name.lower(): untrusted[key] for key in _FIELDS if key in untrusted}
    del values["format"]
    return Manifest(**values)


def _size(value: Any) -> int:
    return value if isinstance(value, int) else len(value)
