"""The tables of the index: what of a ledger's entries can be searched, and where they stand.

An index is a cache: it can be thrown away and is then made anew from the ledgers. It says where an
entry stands; what the entry says is read from the ledger, and its link is compared.
"""

import sqlite3
from pathlib import Path

VERSION = 3
CHUNK_LEAVES = 1024
DIGEST_PREFIX_BYTES = 8
_UNSIGNED = 1 << 8 * DIGEST_PREFIX_BYTES

_TABLES = """
CREATE TABLE ledgers (
    ledger INTEGER PRIMARY KEY, directory TEXT, fingerprint TEXT, origin TEXT, size INTEGER,
    verification TEXT, certificates TEXT
);
CREATE TABLE files (ledger INTEGER, file INTEGER, name TEXT, PRIMARY KEY (ledger, file));
CREATE TABLE entries (
    ledger INTEGER, number INTEGER, kind TEXT, time_ms INTEGER, id TEXT, sequence INTEGER,
    sender TEXT, stage TEXT, reason TEXT, label TEXT, reversed_name TEXT, file INTEGER, at INTEGER,
    size INTEGER, link BLOB, PRIMARY KEY (ledger, number)
) WITHOUT ROWID;
CREATE TABLE digests (prefix INTEGER, ledger INTEGER, number INTEGER);
CREATE TABLE persons (name TEXT, ledger INTEGER, number INTEGER);
CREATE TABLE chunks (ledger INTEGER, chunk INTEGER, root BLOB, PRIMARY KEY (ledger, chunk))
    WITHOUT ROWID;
"""
_INDICES = """
CREATE INDEX IF NOT EXISTS by_time ON entries (time_ms, ledger, number);
CREATE INDEX IF NOT EXISTS by_kind ON entries (kind, time_ms, ledger, number);
CREATE INDEX IF NOT EXISTS by_id ON entries (id) WHERE id != '';
CREATE INDEX IF NOT EXISTS by_sequence ON entries (sequence) WHERE sequence > 0;
CREATE INDEX IF NOT EXISTS by_name ON entries (reversed_name) WHERE reversed_name != '';
CREATE INDEX IF NOT EXISTS by_sender ON entries (sender, time_ms, ledger, number)
    WHERE sender != '';
CREATE INDEX IF NOT EXISTS by_label ON entries (label, time_ms, ledger, number) WHERE label != '';
CREATE INDEX IF NOT EXISTS by_reason ON entries (reason, time_ms, ledger, number)
    WHERE reason != '';
CREATE INDEX IF NOT EXISTS by_stage ON entries (stage, time_ms, ledger, number) WHERE stage != '';
CREATE INDEX IF NOT EXISTS by_digest ON digests (prefix);
CREATE INDEX IF NOT EXISTS by_person ON persons (name);
"""


def open_index(path: Path) -> sqlite3.Connection:
    """The index in this file, made if it is not there, anew if it is of another version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    try:
        right = connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    except sqlite3.DatabaseError:
        right = False
    if not right:
        connection.close()
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.commit()
    connection.execute("PRAGMA synchronous = OFF")  # a cache: it can be made anew
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")
    return connection


def make_indices(connection: sqlite3.Connection) -> None:
    """After the rows: that is faster than beside them."""
    connection.executescript(_INDICES)


def drop_indices(connection: sqlite3.Connection) -> None:
    """Before many rows."""
    names = [line.split()[5] for line in _INDICES.splitlines() if line.startswith("CREATE")]
    for name in names:
        connection.execute(f"DROP INDEX IF EXISTS {name}")


def prefix_of(digest: str) -> int:
    """How a digest in hexadecimal begins, as SQLite's integer. Raises ValueError."""
    value = int(digest[: 2 * DIGEST_PREFIX_BYTES], 16)
    return value - _UNSIGNED if value >= _UNSIGNED >> 1 else value
