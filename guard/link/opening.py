"""Opening a block: from its symbols to its plaintext.

Takes the symbols in hand, rebuilds the lost ones, opens the seal; without datagram tags it also
searches for the one symbol that is wrong. Pure. A plaintext is valid until three more blocks
have been opened and kept (`keep`). Follows docs/spec/link.md §5 (5), §6.
"""

import numpy as np
from numpy.typing import NDArray

from guard.link.fec import Codec
from guard.link.keys import SessionSeal
from guard.link.params import SEAL_TAG_BYTES, LinkParams
from guard.link.wire import FLAG_TAGGED, Header, associated_data
from schemas.errors import Forged

PLAINS = 4
TRIES_MAX = 512  # a block: enough to leave out each of 255 symbols twice


class BlockOpener:
    """Opens the blocks of one session."""

    tries_max = TRIES_MAX

    def __init__(self, params: LinkParams, session: int, seal: SessionSeal) -> None:
        self._session = session
        self._flags = FLAG_TAGGED if params.tag else 0
        self._seal = seal
        size = params.k_max * params.symbol_bytes_max
        self._sealed = np.empty(size, dtype=np.uint8)
        self._sealed_view = self._sealed.data
        self._plains = [memoryview(bytearray(size)) for _ in range(PLAINS)]
        self._plain = 0
        self._kept = False
        self._scratch = np.empty((0, 0), dtype=np.uint8)

    def keep(self) -> None:
        """The plaintext opened last is still needed: the next one goes elsewhere."""
        self._kept = True

    def header(self, number: int, k: int, r: int, symbol_bytes: int) -> Header:
        """The header of a block's first symbol."""
        return Header(self._flags, self._session, number, k, r, 0, symbol_bytes)

    def open(self, header: Header, symbols: NDArray[np.uint8]) -> memoryview | None:
        """The plaintext that k source symbols hold, (k, S) bytes; None if it does not verify."""
        size = header.k * header.symbol_bytes
        if symbols.flags.c_contiguous:
            sealed = symbols.reshape(-1).data
        else:
            self._sealed[:size].reshape(header.k, header.symbol_bytes)[:] = symbols
            sealed = self._sealed_view[:size]
        if self._kept:
            self._kept, self._plain = False, (self._plain + 1) % PLAINS
        plain = self._plains[self._plain][: size - SEAL_TAG_BYTES]
        try:
            self._seal.open_block(header.number, sealed, associated_data(header), plain)
        except Forged:
            return None
        return plain

    def rebuild(
        self, header: Header, symbols: NDArray[np.uint8], held: NDArray[np.int64], codec: Codec
    ) -> tuple[memoryview | None, bool]:
        """(plaintext or None, whether lost symbols were rebuilt), from the first k in hand.

        symbols: (k + r, S); those lost are written in place. held: the indices in hand.
        """
        k = header.k
        sources = int(np.searchsorted(held, k))
        if sources < k:
            lost = np.setdiff1d(np.arange(k), held[:sources], assume_unique=True).tolist()
            codec.rebuild(k, symbols, lost, held[sources : sources + len(lost)].tolist())
        return self.open(header, symbols[:k]), sources < k

    def search(
        self,
        header: Header,
        symbols: NDArray[np.uint8],
        held: NDArray[np.int64],
        codec: Codec,
        tried: int,
    ) -> tuple[memoryview | None, bool, int]:
        """The same where a symbol in hand may be wrong: with all, then leaving out each in turn.

        Also gives how many tries it took; `tried` were made before.
        """
        if self._scratch.shape != symbols.shape:
            self._scratch = np.empty(symbols.shape, dtype=np.uint8)
        scratch, tries = self._scratch, 0
        choices = [held] if not tried else []
        if len(held) > header.k:
            choices += [np.delete(held, at) for at in range(len(held))]
        for choice in choices[: TRIES_MAX - tried]:
            scratch[:] = symbols
            tries += 1
            plaintext, rebuilt = self.rebuild(header, scratch, choice, codec)
            if plaintext is not None:
                return plaintext, rebuilt, tries
        return None, False, tries
