"""What reviewers decide of a held message: the text they sign, and whose decision counts.

Takes bytes, seeds and public keys; gives decisions, who made them, and what comes of them together.
Raises `Malformed(REVIEW_MALFORMED)` for bytes that are no decision, `Forged(REVIEW_SIGNATURES)` and
`Forged(REVIEW_PERSON)` for signatures that do not count. Pure, and no parser of any payload.
Follows docs/spec/held.md.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple, Self

from guard.core.signed_note import PersonKey, SignedNote, check_quorum
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

FIRST_LINE = "checkvalve review 1"
NOTE_BYTES_MAX = 8192
ORIGIN_CHARACTERS_MAX = 5000
HOLDS_MAX = 48
NUMBER_MAX = 2**63 - 1
NO_OUTPUT = "none"
ORIGIN = "review."

_DIGEST = r"[0-9a-f]{64}"
_NUMBER = r"0|[1-9][0-9]{0,18}"
_FORMS = {
    "flow": r"[a-z][a-z0-9_-]{0,31}",
    "id": r"[0-9a-f]{32}",
    "number": _NUMBER,
    "sender": r"[a-z][a-z0-9_-]{0,31}",
    "input": _DIGEST,
    "output": rf"{NO_OUTPUT}|{_DIGEST}",
    "hold": r"[a-z][a-z0-9_-]{0,31} [a-z][a-z0-9-]{0,31}",
    "policy": rf"[1-9][0-9]{{0,9}} {_DIGEST}",
    "posture": r"0|[1-9][0-9]{0,9}",
    "decision": "release|refuse",
}


class Decision(StrEnum):
    """What a reviewer decides; `DISAGREED` is what comes of two that differ."""

    RELEASE = "release"
    REFUSE = "refuse"
    DISAGREED = "disagreed"


class Held(NamedTuple):
    """One reason to hold a message: the stage, and why."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Review:
    """What is signed: one hold of one message, under which policy and posture, and a decision.

    number         the message's number in this side's journal when it was held: names the hold
    input, output  hexadecimal digests (receipt §3 (4)); output: "none" where there was none
    holds          in the chain's order
    policy_version, policy_digest, posture  in force when it was decided; the digest hexadecimal
    """

    flow: str
    id: str
    number: int
    sender: str
    input: str
    output: str
    holds: tuple[Held, ...]
    policy_version: int
    policy_digest: str
    posture: int
    decision: Decision

    def text(self) -> str:
        """What is signed (held §2). Raises `Malformed` for a field out of bounds."""
        lines = [
            ("flow", self.flow),
            ("id", self.id),
            ("number", str(self.number)),
            ("sender", self.sender),
            ("input", self.input),
            ("output", self.output),
            *(("hold", " ".join(held)) for held in self.holds),
            ("policy", f"{self.policy_version} {self.policy_digest}"),
            ("posture", str(self.posture)),
            ("decision", self.decision.value),
        ]
        for name, value in lines:
            if not re.fullmatch(_FORMS[name], value):
                raise _malformed(f"has a line {name} that is not of its form")
        if not 1 <= len(self.holds) <= HOLDS_MAX or self.number > NUMBER_MAX:
            raise _malformed("has a number, or a number of holds, that is out of bounds")
        return "\n".join([FIRST_LINE, *(f"{name} {value}" for name, value in lines), ""])

    @classmethod
    def read(cls, untrusted: str) -> Self:
        """The review of this text, which is the one way to write it. Raises `Malformed`."""
        first, *lines = untrusted.split("\n")
        if first != FIRST_LINE or not len(_FORMS) < len(lines) <= len(_FORMS) + HOLDS_MAX:
            raise _malformed("is not of its form")
        given = [line.partition(" ")[::2] for line in lines[:-1]]
        for name, value in given:
            if name not in _FORMS or not re.fullmatch(_FORMS[name], value):
                raise _malformed("has a line that is not of its form")
        values = dict(given)
        if values.keys() != _FORMS.keys():
            raise _malformed("lacks a line")
        version, _, digest = values["policy"].partition(" ")
        holds = [Held(*value.split(" ")) for name, value in given if name == "hold"]
        found = cls(
            values["flow"], values["id"], int(values["number"]), values["sender"],
            values["input"], values["output"], tuple(holds), int(version), digest,
            int(values["posture"]), Decision(values["decision"]),
        )  # fmt: skip
        if found.text() != untrusted:
            raise _malformed("is not written as it must be: its lines are in one order")
        return found

    def same_hold(self, other: "Review") -> bool:
        """Whether both are about the same, whatever was decided."""
        return replace(self, decision=other.decision) == other

    def covers(self, holds: Iterable[Held], output: str) -> bool:
        """Whether a message that is held for these, with this output, is what was decided."""
        return output == self.output and set(holds) <= set(self.holds)


