"""Reading a compact envelope, with other code than sealed it. Follows docs/spec/manifest.md §5.

Takes an envelope's bytes and what its signature binds beside them; gives what was signed, and, of
an envelope whose signature has been checked, the manifest and the payload. Until then only fields
at fixed places are looked at.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import cbor2

from schemas.errors import Malformed
from schemas.manifest import (
    COMPACT_CONTEXT,
    COMPACT_DEMONSTRATION,
    COMPACT_FORM,
    COMPACT_HEAD,
    COMPACT_TEXTS_BYTES_MAX,
    ID_BYTES,
    PROTECTED_EDDSA,
    SIGNATURE_BYTES,
    SIGNATURE_CONTEXT,
    Manifest,
)
from schemas.message import QUEUES_CHARACTERS_MAX, Precedence
from schemas.reasons import Reason

_FORMS = {COMPACT_FORM | precedence for precedence in Precedence}
_TEXTS = (
    ("type", 1, 127),
    ("label", 0, 256),
    ("queues", 0, QUEUES_CHARACTERS_MAX),
    ("name", 0, 255),
)
_SIGNATURE_END = 1 + SIGNATURE_BYTES
_TIME_S_MAX = 2**40


@dataclass(frozen=True, slots=True)
class Bound:
    """What the signature covers and both sides know: a lie about any of it does not verify."""

    flow: str
    source_domain: str
    destination_domain: str
    sequence: int
    policy_digest: bytes
    demonstration: int = 0


def is_compact(untrusted_envelope: bytes) -> bool:
    """Whether it has the first byte and the length of one. A full envelope starts with 0."""
    return len(untrusted_envelope) > COMPACT_HEAD.size and untrusted_envelope[0] in _FORMS


def policy_prefix(untrusted_envelope: bytes) -> bytes:
    """How the digest of the source's policy begins, as the envelope says."""
    prefix: bytes = COMPACT_HEAD.unpack_from(untrusted_envelope)[2]
    return prefix


def signed_by(untrusted_envelope: bytes, bound: Bound) -> tuple[bytes, bytes]:
    """The signature, and the bytes that it must be of.  # manifest §5 (3)"""
    context = COMPACT_DEMONSTRATION if bound.demonstration else COMPACT_CONTEXT
    external = [
        context, bound.flow, bound.source_domain, bound.destination_domain,
        bound.sequence, bound.policy_digest,
    ]  # fmt: skip
    content = untrusted_envelope[:1] + untrusted_envelope[_SIGNATURE_END:]
    signed = cbor2.dumps([SIGNATURE_CONTEXT, PROTECTED_EDDSA, cbor2.dumps(external), content])
    return untrusted_envelope[1:_SIGNATURE_END], signed


def read_compact(signed_envelope: bytes, bound: Bound) -> tuple[Manifest, bytes]:
    """The manifest and the payload. Raises `Malformed`: a true signature makes no true form."""
    form, _, _, released_s, ledger_size = COMPACT_HEAD.unpack_from(signed_envelope)
    rest = signed_envelope[COMPACT_HEAD.size :]
    waited_s, *texts = _values(rest[:COMPACT_TEXTS_BYTES_MAX])
    accepted_s = released_s - waited_s
    if not 0 <= accepted_s <= _TIME_S_MAX:
        raise _malformed("its waiting time is out of bounds")
    payload = rest[sum(len(cbor2.dumps(value)) for value in (waited_s, *texts)) :]
    told = dict(zip((name for name, _, _ in _TEXTS), texts, strict=True))
    return Manifest(
        flow=bound.flow,
        source_domain=bound.source_domain,
        destination_domain=bound.destination_domain,
        sequence=bound.sequence,
        id=hashlib.sha256(signed_envelope).digest()[:ID_BYTES],
        payload_digest=hashlib.sha256(payload).digest(),
        payload_bytes=len(payload),
        precedence=form ^ COMPACT_FORM,
        accepted_s=accepted_s,
        released_s=released_s,
        policy_digest=bound.policy_digest,
        receipts_digest=b"",
        ledger_size=ledger_size,
        ledger_root=b"",
        demonstration=bound.demonstration,
        **told,
    ), payload


def _values(untrusted: bytes) -> list[Any]:
    """An integer and four texts in deterministic CBOR, from the front.

    As in a full manifest, neither tags nor containers fit within depth 1.
    """
    stream = io.BytesIO(untrusted)
    try:
        decoder = cbor2.CBORDecoder(stream, max_depth=1, allow_indefinite=False)
        values = [decoder.decode() for _ in range(1 + len(_TEXTS))]
        again = b"".join(cbor2.dumps(value, canonical=True) for value in values)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise _malformed("it is not CBOR") from error
    if not untrusted.startswith(again):
        raise _malformed("it is not in deterministic form")
    if type(values[0]) is not int:
        raise _malformed("its waiting time is no integer")
    for (name, least, most), value in zip(_TEXTS, values[1:], strict=True):
        if type(value) is not str or not least <= len(value) <= most:
            raise _malformed(f"its {name} is out of bounds")
    return values


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.MANIFEST_MALFORMED, f"of the compact manifest, {what}")
