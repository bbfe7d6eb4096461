"""What release does with reviewers' decisions: real keys, files and sockets, one stage played."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from guard.core.notice import What
from guard.core.posture import InForce
from guard.core.review import Decision, Held
from guard.edge.held import read_record
from guard.edge.posture_files import write_orders
from schemas.message import Message
from schemas.posture import FIRST_LINE, read_posture
from schemas.reasons import Reason
from schemas.verdict import Hold, Refuse
from tests.guard.roles.releasing import (
    HOLD,
    MESSAGE,
    META,
    OTHER,
    STATE,
    Releasing,
    decision,
    make_side,
)


@pytest.fixture
def side(tmp_path: Path) -> Path:
    make_side(tmp_path)
    return tmp_path


@pytest.fixture
def lane(side: Path) -> Iterator[Releasing]:
    made = Releasing.start(side)
    yield made
    made.stop()


def test_what_two_release_is_committed_with_all_of_it_in_the_ledger(lane: Releasing) -> None:
    review = lane.hold()
    (entry,) = lane.reviewed(decision(review, "anna", "bert"))
    assert (entry["kind"], entry["number"], entry["hold"]) == ("committed", 1, 0)
    assert (entry["decision"], entry["decisions"]) == ("release", "anna release, bert release")
    assert str(entry["review"]).startswith(review.text())
    assert entry["sequence"] == 1
    lane.stop_and_find_nothing_held()


def test_what_two_refuse_is_refused_for_good(lane: Releasing) -> None:
    review = replace(lane.hold(), decision=Decision.REFUSE)
    (entry,) = lane.without_chain(decision(review, "anna", "bert"))
    assert (entry["kind"], entry["stage"], entry["reason"], entry["hold"]) == (
        "refused", "review", "review-refused", 0,
    )  # fmt: skip
    assert entry["decisions"] == "anna refuse, bert refuse"
    lane.stop_and_find_nothing_held()


def test_who_disagree_start_over_and_what_they_signed_fits_no_more(lane: Releasing) -> None:
    review = lane.hold()
    refuses = replace(review, decision=Decision.REFUSE)
    apart = [*decision(review, "anna"), *decision(refuses, "bert")]
    (entry,) = lane.without_chain(apart)
    assert (entry["kind"], entry["number"], entry["hold"]) == ("held", 1, 0)
    assert (entry["decision"], entry["decisions"]) == ("disagreed", "anna release, bert refuse")
    again = lane.held()
    assert again == replace(review, number=1)
    (told,) = lane.reviewed(decision(review, "anna", "bert"))
    assert (told["kind"], told["reason"], told["number"]) == ("alarm", "review-used", 2)
    (entry,) = lane.reviewed(decision(again, "anna", "bert"))
    assert (entry["kind"], entry["hold"]) == ("committed", 1)


def test_a_decision_that_was_used_is_used_no_more(lane: Releasing) -> None:
    review = lane.hold()
    both = decision(review, "anna", "bert")
    assert lane.reviewed(both)[0]["kind"] == "committed"
    (told,) = lane.reviewed(both)
    assert (told["kind"], told["reason"], told["number"]) == ("alarm", "review-used", 2)


def test_nor_after_a_restart_by_what_the_ledger_says(side: Path) -> None:
    first = Releasing.start(side)
    both = decision(first.hold(), "anna", "bert")
    first.stop()
    second = Releasing.start(side, STATE | {"settled": 1, "reviewed": "0"})
    (told,) = second.reviewed(both)
    assert (told["kind"], told["reason"]) == ("alarm", "review-used")
    second.stop()


def test_what_a_crash_left_in_held_after_it_was_committed_goes_at_the_next_start(
    side: Path,
) -> None:
    first = Releasing.start(side)
    first.hold()
    first.stop()
    (side / "held" / f".{'0' * 32}.4.gone").mkdir()
    second = Releasing.start(
        side, STATE | {"settled": 2, "reviewed": "0", "closing": f"{META.id} 0"}
    )
    second.stop()
    assert list((side / "held").iterdir()) == []


def test_what_is_held_again_after_a_break_is_kept_as_the_ledger_has_it(side: Path) -> None:
    """Or nobody could decide on it: guard held compares the two."""
    first = Releasing.start(side)
    both = decision(first.hold(), "anna", "bert")
    other = Hold(Reason.TOO_LARGE, "too large")
    assert first.reviewed(both, answer=other)[0]["holds"] == "words too-large"
    first.stop()
    second = Releasing.start(side, STATE | {"settled": 1})
    third = Hold(Reason.TOO_DEEP, "too deep")
    notice = second.again(1, MESSAGE, second.origin(both))
    (entry,) = second.feed(notice, MESSAGE, third)
    second.stop()
    record = read_record(side / "held" / META.id)
    assert (entry["number"], entry["hold"]) == (1, 0)
    assert {name: record[name] for name in ("number", "holds", "sentence")} == {
        name: entry[name] for name in ("number", "holds", "sentence")
    }


@pytest.mark.parametrize("answer", [None, Refuse(Reason.DIRTY_WORD, "no"), HOLD])
@pytest.mark.parametrize("keep", [0, 1])
def test_what_was_kept_and_the_ledger_never_heard_of_is_judged_anew(
    side: Path, answer: Hold | Refuse | None, keep: int
) -> None:
    """A power cut between the two; then another policy, or a stage that does not fail again."""
    first = Releasing.start(side)
    first.hold()
    first.stop()
    path = side / "held" / META.id / "record.json"
    path.write_text(path.read_text().replace('"sentence": "', '"sentence": "before: '))
    second = Releasing.start(side, keep_refused=keep)
    notice = second.again(0, MESSAGE, "fd00.1.2.3.61")
    (entry,) = second.feed(notice, MESSAGE, answer)
    second.stop()
    assert entry["number"] == 0
    if entry["kind"] == "held" or (entry["kind"] == "refused" and keep):
        record = read_record(side / "held" / META.id)
        assert (record["sentence"], record["verdict"]) == (
            entry["sentence"], "hold" if entry["kind"] == "held" else "refuse",
        )  # fmt: skip
    else:
        assert list((side / "held").iterdir()) == []


def test_what_waited_is_held_when_its_sender_is_in_the_policy_no_more(side: Path) -> None:
    lane = Releasing.start(side, senders=["bravo"])
    notice = lane.accept(MESSAGE, "fd00.1.2.3.61")
    (entry,) = lane.feed(notice, MESSAGE, None)
    lane.stop()
    assert (entry["kind"], entry["stage"], entry["reason"]) == (
        "held", "release", "sender-not-listed",
    )  # fmt: skip
    assert (side / "held" / META.id).is_dir()


@pytest.mark.parametrize(
    ("names", "seed_of", "reason"),
    [
        (["anna"], "", "review-signatures"),
        (["anna", "alpha"], "", "review-person"),
        (["anna", "cleo"], "", "review-person"),
        (["anna", "dirk"], "", "review-person"),
        (["anna", "bert"], "cleo", "review-signatures"),
    ],
    ids=["one", "the sender", "a person who is the sender", "who signed the policy", "forged"],
)
def test_whose_decision_does_not_count_releases_nothing_and_the_hold_stays(
    lane: Releasing, names: list[str], seed_of: str, reason: str
) -> None:
    review = lane.hold()
    (told,) = lane.reviewed(decision(review, *names, seed_of=seed_of))
    assert (told["kind"], told["reason"]) == ("alarm", reason)
    assert lane.held() == review


def test_a_decision_about_another_message_or_digest_releases_nothing(lane: Releasing) -> None:
    review = lane.hold()
    for change in ({"id": OTHER.meta.id}, {"input": "0" * 64}, {"flow": "c3"}):
        (told,) = lane.reviewed(decision(replace(review, **change), "anna", "bert"))  # type: ignore[arg-type]  # a field of it
        assert (told["kind"], told["reason"]) == ("alarm", "review-signatures")
    swapped = Message(MESSAGE.meta_bytes, b"<swapped/>")
    (told,) = lane.reviewed(decision(review, "anna", "bert"), swapped)
    assert (told["kind"], told["reason"]) == ("alarm", "review-signatures")
    (told,) = lane.reviewed(decision(review, "anna", "bert"), OTHER)
    assert told["kind"] == "alarm"
    assert lane.held() == review


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"policy_version": 2}, "dirty-word"),
        ({"policy_digest": "cd" * 32}, "dirty-word"),
        ({"posture": 1}, "dirty-word"),
        ({"output": "0" * 64}, "dirty-word"),
        ({"output": "none"}, "dirty-word"),
        ({"holds": (Held("label", "dirty-word"),)}, "dirty-word"),
        ({"holds": (Held("words", "label-unknown"),)}, "dirty-word"),
    ],
)
def test_what_is_other_than_it_was_decided_is_held_again(
    lane: Releasing, change: dict[str, object], reason: str
) -> None:
    review = replace(lane.hold(), **change)  # type: ignore[arg-type]  # a field of it
    (entry,) = lane.reviewed(decision(review, "anna", "bert"))
    assert (entry["kind"], entry["reason"], entry["hold"]) == ("held", reason, 0)
    again = lane.held()
    assert again.number == 1
    (entry,) = lane.reviewed(decision(again, "anna", "bert"))
    assert (entry["kind"], entry["hold"]) == ("committed", 1)


def test_what_passes_now_but_was_decided_under_another_policy_is_held_all_the_same(
    lane: Releasing,
) -> None:
    review = replace(lane.hold(), policy_version=2)
    (entry,) = lane.reviewed(decision(review, "anna", "bert"), answer=None)
    assert (entry["kind"], entry["stage"], entry["reason"]) == ("held", "release", "review-stale")


def test_another_reason_to_hold_needs_another_review_of_all_of_them(lane: Releasing) -> None:
    review = lane.hold()
    other = Hold(Reason.LABEL_UNKNOWN, "what label is that")
    (entry,) = lane.reviewed(decision(review, "anna", "bert"), answer=other)
    assert (entry["kind"], entry["reason"]) == ("held", "label-unknown")
    assert lane.held().holds == (Held("words", "label-unknown"),)


def test_what_a_stage_refuses_now_is_refused_whatever_was_decided(lane: Releasing) -> None:
    review = lane.hold()
    refuse = Refuse(Reason.SYNTAX, "no")
    (entry,) = lane.reviewed(decision(review, "anna", "bert"), answer=refuse)
    assert (entry["kind"], entry["reason"], entry["hold"]) == ("refused", "syntax", 0)


def test_what_gave_no_output_is_tried_again_and_what_comes_out_is_looked_at(
    lane: Releasing,
) -> None:
    lane.accept(MESSAGE, "fd00.1.2.3.61", What.STOPPED, reason="poison", sentence="it broke")
    (entry,) = lane.told()
    assert (entry["kind"], entry["output"]) == ("held", "")
    first = lane.held()
    assert first.output == "none"
    (entry,) = lane.reviewed(decision(first, "anna", "bert"), answer=None)
    assert (entry["kind"], entry["reason"]) == ("held", "review-output")
    second = lane.held()
    assert (second.output, second.holds) == (
        second.input, (Held("release", "review-output"),),
    )  # fmt: skip
    (entry,) = lane.reviewed(decision(second, "anna", "bert"), answer=None)
    assert (entry["kind"], entry["hold"]) == ("committed", 1)


def test_what_breaks_the_chain_again_is_held_again(lane: Releasing) -> None:
    review = lane.hold()
    both = decision(review, "anna", "bert")
    (entry,) = lane.without_chain(both, reason="poison", sentence="it broke")
    assert (entry["kind"], entry["reason"], entry["hold"]) == ("held", "poison", 0)


def test_a_payload_that_no_receipt_gave_is_held_with_an_alarm(lane: Releasing) -> None:
    review = lane.hold()
    origin_of = lane.origin(decision(review, "anna", "bert"))
    notice = lane.accept(MESSAGE, origin_of)
    told = lane.feed(notice, MESSAGE, HOLD, Message(MESSAGE.meta_bytes, b"<hijacked/>"))
    assert [each["kind"] for each in told] == ["held", "alarm"]
    assert (told[0]["reason"], told[0]["hold"]) == ("receipt-other-message", 0)


def test_a_message_under_the_id_of_a_held_one_does_not_take_its_place(lane: Releasing) -> None:
    review = lane.hold()
    same = Message.make(META, b"<another/>")
    (entry,) = lane.feed(lane.accept(same, "fd00.1.2.9.62"), same, HOLD)
    assert entry["kind"] == "held"
    assert lane.held() == review


def posture(side: Path, version: int, body: str) -> None:
    text = f'{FIRST_LINE}\nformat = 1\nversion = {version}\nflow = "c2"\nreason = "x"\n{body}'
    write_orders(side, InForce(text, read_posture(text), ("anna",)))


def test_what_a_posture_holds_is_released_under_that_posture_only(side: Path) -> None:
    posture(side, 4, "payload_bytes_max = 2\n")
    lane = Releasing.start(side)
    assert lane.told()[0]["kind"] == "posture"
    (entry,) = lane.feed(lane.accept(MESSAGE, "fd00.1.2.3.61"), MESSAGE, HOLD)
    assert entry["holds"] == "words dirty-word\nrelease posture"
    early = lane.held(posture=3)
    (entry,) = lane.reviewed(decision(early, "anna", "bert"))
    assert entry["kind"] == "held"
    now = lane.held(posture=4)
    (entry,) = lane.reviewed(decision(now, "anna", "bert"))
    assert (entry["kind"], entry["hold"]) == ("committed", 1)
    lane.stop()


def test_what_is_refused_may_be_kept_and_is_no_hold(side: Path) -> None:
    lane = Releasing.start(side, keep_refused=1)
    review = replace(lane.hold(), decision=Decision.REFUSE)
    (entry,) = lane.without_chain(decision(review, "anna", "bert"))
    assert entry["kind"] == "refused"
    lane.stop()
    assert read_record(side / "held" / META.id)["verdict"] == "refuse"
