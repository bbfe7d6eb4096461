"""Blocks on the sender's side: from records to a burst of finished datagrams.

Takes plaintexts of one shape (up to D of them), gives one array of datagrams in the order they are
sent: sealed, coded, headed and tagged in place. Pure; no loop a datagram. The array is used
again for the next group. Follows docs/spec/link.md §3, §5 and §6.
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
    TAG_BYTES,
    TAG_OFFSET,
    Bytes2,
    Header,
    associated_data,
)
from schemas.errors import Broken
from schemas.reasons import Reason


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
        self._params = params
        self._session = session
        self._seal = seal
        self._tags = tags
        self._codec = codec
        self._flags = FLAG_TAGGED if tags else 0
        rows = (params.k_max + params.r_max) * params.interleave_blocks
        self._frames = np.zeros(rows * params.datagram_bytes_max, dtype=np.uint8)
        self._sealed = np.zeros(params.k_max * params.symbol_bytes_max, dtype=np.uint8)
        self._sealed_view = self._sealed.data
        self._indices = np.arange(256, dtype=np.uint8)

    def group(
        self, first_number: int, shape: tuple[int, int, int], plaintexts: list[memoryview]
    ) -> Bytes2:
        """Datagrams of blocks `first_number` on, (rows, 32 + S), symbol by symbol round-robin.

        Each plaintext has room for exactly k x S - 16 bytes, zero after its last record.
        """
        k, r, symbol_bytes = shape
        size = HEADER_BYTES + symbol_bytes
        blocks = len(plaintexts)
        count = (k + r) * blocks
        flat = self._frames[: count * size].reshape(count, size)
        frames = flat.reshape(k + r, blocks, size)
        for place, plaintext in enumerate(plaintexts):
            header = Header(self._flags, self._session, first_number + place, k, r, 0, symbol_bytes)
            self._fill(frames[:, place], header, plaintext)
        if self._tags:
            self._tags.write(flat)
        return flat

    def _fill(self, frames: Bytes2, header: Header, plaintext: memoryview) -> None:
        k, size = header.k, header.k * header.symbol_bytes
        if len(plaintext) != size - SEAL_TAG_BYTES:
            raise Broken(Reason.BLOCK_MALFORMED, "a block's plaintext does not fill its symbols")
        associated = associated_data(header)
        self._seal.seal_block(header.number, plaintext, associated, self._sealed_view[:size])
        frames[:, :ASSOCIATED_BYTES] = np.frombuffer(associated, dtype=np.uint8)
        frames[:, INDEX_OFFSET] = self._indices[: len(frames)]
        frames[:, TAG_OFFSET : TAG_OFFSET + TAG_BYTES] = 0
        frames[:k, HEADER_BYTES:] = self._sealed[:size].reshape(k, header.symbol_bytes)
        self._codec.encode(frames[:k, HEADER_BYTES:], frames[k:, HEADER_BYTES:])

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
