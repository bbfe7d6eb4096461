"""The sender: envelopes in, bursts of datagrams out.

Takes envelopes with a sequence and a precedence, the newest checkpoint, and the time; gives
bursts, each for one `sendmsg` with `UDP_SEGMENT`, and the time of the next. Pure: no sockets, no
clock; nothing from outside is ever taken. Follows docs/spec/link.md §6, §7, §9 and §13.
"""

from collections import deque
from dataclasses import dataclass

from guard.link.blocks import BlockMaker
from guard.link.fec import Codec
from guard.link.heartbeat import LEVELS, Heartbeat, piece_bytes_max
from guard.link.keys import SessionSeal, tag_key
from guard.link.pacing import TokenBucket
from guard.link.params import (
    BURST_BYTES_MAX,
    BURST_SEGMENTS_MAX,
    CHECKPOINT_BYTES_MAX,
    NUMBER_MAX,
    SEAL_TAG_BYTES,
    SEQUENCE_MAX,
    LinkParams,
)
from guard.link.precedence import PrecedenceQueue, Waiting
from guard.link.records import PART_BYTES, WHOLE_BYTES, Record, write_record
from guard.link.tags import DatagramTags
from guard.link.wire import Bytes2
from schemas.errors import Broken
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Burst:
    """Datagrams of `segment_bytes` each, back to back: one send. Valid until the next `due`."""

    buffer: memoryview
    segment_bytes: int


