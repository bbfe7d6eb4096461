"""Messages lost by the real sender and the real receiver, over a channel in virtual time.

Takes a link's parameters and a channel, sends messages of one size at a steady pace, and counts
those that did not land; the interval is from batches, for bursts tie messages together. Pure but
for the seeded chance of the channel.
"""

from dataclasses import dataclass
from itertools import groupby

from diode_sim.cable import Cable
from diode_sim.code import best_codec
from diode_sim.intervals import Interval, of_batches
from diode_sim.options import Options
from guard.link.arrivals import ReceiverState
from guard.link.events import Landed
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender

KEY = bytes(range(32))
FLOW = 7
BATCHES = 40


@dataclass(frozen=True, slots=True)
class Arrival:
    """So many messages were sent, so many were lost; the interval is of the share lost."""

    messages: int
    lost: int
    datagrams: int
    interval: Interval


def count_lost_messages(
    params: LinkParams, options: Options, message_bytes: int, messages: int, gap_ns: int,
    confidence: float,
) -> Arrival:  # fmt: skip
    """Send at least so many messages (whole batches), one every `gap_ns`; 0: all at once."""
    each = -(-messages // BATCHES)
    run = _Run(params, options)
    landed = run.landed(bytes(message_bytes), each * BATCHES, gap_ns)
    lost = [
        sum(sequence not in landed for sequence in range(first, first + each))
        for first in range(1, each * BATCHES, each)
    ]
    interval = of_batches([count / each for count in lost], confidence)
    return Arrival(each * BATCHES, sum(lost), run.datagrams, interval)


class _Run:
    """One sender, one receiver, a cable between them."""

    def __init__(self, params: LinkParams, options: Options) -> None:
        codec = best_codec()
        self._cable = Cable(options, options.seed)
        self._sender = Sender(params, KEY, 1, FLOW, codec)
        self._receiver = Receiver(params, KEY, FLOW, codec, ReceiverState())
        self._landed: set[int] = set()

    @property
    def datagrams(self) -> int:
        """Datagrams sent, heartbeats not counted."""
        return self._sender.counters["datagrams"]

    def landed(self, message: bytes, messages: int, gap_ns: int) -> set[int]:
        """The sequences, from 1 on, that landed."""
        now_ns = offered = 0
        while offered < messages or not self._sender.idle:
            while offered < messages and now_ns >= offered * gap_ns:
                offered += 1
                self._sender.offer(offered, 0, message)
            while bursts := self._sender.due(now_ns):
                for burst in bursts:
                    self._cable.send(now_ns, burst.buffer, burst.segment_bytes)
                self._receive(now_ns)
            next_ns = self._sender.wake_ns(now_ns)
            if offered < messages:
                next_ns = min(next_ns, offered * gap_ns)
            now_ns = max(now_ns + 1, next_ns)
        return self._landed

    def _receive(self, now_ns: int) -> None:
        for size, some in groupby(self._cable.arrivals(now_ns), len):
            for event in self._receiver.take(memoryview(b"".join(some)), size, now_ns):
                if isinstance(event, Landed):
                    self._landed.add(event.sequence)
