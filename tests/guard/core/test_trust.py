"""Trust roots and policy signatures: the known answers, and that nothing else is believed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.signed_note import SIGNATURES_MAX, PersonKey, SignedNote
from guard.core.trust import (
    CHAIN_MAX,
    SignedRoot,
    check_kind,
    check_policy_signature,
    follow,
    policy_text,
    read_policy_signature,
)
from guard.edge.making import pack_folder
from schemas.errors import CheckvalveError, Forged, Malformed
from schemas.policy import Policy, read_policy
from schemas.reasons import Reason
from schemas.trust_root import TrustRoot, read_root

ROOT = Path(__file__).parents[3]
ROOTS: dict[str, Any] = json.loads((ROOT / "tests/vectors/trust_root/roots.json").read_text())
SIGNATURES: dict[str, Any] = json.loads(
    (ROOT / "tests/vectors/policy_signing/signatures.json").read_text()
)
ENTERED = f"sha256:{ROOTS['digest']}"


def root(text: str) -> SignedRoot:
    return SignedRoot.read(text.encode(), "trust/root")


FIRST, SECOND = root(ROOTS["first"]), root(ROOTS["second"])


# -- roots --------------------------------------------------------------------------------------


def test_a_root_is_read_written_and_signed_as_the_page_says() -> None:
    assert FIRST.root.digest() == ROOTS["digest"]
    assert FIRST.root.text() == FIRST.note.text
    note = SignedNote(FIRST.root.text(), what="it")
    for name in ("alice", "bob"):
        key = PersonKey(name, FIRST.root.policy_keys[name])
        note = note.signed_by(key, bytes.fromhex(ROOTS["seeds"][name]), Reason.ROOT_UNTRUSTED)
    assert note.write().decode() == ROOTS["first"]
    assert follow(ENTERED, [FIRST]) == FIRST.root


@pytest.mark.parametrize(
    ("page", "shown"),
    [("trust-root.md", ROOTS["first"]), ("policy-signing.md", SIGNATURES["good"])],
)
def test_the_specs_example_is_the_vector(page: str, shown: str) -> None:
    assert shown in (ROOT / "docs" / "spec" / page).read_text("utf-8")


@pytest.mark.parametrize("between", ROOTS["directions"])
def test_directions_follow_classifications_and_categories(between: str) -> None:
    source, destination = between.split()
    assert FIRST.root.direction(source, destination) == ROOTS["directions"][between]


@pytest.mark.parametrize("name", ROOTS["untrusted"])
def test_a_root_without_its_own_quorum_is_not_believed(name: str) -> None:
    signed = root(ROOTS["untrusted"][name])
    with pytest.raises(Forged) as caught:
        follow(f"sha256:{signed.root.digest()}", [signed])
    assert caught.value.reason is Reason.ROOT_UNTRUSTED


@pytest.mark.parametrize("name", ROOTS["malformed"])
def test_what_breaks_a_rule_is_no_root(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_root(ROOTS["malformed"][name])
    assert caught.value.reason is Reason.ROOT_MALFORMED


def test_a_root_whose_digest_was_not_entered_is_not_believed() -> None:
    with pytest.raises(Forged, match="enter the digest"):
        follow("sha256:" + "0" * 64, [FIRST])
    with pytest.raises(Forged, match=r"site\.toml says"):
        follow(ENTERED, [SECOND])  # the next one alone is nobody's anchor yet


def test_the_next_root_is_believed_by_the_old_ones_quorum() -> None:
    assert follow(ENTERED, [FIRST, SECOND]) == SECOND.root
    assert SECOND.root.version == 2


@pytest.mark.parametrize("name", ROOTS["not_the_next"])
def test_another_next_root_is_not(name: str) -> None:
    with pytest.raises(Forged) as caught:
        follow(ENTERED, [FIRST, root(ROOTS["not_the_next"][name])])
    assert caught.value.reason is Reason.ROOT_UNTRUSTED


def test_a_chain_goes_one_version_at_a_time() -> None:
    with pytest.raises(Forged, match="does not follow version 1"):
        follow(ENTERED, [FIRST, FIRST])
    with pytest.raises(Forged, match="not 1 to"):
        follow(ENTERED, [])
    with pytest.raises(Forged, match="not 1 to"):
        follow(ENTERED, [FIRST] * (CHAIN_MAX + 1))


def test_a_demonstrations_root_and_a_real_one_are_each_refused_by_the_other() -> None:
    demo = TrustRoot(
        1, FIRST.root.policy_keys, 2, FIRST.root.domains, FIRST.root.classifications, demo=True
    )
    check_kind(demo, demonstration=True)
    check_kind(FIRST.root, demonstration=False)
    with pytest.raises(Forged, match="is for demonstration"):
        check_kind(demo, demonstration=False)
    with pytest.raises(Forged, match="is a real one"):
        check_kind(FIRST.root, demonstration=True)


def test_no_bit_of_a_root_can_be_changed() -> None:
    good: bytes = ROOTS["first"].encode()
    for at in range(0, len(good), 3):
        changed = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        with pytest.raises(CheckvalveError):
            follow(ENTERED, [SignedRoot.read(changed, "it")])


@given(st.binary(max_size=400))
def test_any_bytes_are_a_root_or_malformed(untrusted: bytes) -> None:
    with pytest.raises(Malformed):
        SignedRoot.read(untrusted, "it")


# -- policies -----------------------------------------------------------------------------------

KEYS = {name: bytes.fromhex(key) for name, key in SIGNATURES["policy_keys"].items()}
DIGEST = bytes.fromhex(SIGNATURES["digest"])
TRUSTED = TrustRoot(1, KEYS, 2, FIRST.root.domains, FIRST.root.classifications)


@pytest.fixture(scope="module")
def policy() -> Policy:
    found = read_policy((pack_folder("c2") / "policy.toml").read_bytes())
    return found.model_copy(update={"version": SIGNATURES["version"]})


def signers(text: str, policy: Policy) -> tuple[str, ...]:
    note = read_policy_signature(text.encode(), "policy.sig")
    return check_policy_signature(note, policy, "low", DIGEST, TRUSTED)


def test_what_is_signed_is_the_vectors_text(policy: Policy) -> None:
    assert policy_text(policy, "low", DIGEST) == SIGNATURES["text"]
    assert signers(SIGNATURES["good"], policy) == ("alice", "bob")


@pytest.mark.parametrize("name", SIGNATURES["unsigned"])
def test_what_two_policy_keys_did_not_sign_for_this_side_is_unsigned(
    name: str, policy: Policy
) -> None:
    with pytest.raises(CheckvalveError) as caught:
        signers(SIGNATURES["unsigned"][name], policy)
    assert caught.value.reason is Reason.POLICY_UNSIGNED


def test_a_signature_is_of_one_flow_side_version_and_digest(policy: Policy) -> None:
    note = read_policy_signature(SIGNATURES["good"].encode(), "policy.sig")
    for changed, side, digest in (
        (policy.model_copy(update={"version": 4}), "low", DIGEST),
        (policy.model_copy(update={"flow": "c3"}), "low", DIGEST),
        (policy, "high", DIGEST),
        (policy, "low", bytes(32)),
    ):
        with pytest.raises(Forged, match="not what the policy keys signed"):
            check_policy_signature(note, changed, side, digest, TRUSTED)


def test_a_note_has_a_bounded_number_of_signatures() -> None:
    line = SIGNATURES["good"].splitlines(keepends=True)[-1]
    untrusted = SIGNATURES["text"] + "\n" + line * (SIGNATURES_MAX + 1)
    with pytest.raises(Malformed, match="more than 64 signatures"):
        read_policy_signature(untrusted.encode(), "policy.sig")
