"""The session counter on disk: what is not surely its own is refused, and by which command."""

import os
from pathlib import Path

import pytest

from guard.core.session_reset import SESSION_MAX, SignedProposal
from guard.edge import durable_number, session_counter
from guard.edge.session_counter import COUNTER, CURSOR, RESET, counter_state, sound_counter
from schemas.errors import Broken
from schemas.reasons import Reason
from tests.guard.core.test_session_reset import APPROVED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cursor"
    folder.mkdir()
    session_counter.make_counter(folder)
    return folder


def refused(folder: Path, newest: int) -> str:
    with pytest.raises(Broken) as caught:
        sound_counter(folder, newest)
    assert caught.value.reason is Reason.SESSION_COUNTER
    return caught.value.sentence


def test_a_new_counter_is_0_and_each_session_is_one_more(folder: Path) -> None:
    assert counter_state(folder) == "0"
    assert session_counter.take_session(folder, sound_counter(folder, 0)) == 1
    assert session_counter.take_session(folder, sound_counter(folder, 1)) == 2
    assert (counter_state(folder), sound_counter(folder, 1)) == ("2", 2)


@pytest.mark.parametrize(
    ("content", "state"),
    [(None, "missing"), (b"", "empty"), (b"x", "damaged"), (bytes(16), "damaged")],
)
def test_a_lost_counter_is_refused_and_never_made(
    folder: Path, content: bytes | None, state: str
) -> None:
    (folder / COUNTER).unlink()
    if content is not None:
        (folder / COUNTER).write_bytes(content)
    assert counter_state(folder) == state
    sentence = refused(folder, 0)
    assert f"is {state}: nothing is sent" in sentence
    assert f"guard link session propose --site {folder.parent}" in sentence
    assert (folder / COUNTER).exists() == (content is not None)


def test_a_whole_folder_that_is_gone_is_a_lost_counter(tmp_path: Path) -> None:
    assert "is missing" in refused(tmp_path / "cursor", 0)


def test_an_old_copy_is_known_by_the_ledger(folder: Path) -> None:
    durable_number.put(folder / COUNTER, 6)
    assert sound_counter(folder, 6) == 6
    assert "an old copy was put back" in refused(folder, 7)


def test_a_counter_of_0_beside_a_cursor_that_sent_is_refused(folder: Path) -> None:
    durable_number.put(folder / CURSOR, 3)
    assert "messages were sent" in refused(folder, 0)


def test_the_last_session_is_not_taken(folder: Path) -> None:
    durable_number.put(folder / COUNTER, SESSION_MAX)
    assert "used up" in refused(folder, 5)


def test_a_link_or_a_pipe_in_its_place_is_not_followed_or_waited_for(folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    durable_number.put(elsewhere, 9)
    (folder / COUNTER).unlink()
    (folder / COUNTER).symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic"):
        sound_counter(folder, 0)
    (folder / COUNTER).unlink()
    os.mkfifo(folder / COUNTER)
    assert "is not a file" in refused(folder, 0)


def test_a_reset_sets_the_counter_and_stands_until_the_ledger_has_it(folder: Path) -> None:
    (folder / COUNTER).unlink()
    signed = SignedProposal.read(APPROVED)
    session_counter.set_counter(folder, signed)
    assert sound_counter(folder, 41) == signed.proposal.session
    assert session_counter.pending_reset(folder) == signed
    session_counter.forget_reset(folder)
    assert session_counter.pending_reset(folder) is None
    assert sound_counter(folder, 41) == signed.proposal.session


def test_a_reset_that_was_interrupted_is_refused_until_it_is_applied_again(folder: Path) -> None:
    durable_number.put(folder / COUNTER, 41)
    (folder / RESET).write_bytes(APPROVED)
    assert "was begun and not finished" in refused(folder, 41)
    session_counter.set_counter(folder, SignedProposal.read(APPROVED))
    assert sound_counter(folder, 41) == 1_000_042


def test_a_stop_between_the_counter_and_the_ledger_needs_no_new_reset(folder: Path) -> None:
    session_counter.set_counter(folder, SignedProposal.read(APPROVED))
    session_counter.take_session(folder, sound_counter(folder, 41))
    assert sound_counter(folder, 41) == 1_000_043


def test_a_reset_that_the_ledger_has_says_nothing_more(folder: Path) -> None:
    durable_number.put(folder / COUNTER, 1_000_043)
    (folder / RESET).write_bytes(APPROVED)
    assert sound_counter(folder, 1_000_042) == 1_000_043


def test_a_damaged_note_is_refused(folder: Path) -> None:
    (folder / RESET).write_bytes(APPROVED[:-5])
    assert "reset is damaged: nothing is sent" in refused(folder, 0)
    session_counter.set_counter(folder, SignedProposal.read(APPROVED))
    assert sound_counter(folder, 41) == 1_000_042
