"""Reading entries where the index says that they stand.

Takes rows of the index and open segments, gives entries as they stand in the ledger: each one's
link is compared with the one that the verifier had tied to the tree. Raises `Malformed` when a
ledger is no longer what was indexed.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from schemas.errors import Malformed
from schemas.reasons import Reason

FIRST_LINK = bytes(32)
_COLUMNS = ("ledger", "number", "time_ms", "file", "at", "size", "link")


@dataclass(frozen=True, slots=True)
class Row:
    """An entry's place: which ledger (its number in the index), entry, time, where it stands."""

    ledger: int
    number: int
    time_ms: int
    file: int
    at: int
    size: int
    link: bytes


@dataclass(frozen=True, slots=True)
class Indexed:
    """A ledger in the index."""

    ledger: int
    directory: Path
    origin: str
    size: int
    verification: dict[str, Any]
    certificates: list[dict[str, Any]]

    @property
    def flow(self) -> str:
        """The flow that its name says."""
        return self.origin.split("/")[1] if self.origin.count("/") == 2 else ""

    @property
    def side(self) -> str:
        """The side that its name says."""
        return self.origin.rpartition("/")[2]


@dataclass(frozen=True)
class Found:
    """An entry as it stands in its ledger, and its line's bytes there."""

    row: Row
    indexed: Indexed
    line: bytes

    @cached_property
    def entry(self) -> dict[str, Any]:
        """What it says."""
        told: dict[str, Any] = json.loads(self.line)
        return told

    def told(self) -> dict[str, Any]:
        """For machines: where it stands, then its fields."""
        where = {"flow": self.indexed.flow, "side": self.indexed.side, "entry": self.row.number}
        return where | self.entry


def found_in(file: BinaryIO, indexed: Indexed, row: Row, before: bytes) -> Found:
    """The entry there, in its open segment. before: the link of the entry before it.

    Raises `Malformed` if it is not what was indexed.
    """
    file.seek(row.at)
    line = file.read(row.size)
    if sha256(b"\x00" + before + line).digest() != row.link:
        raise Malformed(
            Reason.LEDGER_TREE,
            f"{file.name}: entry {row.number} is not what it was when the ledger was read",
        )
    return Found(row, indexed, line)


def entries_in_order(connection: sqlite3.Connection, indexed: Indexed, names: Mapping[int, str],
                     kinds: Sequence[str]) -> Iterator[Found]:  # fmt: skip
    """All entries of these kinds, in the ledger's order. names: of its segments.

    Raises `Malformed` for one that is not what was indexed.
    """
    columns = ", ".join(f"it.{name}" for name in _COLUMNS)
    marks = ", ".join("?" * len(kinds))
    rows = connection.execute(
        f"SELECT {columns}, before.link FROM entries AS it NOT INDEXED"  # noqa: S608 - of constants
        " LEFT JOIN entries AS before"
        " ON before.ledger = it.ledger AND before.number = it.number - 1"
        f" WHERE it.ledger = ? AND it.kind IN ({marks}) ORDER BY it.number",
        (indexed.ledger, *kinds),
    )
    with ExitStack() as stack:
        files: dict[int, BinaryIO] = {}
        for *found, before in rows:
            row = Row(*found)
            if row.file not in files:
                path = indexed.directory / names[row.file]
                files[row.file] = stack.enter_context(path.open("rb"))
            if before is None and row.number:
                raise Malformed(
                    Reason.ARGUMENT, f"entry {row.number - 1} was let go: no link is known of it"
                )
            yield found_in(files[row.file], indexed, row, bytes(before or FIRST_LINK))
