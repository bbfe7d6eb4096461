"""A ledger on disk: a journal whose records are batches, each closed by a signed checkpoint.

Takes entries, gives checkpoints; a batch is one write and one sync, and durable before anyone is
told. May write in the ledger's directory. Follows docs/spec/ledger.md §5 and journal.md.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from guard.core.ledger import Checkpoint, Head, Ledger, read_entry, split_batch
from guard.edge.journal import SEGMENT_BYTES_MAX, JournalWriter
from guard.edge.journal_reader import JournalReader
from guard.edge.segments import walk
from schemas.entry import Entry
from schemas.errors import Broken, Forged
from schemas.reasons import Reason

__all__ = ["Checkpoint", "LedgerReader", "LedgerWriter", "entries_of"]

NO_CHECKPOINT = Checkpoint(b"")
_BATCHES_A_READ = 64


class LedgerWriter:
    """The only writer of a ledger."""

    def __init__(self, journal: JournalWriter, ledger: Ledger, latest: Checkpoint) -> None:
        self._journal = journal
        self._ledger = ledger
        self._latest = latest

    @classmethod
    def open(
        cls,
        directory: Path,
        key: bytes,
        origin: str,
        see: Callable[[Entry], None] | None = None,
        *,
        earlier_keys: Sequence[bytes] = (),
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> Self:
        """Open or make a ledger: read all of it, check it, show each entry to `see`, in order.

        key: Ed25519 seed, 32 bytes; earlier_keys: public keys that signed before this one. A torn
        batch at the end, which was told to nobody, is cut off. Raises `Malformed` when the ledger
        is damaged or its batches do not make the trees they state, `Forged` when none of the keys
        signed its last checkpoint, `Broken` as `JournalWriter.open` does.
        """
        ledger = Ledger(origin, key)
        journal = JournalWriter.open(directory, segment_bytes_max)
        try:
            latest = _replay(directory, ledger, see)
            if latest:
                _check_head(ledger, latest, earlier_keys)
            journal.mark(journal.next_number)
        except BaseException:
            journal.close()
            raise
        return cls(journal, ledger, latest)

    @property
    def size(self) -> int:
        """Durable entries."""
        return self._ledger.size

    @property
    def root(self) -> bytes:
        """The tree's root over them, 32 bytes."""
        return self._ledger.root

    @property
    def latest_checkpoint(self) -> Checkpoint:
        """The newest durable checkpoint, a signed note; b"" of a ledger without entries."""
        return self._latest

    def append(self, entries: Sequence[Entry]) -> Checkpoint:
        """Write at least one entry, durable on return; gives the checkpoint that closes them.

        Raises `Broken`: the ledger cannot be written, or an entry is none. The process then ends,
        and the next one recovers.
        """
        batch, checkpoint = self._ledger.batch(entries)
        try:
            self._journal.append(batch)
            self._journal.sync()
            self._journal.mark(self._journal.next_number)
        except Broken as error:
            raise Broken(Reason.LEDGER_UNWRITABLE, error.sentence) from error
        self._latest = checkpoint
        return checkpoint

    def close(self) -> None:
        """Let the ledger go."""
        self._journal.close()


class LedgerReader:
    """Follows a ledger that is being written. Checks records, not the tree: see the verifier."""

    def __init__(self, directory: Path) -> None:
        """From the first entry on. Raises `OSError` when the directory is not there."""
        self._journal = JournalReader(directory, 0)

    def fileno(self) -> int:
        """Becomes readable when there may be more to take."""
        return self._journal.fileno()

    def take(self) -> list[Entry]:
        """All durable entries since the last call. Raises `Malformed`."""
        entries: list[Entry] = []
        while records := self._journal.take(_BATCHES_A_READ):
            for _, batch in records:
                lines, _ = split_batch(batch)
                entries += map(read_entry, lines)
        return entries

    def close(self) -> None:
        """Let the files go."""
        self._journal.close()


def entries_of(directory: Path) -> Iterator[tuple[int, Entry]]:
    """(number, entry) of a ledger's whole batches, running or a copy. Raises `Malformed`."""
    number = 0
    for found in walk(directory):
        lines, _ = split_batch(found.payload)
        for line in lines:
            yield number, read_entry(line)
            number += 1


def _replay(directory: Path, ledger: Ledger, see: Callable[[Entry], None] | None) -> Checkpoint:
    latest = NO_CHECKPOINT
    for found in walk(directory):
        lines, latest = ledger.replay(found.payload)
        if see is not None:
            for line in lines:
                see(read_entry(line))
    return latest


def _check_head(ledger: Ledger, latest: Checkpoint, earlier_keys: Sequence[bytes]) -> None:
    if ledger.check(latest, earlier_keys) != Head(ledger.size, ledger.root):
        raise Forged(Reason.LEDGER_TREE, "the last checkpoint states another tree")
