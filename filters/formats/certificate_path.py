"""The path of a signer's certificate to an authority that the policy names; source side.

Takes certificates as a signature brings them, the authorities' and a time; gives the signer's
certificate or raises `Forged`. `cryptography` builds and judges the path (RFC 5280, its profile of
the web's rules: RSA of 2048 bits or more or the NIST curves, SHA-256 or better, basic constraints,
key usage of authorities); the time is an argument, so an old message is judged again as it was.
Revocation is the policy's: an authority or a signer that is trusted no more leaves its document.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.backends import default_backend
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import (
    ClientVerifier,
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

CERTIFICATES_MAX = 4
CERTIFICATE_BYTES_MAX = 8192
AUTHORITIES_MAX = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNREADABLE = (  # what `cryptography` raises for certificates that it cannot read
    ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion,
    x509.UnsupportedGeneralNameType, Warning,
)  # fmt: skip
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may sign: the authorities, and the names of signers (none listed: whoever they certify).

    A name is the certificate's common name or one of its alternative names (e-mail, URI).
    """

    authorities: tuple[x509.Certificate, ...]
    signers: frozenset[str] = frozenset()


def prepare() -> None:
    """Load what `cryptography` loads at its first signature, so that a confined process has it."""
    default_backend()


def read_trust(document: bytes, signers: Sequence[str] = ()) -> Trust:
    """The trust that a policy's document of PEM certificates gives. Raises `Malformed`."""
    blocks = _BLOCK.findall(document)
    rest = _BLOCK.sub(b"", document)
    if not 1 <= len(blocks) <= AUTHORITIES_MAX or b"-----" in rest:
        raise _malformed(f"the document of authorities holds none, more than {AUTHORITIES_MAX},"
                         " or something else than certificates in PEM")  # fmt: skip
    try:
        authorities = tuple(x509.load_pem_x509_certificate(block) for block in blocks)
    except ValueError as error:
        raise _malformed("the document of authorities holds what is no certificate") from error
    return Trust(authorities, frozenset(signers))


def check_path(untrusted: Sequence[bytes], trust: Trust, at_ms: int) -> x509.Certificate:
    """The signer's certificate, the first of `untrusted` (DER), if its path holds at `at_ms`."""
    if not 1 <= len(untrusted) <= CERTIFICATES_MAX:
        raise _malformed("a signature brings no certificate, or more than their bound")
    if max(map(len, untrusted)) > CERTIFICATE_BYTES_MAX:
        raise _malformed("a certificate is larger than its bound")
    try:
        leaf, *between = _loaded(untrusted)
        chain = _verifier(trust, at_ms).verify(leaf, between)
        names = _names(leaf)
        leaf.public_key()  # once, here, where what it raises is caught
    except VerificationError as error:
        raise Forged(
            Reason.CERTIFICATE_UNTRUSTED,
            "the label signer's certificate has no path to an authority of the policy that holds"
            " at that time",
        ) from error
    except _UNREADABLE as error:
        raise _malformed("a label signer's certificate cannot be read") from error
    if not chain.chain or chain.chain[0] != leaf:
        raise Forged(Reason.CERTIFICATE_UNTRUSTED, "the path begins with another certificate")
    if trust.signers and trust.signers.isdisjoint(names):
        raise Forged(Reason.CERTIFICATE_DOMAIN, "the policy does not let this signer bind labels")
    return leaf


def _loaded(untrusted: Sequence[bytes]) -> list[x509.Certificate]:
    """The certificates; what is read with a warning today is refused today."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return [x509.load_der_x509_certificate(each) for each in untrusted]


def _verifier(trust: Trust, at_ms: int) -> ClientVerifier:
    signer = (
        ExtensionPolicy.permit_all()
        .require_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
        .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_no_authority)
    )
    return (
        PolicyBuilder()
        .store(Store(list(trust.authorities)))
        .time(_EPOCH + timedelta(milliseconds=at_ms))
        .max_chain_depth(CERTIFICATES_MAX - 1)
        .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=signer)
        .build_client_verifier()
    )


def _may_sign(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature or usage.key_cert_sign or usage.crl_sign:
        raise ValueError("the key is not for signatures, or for more than that")


def _is_no_authority(
    _policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is not None and constraints.ca:
        raise ValueError("an authority signs no labels")


def _names(leaf: x509.Certificate) -> set[str]:
    names = {str(it.value) for it in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    try:
        also = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return names
    names.update(also.get_values_for_type(x509.RFC822Name))
    names.update(also.get_values_for_type(x509.UniformResourceIdentifier))
    return names


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.CERTIFICATE_MALFORMED, sentence)
