"""The receiver's blocks of one session: symbols in, opened plaintexts out.

Takes authentic datagrams as arrays, gives the plaintext of each block that they complete. Pure; all
memory is taken at the start, and no loop a datagram. Blocks are kept in a ring by number; symbols
of open blocks in slots, the last one freed used first so that it is still in the cache.
Follows docs/spec/link.md §3 (3), §5 (6), §6, §10 (3) and §11.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from guard.link.fec import Codec
from guard.link.opening import BlockOpener
from guard.link.params import HEADER_BYTES, NUMBER_MAX, LinkParams
from guard.link.wire import Bytes2, Header
from schemas.reasons import Reason

COPIES = "copies"
_EMPTY, _OPEN, _DONE, _GIVEN_UP = 0, 1, 2, 3


class BlockWindow:
    """The window of one session. `counters` is the receiver's.

    `link` is which of several links a datagram came by, from 0: a symbol that comes again by
    another link is a copy, by the same one a replay.
    """

    def __init__(
        self, params: LinkParams, opener: BlockOpener, codec: Codec, counters: Counter[str]
    ) -> None:
        self._opener = opener
        self._codec = codec
        self._counters = counters
        self._retries = not params.tag
        self._width = params.window_blocks
        self._ahead = max(self._width // 2, 2 * params.interleave_blocks)
        self._proven = -1  # the sender has come so far: every lower block was begun; -1: not known
        self._number = np.full(self._width, -1, dtype=np.int64)
        self._status = np.zeros(self._width, dtype=np.uint8)
        self._shape = np.zeros(self._width, dtype=np.int64)  # k, r, S packed; 0: not known
        self._count = np.zeros(self._width, dtype=np.int64)
        self._slot = np.full(self._width, -1, dtype=np.int64)
        self._seen = np.zeros((self._width, 256), dtype=np.uint8)  # a bit a link
        self._tries: dict[int, int] = {}  # place -> how often it did not open
        self._slots = slots = min(self._width, params.window_bytes_max // params.slot_bytes)
        store = (slots, params.rows_max, params.symbol_bytes_max)
        self._store = np.empty(store, dtype=np.uint8)
        self._free = list(range(slots))
        self._newest = -1

    def take_whole(self, header: Header, rows: Bytes2, link: int) -> memoryview | None:
        """A new block from its first symbol on, all source symbols at least, in order: its
        plaintext, or None if it is not that.

        Only headers have been looked at (they are a run): that the block opens proves every
        source symbol, and the repair symbols are not used. So this is the
        one way in for datagrams whose tags nobody looked at, and it changes nothing unless the
        block opens. link §5 (6)
        """
        k, number = header.k, header.number
        if not self.is_new(number):
            return None
        place = number % self._width
        plaintext = self._opener.open(header, rows[:k, HEADER_BYTES:])
        if plaintext is None:
            return None
        self._enter(number)
        self._shape[place] = _pack_one(header)
        self._seen[place, : len(rows)] = 1 << link
        self._status[place] = _DONE
        if self._slot[place] >= 0:
            self._release(place)
        self._proven = max(self._proven, number + 1)
        self._counters["symbols_taken"] += k
        self._counters["symbols_spare"] += len(rows) - k
        self._counters["blocks_done"] += 1
        return plaintext

    def is_new(self, number: int) -> bool:
        """Whether nothing of this block has come yet, and it is not too old."""
        place = number % self._width
        if self._number[place] == number:
            return bool(self._status[place] == _OPEN and not self._count[place])
        return number > self._newest

    def take_run(self, header: Header, rows: Bytes2, link: int) -> Iterator[memoryview]:
        """Consecutive symbols of one block from `header.esi` on; (n, 32 + S) bytes."""
        if header.number >= self._reach:
            self._counters[Reason.DATAGRAM_MALFORMED] += len(rows)
            return
        place = self._enter(header.number)
        if place is None:
            self._counters[Reason.DATAGRAM_REPLAYED] += len(rows)
            return
        first, end = header.esi, header.esi + len(rows)
        if not self._fits(place, header, len(rows)):
            return
        seen = self._seen[place, first:end]
        indices: NDArray[np.int64] | slice = slice(first, end)
        fresh = seen == 0
        if not fresh.all():
            self._count_again(seen[~fresh], link)
            rows = rows[fresh]
            indices = np.arange(first, end)[fresh]
        seen |= np.uint8(1 << link)
        if self._status[place] != _OPEN:
            self._counters["symbols_spare"] += len(rows)
            return
        self._counters["symbols_taken"] += len(rows)
        store = self._store[self._slot_of(place)]
        store[indices, : header.symbol_bytes] = rows[:, HEADER_BYTES:]
        self._count[place] += len(rows)
        if self._count[place] >= header.k:
            yield from self._finish(place)

    def take_batch(self, heads: np.ndarray, rows: Bytes2, link: int) -> Iterator[memoryview]:
        """Any symbols of one size, of any blocks; heads as `wire.HEADER_TYPE`."""
        numbers = heads["number"].astype(np.int64)
        if len(rows) > 1 and self._holds_more_than_fits(numbers):
            middle = len(rows) // 2
            yield from self.take_batch(heads[:middle], rows[:middle], link)
            yield from self.take_batch(heads[middle:], rows[middle:], link)
            return
        near = numbers < self._reach
        if not near.all():
            self._counters[Reason.DATAGRAM_MALFORMED] += int(np.count_nonzero(~near))
            heads, rows, numbers = heads[near], rows[near], numbers[near]
        for number in np.unique(numbers[numbers > self._newest]).tolist():
            self._enter(number)
        places = numbers % self._width
        shapes = _pack(heads["k"], heads["r"], heads["symbol_bytes"])
        indices = heads["index"].astype(np.int64)
        bit = np.uint8(1 << link)

        kept = np.flatnonzero(self._number[places] == numbers)
        self._counters[Reason.DATAGRAM_REPLAYED] += len(rows) - len(kept)
        new = kept[self._shape[places[kept]] == 0][::-1]
        self._shape[places[new]] = shapes[new]  # backwards: the first one stands
        fitting = kept[self._shape[places[kept]] == shapes[kept]]
        self._counters[Reason.DATAGRAM_MALFORMED] += len(kept) - len(fitting)
        _, once = np.unique(places[fitting] * 256 + indices[fitting], return_index=True)
        self._counters[Reason.DATAGRAM_REPLAYED] += len(fitting) - len(once)
        unique = fitting[once]
        seen = self._seen[places[unique], indices[unique]]
        self._count_again(seen[seen != 0], link)
        fresh = unique[seen == 0]
        self._seen[places[unique], indices[unique]] |= bit
        wanted = fresh[self._status[places[fresh]] == _OPEN]
        self._counters["symbols_taken"] += len(wanted)
        self._counters["symbols_spare"] += len(fresh) - len(wanted)
        yield from self._store_batch(places[wanted], indices[wanted], rows[wanted])

    def _holds_more_than_fits(self, numbers: NDArray[np.int64]) -> bool:
        """Whether the newest block of a buffer would push others of it out of the window, or is
        within reach only when those before it are open: then they are taken one after another."""
        top = int(numbers.max())
        if top <= self._newest:
            return False
        pushed = (numbers <= top - self._width) & (numbers > self._newest - self._width)
        return bool(pushed.any()) or self._reach <= top < self._reach + len(numbers)

    def _count_again(self, seen: NDArray[np.uint8], link: int) -> None:
        same = int(np.count_nonzero(seen & (1 << link)))
        self._counters[Reason.DATAGRAM_REPLAYED] += same
        self._counters[COPIES] += len(seen) - same

    def _store_batch(
        self, places: NDArray[np.int64], indices: NDArray[np.int64], rows: Bytes2
    ) -> Iterator[memoryview]:
        if not len(places):
            return
        touched, counts = np.unique(places, return_counts=True)
        wanting = touched[self._slot[touched] < 0]
        if len(wanting) > self._slots:  # those of the highest numbers when the others are open
            order = np.argsort(self._number[wanting])
            later = np.isin(places, wanting[order[self._slots :]])
            yield from self._store_batch(places[~later], indices[~later], rows[~later])
            yield from self._store_batch(places[later], indices[later], rows[later])
            return
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

    @property
    def _reach(self) -> int:
        """The first number too far ahead: an untagged one could be anybody's. link §5 (5)"""
        if self._retries and self._proven >= 0:
            return self._proven + self._ahead
        return NUMBER_MAX + 1

    def prove(self, number: int) -> None:
        """A heartbeat says that the sender has come so far. A window that stands beyond it by all
        its width was led there by a forgery: it comes back. link §5 (5)"""
        self._proven = max(self._proven, number)
        if self._newest >= self._proven + self._width:
            for place in range(self._width):
                self._give_up(place)
            self._number[:] = -1
            self._newest = self._proven - 1

    @property
    def between_blocks(self) -> bool:
        """Whether no block is in hand in part: what is forgotten now has cost nothing."""
        return not bool(((self._status == _OPEN) & (self._count > 0)).any())

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
        first = max(self._newest + 1, number - self._width + 1)
        for new in range(first, number + 1):
            place = new % self._width
            if self._status[place] == _OPEN:
                self._give_up(place)
            self._number[place] = new
            self._status[place] = _OPEN
            self._shape[place] = 0
            self._count[place] = 0
            self._seen[place] = 0
        self._newest = number
        return place

    def _fits(self, place: int, header: Header, datagrams: int) -> bool:
        shape = _pack_one(header)
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
            if self._tries.pop(place, 0):
                self._counters[Reason.BLOCK_TAG] += 1
            self._release(place)

    def _finish(self, place: int) -> Iterator[memoryview]:
        """Open a block that has k symbols or more."""
        k, r, symbol_bytes = _unpack(int(self._shape[place]))
        header = self._opener.header(int(self._number[place]), k, r, symbol_bytes)
        symbols = self._store[self._slot[place], : k + r, :symbol_bytes]
        held = np.flatnonzero(self._seen[place, : k + r])
        tries = self._tries.get(place, 0)
        if not self._retries:
            plaintext, rebuilt = self._opener.rebuild(header, symbols, held, self._codec)
        else:
            plaintext, rebuilt, tried = self._opener.search(
                header, symbols, held, self._codec, tries
            )
            tries += tried
            if plaintext is None and tries < self._opener.tries_max:
                self._tries[place] = tries  # one more symbol may tell which one is wrong
                return
        self._tries.pop(place, None)
        self._status[place] = _DONE if plaintext is not None else _GIVEN_UP
        self._counters["blocks_rebuilt"] += rebuilt
        self._counters[Reason.BLOCK_TAG if plaintext is None else "blocks_done"] += 1
        if plaintext is not None:
            self._proven = max(self._proven, header.number + 1)
            yield plaintext
        self._release(place)


def _pack_one(header: Header) -> int:
    return header.k << 32 | header.r << 16 | header.symbol_bytes


def _unpack(shape: int) -> tuple[int, int, int]:
    return shape >> 32, shape >> 16 & 0xFFFF, shape & 0xFFFF


def _pack(k: np.ndarray, r: np.ndarray, symbol_bytes: np.ndarray) -> NDArray[np.int64]:
    wide = k.astype(np.int64) << 32
    wide |= r.astype(np.int64) << 16
    wide |= symbol_bytes
    return wide
