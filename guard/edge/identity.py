"""A domain's identity: an X.509 certificate that ties the sealing key to the domain's name.

Takes a side's `trust/` folder, the domain that the signed policy names and the time; gives the
`Identity`, whose public key is the only one that seals are checked with. Only the supervisor and
`guard doctor` come here. Raises `Malformed` for what is not a certificate and `Forged` for one that
does not hold, with a sentence that says what to do. Profile: RFC 5280, RFC 8410, docs/identity.md.

    authority.pem   the certificate of the authority, self-signed: the one anchor
    source.pem      the source domain's certificate, then the intermediate ones, if any
    revoked.pem     revocation lists; if it is there, every certificate of the chain needs its list

`pyOpenSSL` builds and verifies the chain (OpenSSL's own path rules, strict); `cryptography`, whose
parser is another one, reads the names and usages of what has verified.
"""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey, MLDSA87PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from OpenSSL import crypto

from guard.edge.alternative_key import read_alternative_key
from guard.edge.identity_errors import forged_of
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

DEMONSTRATION_AUTHORITY = "Checkvalve demonstration authority"
AUTHORITY, SOURCE, REVOKED = "authority.pem", "source.pem", "revoked.pem"
CERTIFICATE_FILE_BYTES_MAX = 64 * 1024
REVOKED_FILE_BYTES_MAX = 16 * 1024 * 1024
CERTIFICATES_MAX = 4
REVOCATION_LISTS_MAX = 4
RSA_BITS_MIN = 2048
EC_BITS_MIN = 256
_HASHES = frozenset({"sha256", "sha384", "sha512"})
_SHOWN_CHARACTERS_MAX = 80
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+?-----END \1-----")
_STRICT = crypto.X509StoreFlags.X509_STRICT | crypto.X509StoreFlags.CHECK_SS_SIGNATURE
_REVOCATION = crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

assert CERTIFICATES_MAX >= 1
assert REVOCATION_LISTS_MAX >= 1


@dataclass(frozen=True, slots=True)
class Identity:
    """A domain that an authority has vouched for.

    domain         its name, as in the policy
    public         its sealing key: Ed25519, 32 bytes
    authority      who vouches, for people
    fingerprint    SHA-256 of the certificate, in hexadecimal
    valid_from_s, valid_until_s   seconds since 1970, UTC
    mldsa          its ML-DSA-65 key beside that one, 1,952 bytes, or b""
    hold_until_s   when to judge anew: the first end of a certificate of the chain or of a
                   revocation list's time
    """

    domain: str
    public: bytes
    authority: str
    fingerprint: str
    valid_from_s: int
    valid_until_s: int
    hold_until_s: int
    mldsa: bytes = b""


def domain_urn(domain: str) -> str:
    """The URI by which a certificate names a domain (RFC 8141)."""
    return f"urn:checkvalve:domain:{domain}"


def read_identity(
    trust: Path, domain: str, at_s: int, *, demonstration: bool,
    pem: bytes | None = None, revoked: Path | None = None,
) -> Identity:  # fmt: skip
    """The identity of the source domain as this side may believe it at this time.

    domain: what the signed policy calls it; at_s: seconds since 1970, UTC; demonstration: whether
    the authority of `guard init` is good enough; pem: another certificate than `source.pem`;
    revoked: another file than `revoked.pem`, looked at before it is put there. Raises
    `Malformed(CERTIFICATE_MALFORMED)`, `Forged(CERTIFICATE_*)`.
    """
    path = trust / SOURCE if pem is None else Path("the certificate")
    lists = trust / REVOKED if revoked is None else revoked
    anchor = _authority(trust / AUTHORITY, demonstration=demonstration)
    untrusted_chain = _certificates(path, CERTIFICATES_MAX, pem)
    store = crypto.X509Store()
    store.add_cert(anchor)
    store.set_time(datetime.fromtimestamp(at_s, UTC))
    store.set_flags(_STRICT)
    ends_s = _add_revoked(store, lists) if os.path.lexists(lists) else []
    context = crypto.X509StoreContext(store, untrusted_chain[0], untrusted_chain[1:])
    try:
        chain = [_parsed(link, path) for link in context.get_verified_chain()]
    except crypto.X509StoreContextError as error:
        raise forged_of(error, path, at_s) from error
    for link in chain:
        _check_strength(link, path)
    leaf = chain[0]
    _check_usage(leaf, path)
    _check_domain(leaf, domain, path)
    ends_s += [int(link.not_valid_after_utc.timestamp()) for link in chain]
    return Identity(
        domain,
        _sealing_key(leaf, path),
        _shown(chain[-1].subject),
        leaf.fingerprint(SHA256()).hex(),
        int(leaf.not_valid_before_utc.timestamp()),
        int(leaf.not_valid_after_utc.timestamp()),
        min(ends_s),
        read_alternative_key(leaf.extensions),
    )