@dataclass(frozen=True, slots=True)
class SignedReview:
    """A review and the note it came in; the signatures are not checked."""

    note: SignedNote
    review: Review

    @classmethod
    def read(cls, untrusted: bytes, what: str = "the decision") -> Self:
        """Raises `Malformed(REVIEW_MALFORMED)`."""
        note = SignedNote.read(untrusted, NOTE_BYTES_MAX, what, Reason.REVIEW_MALFORMED)
        return cls(note, Review.read(note.text))

    @classmethod
    def made(cls, review: Review, person: PersonKey, seed: bytes) -> Self:
        """One reviewer's decision. seed: Ed25519, 32 bytes. Raises `Malformed`."""
        note = SignedNote(review.text(), what="the decision")
        return cls(note.signed_by(person, seed, Reason.REVIEW_SIGNATURES), review)


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of the decisions on one hold: `review` has the hold, `outcome` what is done.

    signers  name -> what each decided; notes: each different text with its signatures
    """

    review: Review
    outcome: Decision
    signers: Mapping[str, Decision]
    notes: tuple[SignedReview, ...]

    def told(self) -> dict[str, int | str]:
        """For the ledger (held §6 (1))."""
        return {
            "hold": self.review.number,
            "decision": self.outcome.value,
            "reviewers": ",".join(self.signers),
            "decisions": ", ".join(f"{name} {it.value}" for name, it in self.signers.items()),
            "review": "".join(each.note.write().decode() for each in self.notes),
        }


@dataclass(frozen=True, slots=True)
class Reviewers:
    """Who may decide on a side.

    keys     of the trust root; quorum: how many of them it takes
    authors  names of those who signed the running policy
    senders  of the running policy: who any other is, is not known
    persons  sender -> names of persons who are that sender, beside the one of its own name
    """

    keys: frozenset[PersonKey]
    quorum: int
    authors: frozenset[str]
    senders: frozenset[str]
    persons: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, values: Any) -> Self:
        """What a role was told of them (`guard.edge.role_values`)."""
        keys = values["keys"].items()
        return cls(
            frozenset(PersonKey(name, bytes.fromhex(public)) for name, public in keys),
            int(values["quorum"]), frozenset(values["authors"]), frozenset(values["senders"]),
            dict(values["persons"]),
        )  # fmt: skip

    def signers(self, signed: SignedReview) -> frozenset[PersonKey]:
        """Whose decision this is; one at least. Raises `Forged`."""  # held §3 (1), (2)
        found = signed.note.signers(self.keys, Reason.REVIEW_SIGNATURES)
        check_quorum(found, self.keys, 1, signed.note.what, Reason.REVIEW_SIGNATURES)
        sender = signed.review.sender
        if sender not in self.senders and signed.review.decision is Decision.RELEASE:
            raise Forged(
                Reason.REVIEW_PERSON,
                f"the policy in force has no sender {sender}, so who that is is not known: it can"
                " only be refused",
            )
        for person in sorted(found):
            self.check_person(person.name, sender)
        return found

    def check_person(self, name: str, sender: str) -> None:
        """That a reviewer may decide on what this sender sent. Raises `Forged(REVIEW_PERSON)`."""
        if name == sender or name in self.persons.get(sender, ()):
            raise Forged(
                Reason.REVIEW_PERSON,
                f"{name} is the sender of this message ({sender}): another reviewer must decide",
            )
        if name in self.authors:
            raise Forged(
                Reason.REVIEW_PERSON,
                f"{name} signed the policy that is in force: another reviewer must decide",
            )

    def decided(self, notes: Sequence[SignedReview]) -> Decided:
        """What comes of these decisions on one hold. Raises `Forged(REVIEW_SIGNATURES)`."""
        signers: dict[str, Decision] = {}
        persons: list[PersonKey] = []
        for each in notes:
            if not each.review.same_hold(notes[0].review):
                raise _forged("the decisions are not about the same hold of the same message")
            for person in sorted(self.signers(each)):
                if person.name in signers:
                    raise _forged(f"{person.name} has decided twice on one hold")
                signers[person.name] = each.review.decision
                persons.append(person)
        check_quorum(persons, self.keys, self.quorum, "a decision", Reason.REVIEW_SIGNATURES)
        outcomes = set(signers.values())
        outcome = outcomes.pop() if len(outcomes) == 1 else Decision.DISAGREED
        return Decided(notes[0].review, outcome, dict(sorted(signers.items())), tuple(notes))


def joined(decisions: Sequence[SignedReview]) -> tuple[SignedReview, ...]:
    """The same with one note for each different text, in the order of held §5 (1)."""
    texts = sorted({each.note.text for each in decisions})
    found = []
    for text in texts:
        alike = [each for each in decisions if each.note.text == text]
        signatures = sorted(one for each in alike for one in each.note.signatures)
        note = SignedNote(text, tuple(signatures), "the decision")
        found.append(SignedReview(note, alike[0].review))
    return tuple(found)


def write_origin(notes: Sequence[SignedReview]) -> bytes:
    """The origin of a record that goes on by review (held §5 (1)).

    Raises `Malformed(REVIEW_MALFORMED)` where it would be too long for a notice.
    """
    parts = [urlsafe_b64encode(each.note.write()).decode() for each in joined(notes)]
    text = ORIGIN + ".".join(parts)
    if len(text) > ORIGIN_CHARACTERS_MAX:
        raise _malformed("is too long with all its signatures: fewer must sign")
    return text.encode("ascii")


def read_origin(origin: str) -> tuple[SignedReview, ...]:
    """The decisions in an origin; none in that of a drop. Raises `Malformed(REVIEW_MALFORMED)`."""
    if not origin.startswith(ORIGIN):
        return ()
    try:
        parts = [_decoded(part) for part in origin.removeprefix(ORIGIN).split(".")]
    except ValueError as error:
        raise _malformed("is no base64") from error
    notes = tuple(SignedReview.read(part) for part in parts)
    if not all(each.review.same_hold(notes[0].review) for each in notes):
        raise _malformed("is about two holds")
    if write_origin(notes).decode() != origin:
        raise _malformed("is not written as it must be")
    return notes


def reviewed(origin: bytes) -> bool:
    """Whether what has this origin came from reviewers, and not from a drop."""
    return origin.startswith(ORIGIN.encode())


def takes_chain(origin: str) -> bool:
    """Whether what has this origin is fed to the chain: a drop, or what reviewers release."""
    try:
        decisions = {each.review.decision for each in read_origin(origin)}
    except Malformed:
        return True
    return decisions <= {Decision.RELEASE}


def _decoded(part: str) -> bytes:
    raw = urlsafe_b64decode(part)
    if not raw or urlsafe_b64encode(raw).decode() != part:
        raise ValueError("not the one way to write it")
    return raw


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.REVIEW_MALFORMED, f"the decision {what}: make it with guard held")


def _forged(sentence: str) -> Forged:
    return Forged(Reason.REVIEW_SIGNATURES, sentence)
