"""An envelope against a taken-over source side, link or sender: what this side opens."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.sealing import seal, sealer
from guard.core.verification import Accepts, open_envelope
from guard.edge.keys import new_secret, public_of, signer, verifier
from schemas.errors import CheckvalveError, Forged, Malformed
from schemas.manifest import Form
from schemas.message import Meta
from schemas.reasons import Reason
from tests.guard.core import envelopes

SEED = new_secret()
SIGN = signer(SEED)
VERIFY = verifier(public_of(SEED))
ACCEPTS = Accepts("tracks", "NORTH", "SOUTH", {envelopes.POLICY}, 1000)
PAYLOAD = b"hello"
TOLD = envelopes.manifest(PAYLOAD)
ENVELOPE = seal(TOLD, PAYLOAD, SIGN)
CONTENT = cbor2.loads(envelopes.content_of(ENVELOPE))


def reason_of(envelope: bytes, sequence: int = 7, accepts: Accepts = ACCEPTS) -> Reason:
    with pytest.raises(CheckvalveError) as caught:
        open_envelope(envelope, sequence, accepts, VERIFY)
    assert isinstance(caught.value, Malformed | Forged)
    return caught.value.reason


def test_what_was_sealed_is_opened() -> None:
    assert open_envelope(ENVELOPE, 7, ACCEPTS, VERIFY) == (TOLD, PAYLOAD)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flow": "other"}, Reason.MANIFEST_OTHER_FLOW),
        ({"source_domain": "EAST"}, Reason.MANIFEST_OTHER_FLOW),
        ({"destination_domain": "NORTH"}, Reason.MANIFEST_OTHER_FLOW),
        ({"source_domain": "SOUTH", "destination_domain": "NORTH"}, Reason.MANIFEST_OTHER_FLOW),
        ({"sequence": 8}, Reason.MANIFEST_SEQUENCE),
        ({"policy_digest": bytes(32)}, Reason.MANIFEST_POLICY),
        ({"payload_bytes": 6}, Reason.MANIFEST_DIGEST),
        ({"payload_digest": bytes(32)}, Reason.MANIFEST_DIGEST),
        ({"sequence": 2**64 - 1}, Reason.MANIFEST_MALFORMED),
        ({"ledger_root": bytes(31)}, Reason.MANIFEST_MALFORMED),
        ({"label": "x" * 257}, Reason.MANIFEST_MALFORMED),
        ({"queues": "x" * 528}, Reason.MANIFEST_MALFORMED),
        ({"accepted_s": -1}, Reason.MANIFEST_MALFORMED),
    ],
    ids=str,
)  # fmt: skip
def test_a_source_side_that_says_something_else(changes: dict[str, Any], reason: Reason) -> None:
    assert reason_of(seal(replace(TOLD, **changes), PAYLOAD, SIGN)) == reason


def test_the_link_cannot_bring_it_under_another_number() -> None:
    assert reason_of(ENVELOPE, sequence=8) == Reason.MANIFEST_SEQUENCE
    assert reason_of(ENVELOPE, sequence=0) == Reason.MANIFEST_SEQUENCE


def test_two_messages_cannot_swap_payloads() -> None:
    other = seal(replace(envelopes.manifest(b"world"), sequence=8), b"world", SIGN)
    assert reason_of(ENVELOPE[:-5] + other[-5:]) == Reason.MANIFEST_DIGEST
    assert reason_of(ENVELOPE[:-5]) == Reason.MANIFEST_DIGEST


def test_a_payload_beyond_this_sides_bound() -> None:
    payload = bytes(1001)
    assert reason_of(seal(envelopes.manifest(payload), payload, SIGN)) == Reason.MANIFEST_DIGEST


def test_a_side_that_accepts_no_policy_opens_nothing() -> None:
    assert reason_of(ENVELOPE, accepts=replace(ACCEPTS, policy_digests=set())) == (
        Reason.MANIFEST_POLICY
    )


@pytest.mark.parametrize("seal_as", [signer(new_secret()), lambda _: bytes(64), lambda _: b""])
def test_another_signature(seal_as: Callable[[bytes], bytes]) -> None:
    reason = reason_of(seal(TOLD, PAYLOAD, seal_as))
    assert reason in (Reason.MANIFEST_SIGNATURE, Reason.MANIFEST_MALFORMED)


def test_no_bit_of_an_envelope_can_be_changed() -> None:
    for at in range(len(ENVELOPE)):
        for bit in (1, 0x20, 0x80):
            reason_of(ENVELOPE[:at] + bytes([ENVELOPE[at] ^ bit]) + ENVELOPE[at + 1 :])


def test_no_part_of_an_envelope_is_one() -> None:
    for size in range(len(ENVELOPE)):
        reason_of(ENVELOPE[:size])


KEPT = ("tag", "simple", "float", "null", "list", "dict", "date", "regex", "decimal", "set")
ODD = dict(
    zip(
        KEPT,
        ["c101", "f8ff", "fb3ff0000000000000", "f6", "8101", "a10101", "c06a323032332d30312d3031",
         "d82365612a622b63", "c4820101", "d9010280"],
        strict=True,
    )
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("key", range(1, 19))
def test_a_value_of_another_type_in_any_field(key: int, odd: str) -> None:
    """Signed by the true key: a taken-over source side can say anything."""
    parts = {k: cbor2.dumps(v) for k, v in CONTENT.items()}
    parts[key] = bytes.fromhex(odd)
    content = bytes([0xB2]) + b"".join(cbor2.dumps(k) + v for k, v in parts.items())
    envelope = envelopes.sealed_content(content, PAYLOAD, SIGN)
    assert reason_of(envelope) == Reason.MANIFEST_MALFORMED


@given(st.binary(max_size=400))
def test_any_bytes_are_an_envelope_or_malformed(noise: bytes) -> None:
    reason_of(noise)
    reason_of(len(noise).to_bytes(4, "big") + noise)
    reason_of(ENVELOPE[:4] + noise)


@given(st.binary(min_size=128, max_size=400), st.integers(0, 0xBF))
def test_any_signed_content_is_a_manifest_or_malformed(noise: bytes, first: int) -> None:
    for content in (noise, bytes([first]) + noise[1:], bytes([0xB2]) + noise[1:]):
        envelope = envelopes.sealed_content(content, PAYLOAD, SIGN)
        assert reason_of(envelope) == Reason.MANIFEST_MALFORMED


@given(
    st.dictionaries(
        st.integers(-3, 22) | st.text(max_size=3),
        st.integers() | st.text() | st.binary(max_size=40),
        min_size=1,
        max_size=22,
    ),
    st.binary(max_size=90),
)
def test_any_signed_map_is_a_manifest_or_malformed(extra: dict[Any, Any], fill: bytes) -> None:
    """An ordinary manifest with other entries over it."""
    content = cbor2.dumps(CONTENT | extra | {19: fill.hex()}, canonical=True)
    envelope = envelopes.sealed_content(content, PAYLOAD, SIGN)
    try:
        told, payload = open_envelope(envelope, 7, ACCEPTS, VERIFY)
    except (Malformed, Forged):
        return
    assert hashlib.sha256(payload).digest() == told.payload_digest
    assert set(extra) <= set(range(1, 20))


def test_what_verifies_fits_the_metadata_of_this_sides_chain() -> None:
    """The longest fields a signed manifest may have are metadata that every stage can read."""
    wide = "\U0001f600"
    told = replace(TOLD, label=wide * 256, name="\\" * 255, type=wide * 127)
    accepts = replace(ACCEPTS, names=True)
    opened, _ = open_envelope(seal(told, PAYLOAD, SIGN), 7, accepts, VERIFY)
    meta = Meta(
        id=opened.id.hex(), flow=opened.flow, sender="", name=opened.name,
        accepted_s=opened.accepted_s, type=opened.type, label=opened.label,
    )  # fmt: skip
    assert Meta.read(meta.write()) == meta


def test_a_label_that_utf8_cannot_hold_is_not_sealed() -> None:
    with pytest.raises(Malformed):
        seal(replace(TOLD, label="\ud800"), PAYLOAD, SIGN)


@pytest.mark.parametrize("form", [Form.FULL, Form.COMPACT])
def test_a_name_crosses_where_both_sides_let_it_and_it_is_written_as_names_are(form: Form) -> None:
    accepts = replace(ACCEPTS, names=True, form=form)

    def opened(name: str, accepts: Accepts = accepts) -> str:
        envelope = sealer(form)(replace(TOLD, name=name), PAYLOAD, SIGN)
        return open_envelope(envelope, 7, accepts, VERIFY)[0].name

    assert opened("") == opened("", replace(accepts, names=False)) == ""
    assert opened("a b\\xfc~.xml") == "a b\\xfc~.xml"
    with pytest.raises(Forged) as caught:
        opened("a.xml", replace(accepts, names=False))
    assert caught.value.reason == Reason.MANIFEST_POLICY
    for name in ("../a", "a\x1b[2J", "a\u202eb", "\u00fc", "a\nb", "\x7f"):
        with pytest.raises(Malformed):
            opened(name)
