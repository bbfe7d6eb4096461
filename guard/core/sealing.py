"""Sealing, on the source side: manifest and payload become a signed envelope.

Takes a `Manifest`, the payload and a signer; gives the envelope's bytes. Follows
docs/spec/manifest.md; the signer is passed in, so no key is read here.
"""

from collections.abc import Callable

from schemas.cbor import encode, encode_numbered
from schemas.manifest import (
    COSE_SIGN1_TAG,
    FORMAT,
    LENGTH_BYTES,
    PROTECTED_EDDSA,
    SIGNATURE_CONTEXT,
    Key,
    Manifest,
)

Signer = Callable[[bytes], bytes]
_TAG = bytes([0xC0 | COSE_SIGN1_TAG])


def seal(manifest: Manifest, payload: bytes, sign: Signer) -> bytes:
    """The envelope. `sign` gives the 64-byte Ed25519 signature of the bytes it is given."""
    content = encode_numbered(_as_map(manifest))
    to_sign = encode([SIGNATURE_CONTEXT, PROTECTED_EDDSA, b"", content])  # RFC 9052 §4.4
    cose = _TAG + encode([PROTECTED_EDDSA, {}, content, sign(to_sign)])
    return len(cose).to_bytes(LENGTH_BYTES, "big") + cose + payload


def _as_map(manifest: Manifest) -> dict[int, int | str | bytes]:
    content: dict[int, int | str | bytes] = {
        Key.FORMAT.value: FORMAT,
        Key.FLOW.value: manifest.flow,
        Key.SOURCE_DOMAIN.value: manifest.source_domain,
        Key.DESTINATION_DOMAIN.value: manifest.destination_domain,
        Key.SEQUENCE.value: manifest.sequence,
        Key.ID.value: manifest.id,
        Key.PAYLOAD_DIGEST.value: manifest.payload_digest,
        Key.PAYLOAD_BYTES.value: manifest.payload_bytes,
        Key.TYPE.value: manifest.type,
        Key.LABEL.value: manifest.label,
        Key.PRECEDENCE.value: manifest.precedence,
        Key.QUEUES.value: manifest.queues,
        Key.ACCEPTED_S.value: manifest.accepted_s,
        Key.RELEASED_S.value: manifest.released_s,
        Key.POLICY_DIGEST.value: manifest.policy_digest,
        Key.RECEIPTS_DIGEST.value: manifest.receipts_digest,
        Key.LEDGER_SIZE.value: manifest.ledger_size,
        Key.LEDGER_ROOT.value: manifest.ledger_root,
    }
    if manifest.name:
        content[Key.NAME.value] = manifest.name
    return content
