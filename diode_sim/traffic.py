"""What is offered to a sender: every message follows from the seed and its sequence.

Takes a scenario's traffic and a seed, gives messages by sequence and when each is there. Pure;
nothing is kept, so a message can be asked for again when it lands.
"""

from typing import NamedTuple

from diode_sim.chance import below_at, bytes_at, stream, word_at
from diode_sim.clock import MS
from diode_sim.scenario import Traffic

_WORDS = (
    "track", "hostile", "friend", "bearing", "range", "sector", "north", "report", "sensor", "zero",
)  # fmt: skip


class Message(NamedTuple):
    """One message; `is_stream` says how it goes into the link."""

    sequence: int
    precedence: int
    content: bytes
    is_stream: bool


class Source:
    """The bytes of a stream for the sender; of unknown size unless `known`."""

    def __init__(self, content: bytes, *, known: bool) -> None:
        self._content = content
        self.total_bytes: int | None = len(content) if known else None
        self.ready = True

    def read_into(self, offset: int, out: memoryview) -> int:
        """See `guard.link.precedence.StreamSource`."""
        piece = self._content[offset : offset + len(out)]
        out[: len(piece)] = piece
        return len(piece)


class Messages:
    """The messages of one run."""

    def __init__(self, traffic: Traffic, seed: int) -> None:
        self._traffic = traffic
        self._sizes = stream(seed, "sizes")
        self._precedences = stream(seed, "precedences")
        self._kinds = stream(seed, "kinds")
        self._times = stream(seed, "times")
        self._contents = stream(seed, "contents")
        self._checkpoints = stream(seed, "checkpoints")
        self._newest: tuple[int, Message] | None = None

    @property
    def last(self) -> int:
        """The last message's sequence."""
        return self._traffic.messages

    def time_ns(self, sequence: int) -> int:
        """When a message is offered; in the order of the sequences."""
        traffic = self._traffic
        start_ns = (sequence - 1) // traffic.at_once * traffic.every_ms * MS
        if traffic.at_once > 1:
            return start_ns
        return start_ns + below_at(self._times, sequence, traffic.every_ms * MS)

    def message(self, sequence: int) -> Message:
        """A message by its sequence, 1 to `last`."""
        if self._newest is not None and self._newest[0] == sequence:
            return self._newest[1]
        traffic = self._traffic
        size = traffic.bytes_min + below_at(
            self._sizes, sequence, traffic.bytes_max - traffic.bytes_min + 1
        )
        precedences = traffic.precedences
        made = Message(
            sequence,
            precedences[below_at(self._precedences, sequence, len(precedences))],
            self._content(sequence, size),
            word_at(self._kinds, sequence) >> 11 < round(traffic.streams * 2**53),
        )
        self._newest = sequence, made
        return made

    def source(self, message: Message) -> Source:
        """A stream's bytes; every second stream does not know its size beforehand."""
        return Source(
            message.content, known=bool(word_at(self._kinds, 2**62 + message.sequence) & 1)
        )

    def checkpoint(self, number: int) -> bytes:
        """The source ledger's checkpoint of this number; empty if there are none."""
        return bytes_at(self._checkpoints, number, self._traffic.checkpoint_bytes)

    @property
    def checkpoint_ns(self) -> int:
        """How often there is a new one."""
        return self._traffic.checkpoint_every_ms * MS

    def _content(self, sequence: int, size: int) -> bytes:
        if not self._traffic.text:
            return bytes_at(self._contents, sequence, size)
        words = bytes_at(self._contents, sequence, size // 5 + 1)
        return " ".join(_WORDS[byte % len(_WORDS)] for byte in words).encode()[:size].ljust(size)
