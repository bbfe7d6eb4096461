"""The decisions as ingest takes them: which count, and what goes on; real files, real keys."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from guard.core.review import Decision, Review, read_origin
from guard.edge.decisions import FOLDER, lay_decision
from guard.edge.spec import Spec
from guard.roles.reviews import LOOK_NS, READY_MAX, Ready, ReviewDesk, Void
from schemas.message import Message
from schemas.orders import Orders
from tests.guard.roles.releasing import (
    HOLD,
    MESSAGE,
    META,
    Releasing,
    decision,
    make_side,
    values,
)


class Desk:
    """A review desk beside a side that holds one message; a look whenever it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_side(folder)
        lane = Releasing.start(folder)
        self.review = lane.hold()
        lane.stop()
        self.desk = ReviewDesk(Spec("ingest", "x:y", "low", {}, values(folder)), folder)

    def lay(self, review: Review, *names: str, seed_of: str = "") -> None:
        for each in decision(review, *names, seed_of=seed_of):
            lay_decision(self.folder, each.note.write())

    def look(self, orders: Orders | None = None) -> tuple[list[Ready], list[Void]]:
        self.desk._next_ns = 0
        return self.desk.due(orders or Orders())

    def void(self, orders: Orders | None = None) -> list[str]:
        ready, voids = self.look(orders)
        assert ready == []
        self.desk.remove(void.name for void in voids)
        return [void.reason for void in voids]

    def waiting(self) -> int:
        return len(os.listdir(self.folder / FOLDER))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_two_decided_goes_on_with_the_bytes_that_were_accepted(desk: Desk) -> None:
    desk.lay(desk.review, "anna")
    assert desk.look() == ([], [])
    desk.lay(desk.review, "bert")
    (ready,), voids = desk.look()
    assert voids == []
    assert ready.message == MESSAGE
    (note,) = read_origin(ready.origin.decode())
    assert note.review == desk.review
    assert [one.name for one in note.note.signatures] == ["anna", "bert"]
    desk.desk.remove(ready.names)
    assert desk.waiting() == 0


def test_two_who_differ_go_on_together_too(desk: Desk) -> None:
    desk.lay(desk.review, "bert")
    desk.lay(replace(desk.review, decision=Decision.REFUSE), "anna")
    (ready,), _ = desk.look()
    assert {each.review.decision for each in read_origin(ready.origin.decode())} == {
        Decision.RELEASE, Decision.REFUSE,
    }  # fmt: skip


def test_a_file_says_nothing_by_its_name_or_to_other_users(desk: Desk) -> None:
    desk.lay(desk.review, "anna")
    desk.lay(replace(desk.review, decision=Decision.REFUSE), "anna")
    for path in (desk.folder / FOLDER).iterdir():
        assert len(bytes.fromhex(path.name)) == 16
        assert path.stat().st_mode & 0o077 == 0


def test_one_reviewer_twice_is_one(desk: Desk) -> None:
    desk.lay(desk.review, "anna")
    desk.lay(desk.review, "anna")
    assert desk.void() == ["review-signatures"]
    assert desk.waiting() == 1
    desk.lay(replace(desk.review, decision=Decision.REFUSE), "anna")
    assert desk.void() == ["review-signatures"]
    assert desk.look() == ([], [])


@pytest.mark.parametrize(
    ("name", "seed_of", "reason"),
    [
        ("alpha", "", "review-person"), ("cleo", "", "review-person"),
        ("dirk", "", "review-person"), ("bert", "anna", "review-signatures"),
    ],
    ids=["the sender", "a person who is the sender", "who signed the policy", "forged"],
)  # fmt: skip
def test_whose_decision_does_not_count_is_told_and_forgotten(
    desk: Desk, name: str, seed_of: str, reason: str
) -> None:
    desk.lay(desk.review, "anna")
    desk.lay(desk.review, name, seed_of=seed_of)
    assert desk.void() == [reason]
    assert desk.waiting() == 1


@pytest.mark.parametrize(
    "change",
    [{"policy_version": 2}, {"policy_digest": "0" * 64}, {"posture": 1}, {"number": 5},
     {"input": "0" * 64}, {"output": "0" * 64}, {"sender": "beta"}, {"id": "f" * 32},
     {"flow": "c3"}],
)  # fmt: skip
def test_a_decision_about_something_else_does_not_count(
    desk: Desk, change: dict[str, object]
) -> None:
    desk.lay(replace(desk.review, **change), "anna", "bert")  # type: ignore[arg-type]  # a field
    reasons = desk.void()
    assert len(reasons) == 2
    assert set(reasons) <= {"review-stale", "record-malformed", "review-person"}


def test_a_posture_that_comes_in_between_starts_it_over(desk: Desk) -> None:
    desk.lay(desk.review, "anna")
    assert desk.look() == ([], [])
    assert desk.void(Orders(version=1)) == ["review-stale"]
    assert desk.waiting() == 0


def test_while_a_posture_stops_the_sender_decisions_wait(desk: Desk) -> None:
    desk.lay(desk.review, "anna", "bert")
    assert desk.look(Orders(version=1, stop_senders=("alpha",))) == ([], [])
    assert desk.waiting() == 2


