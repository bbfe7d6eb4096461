"""The spool: drops are taken, kept or moved away; nothing is followed and nothing blocks.

Takes the `spool` folder and the senders' names, gives candidates and, for each, `Taken`, `NotYet`
or `Refused`. Follows docs/spec/spool.md. May read, rename and remove in `drop/SENDER/`,
`claimed/SENDER/` and `refused/SENDER/`. Trusts nothing in the first, which the sender may change
at any moment; the other two are the guard's own.

System calls for a drop without sidecar: renameat, newfstatat, openat, read, fstat, close, and a
renameat that finds no sidecar; unlinkat to discard it.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guard.edge.clock import monotonic_ns
from guard.edge.spool_arrivals import QUIET_MS, UNSEEN, Arrivals, Candidate
from guard.edge.spool_files import (
    Place,
    check,
    copy,
    hide,
    look_at,
    look_of,
    move,
    open_place,
    remove,
)
from guard.edge.spool_names import (
    BESIDE,
    SIDECAR_ENDING,
    SIGNATURE_ENDING,
    escaped,
    is_drop,
    readable,
    sender_name,
)
from guard.edge.spool_sidecar import (
    NO_SIDECAR,
    SIDECAR_BYTES_MAX,
    Sidecar,
    malformed,
    read_sidecar,
)
from schemas.errors import Broken, Malformed
from schemas.message import SIGNATURE_BYTES_MAX
from schemas.reasons import Reason

__all__ = ["Candidate", "NotYet", "Refused", "Sidecar", "Spool", "Taken"]

IMMOVABLE_MAX = 4096
_NAME_BYTES_MAX = 255

Identity = tuple[int, int, int, int, bytes]
"""Device, inode, modification time in nanoseconds, size in bytes, name: tells drops apart, and is
the same after a crash (the change time is not: a rename and a chown move it)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A drop whose bytes are copied; it stands in `claimed/` until `discard`."""

    candidate: Candidate
    payload: bytes
    sidecar: Sidecar
    identity: Identity
    escaped_name: str
    signature: bytes = b""  # untrusted: what the sender put beside it


@dataclass(frozen=True, slots=True)
class NotYet:
    """Not complete, or gone. Forget the candidate: when it is due it is offered anew."""


@dataclass(frozen=True, slots=True)
class Refused:
    """No message. `id`: 32 hex digits, the same after a crash as long as the file is the same."""

    reason: Reason
    sentence: str
    escaped_name: str
    id: str


NOT_YET = NotYet()


class Spool:
    """The drop directories of one side."""

    def __init__(
        self, root: Path, senders: Sequence[str], bytes_max: int, quiet_ms: int = QUIET_MS
    ) -> None:
        """Opens the directories of each sender under `root` and watches the drops.

        bytes_max: the largest payload. quiet_ms: how long a file that a scan found must not change
        before it is taken. Raises `Broken(SITE_MALFORMED)` for a sender whose name
        cannot be one, or whose directories are not there or not on one file system.
        """
        self._root = root
        self._bytes_max = bytes_max
        self._quiet_ns = quiet_ms * 1_000_000
        self._immovable: dict[tuple[int, bytes], int] = {}  # and its inode
        self._arrivals = Arrivals(quiet_ms)
        self._places = self._arrivals.places
        self._closed = [sender_name(sender) for sender in senders]
        self._closed_until_ns = 0
        self._open_closed()

    def fileno(self) -> int:
        """The inotify descriptor: readable when something arrived."""
        return self._arrivals.fileno()

    def candidates(self) -> list[Candidate]:
        """What is due, in order of arrival; never blocks. Call it at least every second.

        A candidate stands until `take` says `NotYet`, or `discard` or `quarantine` is called.
        Raises `Broken(SITE_MALFORMED)` when a drop directory was replaced.
        """
        if self._closed and self._closed_until_ns <= monotonic_ns():
            self._open_closed()
        try:
            due = self._arrivals.next()
        except OSError as error:
            raise Broken(Reason.SITE_MALFORMED, f"a drop directory is unusable: {error}") from error
        return [c for c in due if not self._stays(c)] if self._immovable else due

    def take(self, candidate: Candidate) -> Taken | NotYet | Refused:
        """Claim a candidate, look at it and copy its bytes.

        Raises `Broken(DISK)` on an I/O error.
        """
        if not self._arrivals.is_offered(candidate):
            return NOT_YET
        place, name = self._places[candidate.place], candidate.name
        try:
            if not (candidate.claimed or self._claim(candidate, place)):
                return NOT_YET
            found = os.stat(name, dir_fd=place.claimed, follow_symlinks=False)
            try:
                readable(name)
                check(found, place.owner, self._bytes_max)
                payload = copy(place.claimed, name, found)
                sidecar = _sidecar(place, candidate)
                signature = _signature(place, candidate)
            except Malformed as error:
                return _refused(candidate, found, error)
        except _InPlaceError as error:
            return _refused(candidate, error.found, error.why)
        except OSError as error:
            raise Broken(Reason.DISK, f"a drop cannot be read: {error.strerror}") from error
        identity = _identity(found, name)
        return Taken(candidate, payload, sidecar, identity, escaped(name), signature)

    def discard(self, taken: Taken) -> None:
        """Remove a drop and its sidecar: their bytes are in the journal, synced."""  # spool §3 (8)
        candidate = taken.candidate
        claimed = self._places[candidate.place].claimed
        try:
            remove(candidate.name, claimed)
            if taken.sidecar is not NO_SIDECAR:
                remove(candidate.name + SIDECAR_ENDING, claimed)
            if taken.signature:
                remove(candidate.name + SIGNATURE_ENDING, claimed)
        except OSError as error:
            raise Broken(Reason.DISK, f"a drop cannot be removed: {error.strerror}") from error
        self._arrivals.answered(candidate)

    @property
    def all_offered(self) -> bool:
        """Whether `candidates` has given all that was there at the start: a drop that a power cut
        brought back is among them, and who forgets what was accepted must have seen it first."""
        return self._arrivals.all_offered and not self._closed

    def sync(self) -> None:
        """What was discarded stays away. Raises `Broken(DISK)`."""
        try:
            for place in self._places:
                os.fsync(place.claimed)
        except OSError as error:
            raise Broken(Reason.DISK, f"the spool cannot be synced: {error.strerror}") from error

    @staticmethod
    def refusal(taken: Taken, error: Malformed) -> Refused:
        """What was taken, and is refused all the same: `quarantine` it."""
        return _refusal(taken.candidate, taken.identity, error)

    def quarantine(self, candidate: Candidate, id: str) -> None:
        """Move what `take` refused to `refused/SENDER/ID`, what is beside it too, all bytes kept.

        Raises `Broken(DISK)` on an I/O error or when too much cannot be moved.
        """
        place, name, ident = self._places[candidate.place], candidate.name, id.encode()
        try:
            if not move(name, place.claimed, ident, place.refused):
                self._keep_in_place(candidate, place, ident)
            for ending in BESIDE:
                _move_beside(place, name + ending, ident + ending)
        except OSError as error:
            raise Broken(Reason.DISK, f"a drop cannot be moved: {error.strerror}") from error
        self._arrivals.answered(candidate)

    def _open_closed(self) -> None:
        """Open what is not open yet; a directory its sender has closed is tried again later."""
        still_closed = []
        try:
            for sender in self._closed:
                place = open_place(self._root, sender)
                if place is None:
                    still_closed.append(sender)
                else:
                    _remove_orphans(place)
                    self._arrivals.add(place)
        except OSError as error:
            raise Broken(Reason.SITE_MALFORMED, f"a drop directory is unusable: {error}") from error
        self._closed = still_closed
        self._closed_until_ns = monotonic_ns() + self._quiet_ns

    def close(self) -> None:
        """Let go of the directories and the watch."""
        self._arrivals.close()
        for place in self._places:
            for descriptor in (place.drop, place.claimed, place.refused):
                os.close(descriptor)

    def _claim(self, candidate: Candidate, place: Place) -> bool:
        """Move it where only the guard writes. False: not complete, or not there."""
        name = candidate.name
        try:
            if candidate.look is not None:
                found = look_at(place.drop, name)
                if found is not None and look_of(found) != candidate.look:
                    self._arrivals.doubt(candidate, look_of(found))
                    return False
            if _move_or_refuse(place, name):
                self._arrivals.claimed(candidate)
                return True
        except PermissionError:  # the sender has closed its own directory: ask again later
            self._arrivals.doubt(candidate, UNSEEN)
            return False
        self._arrivals.answered(candidate)
        return False

    def _keep_in_place(self, candidate: Candidate, place: Place, ident: bytes) -> None:
        """A directory of another user can be renamed where it is, and nowhere else."""
        try:
            found = look_at(place.drop, candidate.name)
        except PermissionError:
            return  # closed by its sender since: offered anew when a scan can see it
        if found is None or hide(candidate.name, place.drop, ident):
            return
        if len(self._immovable) >= IMMOVABLE_MAX:
            raise Broken(Reason.DISK, "too many refused files cannot be moved away")
        self._immovable[(candidate.place, candidate.name)] = found.st_ino

    def _stays(self, candidate: Candidate) -> bool:
        inode = self._immovable.get((candidate.place, candidate.name))
        if inode is None:
            return False
        try:
            found = look_at(self._places[candidate.place].drop, candidate.name)
        except PermissionError:
            return True
        return found is not None and found.st_ino == inode


class _InPlaceError(Exception):
    """A directory that cannot be moved out of the drop directory."""

    def __init__(self, found: os.stat_result) -> None:
        super().__init__()
        self.found = found
        self.why = Malformed(Reason.NOT_A_REGULAR_FILE, "it is a directory")


def _move_or_refuse(place: Place, name: bytes) -> bool:
    """Whether it was there to be claimed. A directory of another user cannot be: raises
    `_InPlaceError`; `PermissionError` for all else."""
    try:
        return move(name, place.drop, name, place.claimed)
    except PermissionError:
        found = look_at(place.drop, name)
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise _InPlaceError(found) from None
        raise


def _refused(candidate: Candidate, found: os.stat_result, error: Malformed) -> Refused:
    return _refusal(candidate, _identity(found, candidate.name), error)


def _refusal(candidate: Candidate, identity: Identity, error: Malformed) -> Refused:
    device, inode, modified_ns, size, name = identity
    said = f"{candidate.sender}/{device}/{inode}/{modified_ns}/{size}/".encode() + name
    ident = hashlib.sha256(said).hexdigest()[:32]
    return Refused(error.reason, error.sentence, escaped(name), ident)


def _identity(found: os.stat_result, name: bytes) -> Identity:
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, name)


def _sidecar(place: Place, candidate: Candidate) -> Sidecar:
    """What the sidecar beside the drop says; `NO_SIDECAR` itself when there is none.

    Raises `Malformed(SIDECAR_MALFORMED)`.
    """
    try:
        untrusted = _beside(place, candidate, SIDECAR_ENDING, SIDECAR_BYTES_MAX)
    except Malformed as error:
        raise malformed(error.sentence) from error
    return NO_SIDECAR if untrusted is None else read_sidecar(untrusted)


def _signature(place: Place, candidate: Candidate) -> bytes:
    """The bytes of the signature beside the drop, which nobody here looks into; b"" without one.

    Raises `Malformed(SIGNATURE_MALFORMED)`.
    """
    try:
        return _beside(place, candidate, SIGNATURE_ENDING, SIGNATURE_BYTES_MAX) or b""
    except Malformed as error:
        raise Malformed(Reason.SIGNATURE_MALFORMED, f"the signature {error.sentence}") from error


def _beside(place: Place, candidate: Candidate, ending: bytes, bytes_max: int) -> bytes | None:
    """The file `NAME` + ending, claimed and copied as the drop is; None when there is none.

    Raises `Malformed` with half a sentence.
    """
    name = candidate.name + ending
    if len(name) > _NAME_BYTES_MAX:
        return None
    try:
        moved = move(name, place.drop, name, place.claimed)
    except PermissionError as error:
        raise Malformed(Reason.NOT_READABLE, "cannot be moved") from error
    found = look_at(place.claimed, name) if moved or candidate.claimed else None
    if found is None:
        return None
    try:
        check(found, place.owner, bytes_max)
        return copy(place.claimed, name, found)
    except Malformed as error:
        raise Malformed(error.reason, f"is refused itself: {error.sentence}") from error


def _move_beside(place: Place, name: bytes, target: bytes) -> None:
    if len(name) > _NAME_BYTES_MAX or move(name, place.claimed, target, place.refused):
        return
    with contextlib.suppress(PermissionError):  # a directory: it is no drop, and nobody looks at it
        move(name, place.drop, target, place.refused)


def _remove_orphans(place: Place) -> None:
    """Sidecars and signatures in `claimed/` whose drop a crash let go first."""
    with os.scandir(place.claimed_path) as entries:
        names = {entry.name for entry in entries}
    for name in names:
        drop = name.removesuffix(SIDECAR_ENDING).removesuffix(SIGNATURE_ENDING)
        if not is_drop(name) and drop not in names:
            os.unlink(name, dir_fd=place.claimed)
