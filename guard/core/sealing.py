"""Sealing, on the source side: manifest and payload become a signed envelope, full or compact.

Takes a `Manifest`, the payload and a signer; gives the envelope's bytes. Follows
docs/spec/manifest.md; the signer is passed in, so no key is read here.
"""

from collections.abc import Callable
from functools import partial

from schemas.cbor import CborValue, encode, encode_numbered
from schemas.errors import Malformed
from schemas.manifest import (
    COMPACT_CONTEXT,
    COMPACT_DEMONSTRATION,
    COMPACT_FORM,
    COMPACT_HEAD,
    COMPACT_POLICY_BYTES,
    COMPACT_TEXTS_BYTES_MAX,
    COSE_SIGN1_TAG,
    COSE_SIGN_TAG,
    FORMAT,
    LENGTH_BYTES,
    PROTECTED_EDDSA,
    PROTECTED_MLDSA65,
    SIGNATURE_BYTES,
    SIGNATURE_CONTEXT,
    SIGNERS_CONTEXT,
    Form,
    Key,
    Manifest,
)
from schemas.reasons import Reason

Signer = Callable[[bytes], bytes]
_TAG = bytes([0xC0 | COSE_SIGN1_TAG])
_HYBRID_TAG = bytes([0xD8, COSE_SIGN_TAG])


def seal(manifest: Manifest, payload: bytes, sign: Signer) -> bytes:
    """The envelope. `sign` gives the 64-byte Ed25519 signature of the bytes it is given."""
    content = encode_numbered(_as_map(manifest))
    to_sign = encode([SIGNATURE_CONTEXT, PROTECTED_EDDSA, b"", content])  # RFC 9052 §4.4
    cose = _TAG + encode([PROTECTED_EDDSA, {}, content, sign(to_sign)])
    return len(cose).to_bytes(LENGTH_BYTES, "big") + cose + payload


def seal_hybrid(manifest: Manifest, payload: bytes, sign: Signer, sign_mldsa: Signer) -> bytes:
    """The envelope with two signatures (manifest §6). `sign_mldsa`: ML-DSA-65, 3,309 bytes."""
    content = encode_numbered(_as_map(manifest))
    signers: list[CborValue] = []
    for protected, signer in ((PROTECTED_EDDSA, sign), (PROTECTED_MLDSA65, sign_mldsa)):
        to_sign = encode([SIGNERS_CONTEXT, b"", protected, b"", content])  # RFC 9052 §4.4
        signers.append([protected, {}, signer(to_sign)])
    cose = _HYBRID_TAG + encode([b"", {}, content, signers])
    return len(cose).to_bytes(LENGTH_BYTES, "big") + cose + payload


def seal_compact(manifest: Manifest, payload: bytes, sign: Signer) -> bytes:
    """The compact envelope (manifest §5). What it leaves out is signed or in the ledger.

    Raises `Malformed(MANIFEST_MALFORMED)` for times, sizes or texts that the form has no room
    for: the message is then held, and nothing of it leaves.
    """
    waited_s = manifest.released_s - manifest.accepted_s
    texts = (manifest.type, manifest.label, manifest.queues, manifest.name)
    told = encode(waited_s) + b"".join(encode(text) for text in texts)
    if max(manifest.released_s, manifest.ledger_size) >= 2**32 or manifest.released_s < 0:
        raise _no_room("its times or the ledger's size")
    if len(told) > COMPACT_TEXTS_BYTES_MAX:
        raise _no_room("its type, label, queues and name")
    form, policy = COMPACT_FORM | manifest.precedence, manifest.policy_digest[:COMPACT_POLICY_BYTES]
    unsigned = COMPACT_HEAD.pack(
        form, bytes(SIGNATURE_BYTES), policy, manifest.released_s, manifest.ledger_size
    )
    rest = unsigned[1 + SIGNATURE_BYTES :] + told + payload
    bound = compact_bound(
        manifest.flow, manifest.source_domain, manifest.destination_domain,
        manifest.sequence, manifest.policy_digest, manifest.demonstration,
    )  # fmt: skip
    signature = sign(compact_signed(unsigned[:1] + rest, bound))
    return unsigned[:1] + signature + rest


def compact_bound(
    flow: str, source_domain: str, destination_domain: str, sequence: int, policy_digest: bytes,
    demonstration: int = 0,
) -> bytes:  # fmt: skip
    """What a compact manifest's signature covers though it does not travel (§5 (3))."""
    context = COMPACT_DEMONSTRATION if demonstration else COMPACT_CONTEXT
    return encode([context, flow, source_domain, destination_domain, sequence, policy_digest])


def compact_signed(content: bytes, bound: bytes) -> bytes:
    """The bytes that are signed: the detached content of a COSE_Sign1 with external data."""
    return encode([SIGNATURE_CONTEXT, PROTECTED_EDDSA, bound, content])  # RFC 9052 §4.4


def sealer(
    form: Form, sign_mldsa: Signer | None = None
) -> Callable[[Manifest, bytes, Signer], bytes]:
    """`seal` or `seal_compact`, as the policy's link line says; `seal_hybrid` with `sign_mldsa`."""
    if sign_mldsa is not None:
        return partial(seal_hybrid, sign_mldsa=sign_mldsa)
    return seal_compact if form is Form.COMPACT else seal


def _no_room(what: str) -> Malformed:
    return Malformed(Reason.MANIFEST_MALFORMED, f"a compact manifest has no room for {what}")


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
    if manifest.demonstration:
        content[Key.DEMONSTRATION.value] = 1
    return content
