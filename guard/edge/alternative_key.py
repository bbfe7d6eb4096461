"""The second public key of a certificate: ML-DSA-65 beside the key that the certificate is of.

Takes public keys (1,952 bytes) and extensions, gives the one or the other. No role imports it. The
extension is subjectAltPublicKeyInfo (ITU-T X.509 clause 9.8.2). Follows docs/spec/manifest.md §6.
"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from schemas.errors import Malformed
from schemas.reasons import Reason

ALTERNATIVE_KEY = x509.ObjectIdentifier("2.5.29.72")


def alternative_key(public: bytes) -> x509.UnrecognizedExtension:
    """The extension that carries the key beside the certificate's own."""
    key = MLDSA65PublicKey.from_public_bytes(public)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return x509.UnrecognizedExtension(ALTERNATIVE_KEY, spki)


def read_alternative_key(extensions: x509.Extensions) -> bytes:
    """The ML-DSA-65 key of a certificate or request; b"" where there is none. Raises `Malformed`:
    it is another kind of key, or none."""
    try:
        found = extensions.get_extension_for_oid(ALTERNATIVE_KEY).value
    except x509.ExtensionNotFound:
        return b""
    try:
        untrusted = found.value if isinstance(found, x509.UnrecognizedExtension) else b""
        key = load_der_public_key(untrusted)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _malformed() from error
    if not isinstance(key, MLDSA65PublicKey):
        raise _malformed()
    return key.public_bytes_raw()


def _malformed() -> Malformed:
    return Malformed(
        Reason.CERTIFICATE_MALFORMED,
        "the certificate's alternative public key is not ML-DSA-65: have it issued again",
    )
