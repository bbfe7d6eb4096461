"""The ledger's bytes against docs/spec/ledger.md, and against the verifier, which is other code."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core import ledger, merkle
from guard.report.ledger_entries import EntryError, EntryForm
from guard.report.ledger_notes import NoteError, PublicKeys, read_note
from schemas.entry import Entry, Kind
from schemas.errors import Broken, Forged, Malformed
from tests.guard.ledgers import sealed

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "ledger" / "batches.json").read_text()
)
ORIGIN, SEED = VECTORS["origin"], bytes.fromhex(VECTORS["seed"])
PUBLIC = bytes.fromhex(VECTORS["public"])

names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
values = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.text(max_size=20))
entries = st.dictionaries(names, values, min_size=1, max_size=8)


def test_known_batches_are_written_byte_for_byte_and_read_again() -> None:
    writing, reading = sealed(ORIGIN, SEED), sealed(ORIGIN, SEED)
    for batch in VECTORS["batches"]:
        content, checkpoint = writing.batch(batch["entries"])
        assert content.decode() == batch["batch"]
        assert (writing.size, writing.root.hex()) == (batch["size"], batch["root"])
        assert writing.check(checkpoint) == (batch["size"], bytes.fromhex(batch["root"]))
        lines, note = reading.replay(content)
        assert [ledger.read_entry(line) for line in lines] == batch["entries"]
        assert note == checkpoint


def test_the_example_of_the_specification_is_the_known_batch() -> None:
    page = Path(__file__).parents[3] / "docs" / "spec" / "ledger.md"
    assert VECTORS["batches"][0]["batch"] in page.read_text("utf-8")


def test_the_root_is_that_of_an_rfc_6962_tree_over_the_chained_entries() -> None:
    made = sealed(ORIGIN, SEED)
    lines = [b'{"number":%d}' % number for number in range(11)]
    made.batch([{"number": number} for number in range(11)])
    link, leaves = bytes(32), []
    for line in lines:
        link = sha256(b"\0" + link + line).digest()
        leaves.append(link)
    assert made.root == merkle.tree_root(leaves)


@given(entries)
def test_every_entry_is_written_in_the_one_way_the_verifier_accepts(entry: Entry) -> None:
    line = ledger.canonical(entry)
    assert ledger.read_entry(line) == entry
    EntryForm().check(line, [line])
    assert line.isascii()


@given(st.lists(entries, min_size=1, max_size=6))
def test_the_fast_way_and_the_sure_way_agree(several: list[Entry]) -> None:
    lines = [ledger.canonical(entry) for entry in several]
    form = EntryForm()
    for _ in range(2):  # the second time with the shapes of the first
        form.check(b"\n".join(lines), lines)
    for wrong in VECTORS["not_canonical"]:
        bad = [*lines, wrong.encode("utf-8", "surrogatepass")]
        with pytest.raises(EntryError):
            form.check(b"\n".join(bad), bad)


def test_half_a_character_is_written_as_the_replacement_character() -> None:
    line = ledger.canonical({"name": "a\ud800b\udc00\ud83d\ude00"})
    assert ledger.read_entry(line) == {"name": "a\ufffdb\ufffd\U0001f600"}


def test_kinds_are_texts() -> None:
    assert ledger.canonical({"kind": Kind.RUN}) == b'{"kind":"run"}'


@pytest.mark.parametrize(
    "entry",
    [
        {}, {"a": True}, {"a": None}, {"a": 1.5}, {"a": 2**63}, {"A": 1}, {"a b": 1}, {"": 1},
        {"a": "x" * ledger.ENTRY_BYTES_MAX}, {f"a{n}": n for n in range(65)}, {"a": b""},
    ],
)  # fmt: skip
def test_what_is_no_entry_is_not_written(entry: Entry) -> None:
    made = sealed(ORIGIN, SEED)
    with pytest.raises(Broken):
        made.batch([entry])
    assert made.size == 0


def test_a_batch_needs_entries_and_a_ledger_a_name_that_a_note_can_carry() -> None:
    with pytest.raises(Broken):
        sealed(ORIGIN, SEED).batch([])
    for origin in ("", "with space", "with+plus", "two\nlines"):
        with pytest.raises(Broken):
            sealed(origin, SEED)


def test_another_order_another_entry_or_a_missing_batch_does_not_replay() -> None:
    writing = sealed(ORIGIN, SEED)
    first, _ = writing.batch([{"a": 1}, {"a": 2}])
    second, _ = writing.batch([{"a": 3}])
    for wrong in (second, first.replace(b'1}\n{"a":2', b'2}\n{"a":1'), first.replace(b":2", b":9")):
        with pytest.raises(Malformed):
            sealed(ORIGIN, SEED).replay(wrong)


def test_both_readers_of_checkpoints_refuse_what_was_not_signed() -> None:
    made = sealed(ORIGIN, SEED)
    _, note = made.batch([{"a": 1}])
    keys = PublicKeys([PUBLIC])
    assert keys.check(read_note(note)).size == 1
    other = sealed(ORIGIN, bytes(32))
    _, others = other.batch([{"a": 1}])
    wrong = [
        note.replace(b"\n1\n", b"\n2\n"), note.replace(b"\n1\n", b"\n01\n"), others,
        note.replace(b"/low", b"/hig"), note[:-1] + b"A\n", note.replace(b"=", b""), b"", b"\n\n",
        note.split(b"\n\n")[0] + b"\n\n", note + b"x" * 600, b"\xff" + note,
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises((Forged, Malformed)):
            ledger.read_checkpoint(each, ORIGIN, [PUBLIC])
        with pytest.raises(NoteError):
            keys.check(read_note(each))


def test_a_witness_may_sign_too() -> None:
    made = sealed(ORIGIN, SEED)
    _, note = made.batch([{"a": 1}])
    _, cosigned = sealed("witness", bytes(32)).batch([{"a": 1}])
    both = note + cosigned.split(b"\n\n")[1]
    assert ledger.read_checkpoint(both, ORIGIN, [PUBLIC]).size == 1
    assert PublicKeys([PUBLIC]).check(read_note(both)).size == 1
    with pytest.raises(Forged):
        sealed(ORIGIN, bytes(32)).check(note)


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(untrusted: bytes) -> None:
    for act in (
        lambda: ledger.read_checkpoint(untrusted, ORIGIN, [PUBLIC]),
        lambda: sealed(ORIGIN, SEED).replay(untrusted),
        lambda: ledger.read_entry(untrusted),
        lambda: PublicKeys([PUBLIC]).check(read_note(untrusted)),
        lambda: EntryForm().check(untrusted, untrusted.split(b"\n")),
    ):
        with pytest.raises((Forged, Malformed, NoteError, EntryError)):
            act()
