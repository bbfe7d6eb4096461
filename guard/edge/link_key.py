"""A link key's file, and the sender's two counters beside it: one sender at a time.

Takes the key's path; gives the next session and sequences, durably taken, and keeps every other
sender with this key out until it is closed. May write beside the key. System calls: those of
`DurableNumber`, and flock. Follows docs/spec/link.md §4 (2).
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from guard.edge import durable_number
from guard.edge.durable_number import DurableNumber
from guard.link.params import SEQUENCE_MAX, SESSION_MAX
from schemas.errors import Broken
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Taken:
    """A session and its first sequence. No other sender has this key until `close`."""

    session: int
    first_sequence: int
    lock: int

    def close(self) -> None:
        """Another sender may start. Once."""
        os.close(self.lock)


@dataclass(frozen=True, slots=True)
class LinkKey:
    """The key is for one sender and one receiver.

    Restoring an old copy of the counters would repeat nonces: after that make a new key.
    """

    path: Path

    def make_counters(self) -> None:
        """For a new key, durably."""
        for number in (self._session, self._sequence):
            durable_number.put(number, 0)

    def take(self, files: int) -> Taken:
        """The next session, and sequences for so many files. Raises `Broken`."""
        for path in (self._session, self._sequence):
            if not path.exists() or not path.stat().st_size:
                raise Broken(
                    Reason.KEY_MISSING,
                    f"the counter {path} is missing: a sender that forgot its sessions would repeat"
                    " them; make a new key with guard link key, and receive with it into a new"
                    " folder (docs/recovery.md)",
                )
        lock = os.open(self._session, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return self._raise_counters(files, lock)
        except BlockingIOError as error:
            os.close(lock)
            sentence = f"another sender is using {self.path}: wait until it has ended"
            raise Broken(Reason.SESSION_COUNTER, sentence) from error
        except BaseException:
            os.close(lock)
            raise

    def _raise_counters(self, files: int, lock: int) -> Taken:
        session, sequence = DurableNumber(self._session), DurableNumber(self._sequence)
        try:
            number, first = (session.value or 0) + 1, (sequence.value or 0) + 1
            if number > SESSION_MAX or first + files > SEQUENCE_MAX:
                raise Broken(Reason.SESSION_COUNTER, f"{self.path} is used up: make a new key")
            session.set(number)
            sequence.set(first + files - 1)
        finally:
            session.close()
            sequence.close()
        return Taken(number, first, lock)

    @property
    def _session(self) -> Path:
        return self.path.with_name(self.path.name + ".session")

    @property
    def _sequence(self) -> Path:
        return self.path.with_name(self.path.name + ".sequence")
