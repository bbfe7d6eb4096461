"""Scanner: asks the virus scanner of this side (clamd) about the payloads of one stage.

Hears the stage's questions, tells it the answers. It is the only process of the lane that may
connect, to a Unix socket, and as root from a root directory that is the socket's own; it opens no
file, has no network and no key, and looks at no payload. A stage that was taken over can make it
say nothing to clamd but INSTREAM and VERSION. It keeps to the time that a question gives: then the
answer is that there is none. Follows docs/spec/scanning.md.
"""

import os
import select
from collections.abc import Callable

from guard.edge.clamd import NoAnswerError, Scan, days_of, version
from guard.edge.clock import monotonic_ns
from guard.edge.scanning import ANSWER, QUESTION, socket_path
from guard.edge.sockets import Ear, Mouth
from guard.edge.spec import Spec
from guard.roles.feed import Feed
from schemas.errors import Malformed
from schemas.scanned import Piece, Said, Scanned, read_piece, write_answer

_TOLD_MS = 500
_VERSION_EVERY_NS = 60_000_000_000
_COUNTERS = {Said.CLEAN: "scanned_clean", Said.FOUND: "scanned_found", Said.NOTHING: "not_scanned"}


def prepare(spec: Spec) -> Callable[[], None]:
    """The channels, and the socket's name from the root directory that the process will have."""
    path = socket_path(spec.text("antivirus"))
    return Scanner(spec, f"/{path.name}" if os.geteuid() == 0 else str(path)).work


class Scanner:
    """The questions of one stage, one at a time: pieces in, an answer out."""

    def __init__(self, spec: Spec, path: str) -> None:
        """path: of clamd's socket, as this process names it."""
        stage = spec.name.partition(":")[2]
        self._ear = Ear(spec.descriptors[f"{QUESTION}-{stage}"])
        self._mouth = Mouth(spec.descriptors[f"{ANSWER}-{stage}"])
        self._ms_max = spec.number("message_ms_max")
        self._feed = Feed(spec)
        self._path = path
        self._signatures = Signatures(path)
        self._poller = select.poll()
        self._poller.register(self._ear.fileno(), select.POLLIN)
        self._number = b""
        self._scan: Scan | None = None
        self._until_ns = 0
        self._why = ""

    def work(self) -> None:
        """Answer until nobody asks any more."""
        while True:
            waits = self._events(_TOLD_MS)
            self._feed.tell_if_due()
            if not waits:
                continue
            if not waits & select.POLLIN:
                return
            try:
                packet = self._ear.hear()
                if packet is None and waits & select.POLLHUP:
                    return
                self._take(read_piece(packet or b""))
            except Malformed:  # the stage was taken over, and hurts nobody but itself
                self._drop()
                self._feed.add("malformed_questions")

    def _events(self, wait_ms: int) -> int:
        return dict(self._poller.poll(wait_ms)).get(self._ear.fileno(), 0)

    def _take(self, piece: Piece) -> None:
        """A piece; the first of another number begins another question. After the last, answer.

        If more waits behind the last, who asked was ended, and does not wait for the answer.
        """
        if piece.number != self._number:
            self._begin(piece)
        try:
            if self._scan is not None:
                self._scan.give(piece.content)
        except NoAnswerError as error:
            self._why = self._why or str(error)
        if not piece.last:
            return
        if not self._events(0) & select.POLLIN:
            scanned = self._ended()
            self._feed.add(_COUNTERS[scanned.said])
            self._mouth.tell_if_room(write_answer(piece.number, scanned))
        self._drop()

    def _begin(self, piece: Piece) -> None:
        self._drop()
        self._number = piece.number
        self._until_ns = monotonic_ns() + 1_000_000 * min(piece.answer_ms_max, self._ms_max)
        try:
            self._scan = Scan(self._path, self._until_ns)
        except NoAnswerError as error:
            self._why = str(error)

    def _ended(self) -> Scanned:
        """What clamd found; it ends a stream of which it wants no more, and says so before."""
        if self._scan is None:
            return Scanned(Said.NOTHING, self._why)
        found = None
        if not self._why:
            try:
                found = self._scan.ended()
            except NoAnswerError as error:
                self._why = str(error)
        if found is None:
            found = self._scan.last_words()
        if found is None or (self._why and found.said is Said.CLEAN):
            return Scanned(Said.NOTHING, self._why)
        return Scanned(found.said, found.words, self._signatures.days(self._until_ns))

    def _drop(self) -> None:
        """Forget the question."""
        if self._scan is not None:
            self._scan.close()
        self._scan, self._number, self._why = None, b"", ""


class Signatures:
    """How old they are, asked once a minute."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._days: int | None = None
        self._due_ns = 0

    def days(self, until_ns: int) -> int | None:
        """None if clamd does not say."""
        if monotonic_ns() >= self._due_ns:
            try:
                self._days = days_of(version(self._path, until_ns))
            except NoAnswerError:
                return None
            self._due_ns = monotonic_ns() + _VERSION_EVERY_NS
        return self._days
