"""A recogniser of detached signatures: CMS SignedData (RFC 5652) in DER, of one form.

Takes the bytes of a `.p7s` file, gives a `DetachedSignature` or raises
`Malformed(SIGNATURE_MALFORMED)`; judges nothing. Pure. One signer, with signed attributes, content
not inside, one to four certificates, nothing encrypted, nothing nested. BER (indefinite lengths)
is not taken: every field has one encoding. The DER is read by `cryptography`'s Rust parser, by the
declarations below. Follows docs/spec/sender-signature.md.
"""

from dataclasses import dataclass
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.asn1 import (
    TLV,
    Explicit,
    Implicit,
    Null,
    SetOf,
    decode_der,
    encode_der,
    sequence,
)

from schemas.errors import Malformed
from schemas.message import SIGNATURE_BYTES_MAX
from schemas.reasons import Reason

CERTIFICATES_MAX = 4
ATTRIBUTES_MAX = 16
_SIGNED_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.2")
_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.1")
_CONTENT_TYPE = x509.ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = x509.ObjectIdentifier("1.2.840.113549.1.9.4")
_SEQUENCE, _KEY_ID = b"\x30", b"\x80"


@sequence
class _Algorithm:
    algorithm: x509.ObjectIdentifier
    parameters: Null | None


@sequence
class _Attribute:
    kind: x509.ObjectIdentifier
    values: SetOf[TLV]


@sequence
class _IssuerAndSerial:
    issuer: TLV
    serial: int


@sequence
class _Content:
    content_type: x509.ObjectIdentifier


@sequence
class _SignerInfo:
    version: int
    sid: TLV
    digest: _Algorithm
    signed: Annotated[SetOf[_Attribute], Implicit(0)]
    algorithm: _Algorithm
    signature: bytes
    unsigned: Annotated[SetOf[TLV] | None, Implicit(1)]


@sequence
class _SignedData:
    version: int
    digests: SetOf[_Algorithm]
    content: _Content
    certificates: Annotated[SetOf[TLV], Implicit(0)]
    crls: Annotated[SetOf[TLV] | None, Implicit(1)]
    signers: SetOf[_SignerInfo]


@sequence
class _ContentInfo:
    content_type: x509.ObjectIdentifier
    content: Annotated[TLV, Explicit(0)]


@dataclass(frozen=True, slots=True)
class DetachedSignature:
    """What it says; nothing is verified.

    certificates    DER, the signer's first
    digest          OID of the hash of the content, which is `message_digest`
    algorithm       OID of the signature, over `signed`: the signed attributes in DER
    """

    certificates: tuple[bytes, ...]
    digest: str
    message_digest: bytes
    algorithm: str
    signed: bytes
    signature: bytes


def read_cms(untrusted: bytes) -> DetachedSignature:
    """Raises `Malformed(SIGNATURE_MALFORMED)` for anything but one detached signature in DER."""
    if not 0 < len(untrusted) <= SIGNATURE_BYTES_MAX:
        raise _malformed(f"is empty or larger than {SIGNATURE_BYTES_MAX} bytes")
    try:
        return _read(untrusted)
    except (ValueError, OverflowError, x509.InvalidVersion) as error:
        raise _malformed("is not one detached CMS signature in DER") from error


def _read(untrusted: bytes) -> DetachedSignature:
    outer = decode_der(_ContentInfo, untrusted)
    if outer.content_type != _SIGNED_DATA:
        raise _malformed("is no SignedData")
    data = outer.content.parse(_SignedData)
    signers, certificates = data.signers.as_list(), data.certificates.as_list()
    if len(signers) != 1 or data.content.content_type != _DATA:
        raise _malformed("has not exactly one signer of plain data")
    if not 1 <= len(certificates) <= CERTIFICATES_MAX:
        raise _malformed(f"does not carry one to {CERTIFICATES_MAX} certificates")
    (signer,) = signers
    message_digest = _message_digest(signer.signed.as_list())
    chain = [_der(it) for it in certificates]
    at = next((at for at, der in enumerate(chain) if _is_of(der, signer.sid)), None)
    if at is None:
        raise _malformed("does not carry its signer's certificate")
    first = chain.pop(at)
    return DetachedSignature(
        (first, *chain), signer.digest.algorithm.dotted_string, message_digest,
        signer.algorithm.algorithm.dotted_string, encode_der(signer.signed), signer.signature,
    )  # fmt: skip


def _message_digest(attributes: list[_Attribute]) -> bytes:
    """That of RFC 5652 §11.2; §11.1 wants the content's type beside it, each once."""
    found = {attribute.kind: attribute.values.as_list() for attribute in attributes}
    if len(found) != len(attributes) or len(attributes) > ATTRIBUTES_MAX:
        raise _malformed("has a signed attribute twice, or too many")
    kinds, digests = found.get(_CONTENT_TYPE, []), found.get(_MESSAGE_DIGEST, [])
    if len(kinds) != 1 or kinds[0].parse(x509.ObjectIdentifier) != _DATA or len(digests) != 1:
        raise _malformed("does not sign the content's type and digest, each once")
    digest: bytes = digests[0].parse(bytes)
    return digest


def _der(element: TLV) -> bytes:
    """A SEQUENCE as it stood. Another choice (RFC 5652 §10.2.2) is none."""
    if element.tag_bytes != _SEQUENCE:
        raise _malformed("carries what is no X.509 certificate")
    content = bytes(element.data)
    size = len(content)
    if size < 0x80:
        head = bytes([size])
    else:
        length = size.to_bytes((size.bit_length() + 7) // 8, "big")
        head = bytes([0x80 | len(length)]) + length
    return _SEQUENCE + head + content


def _is_of(der: bytes, sid: TLV) -> bool:
    """Whether a certificate is the one that a signer's identifier (RFC 5652 §5.3) names."""
    certificate = x509.load_der_x509_certificate(der)
    if sid.tag_bytes == _KEY_ID:
        try:
            found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except (x509.ExtensionNotFound, x509.DuplicateExtension):
            return False
        return found.value.digest == bytes(sid.data)
    if sid.tag_bytes != _SEQUENCE:
        raise _malformed("names its signer in another way than RFC 5652")
    issuer, serial = _issuer_and_serial(sid)
    return certificate.serial_number == serial and certificate.issuer.public_bytes() == issuer


def _issuer_and_serial(sid: TLV) -> tuple[bytes, int]:
    named = decode_der(_IssuerAndSerial, _der(sid))
    return _der(named.issuer), named.serial


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.SIGNATURE_MALFORMED, f"the sender's signature {what}")
