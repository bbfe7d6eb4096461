"""Where a start goes on reading its ledger: a state that was checked before, kept beside the key.

Takes the ledger's state after a batch with what its entries had established, gives it back to the
next start, which then reads only what came later. Written whole or not at all, when the batch is
durable, in the folder that only `audit` may read. Without it, or when it is damaged, the whole
ledger is read. Follows docs/spec/ledger.md §11.
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from guard.core.ledger import Checkpoint
from guard.core.witnessing import Kept
from guard.edge import durable
from schemas.entry import Entry

ENTRIES_BETWEEN = 25_000
_HEADING = b"checkvalve resume 1 "


class Resume(NamedTuple):
    """What a start begins with.

    size        entries before it
    batch       the first batch that is still to be read
    anchor      the ledger's state there, as an anchor says it
    facts       an entry of kind `facts`: what the entries before had established
    points      the points told to the other side
    checkpoint  the newest point's; b"" for none
    """

    size: int
    batch: int
    anchor: bytes
    facts: Entry
    points: Sequence[Kept]
    checkpoint: Checkpoint


class ResumeFile:
    """The file, for its one writer."""

    def __init__(self, path: Path, entries_between: int = ENTRIES_BETWEEN) -> None:
        """entries_between: a start reads so many entries and one batch at most."""
        self._path = path
        self._entries_between = entries_between
        self._size = 0

    def read(self) -> Resume | None:
        """What was kept; None when there is nothing, or it is not whole."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        heading, _, body = content.partition(b"\n")
        if heading != _HEADING + sha256(body).hexdigest().encode():
            return None
        told = json.loads(body)
        anchor, checkpoint = told.pop("anchor").encode(), told.pop("checkpoint").encode()
        found = Resume(anchor=anchor, checkpoint=Checkpoint(checkpoint), **told)
        self._size = found.size
        return found

    def is_due(self, size: int) -> bool:
        """Whether a ledger of this size has grown enough since the last time."""
        return size - self._size >= self._entries_between

    def write(self, resume: Resume) -> None:
        """Keep it, durably. Raises `OSError`."""
        told = resume._asdict() | {
            "anchor": resume.anchor.decode(),
            "checkpoint": resume.checkpoint.decode(),
        }
        body = json.dumps(told).encode()
        durable.replace(self._path, _HEADING + sha256(body).hexdigest().encode() + b"\n" + body)
        self._size = resume.size

    def forget(self) -> None:
        """What was read does not fit: the next is due as if there were none."""
        self._size = 0
