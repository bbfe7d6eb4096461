"""Filter `sender_signature`: the payload as dropped carries the signature of its sender.

Takes payload and metadata (whose drop directory, when accepted, the detached CMS signature beside
the drop), changes nothing. The signature must be over the payload, by a certificate that an
authority of the policy has issued for signing, valid when the message was accepted, not revoked by
the policy's list, of one of the names that the policy gives to this drop directory. The authority
and the list are documents of the policy: pure, so the same message gets the same answer years
later. Runs before anything parses the payload, which it only hashes. Chains are built by OpenSSL
(`pyOpenSSL`), names and usages read by `cryptography`. Follows docs/spec/sender-signature.md.
"""

import ipaddress  # noqa: F401  # x509 imports it at the first address: too late when confined
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.backends.openssl import backend  # noqa: F401  # the same, of any key
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto
from pydantic import Field

from filters.formats.cms import DetachedSignature, read_cms
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import SENTENCE_CHARACTERS_MAX, Answer, Pass, Refuse

AUTHORITIES_MAX = 8
RSA_BITS_MIN, EC_BITS_MIN = 2048, 256
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+?-----END \1-----")
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_RSA: dict[str, hashes.HashAlgorithm | None] = {
    "1.2.840.113549.1.1.1": None,  # rsaEncryption: with the digest's hash (RFC 3370 §3.2)
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}
_ECDSA: dict[str, hashes.HashAlgorithm] = {
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
_STRICT = crypto.X509StoreFlags.X509_STRICT | crypto.X509StoreFlags.CHECK_SS_SIGNATURE
_REVOCATION = crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL
_REVOKED = 23  # X509_V_ERR_CERT_REVOKED
_FOR_MESSAGES = frozenset({
    ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string,
    "1.3.6.1.5.5.7.3.36",  # document signing, RFC 9336
})  # fmt: skip
_NAME = r"^(cn|email|uri):.{1,255}$"


class SenderSignatureParameters(Parameters):
    """Who must sign.

    signers             drop directory -> names one of which the signer's certificate must have:
                        "cn:" and the subject's common name, "email:" or "uri:" and an alternative
                        name; exactly as the certificate has it
    others              what becomes of drop directories that are not named
    authority_document  certificates of the authorities, self-signed, in PEM
    revoked_document    their revocation lists in PEM; "" none
    extended_usages     OIDs, one of which an extended key usage must have; by default e-mail
                        protection, document signing or any
    """

    signers: Annotated[
        dict[str, Annotated[list[Annotated[str, Field(pattern=_NAME)]], Field(max_length=64)]],
        Field(min_length=1, max_length=64),
    ]
    others: Literal["refuse", "pass"] = "refuse"
    authority_document: str
    revoked_document: str | None = None
    extended_usages: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+){1,30}$")]],
        Field(max_length=16, default_factory=list),
    ]


@dataclass(frozen=True, slots=True)
class _Signer:
    """What a signer must be."""

    anchors: tuple[crypto.X509, ...]
    lists: tuple[x509.CertificateRevocationList, ...]
    usages: frozenset[str]


def make(parameters: SenderSignatureParameters, documents: Documents) -> Run:
    """A run that refuses what its sender did not sign. Raises `ValueError` for documents that hold
    no certificates."""
    signer = _Signer(
        tuple(_anchors(documents[parameters.authority_document])),
        tuple(_lists(documents, parameters.revoked_document)),
        frozenset(parameters.extended_usages) or _FOR_MESSAGES,
    )
    names = {sender: frozenset(named) for sender, named in parameters.signers.items()}

    def run(message: Message) -> Answer:
        meta = message.meta
        if meta.sender not in names:
            if parameters.others == "pass":
                return Pass()
            return Refuse(Reason.SIGNATURE_MISSING, "the policy knows no signer for this sender")
        if not meta.signature:
            return Refuse(Reason.SIGNATURE_MISSING, "the sender's signature is not there")
        found = read_cms(_from_base64(meta.signature))
        certificate = x509.load_der_x509_certificate(found.certificates[0])
        _check_signature(found, certificate, message.payload)
        _check_chain(found.certificates, signer, meta.accepted_s)
        _check_usage(certificate, signer.usages)
        signed_by = sorted(_names_of(certificate) & names[meta.sender])
        if not signed_by:
            return Refuse(
                Reason.SIGNATURE_OTHER_SIGNER, "it is signed by somebody who is not this sender"
            )
        return Pass(f"signed by {signed_by[0]}"[:SENTENCE_CHARACTERS_MAX])

    return run


def _from_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed(Reason.SIGNATURE_MALFORMED, "the signature is no base64") from error


def _check_signature(
    found: DetachedSignature, certificate: x509.Certificate, payload: bytes
) -> None:
    """Over the signed attributes, which have the payload's digest (RFC 5652 §5.4, §5.6)."""
    digest = _HASHES.get(found.digest)
    if digest is None:
        raise _invalid("is over a hash that is not allowed: take SHA-256, SHA-384 or SHA-512")
    hashed = hashes.Hash(digest)
    hashed.update(payload)
    if hashed.finalize() != found.message_digest:
        raise _invalid("is of another payload")
    try:
        _verify(found, certificate, digest)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise _invalid("does not verify") from error


