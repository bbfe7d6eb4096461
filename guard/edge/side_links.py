"""Several links side by side: bursts out over them, reads in from them.

Takes the sockets of N links, sends each burst by one of them in turn (striped) or by all (copies),
heartbeats by all; reads whichever has something. A link that takes nothing is counted and the
others go on. Follows docs/spec/link.md §15.
"""

import select
from collections.abc import Iterator, Sequence

from guard.edge.udp import ReceiverSocket, SenderSocket
from schemas.errors import Overload

READS_MAX = 64  # from one link before the next is looked at


class SendingLinks:
    """The sender's ends. `failed` counts the bursts that each link did not take."""

    def __init__(self, sockets: Sequence[SenderSocket], *, copies: bool) -> None:
        self._sockets = sockets
        self._copies = copies
        self._turn = 0
        self.failed = [0] * len(sockets)

    def send(self, buffer: memoryview, segment_bytes: int, *, heartbeat: bool = False) -> None:
        """Send one burst. Raises `Overload(LINK_DOWN)` if no link takes it: send it again."""
        count = len(self._sockets)
        if count == 1:
            self._sockets[0].send(buffer, segment_bytes)
            return
        taken, wrong = 0, None
        for step in range(count):
            link = (self._turn + step) % count
            try:
                self._sockets[link].send(buffer, segment_bytes)
                taken += 1
            except Overload as error:
                wrong = error
                self.failed[link] += 1
            if taken and not (self._copies or heartbeat):
                break
        self._turn = (self._turn + 1) % count
        if wrong is not None and not taken:
            raise wrong


class ReceivingLinks:
    """The receiver's ends. `fill_percent` is the fullest that a socket's memory was seen."""

    def __init__(self, sockets: Sequence[ReceiverSocket]) -> None:
        self._sockets = sockets
        self._poll = select.poll()
        for socket in sockets:
            self._poll.register(socket, select.POLLIN)
        self.fill_percent = 0

    @property
    def kernel_drops(self) -> int:
        """Buffers that this host's kernel dropped because a socket's memory was full."""
        return sum(socket.kernel_drops for socket in self._sockets)

    @property
    def foreign(self) -> int:
        """Reads that came from another address than the sender's."""
        return sum(socket.foreign for socket in self._sockets)

    def wait(self, wait_ms: int) -> None:
        """Until one has something, or the time is up."""
        self._poll.poll(wait_ms)

    def reads(self) -> Iterator[tuple[memoryview, int, int]]:
        """(buffer, bytes a datagram, link) of what waits, up to a bound for each link."""
        for link, socket in enumerate(self._sockets):
            self.fill_percent = max(self.fill_percent, socket.fill_percent)
            for _ in range(READS_MAX):
                taken = socket.receive()
                if taken is None:
                    break
                yield *taken, link
