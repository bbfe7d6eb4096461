"""Blocks on the sender's side: from plaintexts to a burst of finished datagrams.

Gives the memory that plaintexts of one shape (up to D of them) are written into, and makes of it
one array of datagrams in the order they are sent: sealed, coded, headed and tagged in place. Pure;
no loop a datagram. The memory is used again for the next group. All that a shape has in common
(headers but for the block's number, addresses, views) is laid out once and kept. Follows
docs/spec/link.md §3, §5 and §6.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from guard.link.fec import Codec
from guard.link.keys import SessionSeal
from guard.link.params import HEADER_BYTES, SEAL_TAG_BYTES, LinkParams
from guard.link.tags import DatagramTags
from guard.link.wire import (
    ASSOCIATED_BYTES,
    FLAG_HEARTBEAT,
    FLAG_TAGGED,
    INDEX_OFFSET,
    NUMBER_OFFSET,
    TAG_BYTES,
    TAG_OFFSET,
    Bytes2,
    Header,
    associated_data,
)

Shape = tuple[int, int, int]
"""Source symbols, repair symbols, bytes of a symbol."""

_LAYOUTS_MAX = 32
_INDICES = np.arange(256, dtype=np.uint8)
_AFTER_NUMBER = NUMBER_OFFSET + 8


class Burst(NamedTuple):
    """Datagrams of `segment_bytes` each, back to back: one send. Valid until the next `due`.

    wire_bytes  what it costs on the wire
    heartbeat   of several links, it leaves on every one
    """

    buffer: memoryview
    segment_bytes: int
    datagrams: int
    wire_bytes: int
    heartbeat: bool = False


class _Layout:
    """Where the datagrams of some blocks of one shape lie, and where their plaintexts do."""

    def __init__(
        self, params: LinkParams, frames: Bytes2, plains: list[memoryview], shape: Shape,
        blocks: int, head: bytes, codec: Codec, tags: DatagramTags | None,
    ) -> None:  # fmt: skip
        k, r, symbol_bytes = shape
        size = HEADER_BYTES + symbol_bytes
        count = (k + r) * blocks
        flat = frames.reshape(-1)[: count * size].reshape(count, size)
        self._head = head
        self._frames = flat.reshape(k + r, blocks, size)
        self.bursts = _bursts(params, flat.reshape(-1).data, size)
        words = flat.view(">u8").reshape(k + r, blocks, size // 8)
        symbols = [self._frames[:, place, HEADER_BYTES:] for place in range(blocks)]
        self.numbers = [words[:, place, NUMBER_OFFSET // 8] for place in range(blocks)]
        self.sources = [one[:k] for one in symbols]
        self.sealed = [plain[: k * symbol_bytes] for plain in plains[:blocks]]
        self.plaintexts = [one[:-SEAL_TAG_BYTES] for one in self.sealed]
        self.squares = [
            np.frombuffer(one, np.uint8).reshape(k, symbol_bytes) for one in self.sealed
        ]
        self.encoders = [codec.encoder(one[:k], one[k:]) for one in symbols if r]
        self.write_tags: Callable[[], None] | None = tags.writer(flat) if tags else None
        self.before_number, self.after_number = head[:NUMBER_OFFSET], head[_AFTER_NUMBER:]

    def write_headers(self) -> None:
        """Everything but the block's number and the tag, which is set to zero."""
        self._frames[:, :, :ASSOCIATED_BYTES] = np.frombuffer(self._head, dtype=np.uint8)
        self._frames[:, :, INDEX_OFFSET] = _INDICES[: len(self._frames), None]
        self._frames[:, :, TAG_OFFSET : TAG_OFFSET + TAG_BYTES] = 0


class BlockMaker:
    """Makes the datagrams of one session. `plains` is the memory for D plaintexts."""

    def __init__(
        self,
        params: LinkParams,
        session: int,
        seal: SessionSeal,
        tags: DatagramTags | None,
        codec: Codec,
    ) -> None:
        self._params = params
        self._session = session
        self._seal = seal
        self._tags = tags
        self._codec = codec
        self._flags = FLAG_TAGGED if tags else 0
        rows = params.rows_max * params.interleave_blocks
        self._frames = np.zeros((rows, params.datagram_bytes_max), dtype=np.uint8)
        self._layouts: dict[tuple[Shape, int], _Layout] = {}
        self._laid: _Layout | None = None
        room = params.block_symbols_max * params.symbol_bytes_max
        self.plains = [memoryview(bytearray(room)) for _ in range(params.interleave_blocks)]

    def group(self, first_number: int, shape: Shape, blocks: int) -> tuple[Burst, ...]:
        """Datagrams of blocks `first_number` on, of the first plaintexts, round-robin by symbol.

        Each plaintext is k x S - 16 bytes of `plains`, zero after its last record; it is sealed
        in place.
        """
        layout = self._layout(shape, blocks)
        for place in range(blocks):
            number = first_number + place
            associated = layout.before_number + number.to_bytes(8, "big") + layout.after_number
            self._seal.seal_block(
                number, layout.plaintexts[place], associated, layout.sealed[place]
            )
            layout.sources[place][:] = layout.squares[place]
            layout.numbers[place][:] = number
            if layout.encoders:
                layout.encoders[place]()
        if layout.write_tags:
            layout.write_tags()
        return layout.bursts

    def _layout(self, shape: Shape, blocks: int) -> _Layout:
        layout = self._layouts.get((shape, blocks))
        if layout is None:
            if len(self._layouts) >= _LAYOUTS_MAX:
                self._layouts.clear()
            k, r, symbol_bytes = shape
            head = associated_data(Header(self._flags, self._session, 0, k, r, 0, symbol_bytes))
            layout = _Layout(
                self._params, self._frames, self.plains, shape, blocks, head, self._codec,
                self._tags,
            )  # fmt: skip
            self._layouts[shape, blocks] = layout
        if layout is not self._laid:  # another shape has written over the headers
            layout.write_headers()
            self._laid = layout
        return layout

    def heartbeat(self, number: int, plaintext: bytes) -> Burst:
        """The one datagram of a heartbeat, in memory of its own."""
        padded = len(plaintext) + SEAL_TAG_BYTES
        padded += -padded % 16
        header = Header(self._flags | FLAG_HEARTBEAT, self._session, number, 1, 0, 0, padded)
        associated = associated_data(header)
        body = plaintext.ljust(padded - SEAL_TAG_BYTES, b"\0")
        sealed = self._seal.seal_heartbeat(number, body, associated)
        whole = bytearray(associated + bytes(TAG_BYTES) + sealed)
        if self._tags:
            self._tags.write(np.frombuffer(whole, dtype=np.uint8).reshape(1, len(whole)))
        wire_bytes = self._params.wire_bytes(len(whole))
        return Burst(memoryview(whole), len(whole), 1, wire_bytes, heartbeat=True)


def _bursts(params: LinkParams, buffer: memoryview, size: int) -> tuple[Burst, ...]:
    """Datagrams of this size, back to back, as the sends that they leave in."""
    step, wire_bytes = params.burst_datagrams(size) * size, params.wire_bytes(size)
    parts = [buffer[at : at + step] for at in range(0, len(buffer), step)]
    return tuple(
        Burst(part, size, len(part) // size, len(part) // size * wire_bytes) for part in parts
    )
