"""Authorities and certificates for the tests: right ones, and ones with a single thing wrong."""

from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from guard.edge.issuing import DAY_S, key_usage

AT_S = 1_800_000_000


def when(days: float) -> datetime:
    """A time, in days from the time of these tests."""
    return datetime.fromtimestamp(AT_S + days * DAY_S, UTC)


class Party:
    """Somebody with a key, a name and perhaps a certificate: an authority or a domain."""

    def __init__(self, name: str, key: Any = None) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key: Any = key if key is not None else Ed25519PrivateKey.generate()
        self.urn = f"urn:checkvalve:domain:{name}"
        self.certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def certify(
        self, other: "Party", *, ca: bool = False, path_length: int | None = None,
        usage: x509.KeyUsage | None = None, names: list[x509.GeneralName] | None = None,
        days: tuple[float, float] = (-1, 30), algorithm: SHA256 | SHA384 | None = None,
    ) -> "Party":  # fmt: skip
        """Issue `other` a certificate; gives `other`."""
        if usage is None:
            usage = key_usage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca)
        if names is None:
            names = [x509.UniformResourceIdentifier(other.urn)]
        issuer, public = self.key.public_key(), other.key.public_key()
        builder = (
            x509.CertificateBuilder().subject_name(other.name).issuer_name(self.name)
            .public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(when(days[0])).not_valid_after(when(days[1]))
            .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False)
        )  # fmt: skip
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        other.certificate = builder.sign(self.key, algorithm)
        return other

    def revoke(self, *others: "Party", days: tuple[float, float] = (-1, 7)) -> bytes:
        """A revocation list with these on it, as PEM."""
        builder = (
            x509.CertificateRevocationListBuilder().issuer_name(self.name)
            .last_update(when(days[0])).next_update(when(days[1]))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
            )
        )  # fmt: skip
        for other in others:
            entry = x509.RevokedCertificateBuilder().revocation_date(when(-1))
            builder = builder.add_revoked_certificate(
                entry.serial_number(other.certificate.serial_number).build()
            )
        return builder.sign(self.key, None).public_bytes(Encoding.PEM)


def authority(name: str = "An authority", **changes: Any) -> Party:
    """One that has certified itself."""
    party = Party(name)
    return party.certify(party, **{"ca": True, "names": [], **changes})
