"""The receiver's blocks of one session: symbols in, opened plaintexts out.

Takes authentic datagrams as arrays, gives the plaintext of each block that they complete. Pure; all
memory is taken at the start, and no loop a datagram. Blocks are kept in a ring by number; symbols
of open blocks in slots, the last one freed used first so that it is still in the cache.
Follows docs/spec/link.md §3 (3), §6, §10 (3) and §11.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from guard.link.fec import Codec
from guard.link.keys import SessionSeal
from guard.link.params import HEADER_BYTES, SEAL_TAG_BYTES, LinkParams
from guard.link.wire import FLAG_TAGGED, Bytes2, Header, associated_data
from schemas.errors import Forged
from schemas.reasons import Reason

_EMPTY, _OPEN, _DONE, _GIVEN_UP = 0, 1, 2, 3


class BlockWindow:
    """The window of one session. `counters` is the receiver's."""

    def __init__(
        self,
        params: LinkParams,
        session: int,
        seal: SessionSeal,
        codec: Codec,
        counters: Counter[str],
    ) -> None:
        self._session = session
        self._flags = FLAG_TAGGED if params.tag else 0
        self._seal = seal
        self._codec = codec
        self._counters = counters
        self._width = params.window_blocks
        self._number = np.full(self._width, -1, dtype=np.int64)
        self._status = np.zeros(self._width, dtype=np.uint8)
        self._shape = np.zeros(self._width, dtype=np.int64)  # k, r, S packed; 0: not known
        self._count = np.zeros(self._width, dtype=np.int64)
        self._slot = np.full(self._width, -1, dtype=np.int64)
        self._seen = np.zeros((self._width, 256), dtype=np.bool_)
        self._rows = params.k_max + params.r_max
        self._symbol_bytes = params.symbol_bytes_max
        slots = min(self._width, params.window_bytes_max // params.slot_bytes)
        self._store = np.empty((slots, self._rows, self._symbol_bytes), dtype=np.uint8)
        self._free = list(range(slots))
        self._plain = memoryview(bytearray(params.k_max * self._symbol_bytes))
        self._newest = -1

    def take_run(self, header: Header, rows: Bytes2) -> Iterator[memoryview]:
        """Consecutive symbols of one block from `header.index` on; (n, 32 + S) bytes."""
        place = self._enter(header.number)
        if place is None:
            self._counters[Reason.DATAGRAM_REPLAYED] += len(rows)
            return
        first, end = header.index, header.index + len(rows)
        seen = self._seen[place, first:end]
        if not self._fits(place, header.k, header.r, header.symbol_bytes, len(rows)):
            return
        again = int(np.count_nonzero(seen))
        if again:
            self._counters[Reason.DATAGRAM_REPLAYED] += again
            rows = rows[~seen]
        fresh = ~seen
        indices = np.arange(first, end)[fresh] if again else None
        seen[:] = True
        if self._status[place] != _OPEN:
            self._counters["symbols_spare"] += len(rows)
            return
        if header.k == 1 and first == 0 and not again:  # the symbol is the sealed block
            self._status[place] = _DONE
            self._counters["symbols_spare"] += len(rows) - 1
            yield from self._open(place, header.number, rows[0, HEADER_BYTES:])
            return
        store = self._store[self._slot_of(place)]
        target: slice | NDArray[np.int64] = slice(first, end) if indices is None else indices
        store[target, : header.symbol_bytes] = rows[:, HEADER_BYTES:]
        self._count[place] += len(rows)
        if self._count[place] >= header.k:
            yield from self._finish(place)

    def take_batch(self, heads: np.ndarray, rows: Bytes2) -> Iterator[memoryview]:
        """Any symbols of one size, of any blocks; heads as `wire.HEADER_TYPE`."""
        numbers = heads["number"].astype(np.int64)
        for number in np.unique(numbers[numbers > self._newest]).tolist():
            self._enter(number)
        places = numbers % self._width
        shapes = _pack(heads["k"], heads["r"], heads["symbol_bytes"])
        indices = heads["index"].astype(np.int64)

        kept = np.flatnonzero(self._number[places] == numbers)
        self._counters[Reason.DATAGRAM_REPLAYED] += len(rows) - len(kept)
        new = kept[self._shape[places[kept]] == 0][::-1]
        self._shape[places[new]] = shapes[new]  # backwards: the first one stands
        fitting = kept[self._shape[places[kept]] == shapes[kept]]
        self._counters[Reason.DATAGRAM_MALFORMED] += len(kept) - len(fitting)
        _, once = np.unique(places[fitting] * 256 + indices[fitting], return_index=True)
        fresh = fitting[once]
        fresh = fresh[~self._seen[places[fresh], indices[fresh]]]
        self._counters[Reason.DATAGRAM_REPLAYED] += len(fitting) - len(fresh)
        self._seen[places[fresh], indices[fresh]] = True
        wanted = fresh[self._status[places[fresh]] == _OPEN]
        self._counters["symbols_spare"] += len(fresh) - len(wanted)
        yield from self._store_batch(places[wanted], indices[wanted], rows[wanted])

    def _store_batch(
        self, places: NDArray[np.int64], indices: NDArray[np.int64], rows: Bytes2
    ) -> Iterator[memoryview]:
        if not len(places):
            return
        touched, counts = np.unique(places, return_counts=True)
        for place in touched[self._slot[touched] < 0].tolist():
            self._slot_of(place)
        held = self._slot[places] >= 0  # a slot may have been taken from an older block
        places, indices, rows = places[held], indices[held], rows[held]
        symbol_bytes = rows.shape[1] - HEADER_BYTES
        self._store[self._slot[places], indices, :symbol_bytes] = rows[:, HEADER_BYTES:]
        self._count[touched] += counts
        needed = self._shape[touched] >> 32
        ready = (self._count[touched] >= needed) & (self._status[touched] == _OPEN)
        for place in touched[ready].tolist():
            yield from self._finish(place)

    def all_done_below(self, number: int) -> bool:
        """Whether no block below this number can still be completed."""
        if number > self._newest + 1:
            return False
        waiting = (self._status == _OPEN) & (self._number < number)
        return not waiting.any()

    def give_up_below(self, number: int) -> None:
        """Give up the open blocks below this number, and never take them up again."""
        if number > 0:
            self._enter(number - 1)
        for place in np.flatnonzero((self._status == _OPEN) & (self._number < number)).tolist():
            self._give_up(place)

    def _enter(self, number: int) -> int | None:
        """The ring's place of this block; None if it is below the window."""
        place = number % self._width
        if self._number[place] == number:
            return place
        if number <= self._newest:
            return None
        for new in range(max(self._newest + 1, number - self._width + 1), number + 1):
            place = new % self._width
            self._give_up(place)
            self._number[place] = new
            self._status[place] = _OPEN
            self._shape[place] = self._count[place] = 0
            self._seen[place] = False
        self._newest = number
        return place

    def _fits(self, place: int, k: int, r: int, symbol_bytes: int, datagrams: int) -> bool:
        shape = k << 32 | r << 16 | symbol_bytes
        if self._shape[place] == 0:
            self._shape[place] = shape
        elif self._shape[place] != shape:
            self._counters[Reason.DATAGRAM_MALFORMED] += datagrams
            return False
        return True

    def _slot_of(self, place: int) -> int:
        slot = int(self._slot[place])
        if slot < 0:
            if not self._free:
                with_slot = np.flatnonzero(self._slot >= 0)
                self._give_up(int(with_slot[np.argmin(self._number[with_slot])]))
            slot = self._free.pop()
            self._slot[place] = slot
        return slot

    def _release(self, place: int) -> None:
        slot = int(self._slot[place])
        if slot >= 0:
            self._free.append(slot)
            self._slot[place] = -1

    def _give_up(self, place: int) -> None:
        if self._status[place] == _OPEN:
            self._status[place] = _GIVEN_UP
            self._counters["blocks_given_up"] += 1
            self._release(place)

    def _finish(self, place: int) -> Iterator[memoryview]:
        shape = int(self._shape[place])
        k, symbol_bytes = shape >> 32, shape & 0xFFFF
        symbols = self._store[self._slot[place], :, :symbol_bytes]
        seen = self._seen[place]
        lost = np.flatnonzero(~seen[:k]).tolist()
        if lost:
            repairs = (np.flatnonzero(seen[k:])[: len(lost)] + k).tolist()
            self._codec.rebuild(k, symbols, lost, repairs)
            self._counters["blocks_rebuilt"] += 1
        self._status[place] = _DONE
        yield from self._open(place, int(self._number[place]), symbols[:k])
        self._release(place)

    def _open(
        self, place: int, number: int, sealed_symbols: NDArray[np.uint8]
    ) -> Iterator[memoryview]:
        shape = int(self._shape[place])
        k, r, symbol_bytes = shape >> 32, shape >> 16 & 0xFFFF, shape & 0xFFFF
        associated = associated_data(
            Header(self._flags, self._session, number, k, r, 0, symbol_bytes)
        )
        sealed = np.ascontiguousarray(sealed_symbols).reshape(-1).data
        plain = self._plain[: len(sealed) - SEAL_TAG_BYTES]
        try:
            self._seal.open_block(number, sealed, associated, plain)
        except Forged:
            self._status[place] = _GIVEN_UP
            self._counters[Reason.BLOCK_TAG] += 1
            return
        self._counters["blocks_done"] += 1
        yield plain


def _pack(k: np.ndarray, r: np.ndarray, symbol_bytes: np.ndarray) -> NDArray[np.int64]:
    wide = k.astype(np.int64) << 32
    wide |= r.astype(np.int64) << 16
    wide |= symbol_bytes
    return wide
