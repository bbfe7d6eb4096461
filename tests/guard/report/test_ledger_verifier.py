"""What an accreditor is told about a ledger that somebody has been at.

The attacker here can do all but sign: every CRC, number, size and mark is made right again.
"""

import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from guard.core.ledger import Ledger
from guard.edge.keys import public_of
from guard.report.ledger_verifier import Finding, Verification, verify_ledger
from schemas.reasons import Reason
from tests.guard.ledgers import open_ledger, sealed

SEED = bytes(range(32))
ORIGIN = "checkvalve/c2/low"
BATCHES = 12
ENTRIES_A_BATCH = 3
SEGMENT_BYTES = 1500


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 12 batches of 3 entries in several segments; its key beside it."""
    folder = tmp_path_factory.mktemp("ledger")
    (folder / "key.pub").write_text(public_of(SEED).hex() + "\n")
    writer = open_ledger(folder / "ledger", SEED, ORIGIN, segment_bytes_max=SEGMENT_BYTES)
    for batch in range(BATCHES):
        first = batch * ENTRIES_A_BATCH
        checkpoint = writer.append(
            [
                {"kind": "committed", "time_ms": 1000 + number, "number": number}
                for number in range(first, first + ENTRIES_A_BATCH)
            ]
        )
        (folder / f"checkpoint-{batch}").write_bytes(checkpoint)
    writer.close()
    return folder


@pytest.fixture
def ledger(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy" / "ledger"


def verify(ledger: Path, *witnessed: bytes) -> Verification:
    return verify_ledger(ledger, ledger.parent / "key.pub", witnessed=witnessed)


def first(verification: Verification) -> Finding:
    assert not verification.ok
    return verification.findings[0]


def segments(ledger: Path) -> list[Path]:
    return sorted(ledger.glob("*.journal"))


def records_of(path: Path) -> list[bytes]:
    content, at = path.read_bytes(), 24
    payloads = []
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at + 4)
        payloads.append(content[at + 28 : at + 28 + length])
        at += 28 + length
    return payloads


def rewrite(ledger: Path, batches: list[bytes], numbers: list[int] | None = None) -> None:
    """These batches as one flawless journal, with its mark; numbers: the records', if others."""
    for path in segments(ledger):
        path.unlink()
    head = struct.pack(">4sHHIQ", b"CVJS", 1, 0, 7, 0)
    parts = [head, zlib.crc32(head).to_bytes(4, "big")]
    for number, batch in zip(numbers or range(len(batches)), batches, strict=True):
        head = struct.pack(">4sIQI", b"CVJR", len(batch), number, 0)
        parts += [head, struct.pack(">II", zlib.crc32(head, 7), zlib.crc32(batch, 7)), batch]
    (ledger / f"{0:020d}.journal").write_bytes(b"".join(parts))
    count = len(batches).to_bytes(8, "big")
    (ledger / "mark").write_bytes(count + zlib.crc32(count).to_bytes(4, "big"))


def batches_of(ledger: Path) -> list[bytes]:
    return [batch for path in segments(ledger) for batch in records_of(path)]


def test_a_whole_ledger_verifies_and_is_summed_up(ledger: Path) -> None:
    seen: list[int] = []
    found = verify_ledger(
        ledger, ledger.parent / "key.pub", origin=ORIGIN, see=lambda number, _: seen.append(number)
    )
    assert found.ok
    assert ["tail unanchored" in note for note in found.notes] == [True]
    assert (found.entries, found.checkpoints, found.origin) == (36, 12, ORIGIN)
    assert (found.first_ms, found.last_ms) == (1000, 1035)
    assert found.segments == len(segments(ledger)) > 2
    assert seen == list(range(36))
    made = sealed(ORIGIN, SEED)
    for batch in batches_of(ledger):
        made.replay(batch)
    assert found.root == made.root.hex()


def test_rewriting_it_as_one_segment_changes_nothing(ledger: Path) -> None:
    rewrite(ledger, batches_of(ledger))
    assert verify(ledger).ok


@pytest.mark.parametrize("batch", [0, 5, 11])
def test_an_edited_entry_is_found_at_its_batch(ledger: Path, batch: int) -> None:
    batches = batches_of(ledger)
    batches[batch] = batches[batch].replace(b"committed", b"commuted!")
    rewrite(ledger, batches)
    found = verify(ledger)
    assert first(found).reason is Reason.LEDGER_TREE
    assert f"batch {batch} " in first(found).place
    assert f"entries {batch * 3} to {batch * 3 + 2}" in first(found).place
    assert found.entries == batch * 3


