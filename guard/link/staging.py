"""Staging: the beginning of a block that comes in several buffers, not looked at yet.

Takes runs of consecutive symbols of one new block, from its first symbol on, and gives them back
together: to be opened once all source symbols are there, which proves them, or to have their tags
looked at after all. Pure; memory for one block. Follows docs/spec/link.md §5 (6).
"""

import numpy as np

from guard.link.params import HEADER_BYTES, LinkParams
from guard.link.wire import Bytes2, Header


class Staging:
    """At most one block. `header` is that of its first symbol, None if nothing is staged."""

    def __init__(self, params: LinkParams) -> None:
        self._memory = np.empty(params.rows_max * params.datagram_bytes_max, dtype=np.uint8)
        self._count = self._symbol_bytes = 0
        self.header: Header | None = None
        self.link = 0

    def begin(self, header: Header, rows: Bytes2, link: int) -> None:
        """Stage the first run of a block."""
        self.header, self.link, self._count = header, link, 0
        self._symbol_bytes = header.symbol_bytes
        self._append(rows)

    def goes_on(self, header: Header, rows: Bytes2, link: int) -> bool:
        """Stage a run if it is the next of the same block; says whether it was."""
        first = self.header
        if first is None or link != self.link or header != first._replace(esi=self._count):
            return False
        self._append(rows)
        return True

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
        self._memory[at : at + rows.size] = rows.reshape(-1)
        self._count += len(rows)
