"""A ledger on disk: a journal whose records are batches, each closed by a signed checkpoint.

Takes entries, gives checkpoints; a batch is one write and one sync, and durable before anyone is
told. May write in the ledger's directory and the folder of its keys. Follows docs/spec/ledger.md
§5, §7 and journal.md.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, Self

from guard.core.ledger import Checkpoint, Head, Ledger, read_entry, split_batch
from guard.core.ledger_anchor import first_batch, restore, write_anchor
from guard.core.witnessing import Kept, Points
from guard.edge.journal import SEGMENT_BYTES_MAX, JournalWriter
from guard.edge.journal_reader import JournalReader
from guard.edge.keys import public_of
from guard.edge.ledger_resume import Resume
from guard.edge.sealing_keys import SealingKeys
from guard.edge.segments import walk
from schemas.entry import Entry
from schemas.errors import Broken, Forged, Malformed
from schemas.reasons import Reason

__all__ = ["Checkpoint", "LedgerReader", "LedgerWriter", "entries_of"]

ANCHOR_NAME = "anchor"
NO_CHECKPOINT = Checkpoint(b"")
_BATCHES_A_READ = 64


class Follower(Protocol):
    """Who must know each state that the ledger had at the end of a batch."""

    def grown(self, ledger: Ledger, checkpoint: Checkpoint) -> None:
        """The ledger has one batch more."""

    def take_up(self, ledger: Ledger, points: Sequence[Kept], checkpoint: Checkpoint) -> None:
        """The ledger stands where a start goes on; the points are those that were kept with it."""


class LedgerWriter:
    """The only writer of a ledger."""

    def __init__(
        self, journal: JournalWriter, ledger: Ledger, keys: SealingKeys, latest: Checkpoint
    ) -> None:
        self._journal = journal
        self._ledger = ledger
        self._keys = keys
        self._latest = latest

    @classmethod
    def open(
        cls,
        directory: Path,
        keys: SealingKeys,
        first_key: bytes,
        origin: str,
        see: Callable[[Entry], None] | None = None,
        *,
        follower: Follower | None = None,
        resume: Resume | None = None,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> Self:
        """Open or make a ledger: read all of it, check it, show each entry to `see`, in order.

        keys: the seeds of its epochs; first_key: the public key of the first; follower: is shown
        the ledger after each batch; resume: read on from there, once `see` was shown its facts.
        A torn batch at the end, which was told to nobody, is cut off, and an epoch that was being
        ended has ended or has not. Raises `Malformed` when the ledger is damaged or its batches do
        not make the trees they state, `Forged` when the epoch's key did not sign its last
        checkpoint, `Broken` when this is not the seed of the ledger's last epoch or the ledger
        has less than it had, and as `JournalWriter.open` does.
        """
        ledger = Ledger(origin, first_key)
        known = resume.batch if resume else 0
        journal = JournalWriter.open(directory, segment_bytes_max, known=known)
        try:
            if journal.next_number < known:
                raise _rolled_back(directory, journal.next_number, known)
            latest = _replay(directory, ledger, see, follower, resume)
            if latest and ledger.check(latest) != Head(ledger.size, ledger.root):
                raise Forged(Reason.LEDGER_TREE, "the last checkpoint states another tree")
            journal.mark(journal.next_number)
            anchor = read_anchor(directory)
            if anchor:
                journal.drop_below(first_batch(anchor))
            ledger.seal(keys.read(ledger.epoch))
            with _writing():
                keys.keep_only(ledger.epoch)
        except BaseException:
            journal.close()
            raise
        return cls(journal, ledger, keys, latest)

    @property
    def ledger(self) -> Ledger:
        """The ledger's state, to be read."""
        return self._ledger

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

    def resume(self, facts: Entry, points: Points) -> Resume:
        """The state as it is now, for a start to go on from. facts: of all entries until now."""
        size, batch = self.size, self._journal.next_number
        anchor = write_anchor(self._ledger, batch, self._latest)
        return Resume(size, batch, anchor, facts, points.kept(), points.checkpoint)

    def append(self, entries: Sequence[Entry]) -> Checkpoint:
        """Write at least one entry, durable on return; gives the checkpoint that closes them.

        Raises `Broken`: the ledger cannot be written, or an entry is none. The process then ends,
        and the next one recovers.
        """
        return self._write(*self._ledger.batch(entries))

    def ratchet(self, time_ms: int) -> Checkpoint:
        """End the epoch: the next key is made and certified, the one before is destroyed.

        A power cut at any step leaves a ledger that `open` takes up, with the key of its last
        epoch and no earlier one. time_ms: for the entry. Raises `Broken` as `append` does.
        """
        epoch = self._ledger.epoch + 1
        with _writing():
            seed = self._keys.make(epoch)
        checkpoint = self._write(*self._ledger.turn(public_of(seed), time_ms))
        with _writing():
            self._keys.keep_only(epoch)
        self._ledger.seal(seed)
        return checkpoint

    def _write(self, batch: bytes, checkpoint: Checkpoint) -> Checkpoint:
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
    for found in walk(directory):
        lines, note = split_batch(found.payload)
        first = int(note.split(b"\n", 2)[1]) - len(lines)
        for number, line in enumerate(lines, first):
            yield number, read_entry(line)


def read_anchor(directory: Path) -> bytes:
    """The anchor of a ledger whose oldest entries were let go; b"" of any other (§9)."""
    try:
        return (directory / ANCHOR_NAME).read_bytes()
    except FileNotFoundError:
        return b""


def _replay(
    directory: Path,
    ledger: Ledger,
    see: Callable[[Entry], None] | None,
    follower: Follower | None,
    resume: Resume | None,
) -> Checkpoint:
    first, latest = 0, NO_CHECKPOINT
    anchor = read_anchor(directory)
    if resume and (not anchor or first_batch(anchor) <= resume.batch):
        first, latest = restore(ledger, ledger.origin, resume.anchor)
        if see is not None:
            see(resume.facts)
        if follower is not None:
            follower.take_up(ledger, resume.points, resume.checkpoint)
    elif anchor:
        first, latest = restore(ledger, ledger.origin, anchor)
        if follower is not None:
            follower.grown(ledger, latest)
    begin = latest
    for found in walk(directory, first):
        if found.position.number < first:
            continue  # about to be let go
        if latest == begin and found.position.number != first:
            raise Malformed(Reason.LEDGER_CHAIN, f"the ledger does not begin with batch {first}")
        lines, latest = ledger.replay(found.payload)
        if see is not None:
            for line in lines:
                see(read_entry(line))
        if follower is not None:
            follower.grown(ledger, latest)
    return latest


def _rolled_back(directory: Path, batches: int, known: int) -> Broken:
    return Broken(
        Reason.LEDGER_CHAIN,
        f"{directory} has {batches} batches and has had {known}: it was cut or put back to an"
        " earlier state; put back the right one, or see docs/recovery.md",
    )


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """A key that cannot be written or destroyed ends the process, as a ledger does."""
    try:
        yield
    except OSError as error:
        raise Broken(
            Reason.LEDGER_UNWRITABLE, f"the sealing key cannot be changed: {error.strerror}"
        ) from error
