"""A sender with the true key that keeps to no rule: what an owned source side could send."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guard.edge.isal import best_codec
from guard.edge.keys import read_secret
from guard.link.blocks import BlockMaker
from guard.link.heartbeat import Heartbeat
from guard.link.keys import SessionSeal, tag_key
from guard.link.params import SEAL_TAG_BYTES
from guard.link.records import Kind, Record, write_record
from guard.link.tags import DatagramTags
from tests.system.link_tool import SENDING


class HostileSender:
    """Has the key, and sends what no sender would."""

    def __init__(self, key: Path, to: str, session: int) -> None:
        secret = read_secret(key)
        self._params = SENDING
        tags = DatagramTags(tag_key(secret, 1), self._params.datagram_bytes_max)
        seal = SessionSeal(secret, 1, session)
        self._maker = BlockMaker(self._params, session, seal, tags, best_codec())
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        host, _, port = to.rpartition(":")
        self._to = (host, int(port))
        self._blocks = self._beats = 0

    def pieces(self, *pieces: tuple[int, int, int, bytes]) -> None:
        """One block of (sequence, offset, total, bytes)."""
        plain, at = self._maker.plains[0], 0
        for sequence, offset, total, data in pieces:
            record = Record(Kind.PIECE, sequence, 0, offset, total, memoryview(data), 0, len(data))
            at = write_record(plain, at, record)
        shape = self._params.shape(at)
        end = shape[0] * shape[2] - SEAL_TAG_BYTES
        plain[at:end] = bytes(end - at)
        bursts = self._maker.group(self._blocks, shape, 1)
        self._blocks += 1
        for buffer, size, *_ in bursts:
            for start in range(0, len(buffer), size):
                self._socket.sendto(buffer[start : start + size], self._to)

    def claim(self, blocks_complete: int, complete_below: int) -> None:
        """A heartbeat."""
        beat = Heartbeat(blocks_complete, complete_below, (0,) * 5, 0)
        burst = self._maker.heartbeat(self._beats, beat.write())
        self._beats += 1
        self._socket.sendto(burst.buffer, self._to)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def hostile(key: Path, to: str, session: int = 1) -> Iterator[HostileSender]:
    sender = HostileSender(key, to, session)
    yield sender
    sender.close()
