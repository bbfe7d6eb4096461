"""Who may sign a binding: the path of the signer's certificate, and its key."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from filters.formats.binding_4778 import Bound, check_detached
from filters.formats.binding_write import write_detached
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from tests.filters.formats.binding_people import AT_MS, People, label, label_set
from tests.guard.edge.certificates import Party

PEOPLE = People()
TRUST = PEOPLE.trust()
DATA = {"report.bin": b"the report"}
BOUND = [Bound(label_set(label("SECRET")), ("report.bin",))]


def refused_signer(party: Party, reason: Reason, at_ms: int = AT_MS, *names: str) -> None:
    written = write_detached(BOUND, DATA, PEOPLE.signer(party))
    with pytest.raises((Malformed, Forged)) as raised:
        check_detached(written, DATA, PEOPLE.trust(*names), at_ms)
    assert raised.value.reason is reason


def party(days: tuple[float, float] = (-1, 30), *, ca: bool = False) -> Party:
    made = Party("Someone", ec.generate_private_key(ec.SECP256R1()))
    return PEOPLE.authority.certify(made, days=days, ca=ca, algorithm=SHA384())


def test_who_may_not_sign() -> None:
    untrusted = Reason.CERTIFICATE_UNTRUSTED
    refused_signer(People("Strangers").desk, untrusted)
    refused_signer(PEOPLE.authority, untrusted)
    refused_signer(party(days=(-9, -1)), untrusted)
    refused_signer(party(days=(1, 9)), untrusted)
    refused_signer(party(ca=True), untrusted)
    refused_signer(PEOPLE.desk, untrusted, AT_MS + 40 * 86_400_000)
    refused_signer(PEOPLE.desk, Reason.CERTIFICATE_DOMAIN, AT_MS, "other@example.org")


def test_a_signer_who_may() -> None:
    someone = party(days=(-1, 1))
    written = write_detached(BOUND, DATA, PEOPLE.signer(someone))
    for names in ((), ("Someone",), ("urn:checkvalve:domain:Someone",)):
        assert check_detached(written, DATA, PEOPLE.trust(*names), AT_MS).signed


def test_a_signer_below_another_authority_brings_its_certificate() -> None:
    between = Party("Between", ec.generate_private_key(ec.SECP256R1()))
    PEOPLE.authority.certify(between, ca=True, path_length=0, names=[], algorithm=SHA384())
    desk = Party("Far desk", ec.generate_private_key(ec.SECP256R1()))
    between.certify(desk, algorithm=SHA384())
    alone = PEOPLE.signer(desk)
    chain = (*alone.certificates, between.certificate.public_bytes(Encoding.DER))
    written = write_detached(BOUND, DATA, replace(alone, certificates=chain))
    assert check_detached(written, DATA, TRUST, AT_MS).signed
    for certificates in (alone.certificates, chain[::-1], chain * 3):
        wrong = write_detached(BOUND, DATA, replace(alone, certificates=certificates))
        with pytest.raises((Malformed, Forged)) as raised:
            check_detached(wrong, DATA, TRUST, AT_MS)
        assert raised.value.reason in (
            Reason.CERTIFICATE_UNTRUSTED, Reason.CERTIFICATE_MALFORMED,
        )  # fmt: skip


def test_weak_and_other_keys_are_not_trusted() -> None:
    for key in (
        rsa.generate_private_key(65537, 1024),  # too short
        ed25519.Ed25519PrivateKey.generate(),  # no kind that these signatures have
    ):
        weak = PEOPLE.authority.certify(Party("Weak", key), algorithm=SHA384())
        signer = replace(
            PEOPLE.signer(), certificates=(weak.certificate.public_bytes(Encoding.DER),)
        )
        with pytest.raises(Forged) as raised:
            check_detached(write_detached(BOUND, DATA, signer), DATA, TRUST, AT_MS)
        assert raised.value.reason in (Reason.CERTIFICATE_UNTRUSTED, Reason.BINDING_SIGNATURE)