def test_an_entry_put_in_or_taken_out_is_found_at_its_batch(ledger: Path) -> None:
    whole = batches_of(ledger)
    line = whole[5].split(b"\n")[0] + b"\n"
    for changed in (line + whole[5], whole[5].replace(line, b"")):
        rewrite(ledger, [*whole[:5], changed, *whole[6:]])
        found = verify(ledger)
        assert first(found).reason is Reason.LEDGER_CHAIN
        assert "batch 5 " in first(found).place
        assert found.entries == 15


def test_entries_in_another_order_are_found_at_their_batch(ledger: Path) -> None:
    batches = batches_of(ledger)
    one, two, rest = batches[5].split(b"\n", 2)
    batches[5] = b"\n".join([two, one, rest])
    rewrite(ledger, batches)
    assert first(verify(ledger)).reason is Reason.LEDGER_TREE
    assert "batch 5 " in first(verify(ledger)).place


def test_batches_cut_out_moved_or_doubled_are_found_where_it_happened(ledger: Path) -> None:
    whole = batches_of(ledger)
    for changed, at in (
        ([*whole[:4], *whole[5:]], 4),
        ([*whole[:4], whole[5], whole[4], *whole[6:]], 4),
        ([*whole[:4], whole[3], *whole[4:]], 4),
        (whole[1:], 0),
    ):
        rewrite(ledger, changed)
        found = verify(ledger)
        assert first(found).reason is Reason.LEDGER_CHAIN
        assert f"batch {at} " in first(found).place
        assert found.entries == at * 3


def test_a_batch_cut_out_without_numbering_the_others_anew_is_found(ledger: Path) -> None:
    whole = batches_of(ledger)
    rewrite(ledger, [*whole[:4], *whole[5:]], [0, 1, 2, 3, *range(5, BATCHES)])
    found = verify(ledger)
    assert [each.reason for each in found.findings] == [Reason.LEDGER_CHAIN]
    assert "batch 5 " in first(found).place
    assert "batch 4 is next" in first(found).consequence
    assert found.entries == 12


def test_damage_inside_the_last_segment_is_found_without_the_mark(ledger: Path) -> None:
    rewrite(ledger, batches_of(ledger))
    (ledger / "mark").unlink()
    path = segments(ledger)[-1]
    path.write_bytes(path.read_bytes().replace(b'"number":15', b'"number":16'))
    found = verify(ledger)
    assert [each.reason for each in found.findings] == [Reason.RECORD_MALFORMED]
    assert "batch 5 " in first(found).place
    assert found.entries == 15


def test_a_forged_checkpoint_is_found_at_its_batch(ledger: Path) -> None:
    """The attacker changes an entry and makes everything right but the signature."""
    batches = batches_of(ledger)
    forger = Ledger(ORIGIN, public_of(SEED))
    for batch in batches[:7]:
        forger.replay(batch)
    forger.key = public_of(bytes(32))
    forger.seal(bytes(32))
    forged, _ = forger.batch([{"kind": "committed", "time_ms": 1021, "number": 7777}] * 3)
    rewrite(ledger, [*batches[:7], forged])
    found = verify(ledger)
    assert [each.reason for each in found.findings] == [Reason.LEDGER_SIGNATURE]
    assert "batch 7 " in first(found).place
    signature = batches[7].rsplit(b" ", 1)[1]
    rewrite(ledger, [*batches[:7], forged.replace(forged.rsplit(b" ", 1)[1], signature)])
    assert first(verify(ledger)).reason is Reason.LEDGER_SIGNATURE


def test_an_entry_in_another_spelling_is_found(ledger: Path) -> None:
    batches = batches_of(ledger)
    batches[5] = batches[5].replace(b'"number":15', b'"number": 15')
    rewrite(ledger, batches)
    assert first(verify(ledger)).reason is Reason.RECORD_MALFORMED
    assert "batch 5 " in first(verify(ledger)).place


def test_another_ledgers_batches_and_keys_are_found(ledger: Path) -> None:
    found = verify_ledger(ledger, ledger.parent / "key.pub", origin="checkvalve/c2/high")
    assert first(found).reason is Reason.LEDGER_CHAIN
    (ledger.parent / "key.pub").write_text(public_of(bytes(32)).hex())
    assert {each.reason for each in verify(ledger).findings} == {Reason.LEDGER_SIGNATURE}