def unverified_key(pem: bytes) -> bytes:
    """The Ed25519 key, 32 bytes, that a certificate speaks of, whatever it is worth: to tell by
    which key something was signed that is not believed. Raises `Malformed`, `Forged`."""
    return unverified_keys(pem)[0]


def unverified_keys(pem: bytes) -> tuple[bytes, bytes]:
    """The same, and the ML-DSA-65 key beside it, or b""."""
    path = Path("the certificate")
    first = _parsed(_certificates(path, CERTIFICATES_MAX, pem)[0], path)
    return _sealing_key(first, path), read_alternative_key(first.extensions)


def check_own_key(identity: Identity, public: bytes, path: Path, mldsa: bytes = b"") -> None:
    """That the source side seals with the certified keys. Raises `Forged(CERTIFICATE_KEY)`.

    mldsa: its own ML-DSA-65 public key, if it has one; the certificate may leave it out.
    """
    if identity.public != public or (identity.mldsa and identity.mldsa != mldsa):
        raise Forged(
            Reason.CERTIFICATE_KEY,
            f"{path} certifies another key than keys/seal.key: have the authority issue a"
            f" certificate for this one, or put the key back that it belongs to",
        )


def check_hybrid(identity: Identity, path: Path) -> None:
    """That the certificate has both keys. Raises `Forged(CERTIFICATE_KEY)`."""
    if not identity.mldsa:
        raise Forged(
            Reason.CERTIFICATE_KEY,
            f'{path} has no ML-DSA-65 key, and the policy says signatures = "hybrid": have a'
            " certificate issued that carries it (guard keys request)",
        )


def _authority(path: Path, *, demonstration: bool) -> crypto.X509:
    """The anchor, which must be a certificate authority's."""
    anchor = _certificates(path, 1)[0]
    parsed = _parsed(anchor, path)
    if not _constraints(parsed):
        raise Forged(
            Reason.CERTIFICATE_USAGE,
            f"{path} is not the certificate of an authority (its CA flag is not set):"
            f" ask the authority for its own",
        )
    names = [it.value for it in parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if DEMONSTRATION_AUTHORITY in names and not demonstration:
        raise Forged(
            Reason.CERTIFICATE_UNTRUSTED,
            f"{path} is the demonstration authority of guard init, and site.toml does not say"
            f" demo = true: put the certificate of your own authority there",
        )
    return anchor


def _check_strength(link: x509.Certificate, path: Path) -> None:
    """OpenSSL verifies SHA-1 signatures and short keys too, unless told a security level."""
    try:
        key, signed_with = link.public_key(), link.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError) as error:
        raise _weak(link, path, "an algorithm that is not supported") from error
    if signed_with is not None and signed_with.name not in _HASHES:
        raise _weak(link, path, signed_with.name.upper())
    if isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return
    if isinstance(key, EllipticCurvePublicKey) and key.key_size >= EC_BITS_MIN:
        return
    strong = Ed25519PublicKey | Ed448PublicKey | MLDSA65PublicKey | MLDSA87PublicKey
    if not isinstance(key, strong):
        raise _weak(link, path, "a key that is too short or of a kind not allowed")


def _weak(link: x509.Certificate, path: Path, what: str) -> Forged:
    return Forged(
        Reason.CERTIFICATE_UNTRUSTED,
        f"{path}: the certificate of {_shown(link.subject)} uses {what}: have it issued again with"
        f" Ed25519, or with SHA-256 and a key of {RSA_BITS_MIN} bits (RSA) or {EC_BITS_MIN} (EC)",
    )


def _check_usage(leaf: x509.Certificate, path: Path) -> None:
    """A domain signs what it sends; it certifies nobody (RFC 5280 sections 4.2.1.3 and 4.2.1.9)."""
    usage = _extension(leaf, x509.KeyUsage)
    certifies = usage is not None and (usage.key_cert_sign or usage.crl_sign)
    if _constraints(leaf) or certifies:
        raise Forged(
            Reason.CERTIFICATE_USAGE,
            f"{path} may issue certificates (CA flag or key usage): a domain's may not,"
            f" have the authority issue one without",
        )
    if usage is None or not usage.digital_signature:
        raise Forged(
            Reason.CERTIFICATE_USAGE,
            f"{path} is not for signatures: have the authority issue it with the key usage"
            f" digitalSignature",
        )


