"""What a sender has really handed out, read back from its own datagrams: are its claims true?

Takes the datagrams as they leave, opens their blocks with the link's key, and says what is wrong
with a heartbeat or with the order of messages. Pure. Follows docs/spec/link.md §7 (4), §9 (2) and
§10 (5).
"""

from collections import Counter
from typing import NamedTuple

from diode_sim.link_ends import FLOW, KEY
from guard.link.heartbeat import Heartbeat
from guard.link.keys import SessionSeal
from guard.link.params import SEAL_TAG_BYTES, LinkParams
from guard.link.records import Kind, Record, read_records
from guard.link.wire import HEADER, Header, associated_data

_HEADER_BYTES = 32


class Sent(NamedTuple):
    """One datagram as it left."""

    session: int
    number: int
    k: int
    esi: int
    beat: Heartbeat | None


class _Block:
    """A block of which not every symbol has left."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.sources: list[bytes] = []
        self.left = header.k + header.r


class Claims:
    """One session of the sender. `cursor`: so many sequences were handed out before it."""

    def __init__(self, params: LinkParams, session: int, cursor: int) -> None:
        self._params = params
        self._session = session
        self._times = 1 + params.repeats
        self._seal = SessionSeal(KEY, FLOW, session)
        self._blocks: dict[int, _Block] = {}
        self._next_block = 0
        self._done = Counter[int]()  # how often each sequence has been handed out wholly
        self._taken: dict[int, int] = {}  # how far the part or piece before this one went
        self._first: dict[int, int] = {}  # precedence -> the newest begun for the first time
        self._begun: set[int] = set()
        self._checked_below = cursor + 1

    def left(self, row: bytes) -> tuple[Sent, str | None]:
        """A datagram leaves: what it is, and what is wrong with it, or None."""
        _, _, flags, session, number, k, r, index, _, size, _ = HEADER.unpack_from(row)
        header = Header(flags, session, number, k, r, index, size)
        if session != self._session:
            return Sent(session, number, k, index, None), f"a datagram of session {session} leaves"
        if flags & 1:
            sealed = row[_HEADER_BYTES:]
            plain = self._seal.open_heartbeat(number, sealed, associated_data(header))
            beat = Heartbeat.read(plain)
            return Sent(session, number, k, index, beat), self._judge(beat)
        return Sent(session, number, k, index, None), self._symbol(header, row)

    def _symbol(self, header: Header, row: bytes) -> str | None:
        block = self._blocks.get(header.number)
        if block is None:
            block = self._blocks[header.number] = _Block(header._replace(esi=0))
        block.left -= 1
        wrong = None
        if header.esi < header.k:
            block.sources.append(row[_HEADER_BYTES:])
            if len(block.sources) == header.k:
                wrong = self._open(block)
        while self._next_block in self._blocks and not self._blocks[self._next_block].left:
            del self._blocks[self._next_block]
            self._next_block += 1
        return wrong

    def _open(self, block: _Block) -> str | None:
        sealed = memoryview(b"".join(block.sources))
        plain = memoryview(bytearray(len(sealed) - SEAL_TAG_BYTES))
        header = block.header
        self._seal.open_block(header.number, sealed, associated_data(header), plain)
        for record in read_records(plain, self._params.envelope_bytes_max):
            wrong = self._record(record)
            if wrong:
                return wrong
        return None

    def _record(self, record: Record) -> str | None:
        sequence = record.sequence
        wrong = self._begins(record) if not record.offset else None
        size = record.plain_bytes if record.kind == Kind.PIECE else len(record.data)
        end = record.offset + size
        if record.offset != self._taken.get(sequence, 0) and record.offset:
            wrong = f"{sequence} goes on at byte {record.offset}, which is not where it stopped"
        self._taken[sequence] = end
        known = record.kind != Kind.PIECE or bool(record.total) or not size
        if known and end == record.total:
            self._done[sequence] += 1
            self._taken.pop(sequence)
        return wrong

    def _begins(self, record: Record) -> str | None:
        sequence, precedence = record.sequence, record.precedence
        if sequence in self._begun:
            return None
        self._begun.add(sequence)
        newest = self._first.get(precedence, 0)
        self._first[precedence] = max(newest, sequence)
        if sequence < newest:
            return f"{sequence} is sent for the first time after {newest}, of the same precedence"
        return None

    def _judge(self, beat: Heartbeat) -> str | None:
        if beat.blocks_complete > self._next_block:
            return f"blocks below {beat.blocks_complete} are claimed, {self._next_block} have left"
        while self._checked_below < beat.complete_below:
            if self._done[self._checked_below] < self._times:
                return self._not_out(self._checked_below)
            self._checked_below += 1
        for last in beat.last_completed:
            if last and last > self._checked_below and self._done[last - 1] < self._times:
                return self._not_out(last - 1)
        return None

    def _not_out(self, sequence: int) -> str:
        times = self._done[sequence]
        return f"{sequence} is claimed to be handed out; it was {times} of {self._times} times"
