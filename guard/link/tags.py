"""Datagram tags: PMAC over a whole burst in one AES call.

Takes (n, size) bytes of datagrams of one size, gives their (n, 8) tags, whatever their tag
field holds. Pure, and no loop a datagram: a burst is masked, encrypted and folded as arrays.
Follows docs/spec/link.md §5.
"""

from collections.abc import Callable

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import ECB
from numpy.typing import NDArray

from guard.link.params import ALIGN_BYTES
from guard.link.wire import TAG_BYTES, TAG_OFFSET, Bytes2

_TAG_WORD = TAG_OFFSET // 8
_PIECE = np.complex128  # any type of 16 bytes: it is only copied
_CHUNK_BYTES = 290_000  # a block: more rows make the folding faster, until the cache is too small
_PLANS_MAX = 32


class _Plan:
    """Views of the scratch arrays for bursts of one shape, made once."""

    def __init__(
        self, rows: int, size: int, mask: NDArray[np.uint64], mixed: NDArray[np.uint64],
        turned: NDArray[np.complex128],
    ) -> None:  # fmt: skip
        words = size // 8
        self.mask = np.tile(mask[:words], (rows, 1))
        self.masked = mixed[: rows * words].reshape(rows, words)
        self.own = self.masked[:, _TAG_WORD]
        self.masked_bytes = mixed[: rows * words].data.cast("B")
        self.mixed = mixed[: rows * words].view(_PIECE).reshape(rows, words // 2).T
        self.turned = turned[: rows * words // 2].reshape(words // 2, rows)
        self.turned_words = self.turned.view(np.uint64)
        self.summed = np.empty(2 * rows, dtype=np.uint64)
        self.summed_bytes = self.summed.data.cast("B")
        self.closed = np.empty(2 * rows + 2, dtype=np.uint64)
        self.closed_bytes = self.closed.data.cast("B")
        self.tags = self.closed[: 2 * rows : 2]


class DatagramTags:
    """The tags of one link. Not for use by two threads: its scratch arrays are its own."""

    def __init__(self, key: bytes, datagram_bytes_max: int) -> None:
        # ECB is the bare block cipher here, as PMAC needs it: no data is encrypted with it.
        self._sum = Cipher(algorithms.AES(key[:16]), ECB()).encryptor()  # noqa: S305 (see above)
        self._last = Cipher(algorithms.AES(key[16:32]), ECB()).encryptor()  # noqa: S305 (same)
        offsets = Cipher(algorithms.AES(key[32:48]), ECB()).encryptor()  # noqa: S305 (same)
        pieces = datagram_bytes_max // ALIGN_BYTES
        counters = np.zeros((pieces, 2), dtype=">u8")
        counters[:, 1] = np.arange(pieces)
        self._mask = np.frombuffer(offsets.update(counters.tobytes()), dtype=np.uint64)
        size = max(_CHUNK_BYTES, datagram_bytes_max)
        self._mixed = np.empty(size // 8 + 2, dtype=np.uint64)
        self._mixed_bytes = self._mixed.data.cast("B")
        self._turned = np.empty(size // ALIGN_BYTES, dtype=_PIECE)
        self._plans: dict[tuple[int, int], _Plan] = {}

    def tags(self, rows: Bytes2) -> NDArray[np.uint64]:
        """The tags, one word (of 8 bytes, in memory order) a row; valid until the next call."""
        count, size = rows.shape
        each = max(1, _CHUNK_BYTES // size)
        if count <= each:
            return self._chunk(rows)
        return np.concatenate(
            [self._chunk(rows[start : start + each]).copy() for start in range(0, count, each)]
        )

    def write(self, rows: Bytes2) -> None:
        """Put each row's tag in its place."""
        rows.view(np.uint64)[:, _TAG_WORD] = self.tags(rows)

    def writer(self, rows: Bytes2) -> Callable[[], None]:
        """A call that puts the tags of these very rows in their place, for a sender's frames."""
        count, size = rows.shape
        each = max(1, _CHUNK_BYTES // size)
        words = rows.view(np.uint64)
        chunks = [
            (words[at : at + each], words[at : at + each, _TAG_WORD], self._plan(
                min(each, count - at), size, keep=False))
            for at in range(0, count, each)
        ]  # fmt: skip

        def write() -> None:
            for part, places, plan in chunks:
                places[:] = self._sums(part, plan)

        return write

    def matches(self, rows: Bytes2) -> NDArray[np.bool_]:
        """Which rows carry their tag. The caller counts and drops the others."""
        held: NDArray[np.uint64] = rows.view(np.uint64)[:, _TAG_WORD]
        same: NDArray[np.bool_] = held == self.tags(rows)
        return same

    def _chunk(self, rows: Bytes2) -> NDArray[np.uint64]:
        return self._sums(rows.view(np.uint64), self._plan(*rows.shape))

    def _sums(self, words: NDArray[np.uint64], plan: _Plan) -> NDArray[np.uint64]:
        np.bitwise_xor(words, plan.mask, out=plan.masked)
        plan.own[:] = self._mask[_TAG_WORD]  # the tag's own bytes count as zero
        self._sum.update_into(plan.masked_bytes, self._mixed_bytes)  # in place
        # XOR is fast down columns: turn the 16-byte pieces so that a datagram is a column.
        np.copyto(plan.turned, plan.mixed)
        np.bitwise_xor.reduce(plan.turned_words, axis=0, out=plan.summed)
        self._last.update_into(plan.summed_bytes, plan.closed_bytes)
        return plan.tags

    def _plan(self, rows: int, size: int, *, keep: bool = True) -> _Plan:
        plan = self._plans.get((rows, size))
        if plan is None:
            plan = _Plan(rows, size, self._mask, self._mixed, self._turned)
            if keep:
                if len(self._plans) >= _PLANS_MAX:
                    self._plans.clear()
                self._plans[rows, size] = plan
        return plan


assert TAG_BYTES == 8
