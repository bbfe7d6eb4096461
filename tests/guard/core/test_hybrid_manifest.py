"""Manifests that are signed twice (manifest §6): both signatures, or nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import pytest

from guard.core.sealing import seal, seal_compact, seal_hybrid
from guard.core.verification import Accepts, open_envelope
from guard.edge.keys import public_of, signer
from guard.edge.mldsa import mldsa_public_of, mldsa_signer, mldsa_verifier
from guard.edge.seals import seal_verifier
from guard.edge.spec import Spec, Value
from schemas.errors import Forged, Malformed
from schemas.manifest import Form, Signatures
from schemas.reasons import Reason
from tests.guard.core import envelopes

SEED, SECOND = bytes(range(32)), bytes(range(32, 64))
FILE = Path(__file__).parents[2] / "vectors" / "manifest" / "hybrid.json"
ANSWERS = json.loads(FILE.read_text("utf-8"))
KEYS: dict[str, Value] = {"seal_public": public_of(SEED).hex(),
                          "seal_mldsa": mldsa_public_of(SECOND).hex()}  # fmt: skip
VERIFY = seal_verifier(Spec("verify", "x:y", "high", {}, KEYS))
BOTH = Accepts("tracks", "NORTH", "SOUTH", {envelopes.POLICY}, 1000,
               signatures=Signatures.HYBRID, names=True)  # fmt: skip
EITHER = replace(BOTH, signatures=Signatures.ED25519)
MANIFEST = envelopes.manifest(b"hello")


def sealed() -> bytes:
    return seal_hybrid(MANIFEST, b"hello", signer(SEED), mldsa_signer(SECOND))


def refused(envelope: bytes, accepts: Accepts = BOTH, verify: Any = VERIFY) -> Reason:
    with pytest.raises((Malformed, Forged)) as raised:
        open_envelope(envelope, 7, accepts, verify)
    return raised.value.reason


@pytest.mark.parametrize("accepts", [BOTH, EITHER])
def test_what_is_signed_twice_is_opened_by_both_policies(accepts: Accepts) -> None:
    assert open_envelope(sealed(), 7, accepts, VERIFY) == (MANIFEST, b"hello")


def test_a_side_that_wants_both_takes_nothing_else() -> None:
    once = seal(MANIFEST, b"hello", signer(SEED))
    assert open_envelope(once, 7, EITHER, VERIFY)[1] == b"hello"
    assert refused(once) == Reason.MANIFEST_MALFORMED
    compact = seal_compact(MANIFEST, b"hello", signer(SEED))
    assert refused(compact, replace(BOTH, form=Form.COMPACT)) == Reason.MANIFEST_MALFORMED


@pytest.mark.parametrize("seeds", [(SEED, SEED), (SECOND, SECOND)])
def test_one_good_signature_is_none(seeds: tuple[bytes, bytes]) -> None:
    envelope = seal_hybrid(MANIFEST, b"hello", signer(seeds[0]), mldsa_signer(seeds[1]))
    for accepts in (BOTH, EITHER):
        assert refused(envelope, accepts) == Reason.MANIFEST_SIGNATURE


def test_a_signature_of_an_earlier_key_beside_one_of_the_key_of_now_is_none() -> None:
    old, old_second = bytes(32), bytes([1]) * 32
    told = KEYS | {"seal_old": [[public_of(old).hex(), 1, mldsa_public_of(old_second).hex()]]}
    verify = seal_verifier(Spec("verify", "x:y", "high", {}, told))
    whole = seal_hybrid(MANIFEST, b"hello", signer(old), mldsa_signer(old_second))
    assert open_envelope(whole, 7, BOTH, verify)[1] == b"hello"
    mixed = seal_hybrid(MANIFEST, b"hello", signer(old), mldsa_signer(SECOND))
    assert refused(mixed, verify=verify) == Reason.MANIFEST_SIGNATURE


def test_a_key_without_a_second_one_verifies_nothing_that_is_signed_twice() -> None:
    verify = seal_verifier(
        Spec("verify", "x:y", "high", {}, {"seal_public": public_of(SEED).hex()})
    )
    assert refused(sealed(), EITHER, verify) == Reason.MANIFEST_SIGNATURE


def test_it_cannot_be_cut_down_to_one_signature() -> None:
    """The Ed25519 signature of both is over other bytes than that of a COSE_Sign1."""
    body, _, content, signers = cbor2.loads(sealed()[4:-5]).value
    assert body == b""
    cose = envelopes.COSE_START + envelopes.bytes_head(len(content)) + content
    cose += envelopes.bytes_head(64) + signers[0][2]
    once = len(cose).to_bytes(4, "big") + cose + b"hello"
    assert refused(once, EITHER) == Reason.MANIFEST_SIGNATURE


def test_no_bit_of_the_head_or_of_a_signature_can_be_changed() -> None:
    envelope = sealed()
    size = len(envelope)
    places = [*range(300), *range(300, size, 97), *range(size - 8, size)]
    for at in places:
        changed = bytearray(envelope)
        changed[at] ^= 1
        refused(bytes(changed))


@pytest.mark.parametrize("cut", [1, 5, 64, 3309, 3400])
def test_what_is_cut_short_or_has_more_is_malformed(cut: int) -> None:
    envelope = sealed()
    assert refused(envelope[: len(envelope) - cut]) in (
        Reason.MANIFEST_MALFORMED, Reason.MANIFEST_DIGEST,
    )  # fmt: skip
    cose = envelope[4:-5] + bytes(cut)
    longer = len(cose).to_bytes(4, "big") + cose + b"hello"
    assert refused(longer) == Reason.MANIFEST_MALFORMED


def test_sizes_are_those_of_fips_204() -> None:
    signature = mldsa_signer(SECOND)(b"x")
    assert (len(mldsa_public_of(SECOND)), len(signature)) == (1952, 3309)
    mldsa_verifier(mldsa_public_of(SECOND))(signature, b"x")


@pytest.mark.parametrize("answer", ANSWERS["good"], ids=lambda answer: answer["name"])
def test_the_known_answers_open(answer: dict[str, Any]) -> None:
    assert ANSWERS["mldsa_public"] == mldsa_public_of(SECOND).hex()
    fields = answer["fields"]
    accepts = replace(BOTH, flow=fields["flow"], payload_bytes_max=1 << 20)
    opened, payload = open_envelope(
        bytes.fromhex(answer["envelope"]), fields["sequence"], accepts, VERIFY
    )
    assert envelopes.as_fields(opened) == fields
    assert payload.hex() == answer["payload"]


@pytest.mark.parametrize("answer", ANSWERS["bad"], ids=lambda answer: answer["name"])
def test_the_known_bad_ones_do_not(answer: dict[str, Any]) -> None:
    refused(bytes.fromhex(answer["envelope"]))


def test_any_cbor_library_reads_one() -> None:
    told = cbor2.loads(bytes.fromhex(ANSWERS["good"][0]["envelope"])[4:-5])
    assert told.tag == 98
    algorithms = [cbor2.loads(protected) for protected, _, _ in told.value[3]]
    assert algorithms == [{1: -8}, {1: -49}]


def test_the_specs_example_is_the_first_vector() -> None:
    page = (Path(__file__).parents[3] / "docs/spec/manifest.md").read_text("utf-8")
    envelope = bytes.fromhex(ANSWERS["good"][0]["envelope"])
    cose_bytes = int.from_bytes(envelope[:4], "big")
    assert f"takes {cose_bytes:,} bytes so, and an envelope {cose_bytes + 4:,}" in page
    assert (
        f"{envelope[:4].hex(' ')}                        the COSE_Sign has {cose_bytes:,}" in page
    )
