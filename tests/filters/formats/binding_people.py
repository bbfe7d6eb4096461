"""Signers of bindings for the tests: an authority, those it certifies, and labels to bind."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from filters.formats.binding_write import Signer
from filters.formats.certificate_path import Trust, read_trust
from schemas.label.model import Category, CategoryKind, Label, LabelSet, PolicyId
from tests.guard.edge.certificates import AT_S, Party

AT_MS = AT_S * 1000
MORE = "http://www.w3.org/2001/04/xmldsig-more#"


class People:
    """An authority with one signer of labels, by elliptic curve."""

    def __init__(self, name: str = "Labels", curve: ec.EllipticCurve | None = None) -> None:
        self.authority = Party(f"{name} authority", ec.generate_private_key(ec.SECP384R1()))
        self.authority.certify(self.authority, ca=True, names=[], algorithm=SHA384())
        self.desk = Party(f"{name} desk", ec.generate_private_key(curve or ec.SECP256R1()))
        names: list[x509.GeneralName] = [x509.RFC822Name("desk@example.org")]
        self.authority.certify(self.desk, names=names, algorithm=SHA384())

    def trust(self, *signers: str) -> Trust:
        return read_trust(self.authority.pem, signers)

    def signer(self, party: Party | None = None, method: str = MORE + "ecdsa-sha256") -> Signer:
        who = party or self.desk

        def sign(data: bytes) -> bytes:
            size = (who.key.curve.key_size + 7) // 8
            r, s = decode_dss_signature(who.key.sign(data, ec.ECDSA(SHA256())))
            return r.to_bytes(size) + s.to_bytes(size)

        der = who.certificate.public_bytes(Encoding.DER)
        return Signer(method, (der,), sign, AT_MS - 500)

    def rsa_signer(self) -> Signer:
        party = Party("RSA desk", rsa.generate_private_key(65537, 2048))
        self.authority.certify(party, algorithm=SHA384())
        der = party.certificate.public_bytes(Encoding.DER)

        def sign(data: bytes) -> bytes:
            return bytes(party.key.sign(data, PKCS1v15(), SHA256()))

        return Signer(MORE + "rsa-sha256", (der,), sign, AT_MS - 500)


def label(classification: str = "SECRET", *nations: str, policy: str = "EXAMPLE") -> Label:
    """A label of a policy that is in no register."""
    categories = (
        (Category("urn:oid:2.25.1.2", "Releasable To", CategoryKind.PERMISSIVE, nations),)
        if nations else ()
    )  # fmt: skip
    return Label(
        PolicyId(policy, "urn:oid:2.25.1" if policy == "EXAMPLE" else "urn:oid:2.25.9"),
        classification, categories, created_ms=AT_MS - 1000, review_ms=AT_MS + 10**10,
    )  # fmt: skip


def label_set(*labels: Label) -> LabelSet:
    """The first is the originator's."""
    return LabelSet(labels[0], labels[1:])
