"""`guard held`: what it shows of what may be anything, and what it lets a reviewer sign."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.formats.models import close_model
from guard.cli.held_view import LINE_CHARACTERS_MAX, View, changes, view
from guard.core.review import Decision, SignedReview
from guard.edge.held import HeldStore
from guard.edge.making import Made
from guard.edge.posture_files import write_orders
from schemas.cbor import encode
from schemas.message import Message, Meta
from schemas.receipt import message_digest
from tests.guard.cli.conftest import Guard

IDENT = "4e1b07c2" * 4
HOSTILE = b"<event>\x1b[2J\x1b]0;owned\x07 [bold]\xe2\x80\xae</event>\n"
META = Meta(IDENT, "c2", "alpha", "a.cot", 1_700_000_000)


def hold(low: Path, came: bytes, goes: bytes | None, **more: object) -> None:
    """What `release` keeps."""
    write_orders(low, None)
    message = Message.make(META, came)
    output = Message.make(META, goes or b"")
    record: dict[str, Any] = {
        "id": IDENT, "number": 7, "verdict": "hold", "time_ms": 1_795_432_000_000,
        "stage": "words", "reason": "dirty-word", "sentence": "entry 1 of words.txt was found",
        "accepted": message_digest(message.meta_bytes, came).hex(),
        "output": "" if goes is None else message_digest(output.meta_bytes, goes).hex(),
        "holds": "words dirty-word", "stages": "words/1 hold dirty-word",
        "meta": message.meta_bytes.decode(), "output_meta": output.meta_bytes.decode(),
        "sender": "alpha", "name": "a.cot",
    }  # fmt: skip
    HeldStore(low / "held").keep(IDENT, came, goes or b"", record | more)


def key(site: Made, name: str = "reviewer-1") -> Path:
    return site.low.parent / f"{name}.key"


def test_nothing_is_held_at_first(site: Made, guard: Guard) -> None:
    assert guard("held", "list", "--site", site.low).stdout == "Nothing is held.\n"
    assert json.loads(guard("held", "list", "--site", site.high, "--json").stdout) == []


def test_what_is_held_is_listed(site: Made, guard: Guard) -> None:
    hold(site.low, b"<event/>", None)
    (line,) = json.loads(guard("held", "list", "--site", site.low, "--json").stdout)
    assert line == {
        "id": IDENT, "number": 7, "since": "2026-11-23 11:06:40Z", "state": "held",
        "stage": "words", "reason": "dirty-word", "sentence": "entry 1 of words.txt was found",
        "sender": "alpha", "name": "a.cot", "sequence": None, "decisions": 0,
    }  # fmt: skip
    shown = guard("held", "list", "--site", site.low).stdout
    assert "dirty-word" in shown
    assert IDENT[:8] in shown


def test_what_is_shown_does_nothing_to_a_terminal(site: Made, guard: Guard) -> None:
    hold(site.low, HOSTILE, HOSTILE.replace(b"owned", b"clean"), sentence="\x1b[31m[red]")
    shown = guard("held", "show", "4e1b", "--site", site.low)
    assert shown.exit_code == 0
    assert all(c.isprintable() for line in shown.stdout.split("\n") for c in line)
    assert "1b 5b 32 4a" in shown.stdout  # control characters: in hexadecimal
    assert "\\x1b[31m[red]" in shown.stdout


def test_text_and_a_model_are_shown_as_lines_and_against_each_other(
    site: Made, guard: Guard
) -> None:
    model = encode({"a": [1, "x", True, None, b"\x01"], "b": {}, "\x1b": "y\x07"})
    hold(site.low, b"<event>\n  <point/>\n</event>\n", model)
    shown = guard("held", "show", IDENT, "--site", site.low).stdout
    assert "| <event>" in shown
    for line in ("-<event>", '+  "a": [', "+    1", "+    true", "+    h'01'", '+  "b": {}'):
        assert line in shown.splitlines()
    assert "\\x1b" in shown
    told = json.loads(guard("held", "show", IDENT, "--site", site.low, "--json").stdout)
    assert (told["input"]["kind"], told["would_release"]["kind"]) == ("text", "model")
    assert told["receipts"] == ["words/1 hold dirty-word"]
    assert told["ledger"] == "the ledger has it no more, or not yet"


def test_the_bytes_are_copied_out_as_they_are(site: Made, guard: Guard, tmp_path: Path) -> None:
    hold(site.low, HOSTILE, b"\x00out")
    words = ("held", "show", IDENT, "--site", site.low)
    copies = ("--input", tmp_path / "in", "--output", tmp_path / "out")
    assert guard(*words, *copies).exit_code == 0
    assert (tmp_path / "in").read_bytes() == HOSTILE
    assert (tmp_path / "out").read_bytes() == b"\x00out"
    assert not (tmp_path / "in").stat().st_mode & (stat.S_IXUSR | 0o077)
    assert guard(*words, *copies).exit_code == 3  # never over another file


def test_without_an_output_that_is_said(site: Made, guard: Guard) -> None:
    hold(site.low, b"<event/>", None)
    assert "Nothing would go out" in guard("held", "show", IDENT, "--site", site.low).stdout


@pytest.mark.parametrize("which", ["ffff", "", "../../etc", IDENT + "0"])
def test_an_id_that_is_none_or_two_is_one_sentence(site: Made, guard: Guard, which: str) -> None:
    hold(site.low, b"<event/>", None)
    HeldStore(site.low / "held").keep("5" * 32, b"x", b"", {"number": 1})
    result = guard("held", "show", which, "--site", site.low)
    assert result.exit_code == 3
    assert "see guard held list" in result.stderr


def test_a_record_that_cannot_be_read_is_listed_with_the_reason(site: Made, guard: Guard) -> None:
    hold(site.low, b"<event/>", None)
    (site.low / "held" / IDENT / "record.json").write_bytes(b"{")
    (line,) = json.loads(guard("held", "list", "--site", site.low, "--json").stdout)
    assert "is no record of a held message" in line["sentence"]
    result = guard("held", "release", IDENT, "--site", site.low, "--key", key(site), "--yes")
    assert result.exit_code == 3


def test_a_decision_is_laid_for_the_guard_alone(site: Made, guard: Guard) -> None:
    hold(site.low, b"<event/>", b"out")
    result = guard("held", "release", IDENT, "--site", site.low, "--key", key(site), "--yes")
    assert result.exit_code == 0, result.stderr
    assert "Not compared with the ledger" in result.stderr
    (file,) = (site.low / "decisions").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    signed = SignedReview.read(file.read_bytes())
    assert signed.review.decision is Decision.RELEASE
    assert signed.review.policy_version == 1
    (line,) = json.loads(guard("held", "list", "--site", site.low, "--json").stdout)
    assert line["decisions"] == 1
    for shown in ("list", "show"):
        more = [] if shown == "list" else [IDENT]
        assert "release" not in guard("held", shown, *more, "--site", site.low).stdout


def test_a_decision_made_elsewhere_is_laid_by_put(site: Made, guard: Guard, tmp_path: Path) -> None:
    hold(site.low, b"<event/>", b"out")
    out = tmp_path / "decision"
    words = ("held", "refuse", IDENT, "--site", site.low, "--key", key(site), "--yes")
    told = json.loads(guard(*words, "--out", out, "--json").stdout)
    assert told == {
        "id": IDENT, "number": 7, "decision": "refuse", "reviewer": "reviewer-1", "quorum": 2,
        "file": str(out),
    }  # fmt: skip
    assert list((site.low / "decisions").iterdir()) == []
    assert guard("held", "put", out, "--site", site.low).exit_code == 0
    assert len(list((site.low / "decisions").iterdir())) == 1
    out.write_bytes(out.read_bytes().replace(b"refuse", b"release"))
    result = guard("held", "put", out, "--site", site.low)
    assert result.exit_code == 3
    assert "is not what reviewer-1 signed" in result.stderr


def test_nothing_is_signed_unless_it_is_confirmed(site: Made, guard: Guard) -> None:
    hold(site.low, b"<event/>", b"out")
    result = guard("held", "release", IDENT, "--site", site.low, "--key", key(site))
    assert result.exit_code == 1
    assert f"id {IDENT}" in result.stderr
    assert list((site.low / "decisions").iterdir()) == []


def test_a_key_that_is_no_reviewers_signs_nothing(site: Made, guard: Guard) -> None:
    hold(site.low, b"<event/>", b"out")
    words = ("held", "release", IDENT, "--site", site.low, "--yes", "--key")
    assert "no reviewer's key" in guard(*words, key(site, "author-1")).stderr
    assert guard(*words, site.low / "nothing").exit_code == 3


def test_a_reviewer_who_is_the_sender_signs_nothing(site: Made, guard: Guard) -> None:
    hold(site.low, b"<event/>", b"out", sender="reviewer-1")
    result = guard("held", "release", IDENT, "--site", site.low, "--key", key(site), "--yes")
    assert result.exit_code == 3
    assert "reviewer-1 is the sender of this message" in result.stderr


@pytest.mark.parametrize("name", ["input", "output"])
def test_files_that_were_swapped_are_not_signed(site: Made, guard: Guard, name: str) -> None:
    hold(site.low, b"<event/>", b"out")
    (site.low / "held" / IDENT / name).write_bytes(b"swapped")
    result = guard("held", "release", IDENT, "--site", site.low, "--key", key(site), "--yes")
    assert result.exit_code == 3
    assert f"{IDENT}/{name} was changed since it was held" in result.stderr


def test_what_was_refused_and_is_only_kept_is_not_decided(site: Made, guard: Guard) -> None:
    hold(site.low, b"<event/>", None, verdict="refuse")
    result = guard("held", "release", IDENT, "--site", site.low, "--key", key(site), "--yes")
    assert "cannot be decided: it was refused" in result.stderr


def test_the_high_side_lists_and_shows_and_says_that_it_decides_nothing(
    site: Made, guard: Guard
) -> None:
    record = {"time_ms": 1, "stage": "words_twin", "reason": "dirty-word", "sequence": 4}
    HeldStore(site.high / "held").keep(IDENT, b"\xd2\x84envelope", b"<event/>", record)
    (line,) = json.loads(guard("held", "list", "--site", site.high, "--json").stdout)
    assert (line["stage"], line["sequence"]) == ("words_twin", 4)
    shown = guard("held", "show", IDENT, "--site", site.high)
    assert "| <event/>" in shown.stdout
    assert "envelope" in shown.stdout
    result = guard("held", "release", IDENT, "--site", site.high, "--key", key(site), "--yes")
    assert result.exit_code == 3
    assert "see docs/held.md" in result.stderr


def test_a_copy_of_the_side_without_its_secrets_is_enough(
    site: Made, guard: Guard, tmp_path: Path
) -> None:
    hold(site.low, b"<event/>", b"out")
    for secret in ("keys", "sealing", "ledger"):
        os.rename(site.low / secret, tmp_path / secret)
    out = tmp_path / "decision"
    result = guard("held", "release", IDENT, "--site", site.low, "--key", key(site), "--yes",
                   "--out", out)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "there is no ledger here" in result.stderr
    assert SignedReview.read(out.read_bytes()).review.id == IDENT


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_shown_in_printable_lines(untrusted: bytes) -> None:
    found = view(untrusted)
    assert all(line.isprintable() for line in found.lines)
    assert changes(found, found) == []
    assert all(line.isprintable() for line in changes(view(b"a\nb"), found))


def test_an_xml_model_is_shown_as_its_tree_and_each_text_is_a_line_of_its_own() -> None:
    def model(changed: str) -> View:
        texts = [f"harmless words number {n}" for n in range(1200)]
        root: Any = ["a", {}, [["p", {}, [text]] for text in [*texts, changed]]]
        return view(close_model({"xml": 2, "prefixes": {}, "root": root}))

    before, after = model("as before"), model("SECRET")
    assert before.kind == "model"
    assert any("number 1199" in line for line in before.lines)
    assert any(line.startswith("they differ from line") for line in changes(before, after))
    assert any("SECRET" in line for line in after.lines)


def test_what_is_long_is_cut_and_told() -> None:
    line = view(b"x" * 5000).lines[0]
    assert len(line) < LINE_CHARACTERS_MAX + 120
    assert line != view(b"x" * 4999 + b"y").lines[0]
    assert "… and 3,000 characters more, SHA-256 " in line
    for large in (b"a" * 5_000_000, b"\xff" * 5_000_000):
        found = view(large)
        assert found.lines[-1].startswith("… and 4,737,856 bytes more, SHA-256 ")
        assert changes(found, view(large[:-1] + b"b"))
    many = view(b"\n".join(b"%d" % number for number in range(3000)))
    other = view(b"\n".join(b"%d" % (number // 2999) for number in range(3000)))
    assert changes(many, other) == [
        "they differ from line 2 on; too long to compare here: use --input, --output"
    ]