class Sender:
    """One session of one flow.

    session         the durable counter, raised before each start (link §4 (2))
    complete_below  the cursor: every lower sequence was handed out by earlier sessions (0: none)
    """

    def __init__(
        self,
        params: LinkParams,
        link_key: bytes,
        session: int,
        flow: int,
        codec: Codec,
        complete_below: int = 0,
    ) -> None:
        self._params = params
        tags = None
        if params.tag:
            tags = DatagramTags(tag_key(link_key, flow), params.datagram_bytes_max)
        seal = SessionSeal(link_key, flow, session)
        self._maker = BlockMaker(params, session, seal, tags, codec)
        self._bucket = TokenBucket(params.rate_bits_per_s, params.burst_wire_bytes)
        self._queue = PrecedenceQueue(params.queue_bytes_max)
        room = params.block_bytes_max
        self._plain = [memoryview(bytearray(room)) for _ in range(params.interleave_blocks)]
        self._next_block = 0
        self._blocks_complete = 0
        self._group: Bytes2 | None = None  # datagrams not yet handed out, from `_at` on
        self._at = 0
        self._finishing: list[Waiting] = []  # their last byte is in the group
        self._highest_below = complete_below
        self._complete_below = complete_below
        self._last_completed = [0] * LEVELS
        self._heartbeat_number = 0
        self._heartbeat_ns: int | None = None
        self._checkpoint = b""
        self._checkpoint_version = 0
        self._checkpoint_at = 0
        self._paced_until_ns = 0
        self.counters: dict[str, int] = dict.fromkeys(
            ("messages", "message_bytes", "blocks", "datagrams", "wire_bytes", "heartbeats"), 0
        )

    def offer(self, sequence: int, precedence: int, envelope: bytes | memoryview) -> None:
        """Queue an envelope. Raises `Overload(LINK_QUEUE_FULL)`: offer it again after `due`.

        Offer in the order of the sequences; one that is lower than before is a repeat.
        """
        if not 0 <= sequence <= SEQUENCE_MAX or len(envelope) > self._params.envelope_bytes_max:
            raise Broken(Reason.ARGUMENT, "an envelope's sequence or size is beyond the link's")
        self._queue.put(Waiting(sequence, precedence, memoryview(envelope)))
        self._highest_below = max(self._highest_below, sequence + 1)

    def set_checkpoint(self, checkpoint: bytes) -> None:
        """The newest checkpoint of the source ledger, at most 600 bytes."""
        if len(checkpoint) > CHECKPOINT_BYTES_MAX:
            raise Broken(Reason.ARGUMENT, "a checkpoint is longer than a heartbeat may carry")
        if checkpoint != self._checkpoint:
            self._checkpoint = checkpoint
            self._checkpoint_version = (self._checkpoint_version + 1) % 2**32
            self._checkpoint_at = 0

    @property
    def idle(self) -> bool:
        """Whether everything offered has been handed out by `due`."""
        return self._group is None and not self._queue

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the envelopes that wait: keep it low, so that FLASH overtakes early."""
        return self._queue.waiting_bytes

    @property
    def complete_below(self) -> int:
        """Every lower sequence has been handed out wholly: the cursor to keep on disk."""
        return self._complete_below

    def due(self, now_ns: int) -> list[Burst]:
        """What may leave now: at most one group of blocks, and a heartbeat if it is time.

        Call again until it gives nothing; send what it gave before calling again.
        """
        bursts: list[Burst] = []
        if self._heartbeat_ns is None or now_ns >= self._heartbeat_ns:
            self._heartbeat(bursts, now_ns)
        if self._group is None and self._queue:
            self._next_group()
        while self._group is not None and self._next_burst(self._group, bursts, now_ns):
            pass
        return bursts

    def wake_ns(self, now_ns: int) -> int:
        """When `due` has something next, at the latest the next heartbeat."""
        heartbeat_ns = now_ns if self._heartbeat_ns is None else self._heartbeat_ns
        if self.idle:
            return heartbeat_ns
        return min(heartbeat_ns, max(now_ns, self._paced_until_ns))

    def _may_leave(self, wire_bytes: int, now_ns: int) -> bool:
        at_ns = self._bucket.take(wire_bytes, now_ns)
        self._paced_until_ns = at_ns
        if at_ns <= now_ns:
            self.counters["wire_bytes"] += wire_bytes
            return True
        return False

    def _next_burst(self, group: Bytes2, bursts: list[Burst], now_ns: int) -> bool:
        rows, size = group.shape
        wire = self._params.wire_bytes(size)
        most = min(BURST_SEGMENTS_MAX, BURST_BYTES_MAX // size)
        most = max(1, min(most, self._params.burst_wire_bytes // wire))
        count = min(most, rows - self._at)
        if not self._may_leave(count * wire, now_ns):
            return False
        bursts.append(Burst(_flat(group[self._at : self._at + count]), size))
        self.counters["datagrams"] += count
        self._at += count
        if self._at == rows:
            self._group_left()
        return True

    def _group_left(self) -> None:
        self._group = None
        self._blocks_complete = self._next_block
        for message in self._finishing:
            self.counters["messages"] += 1
            self.counters["message_bytes"] += len(message.envelope)
            last = self._last_completed[message.precedence]
            self._last_completed[message.precedence] = max(last, message.sequence + 1)
        self._finishing.clear()
        first = self._queue.first_waiting()
        below = self._highest_below if first is None else first
        self._complete_below = max(self._complete_below, below)

    def _next_group(self) -> None:
        """Fill up to D blocks of one shape from one precedence's queue. link §6 (6), (7)"""
        level = self._queue.next_level()
        used = self._fill(level, self._plain[0])
        # What is left over has no room for a record, so a full block has full symbols.
        shape = self._params.shape(self._params.block_bytes_max if level else used)
        plaintexts = [_padded(self._plain[0], used, shape)]
        while level and len(plaintexts) < len(self._plain) and self._fills_a_block(level):
            plain = self._plain[len(plaintexts)]
            used = self._fill(level, plain)
            plaintexts.append(_padded(plain, used, shape))
        if self._next_block + len(plaintexts) > NUMBER_MAX:
            raise Broken(Reason.ARGUMENT, "the session's block numbers are used up: restart send")
        self._group = self._maker.group(self._next_block, shape, plaintexts)
        self._at = 0
        self._next_block += len(plaintexts)
        self.counters["blocks"] += len(plaintexts)

    def _fills_a_block(self, level: deque[Waiting]) -> bool:
        """Whether what waits is sure to give one more block of the full shape."""
        waiting = 0
        for message in level:
            waiting += len(message.envelope) - message.taken + WHOLE_BYTES
            if waiting >= self._params.block_bytes_max:
                return True
        return False

    def _fill(self, level: deque[Waiting], plain: memoryview) -> int:
        """Write records until the block is full or the queue empty; gives the bytes used."""
        at, room = 0, len(plain)
        while level:
            message = level[0]
            total = len(message.envelope)
            if message.taken == 0 and at + WHOLE_BYTES + total <= room:
                size = total
            else:
                size = min(total - message.taken, room - at - PART_BYTES)
                if size <= 0:
                    break
            data = message.envelope[message.taken : message.taken + size]
            record = Record(message.sequence, message.precedence, message.taken, total, data)
            at = write_record(plain, at, record)
            message.taken += size
            if message.taken == total:
                self._finishing.append(self._queue.took_last(level))
        return at

    def _heartbeat(self, bursts: list[Burst], now_ns: int) -> None:
        piece = self._checkpoint[self._checkpoint_at :][: piece_bytes_max(self._params)]
        beat = Heartbeat(
            self._blocks_complete,
            self._complete_below,
            tuple(self._last_completed),
            max(0, now_ns),
            self._checkpoint_version,
            len(self._checkpoint),
            self._checkpoint_at,
            piece,
        )
        frame = self._maker.heartbeat(self._heartbeat_number, beat.write())
        wire = self._params.wire_bytes(frame.shape[1])
        if not self._may_leave(wire, now_ns):
            self._heartbeat_ns = self._paced_until_ns
            return
        self._heartbeat_ns = now_ns + self._params.heartbeat_ns(frame.shape[1])
        self._heartbeat_number += 1
        self._checkpoint_at = (self._checkpoint_at + len(piece)) % max(1, len(self._checkpoint))
        self.counters["heartbeats"] += 1
        bursts.append(Burst(_flat(frame), frame.shape[1]))


def _flat(rows: Bytes2) -> memoryview:
    return rows.reshape(-1).data


def _padded(plain: memoryview, used: int, shape: tuple[int, int, int]) -> memoryview:
    k, _, symbol_bytes = shape
    size = k * symbol_bytes - SEAL_TAG_BYTES
    plain[used:size] = bytes(size - used)
    return plain[:size]
