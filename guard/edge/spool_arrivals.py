"""What has arrived in the drop directories, each name once, in order.

Takes the directories, gives candidates from inotify events and, at start and after an overflow,
from a scan; may watch and list directories and look at their entries. Follows docs/spec/spool.md
§2 (3) to (5) and §4.
"""

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from guard.edge import inotify
from guard.edge.clock import monotonic_ns
from guard.edge.spool_files import Place, look_at, look_of
from guard.edge.spool_names import is_drop
from schemas.errors import Broken
from schemas.reasons import Reason

QUIET_MS = 2000
UNSEEN = 0  # the look of what could not be looked at
_GENERATIONS = 10  # names in doubt are looked at again in groups, this many in a quiet time
_WATCHED = (
    inotify.MOVED_TO
    | inotify.CLOSE_WRITE
    | inotify.CREATE
    | inotify.DELETE_SELF
    | inotify.MOVE_SELF
    | inotify.ONLY_DIRECTORY
    | inotify.EXCLUDE_UNLINKED
)
_COMPLETE = inotify.MOVED_TO | inotify.CLOSE_WRITE
_REPLACED = inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.IGNORED


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name that may be a drop.

    look     how a scan saw it; None when an event said that it is complete
    claimed  it is in the guard's own directory already, from before a crash
    """

    sender: str
    name: bytes
    place: int
    look: int | None = None
    claimed: bool = False


Key = tuple[int, bytes]


class Arrivals:
    """The watches, and which names are offered, in doubt, or due again."""

    def __init__(self, quiet_ms: int) -> None:
        self._quiet_ns = quiet_ms * 1_000_000
        self.places: list[Place] = []
        self._inotify = inotify.Inotify()
        self._place_of: dict[int, int] = {}  # by watch
        self._new: list[int] = []  # places that were never scanned
        self._offered: dict[Key, Candidate] = {}
        self._claimed: set[Key] = set()  # offered, and already moved to the guard's directory
        self._again: set[Key] = set()  # claimed, and the name is in use again
        self._soon: list[Key] = []
        self._closed: set[int] = set()  # places that their sender has closed to the guard
        self._closed_until_ns = 0
        self._doubt: deque[tuple[int, dict[Key, int]]] = deque()  # (due, name -> look)

    def add(self, place: Place) -> None:
        """Watch one more sender's directory; the next `next` scans it. Raises `OSError`."""
        self._place_of[self._inotify.watch(place.drop_path, _WATCHED)] = len(self.places)
        self._new.append(len(self.places))
        self.places.append(place)

    def fileno(self) -> int:
        """Readable when something arrived."""
        return self._inotify.fileno()

    def close(self) -> None:
        """End the watches."""
        self._inotify.close()

    def next(self) -> list[Candidate]:
        """What is due now. Raises `Broken(SITE_MALFORMED)` when a directory was replaced."""
        due: list[Candidate] = []
        heard = self._inotify.read()
        if self._new:
            self._find_claimed(due, self._new)
            self._scan(due, self._new)
            self._new = []
        for key in self._soon:
            self._offer(due, key, None)
        self._soon.clear()
        for event in heard.events:
            self._hear(due, event)
        if heard.overflow:
            self._scan(due, range(len(self.places)))
        if self._closed and self._closed_until_ns <= monotonic_ns():
            self._scan(due, sorted(self._closed))
        while self._doubt and self._doubt[0][0] <= monotonic_ns():
            for key, look in self._doubt.popleft()[1].items():
                self._offer(due, key, look)
        return due

    @property
    def all_offered(self) -> bool:
        """Whether nothing that a scan found, or may find yet, waits to be offered."""
        return not (self._new or self._soon or self._closed or any(n for _, n in self._doubt))

    def is_offered(self, candidate: Candidate) -> bool:
        """Whether this very offer has no answer yet."""
        return self._offered.get((candidate.place, candidate.name)) is candidate

    def claimed(self, candidate: Candidate) -> None:
        """It is the guard's now: what gets its name from here on is another file."""
        self._claimed.add((candidate.place, candidate.name))

    def answered(self, candidate: Candidate) -> None:
        """It has its answer: if its name is in use again, that is offered."""
        key = (candidate.place, candidate.name)
        self._offered.pop(key, None)
        self._claimed.discard(key)
        if key in self._again:
            self._again.discard(key)
            self._soon.append(key)

    def doubt(self, candidate: Candidate, look: int) -> None:
        """It was not complete: offer it again when it has not changed for a while."""
        self._offered.pop((candidate.place, candidate.name), None)
        self._wait((candidate.place, candidate.name), look)

    def _hear(self, due: list[Candidate], event: inotify.Event) -> None:
        if event.mask & _REPLACED:
            raise Broken(
                Reason.SITE_MALFORMED,
                "a drop directory was moved, removed or unmounted: put it back and start again",
            )
        if not is_drop(event.name):
            return
        key = (self._place_of[event.watch], event.name)
        if event.mask & _COMPLETE:
            self._offer(due, key, None)
            return
        try:
            found = look_at(self.places[key[0]].drop, event.name)
        except PermissionError:
            self._wait(key, UNSEEN)
            return
        if found is not None and _look_if_plain(found) is None:
            self._offer(due, key, None)

    def _offer(self, due: list[Candidate], key: Key, look: int | None) -> None:
        if key in self._offered:
            if key in self._claimed:
                self._again.add(key)
            return
        if look is None:
            for _, names in self._doubt:
                names.pop(key, None)
        at, name = key
        candidate = Candidate(self.places[at].sender, name, at, look)
        self._offered[key] = candidate
        due.append(candidate)

    def _find_claimed(self, due: list[Candidate], places: Iterable[int]) -> None:
        """What was claimed before a crash, in the order of its claiming."""
        found = []
        for at in places:
            place = self.places[at]
            for name in _names(place.claimed_path):
                seen = look_at(place.claimed, name)
                if seen is not None:
                    found.append((seen.st_ctime_ns, name, at))
        for _, name, at in sorted(found):
            candidate = Candidate(self.places[at].sender, name, at, claimed=True)
            self._offered[(at, name)] = candidate
            self._claimed.add((at, name))
            due.append(candidate)

    def _scan(self, due: list[Candidate], places: Iterable[int]) -> None:
        waiting = {key for _, names in self._doubt for key in names}
        found: list[tuple[int, bytes, int, int | None]] = []
        for at in places:
            self._closed.discard(at)
            place = self.places[at]
            try:
                for name in _names(place.drop_path):
                    seen = None if (at, name) in waiting else look_at(place.drop, name)
                    if seen is not None:
                        found.append((seen.st_ctime_ns, name, at, _look_if_plain(seen)))
            except PermissionError:
                self._closed.add(at)
                self._closed_until_ns = monotonic_ns() + self._quiet_ns
        found.sort(key=lambda each: each[:2])
        for _, name, at, look in found:
            if look is None or (at, name) in self._offered:
                self._offer(due, (at, name), None)
            else:
                self._wait((at, name), look)

    def _wait(self, key: Key, look: int) -> None:
        due_ns = monotonic_ns() + self._quiet_ns
        if not self._doubt or self._doubt[-1][0] < due_ns:
            self._doubt.append((due_ns + self._quiet_ns // _GENERATIONS, {}))
        self._doubt[-1][1][key] = look


def _look_if_plain(found: os.stat_result) -> int | None:
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    return look_of(found) if plain else None


def _names(path: bytes) -> Iterator[bytes]:
    with os.scandir(path) as entries:
        for entry in entries:
            if is_drop(entry.name):
                yield entry.name