def _check_domain(leaf: x509.Certificate, domain: str, path: Path) -> None:
    """Both names must be the domain's, and there must be no other."""
    common = [it.value for it in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    alternative = _extension(leaf, x509.SubjectAlternativeName)
    others = list(alternative) if alternative is not None else []
    if common != [domain]:
        raise Forged(
            Reason.CERTIFICATE_DOMAIN,
            f"{path} is the certificate of {_shown(leaf.subject)}, the policy's source domain is"
            f" {domain}: put the certificate of {domain} there",
        )
    if others != [x509.UniformResourceIdentifier(domain_urn(domain))]:
        raise Forged(
            Reason.CERTIFICATE_DOMAIN,
            f"{path} does not name {domain_urn(domain)} as its one alternative name:"
            f" have the authority issue it so",
        )


def _sealing_key(leaf: x509.Certificate, path: Path) -> bytes:
    key = leaf.public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise Forged(
            Reason.CERTIFICATE_KEY,
            f"{path} certifies a key that is not Ed25519, which seals are signed with:"
            f" have the authority certify the public key of keys/seal.key",
        )
    return key.public_bytes_raw()


def _constraints(certificate: x509.Certificate) -> bool:
    """Whether the certificate is an authority's."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _shown(name: x509.Name) -> str:
    return name.rfc4514_string()[:_SHOWN_CHARACTERS_MAX] or "nobody"


# -- reading: what comes from here is well formed, and nothing more ---------------------------


def _certificates(path: Path, count_max: int, pem: bytes | None = None) -> list[crypto.X509]:
    """Of the file, or of these bytes in its stead."""
    what = "one certificate" if count_max == 1 else f"one to {count_max} certificates"
    untrusted = _read(path, CERTIFICATE_FILE_BYTES_MAX) if pem is None else pem
    blocks = _blocks(untrusted, path, b"CERTIFICATE", CERTIFICATE_FILE_BYTES_MAX, count_max, what)
    try:
        return [crypto.load_certificate(crypto.FILETYPE_PEM, block) for block in blocks]
    except crypto.Error as error:
        raise _malformed(path, what) from error


def _add_revoked(store: crypto.X509Store, path: Path) -> list[int]:
    """Gives when each list's time is over: seconds since 1970."""
    what = f"one to {REVOCATION_LISTS_MAX} revocation lists"
    untrusted = _read(path, REVOKED_FILE_BYTES_MAX)
    blocks = _blocks(
        untrusted, path, b"X509 CRL", REVOKED_FILE_BYTES_MAX, REVOCATION_LISTS_MAX, what
    )
    try:
        lists = [x509.load_pem_x509_crl(block) for block in blocks]
        for each in lists:
            store.add_crl(each)
        ends = [each.next_update_utc for each in lists]
    except (ValueError, crypto.Error) as error:
        raise _malformed(path, what) from error
    store.set_flags(_REVOCATION)
    return [int(end.timestamp()) for end in ends if end is not None]


def _parsed(certificate: crypto.X509, path: Path) -> x509.Certificate:
    """The same bytes through the other parser; all that is used later is read once here."""
    try:
        parsed = certificate.to_cryptography()
        _ = parsed.subject, parsed.extensions, parsed.not_valid_after_utc
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise _malformed(path, "a certificate that two parsers accept") from error
    return parsed


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(bytes_max + 1)
    except OSError as error:
        raise Malformed(
            Reason.CERTIFICATE_MALFORMED,
            f"{path} cannot be read ({error.strerror}): the authority issues it,"
            f" and guard init makes one for trying",
        ) from error


def _blocks(
    untrusted: bytes, path: Path, label: bytes, bytes_max: int, count_max: int, what: str
) -> list[bytes]:
    """The PEM blocks (RFC 7468), all of this label, with nothing between them."""
    found = list(_BLOCK.finditer(untrusted)) if len(untrusted) <= bytes_max else []
    between = _BLOCK.sub(b"", untrusted) if found else b""
    if not 1 <= len(found) <= count_max or between.strip() or any(it[1] != label for it in found):
        raise _malformed(path, what)
    return [it[0] for it in found]


def _malformed(path: Path, what: str) -> Malformed:
    return Malformed(
        Reason.CERTIFICATE_MALFORMED,
        f"{path} must hold {what} in PEM and nothing else: get it again from the authority",
    )
