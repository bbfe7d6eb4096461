"""The folder of held messages: whole or not there, and nothing of an older attempt in it."""

import json
from pathlib import Path

from guard.edge.held import HeldStore

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
