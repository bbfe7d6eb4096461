"""Making the index: each ledger is verified from its first entry on, and what is tied goes in.

Takes the places of ledgers, fills the tables. A ledger that has not changed since is not read
again. What the verifier found is kept with the ledger, so that who searches is told.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

from guard.report.index.places import Place
from guard.report.index.tables import (
    CHUNK_LEAVES,
    drop_indices,
    make_indices,
    prefix_of,
)
from guard.report.ledger_anchor import ANCHOR_NAME
from guard.report.ledger_entries import Entry
from guard.report.ledger_keys import EPOCH_MARK
from guard.report.ledger_sense import Sense
from guard.report.ledger_verifier import Tied, verify_ledger
from guard.report.verifying import with_sense

ROWS_A_WRITE = 20_000
_DIGESTS = ("accepted", "payload", "envelope", "sealed_payload")
_PERSONS = ("signers", "reviewers", "who")
_BETWEEN_PERSONS = re.compile(r", ?| as ")  # "alice as root": who ran sudo, and as whom
_DIGEST_CHARACTERS = 64
_CHANGED = " changed "
_EPOCH = EPOCH_MARK.partition(b":")[2].strip(b'"').decode()

Progress = Callable[[int], None]


def bring_up_to_date(
    connection: sqlite3.Connection, places: list[Place], now_ms: int,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """The index has just these ledgers, as they are now. progress: is told of entries read."""
    known = {
        str(directory): (ledger, fingerprint)
        for ledger, directory, fingerprint in connection.execute(
            "SELECT ledger, directory, fingerprint FROM ledgers"
        )
    }
    wanted = {str(place.ledger.resolve()): place for place in places}
    stale = [
        place for name, place in wanted.items()
        if name not in known or known[name][1] != fingerprint_of(place.ledger)
    ]  # fmt: skip
    gone = [ledger for name, (ledger, _) in known.items() if name not in wanted]
    if not stale and not gone:
        return
    gone += [known[name][0] for place in stale if (name := str(place.ledger.resolve())) in known]
    drop_indices(connection)
    for ledger in gone:
        for table in ("ledgers", "files", "entries", "digests", "persons", "chunks"):
            connection.execute(f"DELETE FROM {table} WHERE ledger = ?", (ledger,))  # noqa: S608 - names of our own
    for place in stale:
        _Builder(connection, place, Sense(now_ms), progress).build()
    make_indices(connection)
    connection.execute("ANALYZE")
    connection.commit()


def fingerprint_of(ledger: Path) -> str:
    """Changes when a file of the ledger does."""
    found = []
    for path in sorted([*ledger.glob("*.journal"), ledger / "mark", ledger / ANCHOR_NAME]):
        if path.exists():
            status = path.stat()
            found.append(f"{path.name} {status.st_size} {status.st_mtime_ns}")
    mark = ledger / "mark"
    found.append(mark.read_bytes().hex() if mark.exists() else "")
    return sha256("\n".join(found).encode()).hexdigest()


class _Builder:
    """One ledger on its way into the tables."""

    def __init__(
        self, connection: sqlite3.Connection, place: Place, sense: Sense, progress: Progress | None
    ) -> None:
        self._connection, self._place, self._progress = connection, place, progress
        self._sense = sense
        (highest,) = connection.execute("SELECT max(ledger) FROM ledgers").fetchone()
        self._ledger = (highest or 0) + 1
        self._files: dict[str, int] = {}
        self._entries: list[tuple[Any, ...]] = []
        self._digests: list[tuple[int, int, int]] = []
        self._persons: list[tuple[str, int, int]] = []
        self._links: list[bytes] = []
        self._chunk = -1
        self._certificates: list[Entry] = []
        self._size = 0

    def build(self) -> None:
        """Verify, and write what is tied to the first entry."""
        fingerprint = fingerprint_of(self._place.ledger)
        found = verify_ledger(self._place.ledger, self._place.key, watch=self._take)
        with_sense(self._place, found, self._sense)
        self._write()
        self._connection.executemany(
            "INSERT INTO files VALUES (?, ?, ?)",
            [(self._ledger, number, name) for name, number in self._files.items()],
        )
        told = asdict(found) | {"ok": found.ok}
        directory = str(self._place.ledger.resolve())
        certificates = json.dumps(self._certificates)
        self._connection.execute(
            "INSERT INTO ledgers VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._ledger, directory, fingerprint, found.origin, self._size, json.dumps(told),
             certificates),
        )  # fmt: skip

    def _take(self, tied: Tied) -> None:
        file = self._files.setdefault(tied.file, len(self._files))
        ends = accumulate((size + 1 for size in tied.sizes), initial=tied.at)
        rows = zip(tied.entries, tied.sizes, tied.links, ends, strict=False)
        for number, (entry, size, link, at) in enumerate(rows, tied.first):
            self._one(number, entry, (file, at, size, link))
        self._grow(tied)
        self._sense.see_all(tied.first, tied.entries)
        if len(self._entries) >= ROWS_A_WRITE:
            self._write()

    def _one(self, number: int, entry: Entry, where: tuple[int, int, int, bytes]) -> None:
        get = entry.get
        self._entries.append((
            self._ledger, number, get("kind", ""), get("time_ms", 0), get("id", ""),
            get("sequence", 0), get("sender", ""), get("stage", ""), get("reason", ""),
            get("label", ""), str(get("name", ""))[::-1], *where,
        ))  # fmt: skip
        for prefix in _digests_of(entry):
            self._digests.append((prefix, self._ledger, number))
        if get("kind") == _EPOCH:
            self._certificates.append(entry)
        for field in _PERSONS:
            for name in _BETWEEN_PERSONS.split(str(get(field, ""))):
                if name:
                    self._persons.append((name, self._ledger, number))

    def _grow(self, tied: Tied) -> None:
        """§3: the roots of the complete subtrees of `CHUNK_LEAVES` leaves."""
        self._size = tied.first + len(tied.links)
        if self._chunk < 0:
            self._chunk = -(-tied.first // CHUNK_LEAVES)
        begin = self._chunk * CHUNK_LEAVES - tied.first
        self._links += tied.links[max(0, begin) :] if not self._links else tied.links
        while len(self._links) >= CHUNK_LEAVES:
            root = complete_root(self._links[:CHUNK_LEAVES])
            del self._links[:CHUNK_LEAVES]
            self._connection.execute(
                "INSERT INTO chunks VALUES (?, ?, ?)", (self._ledger, self._chunk, root)
            )
            self._chunk += 1

    def _write(self) -> None:
        self._connection.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._entries,
        )
        self._connection.executemany("INSERT INTO digests VALUES (?, ?, ?)", self._digests)
        self._connection.executemany("INSERT INTO persons VALUES (?, ?, ?)", self._persons)
        if self._progress is not None:
            self._progress(len(self._entries))
        self._entries, self._digests, self._persons = [], [], []


def complete_root(hashes: list[bytes]) -> bytes:
    """The root over leaves whose number is a power of two (RFC 6962 §2.1)."""
    while len(hashes) > 1:
        hashes = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]


def _digests_of(entry: Entry) -> Iterator[int]:
    for field in _DIGESTS:
        value = entry.get(field)
        if type(value) is str and len(value) == _DIGEST_CHARACTERS:
            yield prefix_of(value)
    stages = str(entry.get("stages", ""))
    for part in stages.split(_CHANGED)[1:]:
        yield prefix_of(part[:_DIGEST_CHARACTERS])
