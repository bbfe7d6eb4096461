"""Issuing domain certificates: the demonstration authority of `guard init`.

Takes names, public keys and times; gives certificates as PEM. An organisation has an authority of
its own, which issues the same profile (docs/identity.md). Library: `cryptography`; what is made
here is judged by `guard.edge.identity` with another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from guard.edge.alternative_key import alternative_key, read_alternative_key
from guard.edge.identity import DEMONSTRATION_AUTHORITY, domain_urn
from guard.edge.seal_key import SealKey
from schemas.errors import Malformed
from schemas.reasons import Reason

DAY_S = 86_400
AUTHORITY_KEY = "authority.key"
"""Where `guard init --demo` leaves the demonstration authority's key, beside the two sides."""


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority's certificate and its key."""

    certificate: x509.Certificate
    key: Ed25519PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as it stands in trust/authority.pem."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as PKCS #8 in PEM, in the clear."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def read(cls, certificate: Path, key: Path) -> Self:
        """From two files in PEM. Raises `Malformed(KEY_MISSING)`, `OSError`."""
        try:
            found = x509.load_pem_x509_certificate(certificate.read_bytes())
            private = load_pem_private_key(key.read_bytes(), None)
        except (ValueError, TypeError) as error:
            raise _malformed(f"{certificate} and {key} are not a certificate and a key in PEM,"
                             " both in the clear") from error  # fmt: skip
        own = isinstance(private, Ed25519PrivateKey) and found.public_key() == private.public_key()
        if not isinstance(private, Ed25519PrivateKey) or not own:
            raise _malformed(f"{key} is not the Ed25519 key of {certificate}")
        return cls(found, private)


def new_authority(name: str, from_s: int, days: int) -> Authority:
    """A self-signed authority for domain certificates, valid `days` days from `from_s` (UTC)."""
    key = Ed25519PrivateKey.generate()
    subject = _name(name)
    builder = (
        _builder(subject, key.public_key(), from_s, days)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return Authority(builder.sign(key, None), key)


def demonstration_authority(from_s: int, days: int) -> Authority:
    """An authority that only a site with `demo = true` believes."""
    return new_authority(DEMONSTRATION_AUTHORITY, from_s, days)


def issue(
    authority: Authority, domain: str, public: bytes, from_s: int, days: int, mldsa: bytes = b""
) -> bytes:
    """A domain's certificate as PEM. public: its Ed25519 sealing key, 32 bytes (RFC 8410); mldsa:
    its ML-DSA-65 key, 1,952 bytes, if it has one."""
    key = Ed25519PublicKey.from_public_bytes(public)
    issuer = authority.certificate
    builder = (
        _builder(_name(domain), key, from_s, days)
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(domain_urn(domain))]),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    if mldsa:
        builder = builder.add_extension(alternative_key(mldsa), critical=False)
    return builder.sign(authority.key, None).public_bytes(Encoding.PEM)


def request(domain: str, seal: SealKey) -> bytes:
    """A request (PKCS #10, RFC 2986) in PEM that the authority certify the domain's sealing key."""
    key = Ed25519PrivateKey.from_private_bytes(seal.ed25519)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(domain))
    if seal.mldsa:
        builder = builder.add_extension(alternative_key(seal.mldsa_public), critical=False)
    return builder.sign(key, None).public_bytes(Encoding.PEM)


def read_request(untrusted: bytes) -> tuple[str, bytes, bytes]:
    """(domain, Ed25519 key, ML-DSA-65 key or b"") of a request. Raises `Malformed`.

    It is signed by the first of the two keys; of the second it proves nothing.
    """
    try:
        found = x509.load_pem_x509_csr(untrusted)
        names = [it.value for it in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        key, signed = found.public_key(), found.is_signature_valid
        mldsa = read_alternative_key(found.extensions)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise _malformed("the request is not PKCS #10 in PEM") from error
    if not signed or not isinstance(key, Ed25519PublicKey) or len(names) != 1:
        raise _malformed("the request is not signed by its own Ed25519 key, or has no one name")
    return str(names[0]), key.public_bytes_raw(), mldsa


def revocation_list(
    authority: Authority, revoked: Mapping[int, int], number: int, from_s: int, days: int
) -> bytes:
    """A list (RFC 5280 section 5) in PEM. revoked: serial number -> when, seconds since 1970."""
    start = datetime.fromtimestamp(from_s, UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(start)
        .next_update(start + timedelta(days=days))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    for serial, when_s in sorted(revoked.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        entry = entry.revocation_date(datetime.fromtimestamp(when_s, UTC))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, None).public_bytes(Encoding.PEM)


def key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False,
              crl_sign: bool = False) -> x509.KeyUsage:  # fmt: skip
    """The key usage extension (RFC 5280 section 4.2.1.3) with these bits and no others."""
    return x509.KeyUsage(
        digital_signature=digital_signature, key_cert_sign=key_cert_sign, crl_sign=crl_sign,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _builder(
    subject: x509.Name, public: Ed25519PublicKey, from_s: int, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(from_s, UTC))
        .not_valid_after(datetime.fromtimestamp(from_s + days * DAY_S, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.KEY_MISSING, sentence)
