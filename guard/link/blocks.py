"""Blocks on the sender's side: from plaintexts to a burst of finished datagrams.

Takes plaintexts of one shape (up to D of them), gives one array of datagrams in the order they are
sent: sealed, coded, headed and tagged in place. Pure; no loop a datagram. The array is used
again for the next group. All that a shape has in common (headers but for the block's number, the
code's addresses) is laid out once and kept. Follows docs/spec/link.md §3, §5 and §6.
"""

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
from schemas.errors import Broken
from schemas.reasons import Reason

Shape = tuple[int, int, int]
"""Source symbols, repair symbols, bytes of a symbol."""

_LAYOUTS_MAX = 32
_INDICES = np.arange(256, dtype=np.uint8)


class _Layout:
    """Where the datagrams of `blocks` blocks of one shape lie in the frames."""

    def __init__(self, frames: Bytes2, shape: Shape, blocks: int, codec: Codec) -> None:
        k, r, symbol_bytes = shape
        size = HEADER_BYTES + symbol_bytes
        count = (k + r) * blocks
        self.flat = frames.reshape(-1)[: count * size].reshape(count, size)
        self.frames = self.flat.reshape(k + r, blocks, size)
        self.numbers = self.flat.view(">u8").reshape(k + r, blocks, size // 8)[
            :, :, NUMBER_OFFSET // 8
        ]
        symbols = [self.frames[:, place, HEADER_BYTES:] for place in range(blocks)]
        self.sources = [one[:k] for one in symbols]
        self.encoders = [codec.encoder(one[:k], one[k:]) for one in symbols] if r else []

    def write_headers(self, head: bytes) -> None:
        """Everything but the block's number and the tag, which is set to zero."""
        self.frames[:, :, :ASSOCIATED_BYTES] = np.frombuffer(head, dtype=np.uint8)
        self.frames[:, :, INDEX_OFFSET] = _INDICES[: len(self.frames), None]
        self.frames[:, :, TAG_OFFSET : TAG_OFFSET + TAG_BYTES] = 0


class BlockMaker:
    """Makes the datagrams of one session."""

    def __init__(
        self,
        params: LinkParams,
        session: int,
        seal: SessionSeal,
        tags: DatagramTags | None,
        codec: Codec,
    ) -> None:
        self._session = session
        self._seal = seal
        self._tags = tags
        self._codec = codec
        self._flags = FLAG_TAGGED if tags else 0
        rows = params.rows_max * params.interleave_blocks
        self._frames = np.zeros((rows, params.datagram_bytes_max), dtype=np.uint8)
        self._layouts: dict[tuple[Shape, int], _Layout] = {}
        self._laid: _Layout | None = None

    def group(self, first_number: int, shape: Shape, blocks: list[memoryview]) -> Bytes2:
        """Datagrams of blocks `first_number` on, (rows, 32 + S), symbol by symbol round-robin.

        Each of `blocks` is k x S bytes: the plaintext, zero after its last record, and 16 bytes
        of room. It is sealed in place.
        """
        k, r, symbol_bytes = shape
        size = k * symbol_bytes
        layout = self._layout(shape, len(blocks))
        for place, block in enumerate(blocks):
            if len(block) != size:
                raise Broken(Reason.BLOCK_MALFORMED, "a block's plaintext does not fill it")
            number = first_number + place
            head = Header(self._flags, self._session, number, k, r, 0, symbol_bytes)
            plaintext = block[: size - SEAL_TAG_BYTES]
            self._seal.seal_block(number, plaintext, associated_data(head), block)
            sealed = np.frombuffer(block, dtype=np.uint8)
            layout.sources[place][:] = sealed.reshape(k, symbol_bytes)
            layout.numbers[:, place] = number
            if r:
                layout.encoders[place]()
        if self._tags:
            self._tags.write(layout.flat)
        return layout.flat

    def _layout(self, shape: Shape, blocks: int) -> _Layout:
        layout = self._layouts.get((shape, blocks))
        if layout is None:
            if len(self._layouts) >= _LAYOUTS_MAX:
                self._layouts.clear()
            layout = _Layout(self._frames, shape, blocks, self._codec)
            self._layouts[shape, blocks] = layout
        if layout is not self._laid:  # another shape has written over the headers
            k, r, symbol_bytes = shape
            head = Header(self._flags, self._session, 0, k, r, 0, symbol_bytes)
            layout.write_headers(associated_data(head))
            self._laid = layout
        return layout

    def heartbeat(self, number: int, plaintext: bytes) -> Bytes2:
        """The one datagram of a heartbeat, (1, 32 + S), in memory of its own."""
        padded = len(plaintext) + SEAL_TAG_BYTES
        padded += -padded % 16
        header = Header(self._flags | FLAG_HEARTBEAT, self._session, number, 1, 0, 0, padded)
        associated = associated_data(header)
        body = plaintext.ljust(padded - SEAL_TAG_BYTES, b"\0")
        sealed = self._seal.seal_heartbeat(number, body, associated)
        whole = bytearray(associated + bytes(TAG_BYTES) + sealed)
        frame = np.frombuffer(whole, dtype=np.uint8).reshape(1, len(whole))
        if self._tags:
            self._tags.write(frame)
        return frame
