"""What was done to a side's keys, kept until its ledger has it.

Takes a side's folder and what `guard keys` did; gives entries for the ledger. One file an event,
`keys/event-ID.json`, durable before the key is changed; it is removed when the ledger has its ID.
So a crash leaves an event that is told twice at most, and never a change that nobody heard of.
"""

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from guard.core.ledger import read_entry, split_batch
from guard.edge import durable
from guard.edge.clock import now_ms
from guard.edge.segments import walk
from schemas.entry import Entry, Kind
from schemas.errors import Malformed

FILE_MODE = 0o400
TEXT_CHARACTERS_MAX = 200
_NAME = re.compile(r"event-([0-9a-f]{16})\.json")
_REVEALED = b'"act": "revealed"'
_TELLING = b'"kind":"key"'  # in a canonical entry no text can hold these bytes (ledger §2)


@dataclass(frozen=True, slots=True)
class KeyAct:
    """act: made, taken-up, overlap-ended, revocations, destroyed or revealed; key: envelope, …;
    fingerprint: of its public half, or its id; who: as the operating system says, or "guard"."""

    act: str
    key: str
    fingerprint: str
    who: str
    detail: str = ""


def record(folder: Path, told: "KeyAct") -> str:
    """Durably, before it is done; gives the event's id."""
    event = secrets.token_hex(8)
    entry: Entry = {
        "kind": Kind.KEY,
        "time_ms": now_ms(),
        "event": event,
        "act": told.act,
        "key": told.key,
        "fingerprint": told.fingerprint,
        "who": told.who[:TEXT_CHARACTERS_MAX],
        "detail": told.detail[:TEXT_CHARACTERS_MAX],
    }
    path = folder / "keys" / f"event-{event}.json"
    durable.create(path, json.dumps(entry).encode(), FILE_MODE)
    return event


def reveals(folder: Path) -> set[str]:
    """The ids of the acts `revealed` that wait in `keys/` for the lane to be started anew."""
    found = set()
    for name in _names(folder / "keys"):
        match = _NAME.fullmatch(name)
        if match is not None and _REVEALED in _content(folder / "keys" / name):
            found.add(match[1])
    return found


def is_told(folder: Path, event: str) -> bool:
    """Whether the ledger, which may be being written, has an act already."""
    try:
        return event in _in_ledger(folder)
    except (Malformed, OSError):  # a batch that is half there
        return False


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # told and removed meanwhile
        return b""


def untold(folder: Path) -> list[Entry]:
    """What the ledger does not have, oldest first; what it has is removed. The side's ledger is not
    being written. Raises `Malformed`, `OSError`."""
    found: dict[str, Entry] = {}
    for name in _names(folder / "keys"):
        match = _NAME.fullmatch(name)
        if match is not None:
            found[match[1]] = json.loads((folder / "keys" / name).read_bytes())
    told = _in_ledger(folder) & found.keys() if found else set()
    if told:
        durable.remove(folder / "keys", [f"event-{event}.json" for event in sorted(told)])
    rest = (entry for event, entry in found.items() if event not in told)
    return sorted(rest, key=lambda entry: int(entry["time_ms"]))


def _names(keys: Path) -> list[str]:
    try:
        return sorted(os.listdir(keys))
    except FileNotFoundError:
        return []


def _in_ledger(folder: Path) -> set[str]:
    seen: set[str] = set()
    for batch in walk(folder / "ledger"):
        if _TELLING in batch.payload:
            lines, _ = split_batch(batch.payload)
            seen |= {str(read_entry(line)["event"]) for line in lines if _TELLING in line}
    return seen
