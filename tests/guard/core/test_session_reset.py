"""A proposal to set the session counter: the known answers, and that nothing else is approved."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.session_reset import SESSION_MAX, SIGNERS_MAX, Proposal, SignedProposal
from guard.link import params
from guard.link.keys import key_id
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

ROOT = Path(__file__).parents[3]
ANSWERS = json.loads((ROOT / "tests/vectors/session-reset/proposals.json").read_text("utf-8"))
OPERATORS = {name: bytes.fromhex(key) for name, key in ANSWERS["operators"].items()}
SEEDS = {name: bytes.fromhex(seed) for name, seed in ANSWERS["seeds"].items()}
APPROVED: bytes = ANSWERS["approved"].encode()


def test_the_vectors_proposal_is_written_read_and_signed_as_the_page_says() -> None:
    signed = SignedProposal.read(ANSWERS["unsigned"].encode())
    link_key = bytes.fromhex(ANSWERS["link_key"])
    assert signed.proposal.link_key == key_id(link_key, ANSWERS["flow_number"])
    for name in ("alice", "bob"):
        signed = signed.signed_by(name, SEEDS[name])
    assert signed.write() == APPROVED
    assert signed.signers(OPERATORS) == ("alice", "bob")


def test_the_specs_example_is_the_vector() -> None:
    assert ANSWERS["approved"] in (ROOT / "docs/spec/session-reset.md").read_text("utf-8")


def test_a_session_has_the_same_bound_as_on_the_link() -> None:
    assert SESSION_MAX == params.SESSION_MAX


@pytest.mark.parametrize("name", ANSWERS["not_approved"])
def test_what_two_listed_persons_did_not_sign_is_not_approved(name: str) -> None:
    signed = SignedProposal.read(ANSWERS["not_approved"][name].encode())
    with pytest.raises(Forged) as caught:
        signed.signers(OPERATORS)
    assert caught.value.reason is Reason.PROPOSAL_SIGNATURES


@pytest.mark.parametrize("name", ANSWERS["malformed"])
def test_what_breaks_a_rule_is_no_proposal(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        SignedProposal.read(ANSWERS["malformed"][name].encode())
    assert caught.value.reason is Reason.PROPOSAL_MALFORMED


def test_no_bit_of_an_approved_proposal_can_be_changed() -> None:
    for at in range(len(APPROVED)):
        changed = APPROVED[:at] + bytes([APPROVED[at] ^ 1]) + APPROVED[at + 1 :]
        with pytest.raises((Malformed, Forged)):
            SignedProposal.read(changed).signers(OPERATORS)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        SignedProposal.read(content)


@given(st.integers(0, len(APPROVED)), st.binary(max_size=20), st.integers(0, 20))
def test_any_change_is_refused_or_changes_nothing(at: int, put: bytes, cut: int) -> None:
    content = APPROVED[:at] + put + APPROVED[at + cut :]
    try:
        signers = SignedProposal.read(content).signers(OPERATORS)
    except (Malformed, Forged):
        return
    assert (content, signers) == (APPROVED, ("alice", "bob"))


def test_the_same_key_listed_twice_is_one_person() -> None:
    signed = SignedProposal.read(ANSWERS["not_approved"]["one under two names"].encode())
    with pytest.raises(Forged, match="two different persons"):
        signed.signers({"alice": OPERATORS["alice"], "bob": OPERATORS["alice"]})


def test_a_person_signs_once_and_signatures_are_bounded() -> None:
    signed = SignedProposal.read(ANSWERS["unsigned"].encode())
    for number in range(SIGNERS_MAX):
        signed = signed.signed_by(f"p{number}", bytes([number]) * 32)
    assert SignedProposal.read(signed.write()) == signed
    with pytest.raises(Malformed):
        signed.signed_by("one-more", bytes(32))
    with pytest.raises(Forged, match="p3 has signed already"):
        replace(signed, signatures=signed.signatures[3:4]).signed_by("p3", bytes(32))
    with pytest.raises(Malformed):
        replace(signed, signatures=()).signed_by("Eve\n", bytes(32))


@pytest.mark.parametrize(
    "change",
    [{"session": 42}, {"receiver": 1_000_042}, {"newest": -1}, {"purpose": " x"}, {"purpose": ""},
     {"purpose": "a\nflow c3"}, {"ledger_size": 0}, {"ledger_root": b""}, {"flow": "C2"},
     {"counter": "lost"}, {"link_key": "AB" * 16}, {"session": 2**32}],
)  # fmt: skip
def test_a_proposal_out_of_bounds_is_not_written(change: dict[str, Any]) -> None:
    proposal: Proposal = SignedProposal.read(APPROVED).proposal
    with pytest.raises(Malformed):
        replace(proposal, **change).text()