def test_a_batch_without_its_checkpoint_is_found(ledger: Path) -> None:
    batches = batches_of(ledger)
    batches[5] = batches[5].split(b"\n\n")[0]
    rewrite(ledger, batches)
    assert first(verify(ledger)).reason is Reason.RECORD_MALFORMED
    assert "batch 5 " in first(verify(ledger)).place


def test_every_flipped_bit_of_every_segment_is_found_in_its_file(ledger: Path) -> None:
    paths = segments(ledger)
    for path in (paths[0], paths[-1]):
        whole = path.read_bytes()
        for at in range(0, len(whole), 3):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << at % 8
            path.write_bytes(damaged)
            found = verify(ledger)
            assert not found.ok
            assert any(path.name in str(each) for each in found.findings) or found.notes
        path.write_bytes(whole)
    assert verify(ledger).ok


def test_segments_that_are_swapped_missing_or_cut_are_found(ledger: Path, tmp_path: Path) -> None:
    names = [path.name for path in segments(ledger)]
    for at, name in enumerate(names[:-1]):
        for harm in ("swapped", "missing", "cut"):
            copy = tmp_path / f"{at}-{harm}" / "ledger"
            shutil.copytree(ledger.parent, copy.parent)
            content = (copy / name).read_bytes()
            if harm == "swapped":
                (copy / name).write_bytes((copy / names[at + 1]).read_bytes())
                (copy / names[at + 1]).write_bytes(content)
            elif harm == "missing":
                (copy / name).unlink()
            else:
                (copy / name).write_bytes(content[:-1])
            place = names[at + 1] if harm == "missing" else name
            assert place in first(verify(copy)).place


def test_a_cut_at_any_byte_of_the_last_batch_is_found_by_the_mark(ledger: Path) -> None:
    path = segments(ledger)[-1]
    whole = path.read_bytes()
    begin = len(whole) - len(records_of(path)[-1]) - 28
    for end in range(begin, len(whole)):
        path.write_bytes(whole[:end])
        found = verify(ledger)
        assert [each.reason for each in found.findings] == [Reason.LEDGER_CHAIN]
        assert "batches 11 to 11" in first(found).place
        assert found.entries == 33


def test_a_clean_cut_is_found_by_a_witnessed_checkpoint_only(ledger: Path) -> None:
    last = (ledger.parent / "checkpoint-11").read_bytes()
    early = (ledger.parent / "checkpoint-3").read_bytes()
    assert verify(ledger, early, last).ok
    rewrite(ledger, batches_of(ledger)[:9])
    assert verify(ledger).ok
    assert verify(ledger, early).ok
    found = verify(ledger, early, last)
    assert [each.reason for each in found.findings] == [Reason.LEDGER_CHAIN]
    assert "36 entries" in first(found).place


def test_a_history_written_anew_with_the_stolen_key_is_found_by_a_witness(ledger: Path) -> None:
    witnessed = (ledger.parent / "checkpoint-5").read_bytes()
    thief = sealed(ORIGIN, SEED)
    batches = [
        thief.batch([{"kind": "refused", "time_ms": 1000 + at}] * 3)[0] for at in range(BATCHES)
    ]
    rewrite(ledger, batches)
    assert verify(ledger).ok
    assert first(verify(ledger, witnessed)).reason is Reason.LEDGER_TREE


def test_what_a_crash_left_is_noted_and_is_no_finding(ledger: Path) -> None:
    path = segments(ledger)[-1]
    path.write_bytes(path.read_bytes() + b"CVJR\0\0half a batch" + bytes(50))
    found = verify(ledger)
    assert found.ok
    assert path.name in found.notes[0]


def test_nothing_at_all_is_not_a_ledger_that_verifies(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "key.pub").write_text(public_of(SEED).hex())
    assert first(verify(tmp_path / "ledger")).reason is Reason.LEDGER_CHAIN


def test_a_running_ledger_verifies_at_any_moment(ledger: Path) -> None:
    code = f"""
import time
from pathlib import Path
from tests.guard.ledgers import open_ledger
directory = Path({str(ledger)!r})
writer = open_ledger(directory, bytes(range(32)), {ORIGIN!r}, segment_bytes_max=100_000)
while True:
    writer.append([{{"number": writer.size + at, "text": "x" * 100}} for at in range(20)])
    print(writer.size, flush=True)
    time.sleep(0.0005)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            told = int(writer.stdout.readline())
            found = verify(ledger)
            assert found.ok, found.findings
            assert found.entries >= told
        writer.kill()
        writer.stdout.read()
