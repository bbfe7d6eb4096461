"""Accepted messages that the lane has not had: they stand in the journal until their time comes.

Takes the `accepted` journal, gives its records in order, each when its time has come; the first
that is too young holds up those behind it, which are younger, or were decided on by reviewers
since. So nothing is kept but the place in the journal, and a start finds it again by what is not
settled. Where the policy has nothing wait, what a stop of the flow has left here goes at once.
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
        self._behind_since_s = 0  # what the clock said when it was first seen to be behind
        self._behind_below = 0  # the records below this number were there by then

    def due(self, now_s: int, end: int) -> Iterator[Accepted]:
        """At most 64 of those whose time has come, in order. Raises `Malformed` as the journal.

        end: the number that the journal's next record gets.
        """
        for _ in range(AT_ONCE_MAX):
            if self._next is None:
                self._next = self._read()
            if self._next is None or self._too_young(self._next, now_s, end):
                return
            found, self._next = self._next, None
            yield found

    def is_empty(self, end: int) -> bool:
        """Whether all were given. end: as for `due`, which looked before."""
        return self._next is None and self._reader.next_number >= end

    def close(self) -> None:
        """Let the journal go."""
        self._reader.close()

    def _too_young(self, head: Accepted, now_s: int, end: int) -> bool:
        """Whether it may have been accepted less than so many seconds ago: both are whole seconds.

        One whose time is yet to come was accepted by a clock that was ahead: its time counts from
        when the clock was first seen to be behind, if it was there by then. So all that such a
        clock has left block the flow for no longer than one of them.
        """
        if self._delay_s == 0:
            return False
        begin_s = head.message.meta.accepted_s
        if begin_s > now_s:
            begin_s = self._behind_s(head.number, now_s, end)
        elif begin_s > self._behind_since_s:
            self._behind_below = 0  # the clock has come to it, or was set forward: it counts anew
        return begin_s + self._delay_s >= now_s

    def _behind_s(self, number: int, now_s: int, end: int) -> int:
        """When the clock was seen to be behind: now, for a record that was not there before."""
        if number >= self._behind_below:
            self._behind_since_s, self._behind_below = now_s, end
        self._behind_since_s = min(self._behind_since_s, now_s)
        return self._behind_since_s

    def _read(self) -> Accepted | None:
        for number, record in self._reader.take(1):
            meta_bytes, origin, payload = read_accepted(record)
            place = self._reader.position(number)
            return Accepted(number, place, Message(meta_bytes, payload), origin)
        return None
