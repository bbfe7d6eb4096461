"""The folder of held messages: whole or not there, and nothing of an older attempt in it."""

import json
from pathlib import Path

import pytest

from guard.edge.held import HeldStore, read_part, read_record
from schemas.errors import Malformed

IDENT = "00112233445566778899aabbccddeeff"
RECORD = {"reason": "poison", "sentence": "twice", "number": 7}


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / IDENT).iterdir()}


def test_a_held_message_is_kept_with_what_would_have_gone_out(tmp_path: Path) -> None:
    HeldStore(tmp_path).keep(IDENT, b"in", b"out", RECORD)
    found = kept(tmp_path)
    assert (found["input"], found["output"]) == (b"in", b"out")
    assert json.loads(found["record.json"]) == RECORD
    assert [path.name for path in tmp_path.iterdir()] == [IDENT]


def test_without_an_output_there_is_none(tmp_path: Path) -> None:
    HeldStore(tmp_path).keep(IDENT, b"in", b"", RECORD)
    assert set(kept(tmp_path)) == {"input", "record.json"}


def test_keeping_again_changes_nothing(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    store.keep(IDENT, b"in", b"out", RECORD)
    store.keep(IDENT, b"other", b"other", {"reason": "other"})
    assert kept(tmp_path)["input"] == b"in"


def test_what_a_crash_left_half_made_is_not_mixed_in(tmp_path: Path) -> None:
    left = tmp_path / f".{IDENT}.tmp"
    left.mkdir()
    (left / "input").write_bytes(b"i")
    (left / "output").write_bytes(b"what a stage would have released")
    HeldStore(tmp_path).keep(IDENT, b"in", b"", RECORD)
    assert set(kept(tmp_path)) == {"input", "record.json"}
    assert kept(tmp_path)["input"] == b"in"


def test_a_record_may_say_anything_a_sender_named(tmp_path: Path) -> None:
    said = {"sentence": "\n\udcff\u2028é", "name": "../../etc"}
    HeldStore(tmp_path).keep(IDENT, b"in", b"", said)
    assert json.loads(kept(tmp_path)["record.json"]) == said


def test_what_reviewers_decided_makes_room_for_what_is_held_then(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    store.keep(IDENT, b"in", b"out", RECORD)
    store.supersede(IDENT, 6)
    store.keep(IDENT, b"in", b"of another hold", RECORD | {"number": 8})
    assert kept(tmp_path)["output"] == b"out"
    store.supersede(IDENT, 7)
    store.keep(IDENT, b"in", b"new", RECORD | {"number": 8})
    assert kept(tmp_path)["output"] == b"new"
    store.keep(IDENT, b"in", b"newer", RECORD | {"number": 9})
    assert kept(tmp_path)["output"] == b"new"
    assert [path.name for path in tmp_path.iterdir()] == [IDENT]


def test_only_the_hold_that_was_decided_is_let_go(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    store.keep(IDENT, b"in", b"out", RECORD)
    store.discard(IDENT, 6)
    assert kept(tmp_path)["input"] == b"in"
    store.discard(IDENT, 7)
    store.discard(IDENT, 7)
    assert list(tmp_path.iterdir()) == []


def test_the_same_files_can_be_held_under_another_number(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    store.keep(IDENT, b"in", b"out", RECORD)
    store.renew(IDENT, {"number": 9, "sentence": "anew"})
    store.renew(IDENT, {"number": 9, "sentence": "told again after a crash"})
    found = read_record(tmp_path / IDENT)
    assert (found["number"], found["sentence"], found["reason"]) == (9, "anew", "poison")
    assert kept(tmp_path)["output"] == b"out"


def test_what_a_crash_left_of_what_was_let_go_is_swept_away(tmp_path: Path) -> None:
    gone = tmp_path / f".{IDENT}.7.gone"
    gone.mkdir()
    (gone / "input").write_bytes(b"in")
    HeldStore(tmp_path).keep(IDENT, b"in", b"", RECORD)
    HeldStore(tmp_path).sweep()
    assert [path.name for path in tmp_path.iterdir()] == [IDENT]


def test_a_record_that_is_none_is_malformed_and_no_file_is_read_beyond_its_bound(
    tmp_path: Path,
) -> None:
    for content in (b"", b"[]", b"{", b"\xff", b"[" * 100_000):
        (tmp_path / "record.json").write_bytes(content)
        with pytest.raises(Malformed):
            read_record(tmp_path)
    with pytest.raises(Malformed):
        read_part(tmp_path / "record.json", 99_999)
    assert len(read_part(tmp_path / "record.json", 100_000)) == 100_000
    with pytest.raises(Malformed):
        read_part(tmp_path / "nothing", 10)
