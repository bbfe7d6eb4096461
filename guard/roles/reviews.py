"""What reviewers decided, as `ingest` takes it: from files in `decisions/` to messages that go on.

Takes a side's folder and who may decide; gives the holds on which a quorum has decided, with the
bytes to go on with, and the decisions that do not count. Compares nothing before the quorum is
there. Reads `decisions/` and `held/`. `release` verifies all of it again. Follows docs/spec/held.md
§3 to §5.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from guard.core.review import (
    NO_OUTPUT,
    Review,
    Reviewers,
    SignedReview,
    joined,
    write_origin,
)
from guard.edge.clock import monotonic_ns, now_ms
from guard.edge.decisions import DecisionFolder, Waiting
from guard.edge.held import INPUT, read_output, read_part, read_record, review_of
from guard.edge.spec import Spec
from guard.edge.spool_names import escaped
from schemas.entry import Entry, Kind
from schemas.errors import CheckvalveError, Forged, Malformed
from schemas.message import Message
from schemas.orders import Orders
from schemas.reasons import Reason
from schemas.receipt import message_digest

LOOK_NS = 1_000_000_000
READY_MAX = 8  # each with its payload: a process may have 32 of the largest
_NO_ID = "0" * 32


@dataclass(frozen=True, slots=True)
class Ready:
    """A hold that a quorum has decided: the files that said so, and what goes on."""

    names: tuple[str, ...]
    origin: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class Void:
    """A decision that does not count, and why: for the ledger, then it is removed."""

    name: str
    ident: str
    reason: str
    sentence: str

    def entry(self) -> Entry:
        """What the ledger hears; not what was decided."""
        return {
            "kind": Kind.REVIEW,
            "time_ms": now_ms(),
            "id": self.ident,
            "sender": "",
            "name": escaped(os.fsencode(self.name)),
            "stage": "ingest",
            "reason": self.reason,
            "sentence": self.sentence,
        }


@dataclass(slots=True)
class _Hold:
    """The decisions on one hold that count so far."""

    names: list[str]
    decisions: list[SignedReview]
    persons: set[str]


class ReviewDesk:
    """The decisions of one side's reviewers."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        self._held = folder / "held"
        self._folder = DecisionFolder(folder)
        self._flow = spec.text("flow")
        self._policy = (spec.number("policy_version"), spec.text("policy_digest"))
        self._bytes_max = spec.number("payload_bytes_max")
        self._reviewers = Reviewers.read(spec.values["reviewers"])
        self._next_ns = 0

    def due(self, orders: Orders) -> tuple[list[Ready], list[Void]]:
        """(what goes on, what does not count); looks once a second, and not without reviewers."""
        now_ns = monotonic_ns()
        if not self._reviewers.keys or now_ns < self._next_ns:
            return [], []
        self._next_ns = now_ns + LOOK_NS
        if not self._folder.may_differ(orders):
            return [], []
        holds: dict[str, _Hold] = {}
        voids: list[Void] = []
        for waiting in self._folder.waiting():
            ident = _NO_ID
            try:
                signed = _read(waiting)
                ident = signed.review.id
                if not orders.stops(signed.review.sender):
                    self._take(waiting.name, signed, orders, holds)
            except (Malformed, Forged) as error:
                voids.append(_void(waiting.name, ident, error))
        return self._ready(holds, voids), voids

    def remove(self, names: Iterable[str]) -> None:
        """Take these decisions away, durably."""
        self._folder.remove(names)

    def _take(self, name: str, signed: SignedReview, orders: Orders,
              holds: dict[str, _Hold]) -> None:  # fmt: skip
        """Add one that counts. Raises `Malformed`, `Forged` for one that does not."""
        review = signed.review
        persons = {person.name for person in self._reviewers.signers(signed)}
        if not (self._held / review.id).exists():
            raise Forged(
                Reason.REVIEW_STALE, f"nothing is held as {review.id}: it was decided, or never was"
            )
        record = read_record(self._held / review.id)
        kept = review_of(record, self._flow, self._policy, orders.version, review.decision)
        if kept != review:
            raise Forged(
                Reason.REVIEW_STALE,
                f"the decision of {', '.join(sorted(persons))} is about another hold, policy or"
                " posture than what is held now: look at it again, and decide anew",
            )
        hold = holds.setdefault(review.id, _Hold([], [], set()))
        twice = sorted(persons & hold.persons)
        if twice:
            raise Forged(
                Reason.REVIEW_SIGNATURES, f"{twice[0]} has decided twice: the first decision stands"
            )
        hold.names.append(name)
        hold.decisions.append(signed)
        hold.persons |= persons

    def _ready(self, holds: dict[str, _Hold], voids: list[Void]) -> list[Ready]:
        """At most as many as fit in memory; the others at the next look."""
        found: list[Ready] = []
        for ident, hold in holds.items():
            if len(found) == READY_MAX:
                break
            if len(hold.persons) < self._reviewers.quorum:
                continue
            try:
                notes = joined(hold.decisions)
                self._reviewers.decided(notes)
                message = self._message(notes[0].review)
                found.append(Ready(tuple(hold.names), write_origin(notes), message))
            except (Malformed, Forged) as error:
                voids += [_void(name, ident, error) for name in hold.names]
        return found

    def _message(self, review: Review) -> Message:
        """What is held, with the digests that were signed. Raises `Malformed`, `Forged`."""
        kept = self._held / review.id
        record = read_record(kept)
        payload = read_part(kept / INPUT, self._bytes_max)
        message = Message(str(record["meta"]).encode("ascii", "replace"), payload)
        meta = message.meta
        if (meta.id, meta.sender) != (review.id, review.sender):
            raise Forged(Reason.REVIEW_STALE, f"the metadata of {review.id} is another message's")
        found = {"input": _digest(message)}
        if review.output != NO_OUTPUT:
            output_meta = str(record["output_meta"]).encode("ascii", "replace")
            output = read_output(kept, self._bytes_max)
            found["output"] = _digest(Message(output_meta, output))
        for name, digest in found.items():
            if digest != getattr(review, name):
                raise Forged(
                    Reason.REVIEW_STALE,
                    f"the {name} of {review.id} was changed since it was held: nothing was decided",
                )
        return message


def _read(waiting: Waiting) -> SignedReview:
    if waiting.untrusted is None:
        raise Malformed(
            Reason.REVIEW_MALFORMED,
            "a decision is no regular file that ingest may read: lay it with guard held",
        )
    return SignedReview.read(waiting.untrusted)


def _void(name: str, ident: str, error: CheckvalveError) -> Void:
    return Void(name, ident, error.reason.value, error.sentence)


def _digest(message: Message) -> str:
    return message_digest(message.meta_bytes, message.payload).hex()
