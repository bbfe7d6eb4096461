"""Compact envelopes: the known answers of manifest §5, and attacks on them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.sealing import seal, seal_compact
from guard.core.verification import Accepts, open_envelope
from guard.edge.keys import new_secret, public_of, signer, verifier
from schemas.errors import CheckvalveError, Forged, Malformed
from schemas.manifest import Form, Manifest
from schemas.message import Meta
from schemas.reasons import Reason
from tests.guard.core import envelopes
from tests.guard.core import slow_manifest as slow

FILE = Path(__file__).parents[2] / "vectors" / "manifest" / "compact.json"
ANSWERS = json.loads(FILE.read_text("utf-8"))
PUBLIC = bytes.fromhex(ANSWERS["public"])
SEED = new_secret()
SIGN = signer(SEED)
VERIFY = verifier(public_of(SEED))
PAYLOAD = b"hello"
TOLD = envelopes.manifest(PAYLOAD)
ACCEPTS = Accepts("tracks", "NORTH", "SOUTH", {envelopes.POLICY}, 1000, Form.COMPACT,
                  names=True)  # fmt: skip
ENVELOPE = seal_compact(TOLD, PAYLOAD, SIGN)
OTHER_POLICY = envelopes.POLICY[:2] + bytes(30)
VALUES = (1, "x", "", "", "")


def reason_of(envelope: bytes, sequence: int = 7, accepts: Accepts = ACCEPTS) -> Reason:
    with pytest.raises(CheckvalveError) as caught:
        open_envelope(envelope, sequence, accepts, VERIFY)
    assert isinstance(caught.value, Malformed | Forged)
    return caught.value.reason


def known(fields: dict[str, Any]) -> dict[str, int | str]:
    """What the destination knows before an envelope comes."""
    names = ("flow", "source_domain", "destination_domain", "sequence", "policy_digest")
    return {name: fields[name] for name in names}


@pytest.mark.parametrize("answer", ANSWERS["good"], ids=lambda answer: answer["name"])
def test_both_readers_open_what_was_sealed(answer: dict[str, Any]) -> None:
    envelope, fields = bytes.fromhex(answer["envelope"]), answer["fields"]
    accepts = replace(ACCEPTS, flow=fields["flow"])
    manifest, payload = open_envelope(envelope, fields["sequence"], accepts, verifier(PUBLIC))
    assert payload.hex() == answer["payload"]
    assert envelopes.as_compact_fields(manifest) == fields
    assert slow.compact(envelope, known(fields), PUBLIC) == (fields, payload)


@pytest.mark.parametrize("answer", ANSWERS["bad"], ids=lambda answer: answer["name"])
def test_both_readers_refuse_what_was_not(answer: dict[str, Any]) -> None:
    envelope, fields = bytes.fromhex(answer["envelope"]), ANSWERS["good"][0]["fields"]
    with pytest.raises((Malformed, Forged)):
        open_envelope(envelope, 7, ACCEPTS, verifier(PUBLIC))
    with pytest.raises(slow.WrongError):
        slow.compact(envelope, known(fields), PUBLIC)


def test_the_specs_example_is_the_first_vector() -> None:
    page = (Path(__file__).parents[3] / "docs/spec/manifest.md").read_text("utf-8")
    envelope = bytes.fromhex(ANSWERS["good"][0]["envelope"])
    shown = page.partition("## §5")[2].split("```")[1]
    at = 0
    for line in shown.strip().splitlines():
        start, _, end = line[:35].partition("…")
        begins, ends = bytes.fromhex(start), bytes.fromhex(end)
        assert envelope[at:].startswith(begins)
        at = envelope.index(ends, at + len(begins)) + len(ends) if ends else at + len(begins)
    assert at == len(envelope)


def test_what_was_sealed_is_opened_and_its_id_is_how_the_envelopes_digest_begins() -> None:
    manifest, payload = open_envelope(ENVELOPE, 7, ACCEPTS, VERIFY)
    assert (manifest, payload) == (envelopes.as_opened(TOLD, ENVELOPE), PAYLOAD)


def test_no_bit_of_an_envelope_can_be_changed() -> None:
    for at in range(len(ENVELOPE)):
        for bit in range(8):
            reason_of(ENVELOPE[:at] + bytes([ENVELOPE[at] ^ 1 << bit]) + ENVELOPE[at + 1 :])


def test_no_part_of_an_envelope_is_one() -> None:
    for size in range(len(ENVELOPE)):
        reason_of(ENVELOPE[:size])


@pytest.mark.parametrize(
    ("sequence", "accepts", "reason"),
    [
        (8, ACCEPTS, Reason.MANIFEST_SIGNATURE),
        (0, ACCEPTS, Reason.MANIFEST_SIGNATURE),
        (2**62, ACCEPTS, Reason.MANIFEST_SIGNATURE),
        (7, replace(ACCEPTS, flow="trackt"), Reason.MANIFEST_SIGNATURE),
        (7, replace(ACCEPTS, source_domain="EAST"), Reason.MANIFEST_SIGNATURE),
        (7, replace(ACCEPTS, destination_domain="NORTH"), Reason.MANIFEST_SIGNATURE),
        (7, replace(ACCEPTS, source_domain="NORTHSOUTH", destination_domain=""),
         Reason.MANIFEST_SIGNATURE),
        (7, replace(ACCEPTS, policy_digests={OTHER_POLICY}), Reason.MANIFEST_SIGNATURE),
        (7, replace(ACCEPTS, policy_digests={bytes([1]) * 32}), Reason.MANIFEST_POLICY),
        (7, replace(ACCEPTS, policy_digests=set()), Reason.MANIFEST_POLICY),
        (7, replace(ACCEPTS, payload_bytes_max=4), Reason.MANIFEST_DIGEST),
        (7, replace(ACCEPTS, form=Form.FULL), Reason.MANIFEST_MALFORMED),
    ],
    ids=str,
)  # fmt: skip
def test_replayed_elsewhere_it_does_not_open(
    sequence: int, accepts: Accepts, reason: Reason
) -> None:
    assert reason_of(ENVELOPE, sequence, accepts) == reason


def test_of_two_policies_whose_digests_begin_alike_the_right_one_is_found() -> None:
    accepts = replace(ACCEPTS, policy_digests={OTHER_POLICY, envelopes.POLICY, b"\xff" * 32})
    manifest, _ = open_envelope(ENVELOPE, 7, accepts, VERIFY)
    assert manifest.policy_digest == envelopes.POLICY


def test_a_side_that_takes_compact_ones_takes_full_ones_too() -> None:
    whole = seal(TOLD, PAYLOAD, SIGN)
    assert open_envelope(whole, 7, ACCEPTS, VERIFY) == (TOLD, PAYLOAD)


def test_neither_signature_serves_for_the_other_form() -> None:
    whole = seal(TOLD, PAYLOAD, SIGN)
    full_signature, compact_signature = whole[-5 - 64 : -5], ENVELOPE[1:65]
    assert reason_of(ENVELOPE[:1] + full_signature + ENVELOPE[65:]) == Reason.MANIFEST_SIGNATURE
    swapped = whole[: -5 - 64] + compact_signature + PAYLOAD
    assert reason_of(swapped) == Reason.MANIFEST_SIGNATURE


def test_two_messages_cannot_swap_payloads_or_heads() -> None:
    other = seal_compact(replace(TOLD, sequence=8, label="SECRET"), b"world", SIGN)
    assert reason_of(ENVELOPE[:-5] + other[-5:]) == Reason.MANIFEST_SIGNATURE
    assert reason_of(other[:75] + ENVELOPE[75:]) == Reason.MANIFEST_SIGNATURE
    assert reason_of(ENVELOPE[:75] + other[75:]) == Reason.MANIFEST_SIGNATURE


@pytest.mark.parametrize("seal_as", [signer(new_secret()), lambda _: bytes(64)])
def test_another_signature(seal_as: Callable[[bytes], bytes]) -> None:
    assert reason_of(seal_compact(TOLD, PAYLOAD, seal_as)) == Reason.MANIFEST_SIGNATURE


@pytest.mark.parametrize(
    "changes",
    [
        {"released_s": 2**32}, {"released_s": -1}, {"ledger_size": 2**32},
        {"name": "n" * 4096}, {"label": "\U0001f600" * 1024},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_what_the_form_has_no_room_for_is_not_sealed(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as caught:
        seal_compact(replace(TOLD, **changes), PAYLOAD, SIGN)
    assert caught.value.reason == Reason.MANIFEST_MALFORMED


ODD = (
    "c101", "f8ff", "fb3ff0000000000000", "f6", "8101", "a10101", "f5", "d82365612a622b63",
    "d9010280", "c06a323032332d30312d3031", "3b7fffffffffffffff",
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", range(5))
def test_a_value_of_another_type_in_any_place(place: int, odd: str) -> None:
    """Signed by the true key: a taken-over source side can say anything."""
    parts = [envelopes.after_head(value) for value in VALUES]
    parts[place] = bytes.fromhex(odd)
    envelope = envelopes.sealed_compact(TOLD, b"".join(parts) + PAYLOAD, SIGN)
    assert reason_of(envelope) == Reason.MANIFEST_MALFORMED


@given(st.binary(max_size=400), st.integers(0x10, 0x14))
def test_any_bytes_are_an_envelope_or_malformed(noise: bytes, form: int) -> None:
    reason_of(noise)
    reason_of(bytes([form]) + noise)
    reason_of(ENVELOPE[:75] + noise)
    reason_of(bytes([form]) + noise[:64].ljust(64) + envelopes.POLICY[:2] + noise)


@given(st.binary(max_size=400))
def test_any_signed_content_opens_or_is_malformed(noise: bytes) -> None:
    for behind in (noise, envelopes.after_head(*VALUES[:2]) + noise):
        envelope = envelopes.sealed_compact(TOLD, behind, SIGN)
        try:
            manifest, payload = open_envelope(envelope, 7, ACCEPTS, VERIFY)
        except Malformed:
            continue
        check_stage_can_take(manifest)
        assert envelope.endswith(payload)


def check_stage_can_take(manifest: Manifest) -> None:
    meta = Meta(
        id=manifest.id.hex(), flow=manifest.flow, sender="", name=manifest.name,
        accepted_s=manifest.accepted_s, type=manifest.type, label=manifest.label,
        precedence=manifest.precedence,
    )  # fmt: skip
    assert Meta.read(meta.write()) == meta
