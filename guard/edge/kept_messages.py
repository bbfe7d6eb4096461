"""What a side still has of the messages that it decided: to look at, or to decide again.

Takes a side's folder, or a copy of it; gives accepted messages and sealed envelopes by the numbers
that the ledger has of them. Nothing here is believed: the caller compares digests with the ledger.
Reads only.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from guard.core.journal_record import read_mark
from guard.edge.held import INPUT, read_part, read_record
from guard.edge.segments import MARK_NAME, first_numbers, walk
from schemas.accepted import read_accepted
from schemas.errors import Malformed
from schemas.message import Message
from schemas.policy import PAYLOAD_BYTES_MAX
from schemas.sealed import read_sealed

Kept = TypeVar("Kept")

ACCEPTED, SEALED, HELD = "accepted", "sealed", "held"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record of the outbox: precedence, envelope."""

    precedence: int
    envelope: bytes


@dataclass(slots=True)
class KeptMessages:
    """The journals `accepted` and `sealed`, and `held/`, of a low side.

    damage  what cannot be read, a sentence each
    """

    folder: Path
    damage: list[str] = field(default_factory=list)
    _ranges: dict[str, range] = field(init=False, default_factory=dict)
    _held: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        for name in (ACCEPTED, SEALED):
            self._ranges[name] = self._range(self.folder / name)
        held = self.folder / HELD
        self._held = {path.name for path in held.iterdir()} if held.is_dir() else set()

    def holds(self, ident: str, number: int) -> bool:
        """Whether `held/ID` is of this decision: the message's number in the journal says so."""
        if ident not in self._held:
            return False
        try:
            return bool(read_record(self.folder / HELD / ident).get("number") == number)
        except Malformed as error:
            self._tell(error.sentence)
            return False

    def has(self, journal: str, number: int) -> bool:
        """Whether a journal should still have this record."""
        return number in self._ranges[journal]

    def held(self, ident: str) -> Message:
        """What was accepted of a held one, or of a refused one that is kept. Raises `Malformed`."""
        record = read_record(self.folder / HELD / ident)
        meta = str(record.get("meta", "")).encode("ascii", "replace")
        return Message(meta, read_part(self.folder / HELD / ident / INPUT, PAYLOAD_BYTES_MAX))

    def accepted(self, numbers: Collection[int]) -> Iterator[tuple[int, Message]]:
        """The messages of these records, ascending, as far as they can be read."""

        def read(record: bytes) -> Message:
            meta, _, payload = read_accepted(record)
            return Message(meta, payload)

        return self._records(ACCEPTED, numbers, read)

    def sealed(self, numbers: Collection[int]) -> Iterator[tuple[int, Sealed]]:
        """The sealed records of these numbers, ascending, as far as they can be read."""

        def read(record: bytes) -> Sealed:
            _, precedence, _, envelope = read_sealed(record)
            return Sealed(precedence, envelope)

        return self._records(SEALED, numbers, read)

    def _records(
        self, journal: str, numbers: Collection[int], read: Callable[[bytes], Kept]
    ) -> Iterator[tuple[int, Kept]]:
        wanted = set(numbers)
        if not wanted:
            return
        try:
            for found in walk(self.folder / journal, min(wanted)):
                number = found.position.number
                if number in wanted:
                    wanted.remove(number)
                    yield number, read(found.payload)
                if not wanted:
                    return
        except Malformed as error:
            self._tell(error.sentence)
        self._tell(f"{self.folder / journal}: record {min(wanted)} is not whole")

    def _range(self, folder: Path) -> range:
        """From the first that is kept to the last durable one; both by what the folder says."""
        try:
            firsts = first_numbers(folder)
            mark = read_mark((folder / MARK_NAME).read_bytes())
        except FileNotFoundError:
            return range(0)
        except Malformed as error:
            self._tell(error.sentence)
            return range(0)
        return range(firsts[0], mark) if firsts and mark is not None else range(0)

    def _tell(self, sentence: str) -> None:
        if sentence not in self.damage:
            self.damage.append(sentence)
