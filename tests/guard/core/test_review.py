"""A decision of reviewers on a held message: the known answers, and that nothing else counts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.review import (
    HOLDS_MAX,
    ORIGIN_CHARACTERS_MAX,
    Decision,
    Held,
    Review,
    Reviewers,
    SignedReview,
    joined,
    read_origin,
    takes_chain,
    write_origin,
)
from guard.core.signed_note import PersonKey
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

ROOT = Path(__file__).parents[3]
ANSWERS = json.loads((ROOT / "tests/vectors/held/reviews.json").read_text("utf-8"))
SEEDS = {name: bytes.fromhex(seed) for name, seed in ANSWERS["seeds"].items()}
PERSONS = {
    name: PersonKey(name, bytes.fromhex(public)) for name, public in ANSWERS["reviewers"].items()
}
REVIEWERS = Reviewers(
    frozenset(PERSONS.values()), 2, frozenset(ANSWERS["authors"]), frozenset({"alpha"})
)
REVIEW = SignedReview.read(ANSWERS["unsigned"].encode()).review


def signed(name: str, review: Review = REVIEW) -> SignedReview:
    return SignedReview.made(review, PERSONS[name], SEEDS[name])


def test_the_vectors_decisions_are_written_signed_and_read_as_the_page_says() -> None:
    alone = signed("alice")
    assert alone.note.write().decode() == ANSWERS["one"]
    (both,) = joined([signed("bob"), alone])
    assert both.note.write().decode() == ANSWERS["both"]
    assert both.review == REVIEW
    refuses = signed("bob", replace(REVIEW, decision=Decision.REFUSE))
    assert refuses.note.write().decode() == ANSWERS["refuses"]
    assert write_origin([alone, signed("bob")]).decode() == ANSWERS["origin_release"]
    assert write_origin([alone, refuses]).decode() == ANSWERS["origin_disagreed"]


def test_the_specs_example_is_the_vector() -> None:
    assert ANSWERS["both"] in (ROOT / "docs/spec/held.md").read_text("utf-8")


def test_two_who_agree_are_an_outcome_and_two_who_do_not_have_disagreed() -> None:
    decided = REVIEWERS.decided(read_origin(ANSWERS["origin_release"]))
    assert (decided.outcome, dict(decided.signers)) == (
        Decision.RELEASE, {"alice": Decision.RELEASE, "bob": Decision.RELEASE},
    )  # fmt: skip
    told = decided.told()
    assert told["decisions"] == "alice release, bob release"
    assert told["reviewers"] == "alice,bob"
    assert (told["hold"], told["review"]) == (1234, ANSWERS["both"])
    apart = REVIEWERS.decided(read_origin(ANSWERS["origin_disagreed"]))
    assert apart.outcome is Decision.DISAGREED
    assert apart.told()["decisions"] == "alice release, bob refuse"


@pytest.mark.parametrize("name", ANSWERS["do_not_count"])
def test_what_does_not_count_is_no_decision(name: str) -> None:
    untrusted = ANSWERS["do_not_count"][name].encode()
    with pytest.raises(Forged) as found:
        REVIEWERS.decided([SignedReview.read(untrusted)])
    persons = name in ("the sender", "who signed the policy")
    wanted = Reason.REVIEW_PERSON if persons else Reason.REVIEW_SIGNATURES
    assert found.value.reason is wanted


@pytest.mark.parametrize("name", ANSWERS["malformed"])
def test_what_is_not_of_the_form_is_not_read(name: str) -> None:
    with pytest.raises(Malformed) as found:
        SignedReview.read(ANSWERS["malformed"][name].encode())
    assert found.value.reason is Reason.REVIEW_MALFORMED


@pytest.mark.parametrize("name", ANSWERS["no_origins"])
def test_an_origin_has_one_way_to_be_written(name: str) -> None:
    with pytest.raises(Malformed):
        read_origin(ANSWERS["no_origins"][name])


def test_a_drop_has_no_decisions_in_its_origin() -> None:
    assert read_origin(ANSWERS["origin_of_a_drop"]) == ()
    assert takes_chain(ANSWERS["origin_of_a_drop"])
    assert takes_chain(ANSWERS["origin_release"])
    assert not takes_chain(ANSWERS["origin_disagreed"])
    assert not takes_chain(write_origin(
        [signed(name, replace(REVIEW, decision=Decision.REFUSE)) for name in ("alice", "bob")]
    ).decode())  # fmt: skip


def test_one_person_is_no_quorum_and_nobody_decides_twice() -> None:
    with pytest.raises(Forged, match="2 persons must sign"):
        REVIEWERS.decided([signed("alice")])
    again = signed("alice", replace(REVIEW, decision=Decision.REFUSE))
    with pytest.raises(Forged, match="alice has decided twice"):
        REVIEWERS.decided([signed("alice"), again])
    with pytest.raises(Forged, match="so far nobody has"):
        REVIEWERS.decided([SignedReview.read(ANSWERS["unsigned"].encode())])


def test_a_sender_is_whoever_the_policy_lists_for_it() -> None:
    listed = replace(REVIEWERS, persons={"alpha": ["bob"], "beta": ["alice"]})
    with pytest.raises(Forged, match="bob is the sender"):
        listed.decided([*joined([signed("alice"), signed("bob")])])
    assert listed.signers(signed("alice"))


def test_decisions_on_two_holds_are_not_taken_together() -> None:
    other = signed("bob", replace(REVIEW, number=1235))
    with pytest.raises(Forged, match="same hold"):
        REVIEWERS.decided([signed("alice"), other])


def test_only_what_was_signed_is_covered() -> None:
    held, more = Held("words", "dirty-word"), Held("label", "label-unknown")
    assert REVIEW.covers([held], REVIEW.output)
    assert REVIEW.covers([], REVIEW.output)
    assert not REVIEW.covers([held, more], REVIEW.output)
    assert not REVIEW.covers([Held("words", "label-unknown")], REVIEW.output)
    assert not REVIEW.covers([held], REVIEW.input)


@pytest.mark.parametrize(
    "change",
    [{"number": -1}, {"number": 2**63}, {"holds": ()}, {"sender": "Alpha"}, {"input": ""},
     {"output": "NONE"}, {"posture": -1}, {"policy_version": 0}, {"flow": "a\nid"},
     {"holds": (Held("words", "dirty-word\nhold x y"),)}, {"id": "0" * 31},
     {"decision": Decision.DISAGREED}, {"holds": (Held("words", "dirty-word"),) * 49}],
)  # fmt: skip
def test_what_is_out_of_bounds_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        replace(REVIEW, **change).text()


def test_what_is_too_long_for_a_notice_is_no_origin() -> None:
    long = replace(REVIEW, holds=(Held("w" * 32, "r" * 32),) * HOLDS_MAX)
    with pytest.raises(Malformed, match="fewer must sign"):
        write_origin([signed("alice", long)])
    assert len(ANSWERS["origin_disagreed"]) < ORIGIN_CHARACTERS_MAX


def changed_at(at: int, byte: int) -> bytes:
    """The vector with another byte there."""
    both: bytes = ANSWERS["both"].encode()
    return both[:at] + bytes([byte]) + both[at + 1 :]


LENGTH = len(ANSWERS["both"].encode())
CHANGED = st.builds(changed_at, st.integers(0, LENGTH - 1), st.integers(0, 255))


@given(st.binary(max_size=300) | CHANGED)
def test_any_bytes_are_read_or_malformed_and_a_changed_one_never_counts(untrusted: bytes) -> None:
    try:
        REVIEWERS.decided([SignedReview.read(untrusted)])
    except (Malformed, Forged):
        return
    assert untrusted == ANSWERS["both"].encode()


@given(st.text(max_size=100) | st.text("review.QUJD-_=", max_size=60).map("review.".__add__))
def test_any_origin_is_read_or_malformed(untrusted: str) -> None:
    assert isinstance(takes_chain(untrusted), bool)
