"""Accepted messages that are to wait: they stand in the journal, and are fed when old enough.

Takes the `accepted` journal, gives its records in order, each when its time has come; the first
that is too young holds up those behind it, which are younger, or were decided on by reviewers
since. So nothing is kept but the place in the journal, and a start finds it again by what is not
settled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.edge.journal import JournalReader, Position
from schemas.accepted import read_accepted
from schemas.message import Message

AT_ONCE_MAX = 64  # then the head looks for drops again


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record of the journal: its number and place, and what it holds."""

    number: int
    place: Position
    message: Message
    origin: bytes


class Delayed:
    """The messages from one record on."""

    def __init__(self, folder: Path, begin: int, delay_s: int) -> None:
        self._reader = JournalReader(folder, begin)
        self._delay_s = delay_s
        self._next: Accepted | None = None
        self._since_s = 0  # when it was first seen

    def due(self, now_s: int) -> Iterator[Accepted]:
        """At most 64 of those whose time has come, in order. Raises `Malformed` as the journal."""
        for _ in range(AT_ONCE_MAX):
            if self._next is None:
                self._next = self._read()
                self._since_s = now_s
            if self._next is None or self._too_young(self._next.message, now_s):
                return
            found, self._next = self._next, None
            yield found

    def _too_young(self, message: Message, now_s: int) -> bool:
        """Whether it may have been accepted less than so many seconds ago: both are whole seconds.

        One whose time is yet to come was accepted by a clock that was ahead: its time counts from
        when the clock is seen to be behind it, so that it blocks the flow for no longer.
        """
        accepted_s = message.meta.accepted_s
        self._since_s = min(self._since_s, now_s)
        begin_s = accepted_s if accepted_s <= now_s else self._since_s
        return begin_s + self._delay_s >= now_s

    def _read(self) -> Accepted | None:
        for number, record in self._reader.take(1):
            meta_bytes, origin, payload = read_accepted(record)
            place = self._reader.position(number)
            return Accepted(number, place, Message(meta_bytes, payload), origin)
        return None
