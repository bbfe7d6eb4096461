"""A sender and a receiver in one process, with a channel between them that a test decides."""

import random
from collections.abc import Callable, Iterable, Iterator

from guard.link.arrivals import ReceiverState
from guard.link.blocks import Burst
from guard.link.events import Event, Gap, Landed, PieceSink, StreamGap, StreamLanded
from guard.link.fec import ReferenceCodec
from guard.link.params import LinkParams
from guard.link.precedence import StreamSource
from guard.link.receiver import Receiver
from guard.link.records import Coder
from guard.link.sender import Sender
from guard.link.streams import Stream

KEY = bytes(range(32))
FLOW = 7
MS = 1_000_000
CODEC = ReferenceCodec()

# Small datagrams and blocks: many blocks from little data.
SMALL = LinkParams(mtu_bytes=256, k_max=8, r_max=4, design_loss_ppm=0, rate_bits_per_s=10**11)

Channel = Callable[[list[bytes]], list[bytes]]


def cut(burst: Burst) -> list[bytes]:
    """The datagrams of a burst."""
    size = burst.segment_bytes
    return [bytes(burst.buffer[at : at + size]) for at in range(0, len(burst.buffer), size)]


def drain(sender: Sender, now_ns: int) -> Iterator[bytes]:
    """All datagrams that may leave by now."""
    while bursts := sender.due(now_ns):
        for burst in bursts:
            yield from cut(burst)


def envelopes(seed: int, count: int, sizes: tuple[int, ...] = (0, 20, 400, 3000)) -> list[bytes]:
    chance = random.Random(seed)
    return [chance.randbytes(chance.choice(sizes)) for _ in range(count)]


class Pair:
    """Both ends over one channel; what arrived is checked to arrive at most once."""

    def __init__(
        self, params: LinkParams = SMALL, channel: Channel = list, *,
        sink: PieceSink | None = None, coder: Coder | None = None, links: int = 1,
    ) -> None:  # fmt: skip
        self.params = params
        self.channel = channel
        self.sink = sink
        self.coder = coder
        self.links = links
        self.now_ns = 0
        self.session = 0
        self.landed: dict[int, bytes] = {}
        self.late: set[int] = set()
        self.gaps: list[tuple[int, int]] = []
        self.streams: dict[int, int] = {}  # sequence -> total, of those that landed wholly
        self.stream_gaps: list[StreamGap] = []
        self.other: list[Event] = []
        self.receiver = self._start_receiver(ReceiverState())
        self.sender = self.start_sender()

    def start_sender(self) -> Sender:
        """Another start of the sender: the next session."""
        self.session += 1
        self.sender = Sender(self.params, KEY, self.session, FLOW, CODEC, coder=self.coder)
        return self.sender

    def _start_receiver(self, state: ReceiverState, streams: Iterable[Stream] = ()) -> Receiver:
        return Receiver(
            self.params, KEY, FLOW, CODEC, state,
            coder=self.coder, sink=self.sink, streams=streams, links=self.links,
        )  # fmt: skip

    def restart_receiver(
        self, streams: Iterable[Stream] = (), state: ReceiverState | None = None
    ) -> None:
        """Only what is durable survives."""
        state = state or self.receiver.checkpoint_state()
        self.receiver = self._start_receiver(state, streams)

    def restart_receiver_from_journal(self) -> None:
        """As a role does it that keeps landed sequences, told gaps and the session."""
        state = ReceiverState.rebuild(self.session, self.landed, self.gaps)
        self.receiver = self._start_receiver(state)

    def offer_stream(self, sequence: int, source: StreamSource, precedence: int = 0) -> None:
        self.sender.offer_stream(sequence, precedence, source)

    def offer(self, messages: Iterable[bytes], first: int = 1, precedence: int = 0) -> None:
        for sequence, envelope in enumerate(messages, first):
            self.sender.offer(sequence, precedence, envelope)

    def run(self, for_ms: int = 1, step_ms: int = 1) -> None:
        """Let time pass: what is due goes through the channel."""
        for _ in range(0, for_ms, step_ms):
            self.now_ns += step_ms * MS
            for datagram in self.channel(list(drain(self.sender, self.now_ns))):
                self.hear(datagram)
            self._note(self.receiver.tick(self.now_ns))

    def hear(self, datagram: bytes, link: int = 0) -> list[Event]:
        """The receiver gets one datagram."""
        events = self.receiver.take(memoryview(datagram), len(datagram), self.now_ns, link)
        self._note(events)
        return events

    def settle(self) -> None:
        """Long enough for heartbeats to be ripe."""
        self.run(for_ms=500, step_ms=20)

    def _note(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Landed(sequence, _, envelope, late):
                    assert sequence not in self.landed, "landed twice"
                    self.landed[sequence] = envelope
                    if late:
                        self.late.add(sequence)
                case Gap(first, last):
                    self.gaps.append((first, last))
                case StreamLanded(sequence, total, late):
                    assert sequence not in self.streams, "landed twice"
                    self.streams[sequence] = total
                    if late:
                        self.late.add(sequence)
                case StreamGap():
                    self.stream_gaps.append(event)
                case _:
                    self.other.append(event)

    @property
    def missing(self) -> set[int]:
        """All sequences that were reported, which must never be reported twice."""
        told = [n for first, last in self.gaps for n in range(first, last + 1)]
        assert len(told) == len(set(told)), "reported twice"
        return set(told)
