"""The receiver: buffers of datagrams in, events out.

Takes what one read of the socket gave (hostile until shown otherwise), the time, and the state kept
from before; gives landed envelopes, exact gaps and alarms. Pure: no sockets, no clock. Never
raises for anything that arrives: it is counted under its reason and dropped. No loop a
datagram. Follows docs/spec/link.md throughout.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from guard.link.alarms import Alarms
from guard.link.arrivals import ReceiverState
from guard.link.contents import Contents
from guard.link.events import (
    Checkpoint,
    Event,
    PieceSink,
    SessionOpened,
    Silence,
)
from guard.link.fec import Codec
from guard.link.heartbeat import Heartbeat
from guard.link.keyring import Keyring
from guard.link.keys import NextKey
from guard.link.lines import Lines
from guard.link.params import HEADER_BYTES, READS_TOGETHER, LinkParams
from guard.link.records import Coder
from guard.link.session import Session, heartbeat_opens
from guard.link.staging import Staging
from guard.link.streams import Stream
from guard.link.window import COPIES
from guard.link.wire import FLAG_HEARTBEAT, Bytes2, Header, HeaderRules, associated_data, is_run
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

BUFFER_PERCENT_WARN = 80

_COUNTED = (
    "datagrams", "bytes", "blocks_done", "blocks_rebuilt", "blocks_given_up", "symbols_taken",
    "symbols_spare",
    "messages_landed", "messages_late", "messages_repeated", "holes_closed", "sequences_missing",
    "streams_landed", "streams_dropped", "stream_bytes", "pieces_repeated", COPIES,
    "heartbeats", "heartbeats_refused", "checkpoints", Reason.DATAGRAM_MALFORMED,
    Reason.DATAGRAM_TAG, Reason.DATAGRAM_SESSION, Reason.DATAGRAM_REPLAYED, Reason.BLOCK_TAG,
    Reason.BLOCK_MALFORMED,
)  # fmt: skip


class Receiver:
    """One flow's receiving end.

    state    what `checkpoint_state` gave before a restart (or `ReceiverState.rebuild` from the
             landed journal); `ReceiverState()` for a new flow
    coder    expands what is compressed; None: what is compressed is malformed
    sink     takes the pieces of streams; None: a link on which streams are malformed
    streams  those in progress before a restart, with the bytes that the sink holds of them
    links    how many links carry the flow side by side
    next_key the link key that follows, and from which session on; None: none is known yet
    """

    def __init__(
        self, params: LinkParams, link_key: bytes, flow: int, codec: Codec, state: ReceiverState,
        *, coder: Coder | None = None, sink: PieceSink | None = None,
        streams: Iterable[Stream] = (), links: int = 1, next_key: NextKey | None = None,
    ) -> None:  # fmt: skip
        self._params = params
        self._keys = Keyring(params, link_key, flow, next_key)
        self._flow = flow
        self._codec = codec
        self._rules = HeaderRules(params)
        self._lines = Lines(links, params.silence_ns)
        self._staged = Staging(params)
        self._link = 0  # by which the datagrams in hand came
        self._newest_session = state.session
        self._open: Session | None = None
        self._candidate: Session | None = None
        self._heard_ns: int | None = None
        self._silent = False
        self._silence_ns = params.silence_ns
        self._alarms = Alarms()
        self._counters: Counter[str] = Counter(dict.fromkeys(map(str, _COUNTED), 0))
        self._contents = Contents(
            params.envelope_bytes_max, state, coder, sink, streams, self._counters
        )

    @property
    def counters(self) -> dict[str, int]:
        """Counts since the start: of what went well by name, of what was dropped by reason."""
        return self._counters

    def checkpoint_state(self) -> ReceiverState:
        """What must be durable before the events given so far are acted on."""
        return self._contents.state(self._newest_session)

    @property
    def room(self) -> memoryview:
        """Where the next `READS_TOGETHER` reads should go, back to back: of a block that comes in
        several the datagrams then lie in order, and are copied once. Good until all that was read
        there is taken, with no `tick` between."""
        return self._staged.room

    def take(
        self, buffer: memoryview, segment_bytes: int, now_ns: int, link: int = 0
    ) -> list[Event]:
        """Reads of a link's socket: datagrams of `segment_bytes` back to back, the last may be
        shorter. Gives what they led to; nothing of the buffer is kept but what is in `room`."""
        events: list[Event] = []
        self._link = link
        size = len(buffer)
        if not 0 < segment_bytes < size:
            segment_bytes = size
        if not size:
            self._counters["datagrams"] += 1
            self._drop(Reason.DATAGRAM_MALFORMED, 1)
            return events
        whole = size - size % segment_bytes
        self._take_same(buffer[:whole], segment_bytes, now_ns, events)
        if whole < size:
            self._take_same(buffer[whole:], size - whole, now_ns, events)
        if self._open and self._open.unripe:
            self._ripen(self._open, now_ns, events)
        return events

    def tick(self, now_ns: int) -> list[Event]:
        """What the passing of time alone leads to: call it every `heartbeat_ms` or so."""
        events: list[Event] = []
        self._unstage(now_ns, events)
        if self._open:
            self._ripen(self._open, now_ns, events)
        if self._heard_ns is None:
            self._heard_ns = now_ns
        if not self._silent and now_ns - self._heard_ns >= self._silence_ns:
            self._silent = True
            events.append(Silence(self._heard_ns))
        events.extend(self._lines.changes(now_ns))
        events.extend(self._alarms.due(self._counters, now_ns))
        return events

    @property
    def between_blocks(self) -> bool:
        """Whether no block is in hand in part: a restart now costs nothing."""
        open_too = self._open is None or self._open.window.between_blocks
        return open_too and self._staged.header is None

    def note_buffer(self, fill_percent: int, kernel_drops: int) -> None:
        """How full the socket's memory has been, and how many buffers this host's kernel dropped
        because it was full: told as alarms of their own, apart from loss on the wire."""
        self._counters["kernel_drops"] = kernel_drops
        self._counters["buffer_nearly_full"] += fill_percent >= BUFFER_PERCENT_WARN
        most = self._counters["buffer_percent_max"]
        self._counters["buffer_percent_max"] = max(most, fill_percent)

    def note_buffer_size(self, given_bytes: int, wanted_bytes: int) -> None:
        """What memory the socket has at the start, and should have."""
        self._counters["buffer_missing_bytes"] = max(0, wanted_bytes - given_bytes)

    def _drop(self, reason: Reason, datagrams: int) -> None:
        self._counters[reason] += datagrams

    def _take_same(
        self, buffer: memoryview, segment_bytes: int, now_ns: int, events: list[Event]
    ) -> None:
        """Datagrams of one size."""
        count = len(buffer) // segment_bytes
        self._counters["datagrams"] += count
        self._counters["bytes"] += len(buffer)
        if not self._rules.size_fits(segment_bytes):
            self._drop(Reason.DATAGRAM_MALFORMED, count)
            return
        rows = np.frombuffer(buffer, dtype=np.uint8).reshape(count, segment_bytes)
        for _ in range(READS_TOGETHER):  # no more: each forged one could cost an opening
            rows = rows[self._take_next(rows, now_ns, events) :]
            if not len(rows):
                return
        self._take_seen(None, rows, now_ns, events)

    def _take_next(self, rows: Bytes2, now_ns: int, events: list[Event]) -> int:
        """The first of these datagrams, as far as they are one block in order, or all of them if
        they are not; gives how many."""
        if self._staged.header is not None:
            part = rows[: self._staged.missing]
            if self._take_staged(part, now_ns, events):
                return len(part)
        header = self._rules.read(rows[0].data, rows.shape[1])
        if header is not None:
            part = rows[: header.k + header.r - header.esi]
            if len(part) == len(rows) or is_run(part, header):
                rows = part
        if header is None and len(rows) == 1:
            self._drop(Reason.DATAGRAM_MALFORMED, 1)
        elif header is None or not self._take_unseen(header, rows, now_ns, events):
            self._take_seen(header, rows, now_ns, events)
        return len(rows)

    def _take_seen(
        self, header: Header | None, rows: Bytes2, now_ns: int, events: list[Event]
    ) -> None:
        """Datagrams of one size whose tags are looked at; `header` is the first one's, if valid."""
        if header is not None and is_run(rows, header):
            count, right = len(rows), self._keys.count_right(header.session, rows)
            if right == count:
                self._take_run(header, rows, now_ns, events)
                return
            if right == 0:
                self._drop(Reason.DATAGRAM_TAG, count)
                return
        self._unstage(now_ns, events)  # before these can move the window past its block
        self._take_mixed(rows, now_ns, events)

    def _take_unseen(self, header: Header, rows: Bytes2, now_ns: int, events: list[Event]) -> bool:
        """A new block that comes whole and in order needs no look at its tags. link §5 (6)

        Says whether the datagrams are dealt with: opened, or staged until the rest is there.
        """
        session = self._open
        if session is None or header.session != session.number or header.flags & FLAG_HEARTBEAT:
            return False
        self._unstage(now_ns, events)
        run = not header.esi and is_run(rows, header)
        if not run or not session.window.is_new(header.number):
            return False
        if len(rows) < header.k:
            self._staged.begin(header, rows, self._link)
            return True
        return self._open_unseen(session, header, rows, now_ns, events)

    def _take_staged(self, rows: Bytes2, now_ns: int, events: list[Event]) -> bool:
        """The next datagrams of the block that is staged; False if they are others."""
        session, staged, first = self._open, self._staged, self._staged.header
        if session is None or first is None or first.session != session.number:
            return False
        if not staged.goes_on(rows, self._link):
            return False
        if staged.whole:
            staged.clear()
            if not self._open_unseen(session, first, staged.rows, now_ns, events):
                self._take_seen(first, staged.rows, now_ns, events)
        return True

    def _open_unseen(
        self, session: Session, header: Header, rows: Bytes2, now_ns: int, events: list[Event]
    ) -> bool:
        plaintext = session.window.take_whole(header, rows, self._link)
        if plaintext is None:
            return False
        session.heard_ns = now_ns
        self._block(session, plaintext, events)
        return True

    def _unstage(self, now_ns: int, events: list[Event]) -> None:
        """What is staged does not go on: its tags are looked at after all."""
        first = self._staged.header
        if first is not None:
            self._staged.clear()
            link, self._link = self._link, self._staged.link
            self._take_seen(first, self._staged.rows, now_ns, events)
            self._link = link

    def _take_run(self, header: Header, rows: Bytes2, now_ns: int, events: list[Event]) -> None:
        if header.flags & FLAG_HEARTBEAT:
            sealed = bytes(rows[0, HEADER_BYTES:])
            self._prefer(header, sealed, now_ns)
            session = self._session(header.session, 1, now_ns)
            if session is not None:
                self._heartbeat(session, header, sealed, now_ns, events)
            return
        session = self._session(header.session, len(rows), now_ns)
        if session is not None:
            self._blocks(session, session.window.take_run(header, rows, self._link), events)

    def _prefer(self, header: Header, sealed: bytes, now_ns: int) -> None:
        """A heartbeat that opens takes the place of another candidate. link §4 (4)"""
        candidate = self._candidate
        if candidate is None or candidate.number == header.session:
            return
        if header.session < self._newest_session or header.session <= self._open_number:
            return
        if heartbeat_opens(self._keys.key_of(header.session), self._flow, header, sealed):
            self._candidate = self._new_session(header.session, now_ns)

    @property
    def _open_number(self) -> int:
        return self._open.number if self._open else 0

    def _new_session(self, number: int, now_ns: int) -> Session:
        key = self._keys.key_of(number)
        return Session(self._params, key, self._flow, number, self._codec, self._counters, now_ns)

    def _take_mixed(self, rows: Bytes2, now_ns: int, events: list[Event]) -> None:
        """Datagrams of one size that are not all one run: lossy, reordered, interleaved, forged."""
        heads, kept = self._rules.read_batch(rows)
        self._drop(Reason.DATAGRAM_MALFORMED, len(rows) - int(np.count_nonzero(kept)))
        right = self._keys.right(heads["session"], rows)
        self._drop(Reason.DATAGRAM_TAG, int(np.count_nonzero(kept & ~right)))
        kept &= right
        beats = (heads["flags"] & FLAG_HEARTBEAT) != 0
        blocks = kept & ~beats
        for number in np.unique(heads["session"][blocks]).tolist():
            chosen = blocks & (heads["session"] == number)
            session = self._session(number, int(np.count_nonzero(chosen)), now_ns)
            if session is not None:
                batch = session.window.take_batch(heads[chosen], rows[chosen], self._link)
                self._blocks(session, batch, events)
        for at in np.flatnonzero(kept & beats).tolist():  # some a second: no hot path
            row = rows[at : at + 1]
            header = self._rules.read(row.reshape(-1).data, rows.shape[1])
            if header is not None:
                self._take_run(header, row, now_ns, events)

    def _session(self, number: int, datagrams: int, now_ns: int) -> Session | None:
        """The session that authentic datagrams belong to; None if they count for nothing."""
        if self._open and number == self._open.number:
            self._open.heard_ns = now_ns
            return self._open
        if number < max(self._newest_session, self._open_number):
            self._drop(Reason.DATAGRAM_SESSION, datagrams)
            return None
        candidate = self._candidate
        if candidate is None or candidate.number != number:
            if candidate is not None and now_ns - candidate.heard_ns < self._params.give_up_ns:
                self._drop(Reason.DATAGRAM_SESSION, datagrams)
                return None
            candidate = self._candidate = self._new_session(number, now_ns)
        candidate.heard_ns = now_ns
        return candidate

    def _opened(self, session: Session, events: list[Event]) -> None:
        """Something of this session opened under its key. link §4 (4), (5)"""
        self._heard_ns = session.heard_ns
        self._silent = False
        self._lines.heard(self._link, session.heard_ns)
        if session is self._open:
            return
        self._open, self._candidate = session, None
        if session.number > self._newest_session:
            self._newest_session = session.number
            events.append(SessionOpened(session.number))

    def _blocks(
        self, session: Session, plaintexts: Iterable[memoryview], events: list[Event]
    ) -> None:
        for plaintext in plaintexts:
            self._block(session, plaintext, events)

    def _block(self, session: Session, plaintext: memoryview, events: list[Event]) -> None:
        self._opened(session, events)
        self._contents.take(session, plaintext, events)

    def _heartbeat(
        self, session: Session, header: Header, sealed: bytes, now_ns: int, events: list[Event]
    ) -> None:
        if header.number <= session.newest_by_link[self._link]:
            self._drop(Reason.DATAGRAM_REPLAYED, 1)
            return
        try:
            plaintext = session.seal.open_heartbeat(header.number, sealed, associated_data(header))
            beat = Heartbeat.read(plaintext)
        except (Forged, Malformed) as error:
            self._counters["heartbeats_refused"] += 1
            self._drop(error.reason, 1)
            return
        self._opened(session, events)
        session.newest_by_link[self._link] = header.number
        if header.number <= session.newest_heartbeat:  # it came by another link before
            self._counters[COPIES] += 1
            return
        session.newest_heartbeat = header.number
        session.window.prove(beat.blocks_complete)
        self._counters["heartbeats"] += 1
        rounds = session.joiner.rounds
        checkpoint = session.joiner.take(beat)
        self._counters["checkpoints"] += session.joiner.rounds - rounds
        if checkpoint is not None:
            events.append(Checkpoint(checkpoint))
        if session.unripe is None:
            session.unripe = beat
            session.unripe_until_ns = now_ns + self._params.give_up_ns
        else:
            session.next_unripe = beat

    def _ripen(self, session: Session, now_ns: int, events: list[Event]) -> None:
        """Report what ripe heartbeats show to be missing. link §10"""
        while session.unripe is not None:
            beat = session.unripe
            if not session.window.all_done_below(beat.blocks_complete):
                if now_ns < session.unripe_until_ns:
                    return
                session.window.give_up_below(beat.blocks_complete)
            self._contents.gaps(session, beat, events)
            session.unripe, session.next_unripe = session.next_unripe, None
            session.unripe_until_ns = now_ns + self._params.give_up_ns
