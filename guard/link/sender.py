"""The sender: envelopes and streams in, bursts of datagrams out.

Takes envelopes or streams with a sequence and a precedence, the newest checkpoint, and the time;
gives bursts, each for one `sendmsg` with `UDP_SEGMENT`, and the time of the next. Pure: no sockets,
no clock; nothing from outside is ever taken. Follows docs/spec/link.md §6, §7, §9 and §13.
"""

from collections import deque
from itertools import takewhile

from guard.link.blocks import BlockMaker, Burst
from guard.link.fec import Codec
from guard.link.filling import Filler
from guard.link.heartbeat import LEVELS, Heartbeat
from guard.link.keys import SessionSeal, tag_key
from guard.link.pacing import TokenBucket
from guard.link.params import (
    CHECKPOINT_BYTES_MAX,
    NUMBER_MAX,
    SEAL_TAG_BYTES,
    SEQUENCE_MAX,
    LinkParams,
)
from guard.link.precedence import PrecedenceQueue, StreamSource, Waiting
from guard.link.records import WHOLE_BYTES, Coder
from guard.link.tags import DatagramTags
from schemas.errors import Broken
from schemas.reasons import Reason

_NO_ENVELOPE = memoryview(b"")


class Sender:
    """One session of one flow.

    session         the durable counter, raised before each start (link §4 (2))
    complete_below  the cursor: every lower sequence was handed out by earlier sessions (0: none)
    coder           compresses what is offered; None: nothing is compressed
    """

    def __init__(
        self,
        params: LinkParams,
        link_key: bytes,
        session: int,
        flow: int,
        codec: Codec,
        complete_below: int = 0,
        coder: Coder | None = None,
    ) -> None:
        self._params = params
        tags = None
        if params.tag:
            tags = DatagramTags(tag_key(link_key, flow), params.datagram_bytes_max)
        seal = SessionSeal(link_key, flow, session)
        self._maker = BlockMaker(params, session, seal, tags, codec)
        self._bucket = TokenBucket(params.rate_bits_per_s, params.burst_bytes)
        self._queue = PrecedenceQueue(params.queue_bytes_max)
        self._coder = coder
        self._filler = Filler(coder)
        self._room = params.block_bytes_max
        self._full_shape = params.shape(self._room)
        self._plains = [plain[: self._room] for plain in self._maker.plains]
        self._next_block = 0
        self._blocks_complete = 0
        self._bursts: tuple[Burst, ...] = ()  # of a group; not yet handed out from `_at` on
        self._at = 0
        self._highest_below = complete_below
        self._complete_below = complete_below
        self._last_completed = [0] * LEVELS
        self._heartbeat_number = 0
        self._heartbeat_ns: int | None = None
        self._heartbeat_waits = False  # it is due, and the bucket has not enough for it
        self._checkpoint = self._next_checkpoint = b""
        self._checkpoint_version = 0
        self._checkpoint_at = 0
        self._paced_until_ns = 0
        self._gather_ns = 0
        self.given_up: list[int] = []
        self.counters: dict[str, int] = dict.fromkeys(
            (
                "messages", "message_bytes", "streams", "stream_bytes", "streams_given_up",
                "repeats", "payload_bytes", "blocks", "datagrams", "wire_bytes", "heartbeats",
            ),
            0,
        )  # fmt: skip

    def slow_to(self, rate_bits_per_s: int, now_ns: int) -> None:
        """Send at this rate from now on, but never faster than the link's parameters say."""
        self._bucket.set_rate(min(rate_bits_per_s, self._params.rate_bits_per_s), now_ns)
        self._paced_until_ns = 0

    def offer(self, sequence: int, precedence: int, envelope: bytes | memoryview) -> None:
        """Queue an envelope. Raises `Overload(LINK_QUEUE_FULL)`: offer it again after `due`.

        Offer in the order of the sequences; one that is lower than before is a repeat.
        """
        size = len(envelope)
        if not 0 <= sequence <= SEQUENCE_MAX or size > self._params.envelope_bytes_max:
            raise Broken(Reason.ARGUMENT, "an envelope's sequence or size is beyond the link's")
        coding, coded = 0, self._coder.shrink(envelope) if self._coder and size else None
        if self._coder and coded is not None:
            coding = self._coder.coding
        data = memoryview(envelope if coded is None else coded)
        self._put(Waiting(sequence, precedence, data, coding=coding, plain_bytes=size))

    def offer_stream(self, sequence: int, precedence: int, source: StreamSource) -> None:
        """Queue a stream: its bytes are read when they are sent, and again for each repeat.

        Where the source fails, `given_up` names the sequence: the other side reports a gap.
        """
        if not 0 <= sequence <= SEQUENCE_MAX:
            raise Broken(Reason.ARGUMENT, "a stream's sequence is beyond the link's")
        self._put(Waiting(sequence, precedence, _NO_ENVELOPE, source))

    def _put(self, message: Waiting) -> None:
        message.repeats_left = self._params.repeats
        self._queue.put(message)
        self._highest_below = max(self._highest_below, message.sequence + 1)

    def set_checkpoint(self, checkpoint: bytes) -> None:
        """The newest checkpoint of the source ledger, with what goes with it: at most 8,192 bytes.

        It takes the place of the one before when all of that has left: on a slow link none would
        ever be whole otherwise.
        """
        if len(checkpoint) > CHECKPOINT_BYTES_MAX:
            raise Broken(Reason.ARGUMENT, "a checkpoint is longer than a heartbeat may carry")
        self._next_checkpoint = checkpoint

    @property
    def idle(self) -> bool:
        """Whether everything offered, repeats too, has been handed out by `due`."""
        return not self._bursts and not self._queue

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the envelopes that wait: keep it low, so that FLASH overtakes early."""
        return self._queue.waiting_bytes

    @property
    def complete_below(self) -> int:
        """Every lower sequence has been handed out wholly: the cursor to keep on disk."""
        return self._complete_below

    @property
    def first_unsent(self) -> int | None:
        """The lowest sequence that was offered and has not been handed out wholly; None: all have.

        Below it everything that was offered again has left as well.
        """
        return self._queue.first_unsent()

    def due(self, now_ns: int) -> list[Burst]:
        """What may leave now: at most one group of blocks, and a heartbeat if it is time.

        Call again until it gives nothing; send what it gave before calling again.
        """
        bursts: list[Burst] = []
        if self._heartbeat_ns is None or now_ns >= self._heartbeat_ns:
            self._heartbeat(bursts, now_ns)
        if self._heartbeat_waits:  # smaller datagrams would take its turn for ever
            return bursts
        if not self._bursts:
            self._queue.bring_repeats(now_ns)
            level = self._queue.next_level()
            if level is not None:
                self._next_group(level, now_ns)
        if self._bursts:
            self._hand_out(bursts, now_ns)
        return bursts

    def wake_ns(self, now_ns: int) -> int:
        """When to call `due` next, at the latest for the next heartbeat. Where the pace holds
        something back, a little later than need be: waking for each burst costs most of the work.
        """
        dues = [now_ns if self._heartbeat_ns is None else self._heartbeat_ns]
        if self._bursts or self._queue.ready:
            paced = self._paced_until_ns > now_ns
            dues.append(self._paced_until_ns + self._gather_ns if paced else now_ns)
        repeat_ns = self._queue.next_repeat_ns()
        if repeat_ns is not None:
            dues.append(max(repeat_ns, self._paced_until_ns))
        return min(dues)

    def _hand_out(self, bursts: list[Burst], now_ns: int) -> None:
        """As much of the group as may leave: all at once, or else send by send."""
        left = self._bursts[self._at :]
        if len(left) > 1 and self._may_leave(sum(burst.wire_bytes for burst in left), now_ns):
            leaves = left
        else:
            leaves = tuple(takewhile(lambda one: self._may_leave(one.wire_bytes, now_ns), left))
        bursts += leaves
        self.counters["datagrams"] += sum(burst.datagrams for burst in leaves)
        self._at += len(leaves)
        if self._at == len(self._bursts):
            self._group_left(now_ns)

    def _may_leave(self, wire_bytes: int, now_ns: int) -> bool:
        at_ns = self._bucket.take(wire_bytes, now_ns)
        if at_ns <= now_ns:
            self._paced_until_ns = 0
            self.counters["wire_bytes"] += wire_bytes
            return True
        self._paced_until_ns = at_ns
        self._gather_ns = self._bucket.gather_ns(wire_bytes)
        return False

    def _group_left(self, now_ns: int) -> None:
        self._bursts = ()
        self._blocks_complete = self._next_block
        for message in self._filler.finished:
            if message.repeats_left:
                self.counters["repeats"] += 1
                self._queue.repeat_later(message, now_ns + self._params.repeat_pause_ns)
                continue
            kind = "message" if message.source is None else "stream"
            self.counters[kind + "s"] += 1
            self.counters[kind + "_bytes"] += (
                message.plain_bytes if message.source is None else message.taken
            )
            last = self._last_completed[message.precedence]
            self._last_completed[message.precedence] = max(last, message.sequence + 1)
            self._queue.sent(message)
        self._filler.finished.clear()
        first = self._queue.first_unsent()
        below = self._highest_below if first is None else first
        self._complete_below = max(self._complete_below, below)

    def _next_group(self, level: deque[Waiting], now_ns: int) -> None:
        """Fill up to D blocks of one shape from one precedence's queue. link §6 (6), (7)"""
        used = self._filler.fill(level, self._plains[0])
        self._note_given_up()
        if not used:  # a stream had nothing for it, or was given up
            self._group_left(now_ns)
            return
        # What is left over has no room for a record, so a full block has full symbols.
        more = bool(level) and level[0].ready
        shape = self._full_shape if more else self._params.shape(used)
        end = shape[0] * shape[2] - SEAL_TAG_BYTES
        self._plains[0][used:end] = bytes(end - used)
        blocks = 1
        while blocks < len(self._plains) and self._fills_a_block(level):
            plain = self._plains[blocks]
            used = self._filler.fill(level, plain)
            plain[used:end] = bytes(end - used)
            blocks += 1
        if self._filler.given_up:
            self._note_given_up()
        if self._next_block + blocks > NUMBER_MAX:
            raise Broken(Reason.ARGUMENT, "the session's block numbers are used up: restart send")
        self._bursts = self._maker.group(self._next_block, shape, blocks)
        self._at = 0
        self._next_block += blocks
        self.counters["payload_bytes"] += end * blocks
        self.counters["blocks"] += blocks

    def _note_given_up(self) -> None:
        for message in self._filler.given_up:
            self.counters["streams_given_up"] += 1
            self.given_up.append(message.sequence)
            self._queue.sent(message)
        self._filler.given_up.clear()

    def _fills_a_block(self, level: deque[Waiting]) -> bool:
        """Whether what waits is sure to give one more block of the full shape."""
        waiting = 0
        for message in level:
            source = message.source
            if source is not None:
                return source.ready and (source.total_bytes or 0) - message.taken >= self._room
            waiting += len(message.envelope) - message.taken + WHOLE_BYTES
            if waiting >= self._room:
                return True
        return False

    def _heartbeat(self, bursts: list[Burst], now_ns: int) -> None:
        if not self._checkpoint_at and self._next_checkpoint != self._checkpoint:
            self._checkpoint = self._next_checkpoint
            self._checkpoint_version = (self._checkpoint_version + 1) % 2**32
        piece = self._checkpoint[self._checkpoint_at :][: self._params.piece_bytes_max]
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
        burst = self._maker.heartbeat(self._heartbeat_number, beat.write())
        self._heartbeat_waits = not self._may_leave(burst.wire_bytes, now_ns)
        if self._heartbeat_waits:
            self._heartbeat_ns = self._paced_until_ns
            return
        self._heartbeat_ns = now_ns + self._params.heartbeat_ns(burst.segment_bytes)
        self._heartbeat_number += 1
        self._checkpoint_at = (self._checkpoint_at + len(piece)) % max(1, len(self._checkpoint))
        self.counters["heartbeats"] += 1
        bursts.append(burst)
