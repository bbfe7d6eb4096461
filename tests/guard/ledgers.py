"""Ledgers for tests, with keys that the test knows."""

from collections.abc import Callable
from pathlib import Path

from guard.core.ledger import Ledger
from guard.edge.journal import SEGMENT_BYTES_MAX
from guard.edge.keys import public_of
from guard.edge.ledger_files import Follower, LedgerWriter
from guard.edge.ledger_resume import Resume
from guard.edge.sealing_keys import SealingKeys
from schemas.entry import Entry


def sealed(origin: str, seed: bytes) -> Ledger:
    """A ledger without entries whose first key is of this seed."""
    made = Ledger(origin, public_of(seed))
    made.seal(seed)
    return made


def keys_of(directory: Path) -> Path:
    """Where `open_ledger` has a ledger's seeds: beside it."""
    return directory.with_name(f"{directory.name}-keys")


def open_ledger(
    directory: Path,
    seed: bytes,
    origin: str,
    see: Callable[[Entry], None] | None = None,
    *,
    follower: Follower | None = None,
    resume: Resume | None = None,
    segment_bytes_max: int = SEGMENT_BYTES_MAX,
) -> LedgerWriter:
    """A ledger on disk; `seed` is of its first epoch."""
    folder = keys_of(directory)
    if not folder.is_dir():
        folder.mkdir()
        SealingKeys(folder).make(0, seed)
    return LedgerWriter.open(
        directory, SealingKeys(folder), public_of(seed), origin, see, follower=follower,
        resume=resume, segment_bytes_max=segment_bytes_max,
    )  # fmt: skip
