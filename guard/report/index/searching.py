"""Looking things up in the index: entries by what an auditor asks for, a message by any name of it.

Takes questions, gives entries as they stand in the ledgers: each is read from its file, and its
link compared with the one that the verifier had tied to the tree. Raises `Malformed` when a ledger
is no longer what was indexed, or a question names no message or several.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guard.report.index.reading import FIRST_LINK, Found, Indexed, Row, entries_in_order, found_in
from guard.report.index.tables import DIGEST_PREFIX_BYTES, prefix_of
from schemas.errors import Malformed
from schemas.reasons import Reason

PAGE_MAX = 10_000
ID_CHARACTERS = 32
_MESSAGES_MAX = 20
_SHOWN_MAX = 5
_FOUND_MAX = 2_000

VERDICTS = {
    "passed": ("committed", "delivering"),
    "refused": ("refused", "spool-refused"),
    "held": ("held",),
    "released": ("committed",),
}


@dataclass(frozen=True, slots=True)
class Question:
    """What to search for; "" and None: anything. Times are milliseconds since 1970, UTC."""

    begin_ms: int | None = None
    end_ms: int | None = None
    flow: str = ""
    side: str = ""
    sender: str = ""
    stage: str = ""
    verdict: str = ""
    kind: str = ""
    reason: str = ""
    label: str = ""
    person: str = ""
    digest: str = ""


class Index:
    """An open index, to be asked; `connection` for who counts in its tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = self._connection = connection
        self._ledgers = {
            row[0]: Indexed(row[0], Path(row[1]), row[2], row[3], json.loads(row[4]),
                            json.loads(row[5]))
            for row in connection.execute(
                "SELECT ledger, directory, origin, size, verification, certificates FROM ledgers"
            )
        }  # fmt: skip
        self._files = {
            (ledger, file): name
            for ledger, file, name in connection.execute("SELECT ledger, file, name FROM files")
        }

    @property
    def ledgers(self) -> list[Indexed]:
        """All of them, low sides first, by flow."""
        return sorted(self._ledgers.values(), key=lambda each: (each.side != "low", each.origin))

    def ask(self, question: Question, limit: int, after: str = "") -> tuple[list[Found], str]:
        """One page in the order of time, and what to give as `after` for the next; "" at the end.

        Raises `Malformed` for a question that cannot be asked.
        """
        where, values = self._where(question)
        if after:
            where.append("(time_ms, ledger, number) > (?, ?, ?)")
            values += self._cursor(after)
        condition = " AND ".join(where) or "1"
        limit = max(1, min(limit, PAGE_MAX))
        rows = self._rows(f"{condition} ORDER BY time_ms, ledger, number LIMIT {limit + 1}", values)
        page, more = rows[:limit], len(rows) > limit
        last = page[-1] if page else None
        cursor = f"{last.time_ms}.{last.ledger}.{last.number}" if more and last else ""
        return [self.read(row) for row in page], cursor

    def message(self, which: str) -> list[Found]:
        """All entries about one message, named by id, number, digest or file name, or how one
        of them begins (ids, digests) or ends (names). Raises `Malformed` if it names none, or
        several.
        """
        ids = self._ids(which)
        if not ids:
            raise Malformed(Reason.ARGUMENT, f"no ledger here knows {which!r}")
        sources = {self._source_id(ident) for ident in ids}
        if len(sources) > 1:
            raise Malformed(Reason.ARGUMENT, f"{which!r} names several: {_listed(sources)}")
        return self._all_of(sources.pop())

    def read(self, row: Row) -> Found:
        """The entry there. Raises `Malformed` if it is not what was indexed."""
        indexed = self._ledgers[row.ledger]
        path = indexed.directory / self._files[row.ledger, row.file]
        with path.open("rb") as file:
            return found_in(file, indexed, row, self.link(row.ledger, row.number - 1))

    def in_order(self, ledger: int, kinds: Sequence[str]) -> Iterator[Found]:
        """All entries of these kinds in the ledger's order, read as one: for many of them."""
        names = {file: name for (of, file), name in self._files.items() if of == ledger}
        return entries_in_order(self._connection, self._ledgers[ledger], names, kinds)

    def link(self, ledger: int, number: int) -> bytes:
        """The link of an entry; of entry -1 zeros. Raises `Malformed` for one let go."""
        if number < 0:
            return FIRST_LINK
        found = self._connection.execute(
            "SELECT link FROM entries WHERE ledger = ? AND number = ?", (ledger, number)
        ).fetchone()
        if found is None:
            raise Malformed(Reason.ARGUMENT, f"entry {number} was let go: no link is known of it")
        return bytes(found[0])

    def links(self, ledger: int, first: int, end: int) -> list[bytes]:
        """The links of these entries, as far as they are there."""
        return [
            bytes(link)
            for (link,) in self._connection.execute(
                "SELECT link FROM entries WHERE ledger = ? AND number >= ? AND number < ?"
                " ORDER BY number",
                (ledger, first, end),
            )
        ]

    def chunk_root(self, ledger: int, chunk: int) -> bytes | None:
        """The root over the leaves of a chunk, if it is whole."""
        found = self._connection.execute(
            "SELECT root FROM chunks WHERE ledger = ? AND chunk = ?", (ledger, chunk)
        ).fetchone()
        return bytes(found[0]) if found else None

    def first_after(self, ledger: int, number: int, kind: str) -> Found | None:
        """The first entry of this kind behind an entry."""
        rows = self._rows(
            "ledger = ? AND number > ? AND kind = ? ORDER BY number LIMIT 1",
            [ledger, number, kind], "entries NOT INDEXED",
        )  # fmt: skip
        return self.read(rows[0]) if rows else None

    def sending(self, ledger: int, number: int, sequence: int) -> Found | None:
        """The entry that says that this message was handed to the link."""
        for row in self._rows(
            "ledger = ? AND number > ? AND kind = 'sent' ORDER BY number LIMIT ?",
            [ledger, number, _FOUND_MAX], "entries NOT INDEXED",
        ):  # fmt: skip
            found = self.read(row)
            if int(found.entry["last"]) >= sequence:
                return found
        return None

    def newest_before(self, ledger: int, number: int, kind: str) -> Found | None:
        """The newest entry of this kind before an entry."""
        rows = self._rows(
            "ledger = ? AND number < ? AND kind = ? ORDER BY number DESC LIMIT 1",
            [ledger, number, kind],
        )
        return self.read(rows[0]) if rows else None

    def of_kind(self, ledger: int, kind: str) -> Iterator[Found]:
        """All entries of a kind, in the ledger's order."""
        rows = self._rows("ledger = ? AND kind = ? ORDER BY number", [ledger, kind])
        return (self.read(row) for row in rows)

    def by_reviewers(self, ledger: int) -> Iterator[Found]:
        """What became of messages because reviewers decided, in the ledger's order."""
        rows = self._rows(
            "ledger = ? AND (ledger, number) IN (SELECT ledger, number FROM persons)"
            " AND kind IN ('committed', 'refused', 'held') ORDER BY number", [ledger],
        )  # fmt: skip
        return map(self.read, rows)

    def newest_of(self, ledger: int, kinds: Sequence[str]) -> Iterator[Found]:
        """All entries of these kinds, the newest first."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT number FROM entries NOT INDEXED WHERE ledger = ? AND kind IN ({marks})"  # noqa: S608 - of constants
        newest_first = self._connection.execute(f"{query} ORDER BY number DESC", (ledger, *kinds))
        for (number,) in newest_first:
            yield from map(self.read, self._rows("ledger = ? AND number = ?", [ledger, number]))

    # -- how --------------------------------------------------------------------------------

    def _rows(self, condition: str, values: Iterable[Any], table: str = "entries") -> list[Row]:
        query = (
            f"SELECT ledger, number, time_ms, file, at, size, link FROM {table} WHERE {condition}"  # noqa: S608 - of constants
        )
        return [Row(*row) for row in self._connection.execute(query, tuple(values))]

    def _where(self, question: Question) -> tuple[list[str], list[Any]]:
        where: list[str] = []
        values: list[Any] = []

        def add(condition: str, *given: Any) -> None:
            where.append(condition)
            values.extend(given)

        if question.begin_ms is not None:
            add("time_ms >= ?", question.begin_ms)
        if question.end_ms is not None:
            add("time_ms < ?", question.end_ms)
        if question.flow or question.side:
            add(f"ledger IN ({self._of(question.flow, question.side)})")
        kinds = VERDICTS.get(question.verdict, ()) or ((question.kind,) if question.kind else ())
        if kinds:
            add(f"kind IN ({', '.join('?' * len(kinds))})", *kinds)
        if question.verdict == "released":
            add("(ledger, number) IN (SELECT ledger, number FROM persons)")  # its reviewers
        for column in ("sender", "stage", "reason", "label"):
            value = getattr(question, column)
            if value:
                add(f"{column} = ? AND {column} != ''", value)
        if question.person:
            add(
                "(ledger, number) IN (SELECT ledger, number FROM persons WHERE name = ?)",
                question.person,
            )
        if question.digest:
            places = self._of_digest(question.digest)
            add(
                "(ledger, number) IN (VALUES "
                + (", ".join(f"({ledger}, {number})" for ledger, number in places) or "(-1, -1)")
                + ")"
            )
        return where, values

    def _of(self, flow: str, side: str) -> str:
        found = [
            str(number) for number, each in self._ledgers.items()
            if flow in ("", each.flow) and side in ("", each.side)
        ]  # fmt: skip
        return ", ".join(found) or "-1"

    def _of_digest(self, digest: str) -> list[tuple[int, int]]:
        """Where a digest stands that begins so, by at least 8 bytes in hexadecimal."""
        try:
            prefix = prefix_of(digest)
        except ValueError:
            prefix = 0
        if len(digest) < 2 * DIGEST_PREFIX_BYTES:
            raise Malformed(
                Reason.ARGUMENT, f"say {2 * DIGEST_PREFIX_BYTES} hexadecimal digits of it, or more"
            )
        found = self._connection.execute(
            "SELECT DISTINCT ledger, number FROM digests WHERE prefix = ? LIMIT ?",
            (prefix, _FOUND_MAX),
        )
        return [
            (ledger, number) for ledger, number in found
            if digest.lower().encode() in self._line(ledger, number)
        ]  # fmt: skip

    def _line(self, ledger: int, number: int) -> bytes:
        (row,) = self._rows("ledger = ? AND number = ?", [ledger, number])
        return self.read(row).line

    def _cursor(self, after: str) -> list[int]:
        try:
            time_ms, ledger, number = map(int, after.split("."))
        except ValueError as error:
            raise Malformed(Reason.ARGUMENT, f"{after!r} is no place to go on from") from error
        return [time_ms, ledger, number]

    def _ids(self, which: str) -> set[str]:
        """The ids that a name stands for, by the first way that finds any."""
        if which.isdecimal() and len(which) < 19:
            found = self._distinct("sequence = ? AND sequence > 0", [int(which)])
            if found:
                return found
        reverse = which[::-1]
        ways: list[tuple[str, list[Any]]] = [
            ("id = ? AND id != ''", [which]),
            ("id >= ? AND id < ? AND id != ''", [which, which + "g"]),
            ("reversed_name = ? AND reversed_name != ''", [reverse]),
        ]
        if len(which) >= 2 * DIGEST_PREFIX_BYTES and set(which) <= set("0123456789abcdef"):
            places = self._of_digest(which)
            if places:
                listed = ", ".join(f"({ledger}, {number})" for ledger, number in places)
                ways.append((f"(ledger, number) IN (VALUES {listed})", []))
        ways.append((
            "reversed_name >= ? AND reversed_name < ? AND reversed_name != ''",
            [reverse, reverse + chr(0x10FFFF)],
        ))  # fmt: skip
        for condition, values in ways:
            found = self._distinct(condition, values)
            if found:
                return found
        return set()

    def _distinct(self, condition: str, values: list[Any]) -> set[str]:
        query = (
            f"SELECT DISTINCT id FROM entries WHERE {condition} AND id != '' LIMIT {_MESSAGES_MAX}"  # noqa: S608 - of constants
        )
        return {str(ident) for (ident,) in self._connection.execute(query, values)}

    def _source_id(self, ident: str) -> str:
        """The id that the source side gave a message: under a compact manifest none travels, and
        the destination's is how the SHA-256 of the envelope begins (manifest §5)."""
        for row in self._by_envelope(ident):
            entry = self.read(row).entry
            if str(entry.get("envelope", ""))[:ID_CHARACTERS] == ident:
                return str(entry["id"])
        return ident

    def _by_envelope(self, ident: str) -> list[Row]:
        places = self._connection.execute(
            "SELECT DISTINCT ledger, number FROM digests WHERE prefix = ? LIMIT ?",
            (prefix_of(ident), _FOUND_MAX) if len(ident) == ID_CHARACTERS else (0, 0),
        )
        return [
            row for ledger, number in places
            for row in self._rows("ledger = ? AND number = ?", [ledger, number])
        ]  # fmt: skip

    def _all_of(self, source_id: str) -> list[Found]:
        found = [self.read(row) for row in self._rows("id = ? AND id != ''", [source_id])]
        envelopes = {str(each.entry.get("envelope", ""))[:ID_CHARACTERS] for each in found}
        for ident in envelopes - {"", source_id}:
            found += [self.read(row) for row in self._rows("id = ? AND id != ''", [ident])]
        return sorted(found, key=lambda each: (each.indexed.side != "low", each.row.number))


def _listed(ids: set[str]) -> str:
    shown = sorted(ids)[:_SHOWN_MAX]
    return ", ".join(shown) + (" and more" if len(ids) > len(shown) else "")
