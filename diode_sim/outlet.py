"""The outgoing half of the simulated link: datagrams grouped into as few system calls as can be.

Takes runs of datagrams (bytes in a buffer, all of one size but the last), gives `sendmsg` calls
with `UDP_SEGMENT`; the kernel gathers the pieces, nothing is copied here. May send on the one
socket it is given, to the one address; never reads.
"""

import socket
import struct

UDP_SEGMENT = 103
UDP_GRO = 104
SEGMENTS_MAX = 64
SEND_BYTES_MAX = 65_507
PIECES_MAX = 256

Address = tuple[str, int]


class Outlet:
    """Collects pieces while they fit one `sendmsg`, then sends it."""

    def __init__(self, out_socket: socket.socket, to: Address) -> None:
        self._socket = out_socket
        self._to = to
        self._pieces: list[memoryview | bytes] = []
        self._segment_bytes = 0
        self._segments = 0
        self._bytes = 0
        self._closed = False  # the last datagram is shorter: nothing may follow it
        self.sent_datagrams = 0
        self.failed_datagrams = 0

    def put(self, run: memoryview | bytes, segment_bytes: int) -> None:
        """Send the datagrams in `run`, each `segment_bytes` long, the last one at most."""
        length = len(run)
        if not length:
            self._put_empty()
            return
        segments = -(-length // segment_bytes)
        fits = (
            not self._closed
            and segment_bytes == self._segment_bytes
            and self._segments + segments <= SEGMENTS_MAX
            and self._bytes + length <= SEND_BYTES_MAX
            and len(self._pieces) < PIECES_MAX
        )
        if self._pieces and not fits and not self._closes_with(length, segments):
            self.flush()
        if length > SEND_BYTES_MAX or segments > SEGMENTS_MAX:
            self._put_in_parts(run, segment_bytes)
            return
        if not self._pieces:
            self._segment_bytes = segment_bytes
        self._pieces.append(run)
        self._segments += segments
        self._bytes += length
        self._closed = length != segments * self._segment_bytes

    def flush(self) -> None:
        """Send what is collected. The pieces' buffers may be reused after this."""
        if not self._pieces:
            return
        segmented = self._segments > 1
        control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", self._segment_bytes))]
        try:
            self._socket.sendmsg(self._pieces, control if segmented else [], 0, self._to)
            self.sent_datagrams += self._segments
        except OSError:
            self.failed_datagrams += self._segments
        self._pieces = []
        self._segments = self._bytes = self._segment_bytes = 0
        self._closed = False

    def _closes_with(self, length: int, segments: int) -> bool:
        """Whether one shorter datagram may end what is collected."""
        return (
            segments == 1
            and not self._closed
            and 0 < length < self._segment_bytes
            and self._segments < SEGMENTS_MAX
            and self._bytes + length <= SEND_BYTES_MAX
            and len(self._pieces) < PIECES_MAX
        )

    def _put_empty(self) -> None:
        self.flush()
        self._pieces, self._segments = [b""], 1
        self.flush()

    def _put_in_parts(self, run: memoryview | bytes, segment_bytes: int) -> None:
        part_bytes = min(SEGMENTS_MAX, SEND_BYTES_MAX // segment_bytes) * segment_bytes
        for at in range(0, len(run), part_bytes):
            self.put(run[at : at + part_bytes], segment_bytes)
