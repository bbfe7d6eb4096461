"""Sites for tests of what auditors read: ledgers that the test can foretell, with their keys."""

from hashlib import sha256
from pathlib import Path

from guard.edge.keys import public_of
from guard.edge.ledger_files import LedgerWriter
from schemas.entry import Entry
from tests.guard.ledgers import open_ledger

NOW_MS = 10**6
SEEDS = {"low": bytes(range(32)), "high": bytes(range(1, 33))}


def hexed(number: int, what: str) -> str:
    return sha256(f"{what} {number}".encode()).hexdigest()


def low_entries(count: int) -> list[Entry]:
    entries: list[Entry] = [{"kind": "run", "time_ms": 1000, "side": "low", "policy_version": 1}]
    for n in range(1, count + 1):
        base: Entry = {
            "id": hexed(n, "id")[:32], "time_ms": 1000 + 10 * n, "number": n,
            "accepted_s": n // 100 + 1, "accepted": hexed(n, "accepted"),
            "sender": "alpha" if n % 2 else "bravo", "name": f"{n:05d}-event.cot",
            "label": "RESTRICTED" if n % 5 == 0 else "UNCLASSIFIED",
            "stages": f"a/1 pass\nb/1 changed {hexed(n, 'b')}: x",
        }  # fmt: skip
        if n % 10 == 0:
            entries.append(base | {"kind": "refused", "stage": "words", "reason": "dirty-word"})
            continue
        last = n - n // 10
        entries.append(base | {
            "kind": "committed", "sequence": last, "payload": hexed(n, "payload"),
            "sealed": last - 1, "envelope": hexed(n, "envelope"),
        })  # fmt: skip
        entries.append({"kind": "sent", "time_ms": 1001 + 10 * n, "count": 1, "last": last})
    return entries


def high_entries(low: list[Entry]) -> list[Entry]:
    entries: list[Entry] = [{"kind": "run", "time_ms": 1000, "side": "high"}]
    for entry in low:
        if entry["kind"] == "committed":
            entries.append({"kind": "delivering", "time_ms": int(entry["time_ms"]) + 3,
                            "id": entry["id"], "sequence": entry["sequence"],
                            "sealed_payload": entry["payload"]})  # fmt: skip
            entries.append({"kind": "delivered", "time_ms": int(entry["time_ms"]) + 4, "count": 1})
    return entries


def write(folder: Path, side: str, entries: list[Entry], batch: int = 7) -> LedgerWriter:
    ledger = folder / side / "ledger"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    writer = open_ledger(ledger, SEEDS[side], f"checkvalve/c2/{side}", segment_bytes_max=30_000)
    for at in range(0, len(entries), batch):
        writer.append(entries[at : at + batch])
        if at and at % (batch * 20) == 0:
            writer.ratchet(int(entries[at]["time_ms"]))
    trust = folder / side / "trust"
    trust.mkdir(exist_ok=True)
    (trust / "ledger.pub").write_text(public_of(SEEDS[side]).hex() + "\n")
    writer.close()
    return writer
