"""What opened blocks hold: from records to landed envelopes, pieces of streams, and gaps.

Takes the plaintexts of blocks and the heartbeats that are ripe, gives events; what has landed over
all sessions is kept here. Pure but for the sink that it is given. Follows docs/spec/link.md §7, §8,
§10 and §14.
"""

from collections import Counter
from collections.abc import Iterable

from guard.link.arrivals import Arrival, Arrivals, ReceiverState
from guard.link.events import Event, Gap, Landed, Piece, PieceSink, StreamGap, StreamLanded
from guard.link.heartbeat import Heartbeat
from guard.link.records import Coder, Kind, Record, read_records
from guard.link.session import Session
from guard.link.streams import Stream, Streams
from schemas.errors import Malformed
from schemas.reasons import Reason


class Contents:
    """The contents of one flow. `counters` is the receiver's; for the rest see `Receiver`."""

    def __init__(
        self, envelope_bytes_max: int, state: ReceiverState, coder: Coder | None,
        sink: PieceSink | None, streams: Iterable[Stream], counters: Counter[str],
    ) -> None:  # fmt: skip
        self._envelope_bytes_max = envelope_bytes_max
        self._arrivals = Arrivals(state)
        self._coder = coder
        self._sink = sink
        self._streams = Streams(streams)
        self._counters = counters

    def state(self, session: int) -> ReceiverState:
        """What must be durable."""
        return self._arrivals.state(session)

    def take(self, session: Session, plaintext: memoryview, events: list[Event]) -> None:
        """The records of one opened block; what breaks a rule ends it."""
        try:
            for record in read_records(plaintext, self._envelope_bytes_max):
                if record.kind == Kind.PIECE:
                    self._piece(session, record, events)
                else:
                    self._record(session, record, events)
        except Malformed as error:
            self._counters[error.reason] += 1

    def gaps(self, session: Session, beat: Heartbeat, events: list[Event]) -> None:
        """What a ripe heartbeat shows to be missing. link §10 (2)"""
        for stream in self._streams.whole():
            self._stream_landed(stream, events)
        for first, last in self._arrivals.gaps(beat):
            session.partials.forget(first, last)
            self._counters["sequences_missing"] += last - first + 1
            events.append(Gap(first, last))
            for stream in self._streams.between(first, last):
                missing = tuple(stream.missing())
                events.append(StreamGap(stream.sequence, stream.total, missing))

    def _record(self, session: Session, record: Record, events: list[Event]) -> None:
        if self._arrivals.has(record.sequence):
            self._counters["messages_repeated"] += record.offset == 0
            return
        data: memoryview | None = record.data
        if record.kind == Kind.PART:
            data = session.partials.take(record)
        if data is None:
            return
        envelope = bytes(self._expanded(record, data))
        late = self._arrivals.land(record.sequence) is Arrival.LATE
        self._counters["messages_landed"] += 1
        self._counters["messages_late"] += late
        self._counters["holes_closed"] += self._arrivals.bound()
        events.append(Landed(record.sequence, record.precedence, envelope, late))

    def _expanded(self, record: Record, data: memoryview) -> bytes | memoryview:
        if not record.coding:
            return data
        if self._coder is None:
            raise Malformed(Reason.BLOCK_MALFORMED, "a record is compressed, the link is not")
        return self._coder.expand(record.coding, data, record.plain_bytes)

    def _piece(self, session: Session, record: Record, events: list[Event]) -> None:
        """A piece of a stream: to the sink, once. link §14"""
        if self._sink is None:
            raise Malformed(Reason.BLOCK_MALFORMED, "a record is of a stream, the link has none")
        if self._arrivals.has(record.sequence):
            self._counters["pieces_repeated"] += 1
            return
        data = memoryview(self._expanded(record, record.data))
        stream, new = self._streams.take(record)
        while self._streams.dropped:
            self._sink.drop(self._streams.dropped.pop())
            self._counters["streams_dropped"] += 1
        if new or not record.plain_bytes:
            session.opener.keep()
            self._counters["stream_bytes"] += new
            total = stream.total if stream.ended else 0
            self._sink.land(Piece(record.sequence, record.offset, data, record.precedence, total))
        else:
            self._counters["pieces_repeated"] += 1
        if stream.complete:
            self._stream_landed(stream, events)

    def _stream_landed(self, stream: Stream, events: list[Event]) -> None:
        self._streams.forget(stream.sequence)
        arrival = self._arrivals.land(stream.sequence)
        if arrival is not Arrival.REPEATED:
            self._counters["streams_landed"] += 1
            self._counters["holes_closed"] += self._arrivals.bound()
            events.append(StreamLanded(stream.sequence, stream.total, arrival is Arrival.LATE))
