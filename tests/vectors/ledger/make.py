"""Writes epochs.json: a ledger over two epochs, and the statements that are told of it.

Run from the top: `python tests/vectors/ledger/make.py`. All in it is fixed: the keys' seeds are 32
bytes of 1, 2 and 3. `docs/spec/ledger.md` §7 and §8.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from guard.core.ledger import Ledger
from guard.core.witnessing import Points
from guard.edge.keys import public_of

ORIGIN = "checkvalve/c2/low"
TIME_MS = 1_795_432_000_000
SEEDS = tuple(bytes([number]) * 32 for number in (1, 2, 3))


def made() -> dict[str, object]:
    """What the file holds."""
    ledger, points = Ledger(ORIGIN, public_of(SEEDS[0])), Points()
    batches: list[str] = []
    statements: list[dict[str, object]] = []
    for epoch, seed in enumerate(SEEDS):
        ledger.seal(seed)
        for count in (3, 1):
            first = ledger.size
            content, note = ledger.batch(
                [{"kind": "sent", "time_ms": TIME_MS + first, "count": 1, "last": first + at}
                 for at in range(count)]
            )  # fmt: skip
            batches.append(content.decode())
            points.grown(ledger, note)
            before = points.size
            points.take(ledger, note)
            told = points.next_statement()
            statements.append({"from": before, "to": ledger.size, "statement": told.hex()})
        if epoch + 1 < len(SEEDS):
            content, note = ledger.turn(public_of(SEEDS[epoch + 1]), TIME_MS + ledger.size)
            batches.append(content.decode())
            points.grown(ledger, note)
    return {
        "origin": ORIGIN,
        "seeds": [seed.hex() for seed in SEEDS],
        "public": public_of(SEEDS[0]).hex(),
        "batches": batches,
        "size": ledger.size,
        "root": ledger.root.hex(),
        "statements": statements,
        "whole": points.statement(0).hex(),
    }


if __name__ == "__main__":
    target = Path(__file__).with_name("epochs.json")
    target.write_text(json.dumps(made(), indent=1) + "\n")
