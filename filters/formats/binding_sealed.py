"""A label bound to data of any format, short enough for a sidecar: COSE_Sign1 as base64url.

Takes the text that stands in a message's metadata and its payload, gives the label's text if the
binding is of just that payload and signed by whom the policy trusts; else raises `Malformed` or
`Forged`. Follows docs/spec/label-binding.md §6, RFC 9052 (COSE_Sign1), RFC 9054 (hashes) and RFC
9360 (x5chain). Source side; pure: who writes one hands in the function that signs.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from filters.formats.certificate_path import CERTIFICATES_MAX, Trust, check_path
from schemas.errors import Forged, Malformed
from schemas.message import BINDING_CHARACTERS_MAX
from schemas.reasons import Reason

VERSION = 1
LABEL_CHARACTERS_MAX = 1024
TYPE_CHARACTERS_MAX = 127
CONTEXT = b"checkvalve label binding 1"
_ALGORITHM, _CHAIN = 1, 33  # labels of COSE header parameters
_VERSION, _LABEL, _HASH, _DIGEST, _SIZE, _TYPE = 1, 2, 3, 4, 5, 6  # ours
_HASHES: Mapping[int, str] = {-43: "sha384", -44: "sha512"}
_SIGNATURES = {-7: ("secp256r1", 32, SHA256()), -35: ("secp384r1", 48, SHA384())}


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a binding says of its data: the label as text, and the media type ("" unsaid)."""

    label: str
    media_type: str


def write_sealed(
    sealed: Sealed, payload: bytes, algorithm: int, certificates: tuple[bytes, ...],
    sign: Callable[[bytes], bytes],
) -> str:  # fmt: skip
    """The binding of a label to this payload. sign gives r and s, each as long as the curve."""
    content = {
        _VERSION: VERSION, _LABEL: sealed.label, _HASH: -43,
        _DIGEST: hashlib.sha384(payload).digest(), _SIZE: len(payload), _TYPE: sealed.media_type,
    }  # fmt: skip
    chain = certificates[0] if len(certificates) == 1 else list(certificates)
    protected = _dumps({_ALGORITHM: algorithm, _CHAIN: chain})
    body = _dumps(content)
    signature = sign(_to_be_signed(protected, body))
    whole = _dumps([protected, {}, body, signature])
    return urlsafe_b64encode(whole).rstrip(b"=").decode("ascii")


def check_sealed(untrusted: str, payload: bytes, trust: Trust, at_ms: int) -> Sealed:
    """The label that is bound to `payload`; at_ms: when the signer's certificate must be good."""
    protected, body, signature = _opened(untrusted)
    header = _map(protected)
    if header.keys() != {_ALGORITHM, _CHAIN}:
        raise _malformed("its header has other entries than algorithm and certificates")
    algorithm = header[_ALGORITHM]
    if type(algorithm) is not int or algorithm not in _SIGNATURES:
        raise Malformed(Reason.BINDING_ALGORITHM, "the binding is signed by no allowed algorithm")
    leaf = check_path(_chain(header[_CHAIN]), trust, at_ms)
    key = leaf.public_key()
    curve, size, named = _SIGNATURES[algorithm]
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != curve:
        raise Forged(Reason.BINDING_SIGNATURE, "the signature is not of the certificate's kind")
    if len(signature) != 2 * size:
        raise Forged(Reason.BINDING_SIGNATURE, "the signature has another length than its kind")
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    try:
        key.verify(encode_dss_signature(r, s), _to_be_signed(protected, body), ECDSA(named))
    except InvalidSignature as error:
        raise Forged(Reason.BINDING_SIGNATURE, "the signature does not verify") from error
    return _content(_map(body), payload)


def _content(content: Mapping[int, Any], payload: bytes) -> Sealed:
    kinds = {_VERSION: int, _LABEL: str, _HASH: int, _DIGEST: bytes, _SIZE: int, _TYPE: str}
    if {name: type(value) for name, value in content.items()} != kinds:
        raise _malformed("its content has other entries than a binding of labels")
    if content[_VERSION] != VERSION:
        raise _malformed("it is of another version")
    label, media_type = content[_LABEL], content[_TYPE]
    if not 0 < len(label) <= LABEL_CHARACTERS_MAX or not label.isprintable():
        raise _malformed("its label is empty, longer than its bound or not printable")
    if len(media_type) > TYPE_CHARACTERS_MAX or not (media_type.isprintable() or not media_type):
        raise _malformed("its media type is longer than its bound or not printable")
    name = _HASHES.get(content[_HASH])
    if name is None:
        raise Malformed(Reason.BINDING_ALGORITHM, "the data is digested by no allowed algorithm")
    if len(payload) != content[_SIZE] or hashlib.new(name, payload).digest() != content[_DIGEST]:
        raise Forged(Reason.BINDING_DIGEST, "the data is not what the label was bound to")
    return Sealed(label, media_type)


def _opened(untrusted: str) -> tuple[bytes, bytes, bytes]:
    if not 0 < len(untrusted) <= BINDING_CHARACTERS_MAX or not untrusted.isascii():
        raise _malformed("it is empty or longer than its bound")
    try:
        whole = urlsafe_b64decode(untrusted + "=" * (-len(untrusted) % 4))
    except ValueError as error:
        raise _malformed("it is not base64url") from error
    if urlsafe_b64encode(whole).rstrip(b"=").decode("ascii") != untrusted:
        raise _malformed("it is not base64url without padding")
    value = _loads(whole)
    if type(value) is not list or len(value) != 4 or value[1] != {}:
        raise _malformed("it is no COSE_Sign1 without unprotected headers")
    protected, _, body, signature = value
    if not (type(protected) is type(body) is type(signature) is bytes):
        raise _malformed("it is no COSE_Sign1 with its content in it")
    return protected, body, signature


def _chain(value: object) -> tuple[bytes, ...]:
    certificates = value if type(value) is list else [value]
    if not all(type(each) is bytes for each in certificates) or len(certificates) > (
        CERTIFICATES_MAX
    ):
        raise _malformed("its certificates are not a few byte strings")
    return tuple(certificates)


def _map(untrusted: bytes) -> dict[int, Any]:
    value = _loads(untrusted)
    if type(value) is not dict or not all(type(name) is int for name in value):
        raise _malformed("a part is no map by numbers")
    return value


def _loads(untrusted: bytes) -> Any:
    """One deterministic CBOR item: what is written again must be the same bytes."""
    try:
        value = cbor2.loads(untrusted)
        again = _dumps(value)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _malformed("it is not CBOR") from error
    if again != untrusted:
        raise _malformed("it is not deterministic CBOR")
    return value


def _dumps(value: object) -> bytes:
    return bytes(cbor2.dumps(value, canonical=True))


def _to_be_signed(protected: bytes, body: bytes) -> bytes:
    return _dumps(["Signature1", protected, CONTEXT, body])


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.BINDING_MALFORMED, f"no sealed binding: {sentence}")
