"""Issuing domain certificates: the demonstration authority of `guard init`.

Takes names, public keys and times; gives certificates as PEM. An organisation has an authority of
its own, which issues the same profile (docs/identity.md). Library: `cryptography`; what is made
here is judged by `guard.edge.identity` with another one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from guard.edge.identity import DEMONSTRATION_AUTHORITY, domain_urn

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority's certificate and its key, which is gone when this object is."""

    certificate: x509.Certificate
    key: Ed25519PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as it stands in trust/authority.pem."""
        return self.certificate.public_bytes(Encoding.PEM)


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


def issue(authority: Authority, domain: str, public: bytes, from_s: int, days: int) -> bytes:
    """A domain's certificate as PEM. public: its Ed25519 sealing key, 32 bytes (RFC 8410)."""
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
