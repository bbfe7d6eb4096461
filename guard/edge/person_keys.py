"""A person's signing key out of a PKCS #12 file (RFC 7292), with the certificate that is with it.

Takes the file's bytes, its password, the authority and the time; gives a `PersonsKey`. Raises
`Malformed(KEY_MISSING)` and `Forged(CERTIFICATE_*)` with a sentence that says what to do. Run on
the person's own machine. Policies, roots, postures and approvals are signed with Ed25519: another
key (a CAC's RSA key never leaves its card) serves for drops (docs/spec/sender-signature.md).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from OpenSSL import crypto

from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

PKCS12_BYTES_MAX = 64 * 1024
_STRICT = crypto.X509StoreFlags.X509_STRICT | crypto.X509StoreFlags.CHECK_SS_SIGNATURE


@dataclass(frozen=True, slots=True)
class PersonsKey:
    """seed: Ed25519, 32 bytes; subject: of the certificate; fingerprint: its SHA-256."""

    seed: bytes
    public: bytes
    subject: str
    fingerprint: str


def read_pkcs12(untrusted: bytes, password: str, authority: bytes, at_s: int) -> PersonsKey:
    """authority: PEM of who certifies persons; at_s: seconds since 1970."""
    if len(untrusted) > PKCS12_BYTES_MAX:
        raise _malformed(f"the file has more than {PKCS12_BYTES_MAX:,} bytes")
    try:
        found = load_pkcs12(untrusted, password.encode())
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise _malformed("the file is no PKCS #12, or the password is another") from error
    if not isinstance(found.key, Ed25519PrivateKey):
        raise _malformed(
            "the file has no Ed25519 key: persons sign policies and approvals with Ed25519 alone;"
            " have one issued, or use guard policy new-key"
        )
    if found.cert is None:
        raise _malformed("the file has no certificate beside the key")
    certificate = found.cert.certificate
    if certificate.public_key() != found.key.public_key():
        raise Forged(Reason.CERTIFICATE_KEY, "the certificate in the file is of another key")
    _check_chain(certificate, [it.certificate for it in found.additional_certs], authority, at_s)
    _check_usage(certificate)
    return PersonsKey(
        found.key.private_bytes_raw(), found.key.public_key().public_bytes_raw(),
        certificate.subject.rfc4514_string(), certificate.fingerprint(SHA256()).hex(),
    )  # fmt: skip


def _check_chain(
    certificate: x509.Certificate, others: list[x509.Certificate], authority: bytes, at_s: int
) -> None:
    store = crypto.X509Store()
    try:
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, authority))
    except crypto.Error as error:
        raise _malformed("the authority's certificate is not PEM") from error
    store.set_time(datetime.fromtimestamp(at_s, UTC))
    store.set_flags(_STRICT)
    links = [crypto.X509.from_cryptography(it) for it in (certificate, *others)]
    try:
        crypto.X509StoreContext(store, links[0], links[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        raise Forged(
            Reason.CERTIFICATE_UNTRUSTED,
            f"the person's certificate does not hold ({error.errors[2]}): have it issued again",
        ) from error


def _check_usage(certificate: x509.Certificate) -> None:
    """As on a CAC's signing certificate: to sign, also so that it cannot be denied."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        signs = usage.digital_signature or usage.content_commitment
        certifies = usage.key_cert_sign or usage.crl_sign
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        signs, certifies = False, False
    if not signs or certifies:
        raise Forged(
            Reason.CERTIFICATE_USAGE,
            "the person's certificate is not for signing (key usage digitalSignature or"
            " nonRepudiation, and no authority's): have it issued so",
        )


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.KEY_MISSING, sentence)
