"""What journals and ledgers cost on this disk: `python -m bench.disk [DIRECTORY] [--json]`.

Writes into a new directory below DIRECTORY (default: the current one, for /tmp may be memory),
removes it, and prints for several batch sizes: records or entries a second, and the median and
99th percentile of a batch in microseconds; then how fast a ledger is opened again and verified.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from guard.edge.journal import JournalReader, JournalWriter
from guard.edge.keys import public_of
from guard.edge.ledger_files import LedgerWriter
from guard.edge.sealing_keys import SealingKeys
from guard.report.ledger_verifier import verify_ledger
from schemas.entry import Entry

BATCHES = ((1, 1_000), (50, 20_000), (256, 100_000))
PAYLOAD_BYTES = 1024
SEED = bytes(32)


def main() -> int:
    """Run, print, give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=Path())
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-disk-") as folder:
        figures = journal_figures(Path(folder)) | ledger_figures(Path(folder))
    if given.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<44} {value:>12,.0f}")
    return 0


def journal_figures(folder: Path) -> dict[str, float]:
    """Records of 1 KB, one sync a batch; then read again by a reader that follows the mark."""
    writer = JournalWriter.open(folder / "journal")
    payload = os.urandom(PAYLOAD_BYTES)
    figures: dict[str, float] = {}

    def batch(size: int) -> None:
        for _ in range(size):
            writer.append(payload)
        writer.sync()
        writer.mark(writer.next_number)

    for size, count in BATCHES:
        figures |= measure(f"journal, {size} a batch", "records", size, count, batch)
    reader = JournalReader(folder / "journal", 0)
    started_s = time.perf_counter()
    while reader.take(64):
        pass
    figures["journal, records read/s"] = reader.next_number / (time.perf_counter() - started_s)
    writer.close()
    reader.close()
    return figures


def ledger_figures(folder: Path) -> dict[str, float]:
    """Entries as `release` writes them (600 bytes), one sync and one checkpoint a batch."""
    directory, key = folder / "ledger", folder / "ledger.pub"
    key.write_text(public_of(SEED).hex())
    (folder / "sealing").mkdir()
    keys, public = SealingKeys(folder / "sealing"), public_of(SEED)
    keys.make(0, SEED)
    writer = LedgerWriter.open(directory, keys, public, "bench/ledger")
    entries = [committed(number) for number in range(256)]
    figures: dict[str, float] = {}
    for size, count in BATCHES:
        name = f"ledger, {size} a batch"
        figures |= measure(name, "entries", size, count, lambda n: writer.append(entries[:n]))
    size = writer.size
    writer.close()
    started_s = time.perf_counter()
    LedgerWriter.open(directory, keys, public, "bench/ledger", lambda entry: None).close()
    figures["ledger, entries recovered/s"] = size / (time.perf_counter() - started_s)
    started_s = time.perf_counter()
    verification = verify_ledger(directory, key)
    figures["ledger, entries verified/s"] = size / (time.perf_counter() - started_s)
    if not verification.ok or verification.entries != size:
        sys.exit(f"the benchmark wrote a ledger that does not verify: {verification.findings}")
    return figures


def measure(
    name: str, unit: str, size: int, count: int, batch: Callable[[int], object]
) -> dict[str, float]:
    """Do `count // size` batches."""
    took_s = []
    for _ in range(count // size):
        started_s = time.perf_counter()
        batch(size)
        took_s.append(time.perf_counter() - started_s)
    ordered = sorted(took_s)
    return {
        f"{name}, {unit}/s": size * len(took_s) / sum(took_s),
        f"{name}, p50 us": ordered[len(ordered) // 2] * 1e6,
        f"{name}, p99 us": ordered[len(ordered) * 99 // 100] * 1e6,
    }


def committed(number: int) -> Entry:
    """An entry with the fields and sizes of one that `release` writes."""
    return {
        "kind": "committed", "time_ms": 1_795_432_000_000 + number, "id": f"{number:032x}",
        "number": number, "sender": "sensor-1", "name": f"event-{number}.xml",
        "accepted_s": 1_795_432_000, "accepted": "ab" * 32, "stage": "", "reason": "",
        "sentence": "", "stages": "identify pass;bounds pass;rebuild pass", "sequence": number,
        "sealed": number, "envelope": "cd" * 32, "payload": "ef" * 32, "payload_bytes": 1024,
        "type": "application/cot+cbor", "label": "NATO RESTRICTED", "queues": "tracks",
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