def _verify(
    found: DetachedSignature, certificate: x509.Certificate, digest: hashes.HashAlgorithm
) -> None:
    key, algorithm = certificate.public_key(), found.algorithm
    if isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS_MIN and algorithm in _RSA:
        key.verify(found.signature, found.signed, PKCS1v15(), _RSA[algorithm] or digest)
    elif (
        isinstance(key, EllipticCurvePublicKey)
        and key.key_size >= EC_BITS_MIN
        and algorithm in _ECDSA
    ):
        key.verify(found.signature, found.signed, ECDSA(_ECDSA[algorithm]))
    else:
        raise _invalid("is of a kind, or by a key, that is not allowed")


def _check_chain(chain: Sequence[bytes], signer: _Signer, at_s: int) -> None:
    """From the signer to an authority of the policy, at this time, in seconds since 1970."""
    store = crypto.X509Store()
    store.set_time(datetime.fromtimestamp(at_s, UTC))
    store.set_flags(_STRICT)
    for anchor in signer.anchors:
        store.add_cert(anchor)
    for each in signer.lists:
        store.add_crl(each)
    if signer.lists:
        store.set_flags(_REVOCATION)
    try:
        links = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain]
        verified = crypto.X509StoreContext(store, links[0], links[1:]).get_verified_chain()
        strong = all(_is_strong(link.to_cryptography()) for link in verified)
    except crypto.X509StoreContextError as error:
        revoked = error.errors[0] == _REVOKED
        why = "is revoked" if revoked else f"does not hold ({error.errors[2]})"
        raise _untrusted(why) from error
    except (crypto.Error, ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise _untrusted("does not hold") from error
    if not strong:
        raise _untrusted("is signed with a hash that is not allowed")


def _is_strong(link: x509.Certificate) -> bool:
    signed_with = link.signature_hash_algorithm
    return signed_with is None or isinstance(
        signed_with, hashes.SHA256 | hashes.SHA384 | hashes.SHA512
    )


def _check_usage(certificate: x509.Certificate, usages: frozenset[str]) -> None:
    """For signing messages, and certifying nobody (RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.12)."""
    try:
        found = {extension.oid: extension.value for extension in certificate.extensions}
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise _untrusted("has extensions that cannot be read") from error
    usage = found.get(x509.KeyUsage.oid)
    signs = isinstance(usage, x509.KeyUsage) and (
        usage.digital_signature or usage.content_commitment
    )
    certifies = isinstance(usage, x509.KeyUsage) and (usage.key_cert_sign or usage.crl_sign)
    constraints = found.get(x509.BasicConstraints.oid)
    authority = isinstance(constraints, x509.BasicConstraints) and constraints.ca
    extended = found.get(x509.ExtendedKeyUsage.oid)
    allowed = not isinstance(extended, x509.ExtendedKeyUsage) or any(
        purpose.dotted_string in usages for purpose in extended
    )
    if not signs or certifies or authority or not allowed:
        raise _untrusted("is not for signing messages")


def _names_of(certificate: x509.Certificate) -> frozenset[str]:
    try:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError as error:
        raise _untrusted("has a subject that cannot be read") from error
    names = {f"cn:{it.value!s}" for it in common} if len(common) == 1 else set()
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset(names)
    names |= {f"email:{it}" for it in found.get_values_for_type(x509.RFC822Name)}
    names |= {f"uri:{it}" for it in found.get_values_for_type(x509.UniformResourceIdentifier)}
    return frozenset(names)


def _anchors(pem: bytes) -> list[crypto.X509]:
    blocks = _blocks(pem, b"CERTIFICATE")
    return [crypto.load_certificate(crypto.FILETYPE_PEM, block) for block in blocks]


def _lists(documents: Documents, name: str | None) -> list[x509.CertificateRevocationList]:
    if name is None:
        return []
    return [x509.load_pem_x509_crl(block) for block in _blocks(documents[name], b"X509 CRL")]


def _blocks(pem: bytes, label: bytes) -> list[bytes]:
    found = list(_BLOCK.finditer(pem))
    if not 1 <= len(found) <= AUTHORITIES_MAX or any(it[1] != label for it in found):
        raise ValueError(f"the document does not hold 1 to {AUTHORITIES_MAX} {label.decode()} only")
    return [it[0] for it in found]


def _invalid(what: str) -> Malformed:
    return Malformed(Reason.SIGNATURE_INVALID, f"the sender's signature {what}")


def _untrusted(what: str) -> Malformed:
    return Malformed(Reason.SIGNATURE_UNTRUSTED, f"the signer's certificate {what}")


STAGE = StageType(
    name="sender_signature",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=SenderSignatureParameters,
    make=make,
    summary="the sender has signed what it dropped (detached CMS)",
    rechecks=frozenset({"sender"}),
)
