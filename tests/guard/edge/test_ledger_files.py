import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guard.core.ledger import Head, read_checkpoint
from guard.edge.journal import SEGMENT_BYTES_MAX
from guard.edge.keys import public_of
from guard.edge.ledger_files import LedgerReader, LedgerWriter, entries_of
from guard.report.ledger_verifier import verify_ledger
from schemas.entry import Entry
from schemas.errors import Broken, Forged, Malformed
from tests.guard.ledgers import keys_of, open_ledger

SEED = bytes(range(32))
ORIGIN = "checkvalve/c2/low"


def opened(
    directory: Path, *, seed: bytes = SEED, segment_bytes_max: int = SEGMENT_BYTES_MAX
) -> tuple[LedgerWriter, list[Entry]]:
    """The ledger and the entries that it showed while it recovered."""
    seen: list[Entry] = []
    writer = open_ledger(directory, seed, ORIGIN, seen.append, segment_bytes_max=segment_bytes_max)
    return writer, seen


def entry(number: int) -> Entry:
    return {"kind": "committed", "time_ms": 1_795_432_000_000 + number, "number": number}


def filled(directory: Path, *counts: int) -> None:
    writer, seen = opened(directory)
    number = len(seen)
    for count in counts:
        writer.append([entry(each) for each in range(number, number + count)])
        number += count
    writer.close()


def numbers(directory: Path) -> list[int]:
    return [number for number, _ in entries_of(directory)]


def verified(directory: Path, key_folder: Path) -> bool:
    key = key_folder / "key.pub"
    key.write_text(public_of(SEED).hex() + "\n")
    return verify_ledger(directory, key).ok


def test_what_was_appended_is_shown_again_with_the_same_size_and_root(tmp_path: Path) -> None:
    writer, seen = opened(tmp_path)
    assert (seen, writer.size, writer.latest_checkpoint) == ([], 0, b"")
    checkpoints = [writer.append([entry(n) for n in range(first, first + 3)]) for first in (0, 3)]
    assert writer.latest_checkpoint == checkpoints[-1]
    assert read_checkpoint(checkpoints[-1], ORIGIN, [public_of(SEED)]) == Head(6, writer.root)
    root = writer.root
    writer.close()
    again, seen = opened(tmp_path)
    assert seen == [entry(number) for number in range(6)]
    assert (again.size, again.root, again.latest_checkpoint) == (6, root, checkpoints[-1])


def test_a_reader_follows_while_it_is_written(tmp_path: Path) -> None:
    reader = LedgerReader(tmp_path)
    assert reader.take() == []
    writer, _ = opened(tmp_path, segment_bytes_max=1000)
    for first in range(0, 40, 4):
        writer.append([entry(number) for number in range(first, first + 4)])
        assert reader.take() == [entry(number) for number in range(first, first + 4)]
    assert reader.take() == []
    assert numbers(tmp_path) == list(range(40))


def test_a_batch_torn_at_any_byte_is_gone_whole_and_the_ledger_goes_on(tmp_path: Path) -> None:
    """Its journal mark is as before the batch: the power went before anyone was told."""
    filled(tmp_path / "whole", 3, 2)
    segment = max((tmp_path / "whole").glob("*.journal"))
    begin, mark = segment.stat().st_size, (tmp_path / "whole" / "mark").read_bytes()
    filled(tmp_path / "whole", 2)
    (tmp_path / "whole" / "mark").write_bytes(mark)
    whole = segment.read_bytes()
    for end in range(begin, len(whole)):
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "whole", copy)
        (copy / segment.name).write_bytes(whole[:end] + bytes(end % 3 * 100))
        writer, seen = opened(copy)
        assert [each["number"] for each in seen] == list(range(5))
        writer.append([entry(5)])
        writer.close()
        assert numbers(copy) == list(range(6))
        shutil.rmtree(copy)
    assert verified(tmp_path / "whole", tmp_path)


def test_every_flipped_bit_keeps_a_ledger_from_opening(tmp_path: Path) -> None:
    filled(tmp_path / "whole", 2, 1)
    segment = max((tmp_path / "whole").glob("*.journal"))
    whole = segment.read_bytes()
    for at in range(len(whole)):
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "whole", copy)
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        (copy / segment.name).write_bytes(damaged)
        with pytest.raises(Malformed):
            opened(copy)
        shutil.rmtree(copy)


def test_another_key_does_not_go_on_with_a_ledger(tmp_path: Path) -> None:
    filled(tmp_path / "ledger", 2)
    with pytest.raises(Forged):
        opened(tmp_path / "ledger", seed=bytes(32))
    (found,) = keys_of(tmp_path / "ledger").iterdir()
    found.write_text(bytes(32).hex())
    with pytest.raises(Broken, match="not the one of epoch 0"):
        opened(tmp_path / "ledger")


def test_another_ledgers_name_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    with pytest.raises((Forged, Malformed)):
        open_ledger(tmp_path, SEED, "checkvalve/c2/high")


def test_a_full_disk_stops_the_ledger_and_nobody_is_told(tmp_path: Path) -> None:
    code = f"""
import resource, signal
from pathlib import Path
from tests.guard.ledgers import open_ledger
from schemas.errors import Broken
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = open_ledger(Path({str(tmp_path)!r}), bytes(range(32)), {ORIGIN!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
told = 0
try:
    while True:
        writer.append([{{"number": told, "text": "x" * 500}}])
        told += 1
except Broken as error:
    print(told, error.reason)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told, reason = ran.stdout.split()
    assert reason == "ledger-unwritable"
    writer, seen = opened(tmp_path)
    assert len(seen) == int(told) > 0
    writer.close()
    assert verified(tmp_path, tmp_path)


def test_a_killed_writer_leaves_every_batch_it_told_of(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from tests.guard.ledgers import open_ledger
writer = open_ledger(Path({str(tmp_path)!r}), bytes(range(32)), {ORIGIN!r})
while True:
    writer.append([{{"number": writer.size + at}} for at in range(5)])
    print(writer.size, flush=True)
"""
    told = 0
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        while told < 500:
            told = int(writer.stdout.readline())
        writer.kill()
        told = max([told, *(int(line) for line in writer.stdout.read().splitlines())])
    again, seen = opened(tmp_path)
    assert again.size == len(seen) >= told
    assert [each["number"] for each in seen] == list(range(len(seen)))
    again.close()
    assert verified(tmp_path, tmp_path)


def test_what_is_no_entry_stops_the_writer_before_anything_is_written(tmp_path: Path) -> None:
    writer, _ = opened(tmp_path)
    with pytest.raises(Broken):
        writer.append([entry(0), {"kind": True}])
    writer.close()
    assert numbers(tmp_path) == []
