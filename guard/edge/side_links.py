"""Several links side by side: bursts out over them, reads in from them.

Takes the sockets of N links, sends each burst by one of them in turn (striped) or by all (copies),
heartbeats by all; reads whichever has something. A link that takes nothing is counted and the
others go on. Follows docs/spec/link.md §15.
"""

import select
from collections.abc import Sequence
from typing import Self

from guard.edge.spec import Spec
from guard.edge.udp import ReceiverSocket, SenderSocket
from guard.link.params import READS_TOGETHER
from schemas.errors import Overload

WATCH_READS = 32 // READS_TOGETHER


class SendingLinks:
    """The sender's ends. `failed` counts the bursts that each link did not take."""

    def __init__(self, sockets: Sequence[SenderSocket], *, copies: bool) -> None:
        self._sockets = sockets
        self._copies = copies
        self._turn = 0
        self.failed = [0] * len(sockets)

    @classmethod
    def adopt(cls, spec: Spec, addresses: Sequence[str], *, copies: bool) -> Self:
        """Take over the sockets that a supervisor opened, `udp0` on, one for each address."""
        sockets = [
            SenderSocket.adopt(spec.descriptors[f"udp{at}"], address)
            for at, address in enumerate(addresses)
        ]
        return cls(sockets, copies=copies)

    def send(self, buffer: memoryview, segment_bytes: int, *, heartbeat: bool = False) -> None:
        """Send one burst. Raises `Overload(LINK_DOWN)` if no link takes it: send it again."""
        count = len(self._sockets)
        if count == 1:
            try:
                self._sockets[0].send(buffer, segment_bytes)
            except Overload:
                self.failed[0] += 1
                raise
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

    def close(self) -> None:
        """Close the sockets."""
        for socket in self._sockets:
            socket.close()


class ReceivingLinks:
    """The receiver's ends."""

    def __init__(self, sockets: Sequence[ReceiverSocket]) -> None:
        self._sockets = sockets
        self._links = {socket.fileno(): link for link, socket in enumerate(sockets)}
        self._poll = select.poll()
        for socket in sockets:
            self._poll.register(socket, select.POLLIN)
        self._fill_percent = 0
        self._unwatched = 0

    @classmethod
    def adopt(cls, spec: Spec, count: int, source_host: str) -> Self:
        """Take over the bound sockets that a supervisor keeps, `udp0` on."""
        return cls([
            ReceiverSocket.adopt(spec.descriptors[f"udp{at}"], source_host or None)
            for at in range(count)
        ])  # fmt: skip

    def smallest_buffer_bytes(self) -> int:
        """The memory that the worst-off socket got, as it was asked for (the kernel doubles it)."""
        return min(socket.buffer_bytes for socket in self._sockets) // 2

    def fill_percent(self) -> int:
        """How full the fullest socket has been since this was last asked."""
        self.watch()
        found, self._fill_percent = self._fill_percent, 0
        return found

    @property
    def kernel_drops(self) -> int:
        """Buffers that this host's kernel dropped because a socket's memory was full."""
        return sum(socket.kernel_drops for socket in self._sockets)

    @property
    def foreign(self) -> int:
        """Reads that came from another address than the sender's."""
        return sum(socket.foreign for socket in self._sockets)

    def read(
        self, wait_ms: int, room: memoryview | None = None
    ) -> list[tuple[memoryview, int, int]]:
        """(buffer, bytes a datagram, link): one read of each link that has something, after
        waiting at most so long for the first, which may read into `room` (`Receiver.room`). Where
        only one has something its full reads are taken together: no link is to wait for another's.
        To poll again costs less than a read in vain."""
        self._unwatched += 1
        if self._unwatched >= WATCH_READS:
            self.watch()
        found = []
        ready = self._poll.poll(wait_ms)
        for descriptor, _ in ready:
            link = self._links[descriptor]
            if room is not None and len(ready) == 1:
                taken = self._sockets[link].receive_together(room)
                found += [(buffer, segment_bytes, link) for buffer, segment_bytes in taken]
            elif (one := self._sockets[link].receive(room)) is not None:
                found.append((*one, link))
            room = None
        return found

    def watch(self) -> None:
        """Look how full the sockets are; also done by itself now and then."""
        self._unwatched = 0
        for socket in self._sockets:
            self._fill_percent = max(self._fill_percent, socket.fill_percent)
