"""How `release` takes what reviewers decided: verified again, against what came and what holds it.

Takes notices and judgements; gives what was decided of a message that came by review, and whether
that lets it go on. No parser of content: it looks at digests, names and signatures. Follows
docs/spec/held.md §5 (3) to (5).
"""

from collections.abc import Sequence

from guard.core.notice import Notice
from guard.core.release import Cleared, Stopped
from guard.core.review import Decided, Decision, Held, Reviewers, read_origin
from guard.edge.spec import Spec
from schemas.errors import Forged
from schemas.reasons import Reason
from schemas.receipt import Said
from schemas.sequences import RangeSet


class ReviewJudge:
    """Verifies decisions; knows which holds were decided before."""

    def __init__(self, spec: Spec) -> None:
        self._flow = spec.text("flow")
        self._policy = (spec.number("policy_version"), spec.text("policy_digest"))
        self._reviewers = Reviewers.read(spec.values["reviewers"])
        self._closed = RangeSet()

    def go_on(self, reviewed: str) -> None:
        """Where the ledger says that reviews have come to: `reviewed` of its facts."""
        self._closed = RangeSet.read(reviewed)

    def decided(self, notice: Notice, accepted: str) -> Decided | None:
        """What was decided of this message; None of one that came as a drop.

        accepted: the digest of what was fed, or stands in the journal. Raises `Malformed`,
        `Forged`: then nothing was decided, and the hold, if there is one, stays as it is.
        """
        notes = read_origin(str(notice.about.get("origin", "")))
        if not notes:
            return None
        decided = self._reviewers.decided(notes)
        review = decided.review
        came = (self._flow, notice.id.hex(), str(notice.about["sender"]), accepted)
        if (review.flow, review.id, review.sender, review.input) != came:
            raise Forged(
                Reason.REVIEW_SIGNATURES, "the decisions are about another message than came"
            )
        if review.number in self._closed:
            raise Forged(Reason.REVIEW_USED, f"hold {review.number} was decided before")
        return decided

    def close(self, number: int) -> None:
        """This hold is decided: no decision about it counts any more."""
        self._closed.add(number)

    def lets(self, decided: Decided, holds: Sequence[Held], output: str, posture: int) -> str:
        """Nothing if the message may go on; else the reason why it is held again."""
        review = decided.review
        if decided.outcome is not Decision.RELEASE:
            return Reason.REVIEW_STALE
        if (review.policy_version, review.policy_digest, review.posture) != (
            *self._policy,
            posture,
        ):
            return Reason.REVIEW_STALE
        return "" if review.covers(holds, output) else Reason.REVIEW_OUTPUT


def holds_in(judgement: Cleared | Stopped) -> list[Held]:
    """Every stage that holds it, in order."""
    return [Held(r.stage, r.reason.value) for r in judgement.receipts if r.verdict is Said.HOLD]


def written(holds: Sequence[Held]) -> str:
    """As ledger and record have it."""
    return "\n".join(" ".join(each) for each in holds)
