"""Both ends of a link in virtual time: the real cores, and what of them is durable.

Takes a scenario's code and times, drives `Sender` and `Receiver` as the roles `send` and `receive`
do, and forgets at a crash what those would not have had on disk. Pure: no disk, no socket, no
clock.
"""

from copy import deepcopy

from diode_sim.traffic import Messages
from guard.link.arrivals import ReceiverState
from guard.link.blocks import Burst
from guard.link.compression import Coder
from guard.link.events import Event, Gap, Landed, Piece, SessionOpened, StreamLanded
from guard.link.fec import Codec
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from guard.link.streams import Stream
from schemas.errors import Broken, Overload
from schemas.reasons import Reason
from schemas.sequences import RangeSet

KEY = bytes(range(32))
FLOW = 7
FIRST_SEQUENCE = 1
RECORD_NS = 100_000_000


class SendingEnd:
    """`send`: a cursor and a session counter on disk, and a sender while it runs."""

    def __init__(self, params: LinkParams, codec: Codec, coder: Coder, messages: Messages) -> None:
        self._params = params
        self._codec = codec
        self._coder = coder
        self._messages = messages
        self.session = 0  # on disk
        self.cursor = 0  # on disk: so many sequences have left wholly
        self.offered = 0  # by the present session
        self.sender: Sender | None = None
        self._record_ns = 0

    def start(self, checkpoint: bytes) -> Sender:
        """The next session, from the cursor on."""
        self.session += 1
        self.sender = Sender(
            self._params, KEY, self.session, FLOW, self._codec,
            complete_below=self.cursor + FIRST_SEQUENCE, coder=self._coder,
        )  # fmt: skip
        self.sender.set_checkpoint(checkpoint)
        self.offered = self.cursor
        return self.sender

    def stop(self) -> None:
        """The process is gone; what is on disk stays."""
        self.sender = None

    def refill(self, last: int) -> None:
        """Offer what is committed, as far as the queue has room."""
        sender = self.sender
        while sender is not None and self.offered < last:
            message = self._messages.message(self.offered + 1)
            try:
                if message.is_stream:
                    source = self._messages.source(message)
                    sender.offer_stream(message.sequence, message.precedence, source)
                else:
                    sender.offer(message.sequence, message.precedence, message.content)
            except Overload:
                return
            self.offered += 1

    def due(self, now_ns: int) -> list[Burst]:
        """What leaves now."""
        return self.sender.due(now_ns) if self.sender else []

    def record(self, now_ns: int) -> None:
        """The cursor follows what has left: at once when idle, else now and then."""
        sender = self.sender
        if sender is None:
            return
        after = sender.complete_below - FIRST_SEQUENCE
        if after > self.cursor and (sender.idle or now_ns >= self._record_ns):
            self._record_ns = now_ns + RECORD_NS
            self.cursor = after


class Landing:
    """Where streams land: which bytes of which are there, on disk and not yet synced."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.synced: dict[int, Stream] = {}
        self.held: dict[int, Stream] = {}
        self._pending: list[tuple[int, Piece | None]] = []

    def land(self, piece: Piece) -> None:
        """See `guard.link.events.PieceSink`. Raises `Broken` where the bytes are not those sent."""
        content = self._messages.message(piece.sequence).content
        end = piece.offset + len(piece.data)
        if content[piece.offset : end] != piece.data:
            raise Broken(
                Reason.BLOCK_MALFORMED, f"bytes of stream {piece.sequence} are not those offered"
            )
        told = piece._replace(data=memoryview(bytes(len(piece.data))))
        self._pending.append((piece.sequence, told))
        _note(self.held, told)

    def drop(self, sequence: int) -> None:
        """See `guard.link.events.PieceSink`."""
        self._pending.append((sequence, None))
        self.held.pop(sequence, None)

    def landed(self, sequence: int) -> None:
        """The stream has gone to its place."""
        self.drop(sequence)

    def sync(self) -> None:
        """All so far is on disk."""
        for sequence, piece in self._pending:
            if piece is None:
                self.synced.pop(sequence, None)
            else:
                _note(self.synced, piece)
        self._pending.clear()

    def crash(self) -> list[Stream]:
        """What is not on disk is gone; gives what is."""
        self._pending.clear()
        self.held = deepcopy(self.synced)
        return list(deepcopy(self.synced).values())


def _note(streams: dict[int, Stream], piece: Piece) -> None:
    one = streams.setdefault(piece.sequence, Stream(piece.sequence, piece.precedence))
    if piece.data:
        one.held.add(piece.offset, piece.offset + len(piece.data) - 1)
    if piece.total or not piece.data:
        one.total, one.ended = piece.total, True


class ReceivingEnd:
    """`receive`: a journal of events on disk, and a receiver while it runs."""

    def __init__(
        self, params: LinkParams, codec: Codec, coder: Coder, messages: Messages, links: int
    ) -> None:
        self._make = params, codec, coder, links
        self.receiver: Receiver | None = None
        self.landing = Landing(messages)
        self._pending: list[Event] = []
        self._session = 0  # what the journal proves, as `guard.roles.landing` reads it
        self._landed = RangeSet()
        self._gaps = RangeSet()

    @property
    def proven(self) -> ReceiverState:
        """What the journal proves."""
        return ReceiverState(self._session, self._landed.ranges(), self._gaps.ranges())

    def start(self) -> None:
        """Recover from the journal."""
        params, codec, coder, links = self._make
        streams = self.landing.crash()
        self._pending.clear()
        self.receiver = Receiver(
            params, KEY, FLOW, codec, self.proven,
            coder=coder, sink=self.landing, streams=streams, links=links,
        )  # fmt: skip

    def stop(self) -> None:
        """The process is gone, with what was not on disk."""
        self.receiver = None
        self._pending.clear()
        self.landing.crash()

    def take(self, buffer: bytes, segment_bytes: int, now_ns: int, link: int) -> list[Event]:
        """One read of a socket."""
        if self.receiver is None:
            return []
        events = self.receiver.take(memoryview(buffer), segment_bytes, now_ns, link)
        self._pending += events
        return events

    def tick(self, now_ns: int) -> list[Event]:
        """Time passes."""
        if self.receiver is None:
            return []
        events = self.receiver.tick(now_ns)
        self._pending += events
        return events

    @property
    def unsynced(self) -> list[Event]:
        """What is not on disk yet."""
        return self._pending

    def sync(self) -> None:
        """All so far is on disk."""
        events, self._pending = self._pending, []
        for event in events:
            match event:
                case Landed(sequence) | StreamLanded(sequence):
                    self._landed.add(sequence, sequence)
                    self._gaps.remove(sequence, sequence)
                    if isinstance(event, StreamLanded):
                        self.landing.landed(sequence)
                case Gap(first, last):
                    self._gaps.add(first, last)
                case SessionOpened(session):
                    self._session = max(self._session, session)
                case _:
                    pass
        self.landing.sync()
