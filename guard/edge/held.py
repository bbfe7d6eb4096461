"""The folder of held messages: what came in, what would have gone out, and why it is held.

`held/ID/input`, `held/ID/output` (when there is one) and `held/ID/record.json`, whole or not at
all: written beside and renamed in. What is held again takes the place of what was held before;
while it does, the accepted bytes stand in the journal `accepted`. System calls: mkdir, openat,
read, write, fsync, rename, unlink, rmdir. Follows docs/spec/held.md §4.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guard.core.review import NO_OUTPUT, Decision, Held, Review
from guard.edge import durable
from schemas.errors import Malformed
from schemas.reasons import Reason

INPUT, OUTPUT, RECORD = "input", "output", "record.json"
RECORD_BYTES_MAX = 256 * 1024
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PARTS = (RECORD, OUTPUT, INPUT)
_GONE = ".gone"

Record = dict[str, Any]


class HeldStore:
    """One side's held messages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._superseded: dict[str, int] = {}

    def supersede(self, ident: str, number: int) -> None:
        """Reviewers decided this hold: the next that is kept of this message takes its place."""
        self._superseded[ident] = number

    def keep(
        self, ident: str, accepted: bytes, output: bytes, record: Mapping[str, object]
    ) -> None:
        """Keep one, durably. Keeping the same id again changes nothing, unless `supersede` allows:
        then also what a break kept under this very number is replaced, for the ledger has this one.

        record: `number` says which hold it is, where there can be more than one.
        """
        final, gone = self._folder / ident, self._superseded.pop(ident, None)
        if final.exists():
            if gone is None or self._number(ident) not in (gone, record.get("number"), None):
                durable.sync_directory(self._folder)  # the sync after its renaming may have failed
                return
            self._remove(ident)
        made = self._folder / f".{ident}.tmp"
        parts = {INPUT: accepted, OUTPUT: output, RECORD: json.dumps(record).encode()}
        try:
            made.mkdir()
        except FileExistsError:  # a crash left it half made, perhaps for another reason
            durable.remove(made, list(parts))
        for name, content in parts.items():
            if content:
                durable.replace(made / name, content)
        durable.publish(made, final)

    def discard(self, ident: str, number: int) -> None:
        """Let a message go that is held no more; not if it was held again since."""
        self._superseded.pop(ident, None)
        if (self._folder / ident).exists() and self._number(ident) in (number, None):
            self._remove(ident)

    def renew(self, ident: str, changes: Mapping[str, object]) -> None:
        """The same files under another hold: changes has its `number`. Raises `Malformed`."""
        self._superseded.pop(ident, None)
        record = read_record(self._folder / ident)
        if record.get("number") != changes["number"]:
            content = json.dumps({**record, **changes}).encode()
            durable.replace(self._folder / ident / RECORD, content)

    def sweep(self) -> frozenset[str]:
        """At a start: take away what a crash left of what was let go; gives the ids that stay."""
        names = os.listdir(self._folder)
        for name in names:
            if name.startswith(".") and name.endswith(_GONE):
                _clear(self._folder / name)
        return frozenset(names)

    def _number(self, ident: str) -> object:
        """Which hold is kept under this id; None for one that says nothing of it."""
        with contextlib.suppress(Malformed):
            return read_record(self._folder / ident).get("number")
        return None

    def _remove(self, ident: str) -> None:
        """At once by its name, then piece by piece."""
        gone = self._folder / f".{ident}.{self._number(ident)}{_GONE}"
        _clear(gone)
        os.rename(self._folder / ident, gone)
        durable.sync_directory(self._folder)
        _clear(gone)


def _clear(gone: Path) -> None:
    """What people put beside it stays, hidden: nothing depends on that being gone."""
    for part in _PARTS:
        with contextlib.suppress(OSError):
            os.unlink(gone / part)
    with contextlib.suppress(OSError):
        os.rmdir(gone)


def read_record(kept: Path) -> Record:
    """`record.json` of `held/ID`. Raises `Malformed(RECORD_MALFORMED)` when there is none."""
    content = read_part(kept / RECORD, RECORD_BYTES_MAX)
    try:
        record: Record = json.loads(content)
        if type(record) is dict:
            return record
    except (ValueError, RecursionError):
        pass
    raise _malformed(kept / RECORD, "is no record of a held message")


def review_of(
    record: Record, flow: str, policy: tuple[int, str], posture: int, decision: Decision
) -> Review:
    """What a reviewer signs who decides so on this hold, under this policy (version, digest) and
    posture (version). Raises `Malformed` for a record that is not of a hold that can be decided.
    """
    if record.get("verdict", "hold") != "hold":
        raise Malformed(
            Reason.REVIEW_STALE,
            "it was refused, and is only kept for people: its sender may send it anew",
        )
    try:
        holds = tuple(Held(*line.split(" ")) for line in record["holds"].splitlines())
        found = Review(
            flow, record["id"], record["number"], record["sender"], record["accepted"],
            record["output"] or NO_OUTPUT, holds, *policy, posture, decision,
        )  # fmt: skip
        found.text()
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(
            Reason.RECORD_MALFORMED, "its record does not say what reviewers must sign"
        ) from error
    return found


def read_part(path: Path, bytes_max: int) -> bytes:
    """A regular file below `held/`, through no link. Raises `Malformed(RECORD_MALFORMED)`."""
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        raise _malformed(path, f"cannot be read ({error.strerror})") from error
    try:
        return _whole(descriptor, bytes_max)
    except OSError as error:
        raise _malformed(path, f"cannot be read ({error.strerror})") from error
    finally:
        os.close(descriptor)


def read_output(kept: Path, bytes_max: int) -> bytes:
    """What would be released, of a hold that has an output: an empty one has no file."""
    return read_part(kept / OUTPUT, bytes_max) if (kept / OUTPUT).exists() else b""


def _whole(descriptor: int, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    left = bytes_max + 1
    while left > 0 and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    if not left:
        raise OSError(0, f"more than {bytes_max:,} bytes")
    return b"".join(parts)


def _malformed(path: Path, what: str) -> Malformed:
    return Malformed(Reason.RECORD_MALFORMED, f"{path} {what}")
