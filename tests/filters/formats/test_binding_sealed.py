"""Sealed bindings: the label of a file of any format, in its sidecar."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.formats.binding_sealed import Sealed, check_sealed, write_sealed
from schemas.errors import Forged, Malformed
from schemas.message import BINDING_CHARACTERS_MAX
from schemas.reasons import Reason
from tests.filters.formats.binding_people import AT_MS, People

PEOPLE = People()
TRUST = PEOPLE.trust()
DATA = b"\x89PNG any bytes"
SEALED = Sealed("ALLIANCE SECRET//REL TO FRA, GBR", "image/png")
ES256, ES384 = -7, -35


def seal(people: People = PEOPLE, algorithm: int = ES256, sealed: Sealed = SEALED) -> str:
    der = people.desk.certificate.public_bytes(Encoding.DER)
    return write_sealed(sealed, DATA, algorithm, (der,), people.signer().sign)


WRITTEN = seal()


def test_a_label_is_bound_to_any_bytes() -> None:
    assert check_sealed(WRITTEN, DATA, TRUST, AT_MS) == SEALED
    assert len(WRITTEN) < BINDING_CHARACTERS_MAX


def test_other_data_other_people_other_times() -> None:
    later = AT_MS + 40 * 86_400_000
    for data, trust, at_ms, reason in (
        (DATA + b"x", TRUST, AT_MS, Reason.BINDING_DIGEST),
        (b"", TRUST, AT_MS, Reason.BINDING_DIGEST),
        (DATA, People("Strangers").trust(), AT_MS, Reason.CERTIFICATE_UNTRUSTED),
        (DATA, TRUST, later, Reason.CERTIFICATE_UNTRUSTED),
        (DATA, PEOPLE.trust("other"), AT_MS, Reason.CERTIFICATE_DOMAIN),
    ):
        with pytest.raises(Forged) as raised:
            check_sealed(WRITTEN, data, trust, at_ms)
        assert raised.value.reason is reason


def unpacked() -> list[Any]:
    value = cbor2.loads(urlsafe_b64decode(WRITTEN + "=" * (-len(WRITTEN) % 4)))
    assert isinstance(value, list)
    return value


def packed(value: object, *, canonical: bool = True) -> str:
    return urlsafe_b64encode(cbor2.dumps(value, canonical=canonical)).rstrip(b"=").decode()


def changed(part: int, changes: dict[int, Any]) -> str:
    whole = unpacked()
    whole[part] = cbor2.dumps({**cbor2.loads(whole[part]), **changes}, canonical=True)
    return packed(whole)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (changed(2, {2: "ALLIANCE UNCLASSIFIED"}), Reason.BINDING_SIGNATURE),
        (changed(2, {1: 2}), Reason.BINDING_SIGNATURE),
        (changed(2, {3: -16}), Reason.BINDING_SIGNATURE),
        (changed(0, {1: -35}), Reason.BINDING_SIGNATURE),
        (changed(0, {1: -8}), Reason.BINDING_ALGORITHM),
        (changed(0, {1: 5}), Reason.BINDING_ALGORITHM),
        (changed(0, {4: b"kid"}), Reason.BINDING_MALFORMED),
        (changed(0, {33: b"no certificate"}), Reason.CERTIFICATE_MALFORMED),
        (changed(0, {33: []}), Reason.CERTIFICATE_MALFORMED),
        (changed(0, {33: [b"x"] * 5}), Reason.BINDING_MALFORMED),
        (packed([*unpacked()[:3], b"\x00" * 64]), Reason.BINDING_SIGNATURE),
        (packed([*unpacked()[:3], b""]), Reason.BINDING_SIGNATURE),
        (packed([unpacked()[0], {1: 2}, *unpacked()[2:]]), Reason.BINDING_MALFORMED),
        (packed([*unpacked(), b""]), Reason.BINDING_MALFORMED),
        (packed([unpacked()[0], {}, None, unpacked()[3]]), Reason.BINDING_MALFORMED),
        (packed(cbor2.CBORTag(18, unpacked())), Reason.BINDING_MALFORMED),
        (packed({}), Reason.BINDING_MALFORMED),
        (WRITTEN + "=", Reason.BINDING_MALFORMED),
        (WRITTEN + "AAAA", Reason.BINDING_MALFORMED),
        (WRITTEN[:-4], Reason.BINDING_MALFORMED),
        ("", Reason.BINDING_MALFORMED),
        ("é", Reason.BINDING_MALFORMED),
        ("A" * (BINDING_CHARACTERS_MAX + 1), Reason.BINDING_MALFORMED),
    ],
)
def test_what_was_not_sealed(written: str, reason: Reason) -> None:
    with pytest.raises((Malformed, Forged)) as raised:
        check_sealed(written, DATA, TRUST, AT_MS)
    assert raised.value.reason is reason


def resigned(changes: dict[int, Any]) -> str:
    """As a signer who is trusted and wrong would write it."""
    whole = unpacked()
    whole[2] = cbor2.dumps({**cbor2.loads(whole[2]), **changes}, canonical=True)
    signed = ["Signature1", whole[0], b"checkvalve label binding 1", whole[2]]
    whole[3] = PEOPLE.signer().sign(cbor2.dumps(signed, canonical=True))
    return packed(whole)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({1: 2}, Reason.BINDING_MALFORMED),
        ({2: ""}, Reason.BINDING_MALFORMED),
        ({2: "A\nB"}, Reason.BINDING_MALFORMED),
        ({2: b"A"}, Reason.BINDING_MALFORMED),
        ({6: "x" * 128}, Reason.BINDING_MALFORMED),
        ({7: 1}, Reason.BINDING_MALFORMED),
        ({5: True}, Reason.BINDING_MALFORMED),
        ({3: -16}, Reason.BINDING_ALGORITHM),
        ({5: 1}, Reason.BINDING_DIGEST),
        ({4: b""}, Reason.BINDING_DIGEST),
    ],
)
def test_what_is_signed_and_wrong(changes: dict[int, Any], reason: Reason) -> None:
    with pytest.raises((Malformed, Forged)) as raised:
        check_sealed(resigned(changes), DATA, TRUST, AT_MS)
    assert raised.value.reason is reason


def test_a_curve_and_its_algorithm_go_together() -> None:
    longer = People("Longer", ec.SECP384R1())
    with pytest.raises(Forged) as raised:
        check_sealed(seal(longer, ES256), DATA, longer.trust(), AT_MS)
    assert raised.value.reason is Reason.BINDING_SIGNATURE


@given(st.text(max_size=80) | st.binary(max_size=200).map(
    lambda data: urlsafe_b64encode(data).rstrip(b"=").decode()
))  # fmt: skip
def test_any_text_is_malformed(untrusted: str) -> None:
    with pytest.raises(Malformed):
        check_sealed(untrusted, DATA, TRUST, AT_MS)


@settings(max_examples=500)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_refused(at: int, change: int) -> None:
    raw = bytearray(urlsafe_b64decode(WRITTEN + "=" * (-len(WRITTEN) % 4)))
    raw[at % len(raw)] ^= change
    with pytest.raises((Malformed, Forged)):
        check_sealed(urlsafe_b64encode(raw).rstrip(b"=").decode(), DATA, TRUST, AT_MS)
