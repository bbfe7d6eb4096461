"""Staging: the beginning of a block that comes in several buffers, not looked at yet.

Takes runs of consecutive symbols of one new block, from its first symbol on, and gives them back
together: to be opened once all source symbols are there, which proves them, or to have their tags
looked at after all. Who reads into `room` has them in their place without a copy. Pure; memory for
one block and what is read together. Follows docs/spec/link.md §5 (6).
"""

import numpy as np
from numpy.typing import NDArray

from guard.link.params import HEADER_BYTES, READ_BYTES_MAX, READS_TOGETHER, LinkParams
from guard.link.wire import ASSOCIATED_BYTES, Bytes2, Header, heads_of, run_of_heads

_ROOM_BYTES = READS_TOGETHER * READ_BYTES_MAX


class Staging:
    """At most one block. `header` is that of its first symbol, None if nothing is staged."""

    def __init__(self, params: LinkParams) -> None:
        block_bytes = params.rows_max * params.datagram_bytes_max
        self._memory = np.empty(block_bytes + _ROOM_BYTES, dtype=np.uint8)
        self._view = self._memory.data
        self._address = _address(self._memory)
        self._count = self._symbol_bytes = 0
        self._heads = bytearray()
        self.header: Header | None = None
        self.link = 0

    @property
    def room(self) -> memoryview:
        """Where the next run of what is staged belongs, or the first one of a block."""
        at = 0 if self.header is None else self._count * (HEADER_BYTES + self._symbol_bytes)
        return self._view[at : at + _ROOM_BYTES]

    def begin(self, header: Header, rows: Bytes2, link: int) -> None:
        """Stage the first run of a block."""
        self.header, self.link, self._count = header, link, 0
        self._symbol_bytes = header.symbol_bytes
        self._heads = run_of_heads(header.write(), 0, header.k + header.r)
        self._append(rows)

    def goes_on(self, rows: Bytes2, link: int) -> bool:
        """Stage datagrams of one size if they are the next of the same block; says whether they
        were. One comparison with the headers that this block's first one leads to."""
        if self.header is None or link != self.link:
            return False
        if rows.shape[1] != HEADER_BYTES + self._symbol_bytes:
            return False
        heads, at = heads_of(rows), self._count * ASSOCIATED_BYTES
        if heads != self._heads[at : at + len(heads)]:
            return False
        self._append(rows)
        return True

    @property
    def missing(self) -> int:
        """How many symbols of the block can still come, repair symbols too."""
        return self.header.k + self.header.r - self._count if self.header is not None else 0

    @property
    def whole(self) -> bool:
        """Whether all source symbols are there."""
        return self.header is not None and self._count >= self.header.k

    @property
    def rows(self) -> Bytes2:
        """All that is staged, (n, 32 + S)."""
        size = HEADER_BYTES + self._symbol_bytes
        return self._memory[: self._count * size].reshape(self._count, size)

    def clear(self) -> None:
        """Nothing is staged any more; `rows` stays as it is until the next `begin`."""
        self.header = None

    def _append(self, rows: Bytes2) -> None:
        size = rows.shape[1]
        at = self._count * size
        if _address(rows) != self._address + at:
            self._memory[at : at + rows.size] = rows.reshape(-1)
        self._count += len(rows)


def _address(array: NDArray[np.uint8]) -> int:
    """Where its first byte is."""
    address: int = array.__array_interface__["data"][0]
    return address