def swap_input(held: Path) -> None:
    (held / "input").write_bytes(b"<swapped/>")


def swap_output(held: Path) -> None:
    (held / "output").write_bytes(b"<swapped/>")


def take_away(held: Path) -> None:
    (held / "input").unlink()


def forge_meta(held: Path) -> None:
    text = (held / "record.json").read_text()
    (held / "record.json").write_text(text.replace("a.cot", "b.cot"))


def link(held: Path) -> None:
    (held / "input").rename(held.parent.parent / "elsewhere")
    (held / "input").symlink_to(held.parent.parent / "elsewhere")


@pytest.mark.parametrize(
    "change", [swap_input, swap_output, forge_meta, link, take_away],
)  # fmt: skip
def test_files_that_were_swapped_since_are_not_gone_on_with(
    desk: Desk, change: Callable[[Path], None]
) -> None:
    desk.lay(desk.review, "anna", "bert")
    change(desk.folder / "held" / META.id)
    assert set(desk.void()) <= {"review-stale", "record-malformed"}
    assert desk.waiting() == 0


def test_of_a_sender_that_the_policy_has_no_more_nothing_is_released(desk: Desk) -> None:
    """With him went the line that says who he is, or a person could review what he sent himself."""
    told = values(desk.folder)
    told["reviewers"] |= {"senders": ["bravo"], "persons": {}}  # type: ignore[operator]  # a table
    desk.desk = ReviewDesk(Spec("ingest", "x:y", "low", {}, told), desk.folder)
    desk.lay(desk.review, "anna", "cleo")
    assert desk.void() == ["review-person", "review-person"]
    desk.lay(replace(desk.review, decision=Decision.REFUSE), "anna", "bert")
    (ready,), _ = desk.look()
    assert {each.review.decision for each in read_origin(ready.origin.decode())} == {"refuse"}


def test_what_was_refused_and_is_only_kept_is_no_hold_to_decide(desk: Desk) -> None:
    record = desk.folder / "held" / META.id / "record.json"
    record.write_text(record.read_text().replace('"verdict": "hold"', '"verdict": "refuse"'))
    desk.lay(desk.review, "anna", "bert")
    assert desk.void() == ["review-stale", "review-stale"]


def test_what_is_no_decision_is_told_and_removed(desk: Desk) -> None:
    folder = desk.folder / FOLDER
    (folder / "junk").write_bytes(b"\xff" * 9000)
    (folder / "empty").touch()
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    (folder / "two").touch()
    os.link(folder / "two", folder / ".other")
    (folder / os.fsdecode(b"na\nme\xff")).touch()
    (folder / ".hidden.tmp").write_bytes(b"half")
    ready, voids = desk.look()
    assert ready == []
    assert {void.reason for void in voids} == {"review-malformed"}
    assert all(str(void.entry()["name"]).isprintable() for void in voids)
    desk.desk.remove(void.name for void in voids)
    assert sorted(os.listdir(folder)) == [".hidden.tmp", ".other"]


def test_what_cannot_be_removed_is_not_told_again(desk: Desk) -> None:
    (desk.folder / FOLDER / "a folder").mkdir()
    assert desk.void() == ["review-malformed"]
    assert desk.look() == ([], [])


def test_nothing_is_looked_at_again_that_cannot_have_changed(desk: Desk) -> None:
    desk.lay(desk.review, "anna")
    assert desk.look() == ([], [])
    assert desk.look() == ([], [])
    desk.lay(desk.review, "bert")
    assert len(desk.look()[0]) == 1
    assert len(desk.look()[0]) == 1  # a second time: a file may come in the tick of the first
    assert desk.look() == ([], [])
    assert desk.desk.due(Orders()) == ([], [])
    assert LOOK_NS == 1_000_000_000


def test_without_reviewers_nothing_is_looked_at(tmp_path: Path) -> None:
    make_side(tmp_path)
    nobody = {"keys": {}, "quorum": 2, "authors": [], "senders": [], "persons": {}}
    spec = Spec("ingest", "x:y", "low", {}, values(tmp_path, reviewers=nobody))
    (tmp_path / FOLDER / "junk").touch()
    assert ReviewDesk(spec, tmp_path).due(Orders()) == ([], [])


def test_not_more_is_taken_at_once_than_memory_is_for(tmp_path: Path) -> None:
    make_side(tmp_path)
    lane = Releasing.start(tmp_path)
    idents = [f"{number:032x}" for number in range(READY_MAX + 2)]
    for ident in idents:
        message = Message.make(replace(META, id=ident), b"<event/>")
        lane.feed(lane.accept(message, "fd00.1.2.3.61"), message, HOLD)
        for each in decision(lane.held(ident=ident), "anna", "bert"):
            lay_decision(tmp_path, each.note.write())
    lane.stop()
    desk = ReviewDesk(Spec("ingest", "x:y", "low", {}, values(tmp_path)), tmp_path)
    first, _ = desk.due(Orders())
    assert len(first) == READY_MAX
    desk.remove(name for each in first for name in each.names)
    desk._next_ns = 0
    second, _ = desk.due(Orders())
    assert {each.message.meta.id for each in (*first, *second)} == set(idents)
