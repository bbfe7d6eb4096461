"""The datagram header: its layout, its rules, and batches of headers as arrays.

Takes a batch of datagrams of one size, gives arrays of header fields and which rows keep the
rules. Pure. Follows docs/spec/link.md §3.
"""

from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from guard.link.params import HEADER_BYTES, NUMBER_MAX, SYMBOLS_MAX, LinkParams

MAGIC = 0x4356
VERSION = 1
FLAG_HEARTBEAT = 0x01
FLAG_TAGGED = 0x02
TAG_OFFSET = 24
TAG_BYTES = 8
INDEX_OFFSET = 18
NUMBER_OFFSET = 8
ASSOCIATED_BYTES = 24

HEADER = Struct(">HBBIQBBBBHH")

Bytes2 = NDArray[np.uint8]

HEADER_TYPE = np.dtype(
    [
        ("magic", ">u2"),
        ("version", "u1"),
        ("flags", "u1"),
        ("session", ">u4"),
        ("number", ">u8"),
        ("k", "u1"),
        ("r", "u1"),
        ("index", "u1"),
        ("zero", "u1"),
        ("symbol_bytes", ">u2"),
        ("zeros", ">u2"),
        ("tag", "V8"),
    ]
)
assert HEADER_TYPE.itemsize == HEADER_BYTES


class Header(NamedTuple):
    """One datagram's header fields, by the names of §3; `esi` is its index there (RFC 5052)."""

    flags: int
    session: int
    number: int
    k: int
    r: int
    esi: int
    symbol_bytes: int

    def write(self) -> bytes:
        """The 24 bytes before the tag."""
        return HEADER.pack(
            MAGIC, VERSION, self.flags, self.session, self.number,
            self.k, self.r, self.esi, 0, self.symbol_bytes, 0,
        )  # fmt: skip


def associated_data(header: Header) -> bytes:
    """What a block's seal covers beside its plaintext: the header with index 0. link §6 (2)"""
    return HEADER.pack(
        MAGIC, VERSION, header.flags, header.session, header.number,
        header.k, header.r, 0, 0, header.symbol_bytes, 0,
    )  # fmt: skip


class HeaderRules:
    """The rules of §3 under one link's parameters."""

    def __init__(self, params: LinkParams) -> None:
        self.flags_block = FLAG_TAGGED if params.tag else 0
        self.flags_heartbeat = self.flags_block | FLAG_HEARTBEAT
        self._k_max = params.k_max
        self._r_max = params.r_max
        self._datagram_bytes_max = params.datagram_bytes_max

    def size_fits(self, datagram_bytes: int) -> bool:
        """Whether any datagram may have this size."""
        return (
            HEADER_BYTES < datagram_bytes <= self._datagram_bytes_max
            and (datagram_bytes - HEADER_BYTES) % 16 == 0
        )

    def read(self, untrusted: memoryview, datagram_bytes: int) -> Header | None:
        """The header of a datagram of this (fitting) size, or None if it breaks a rule."""
        magic, version, flags, session, number, k, r, index, zero, symbol_bytes, zeros = (
            HEADER.unpack_from(untrusted)
        )
        if (
            magic != MAGIC
            or version != VERSION
            or zero | zeros
            or symbol_bytes != datagram_bytes - HEADER_BYTES
            or session == 0
            or number > NUMBER_MAX
        ):
            return None
        if flags == self.flags_block:
            if not (0 < k <= self._k_max and r <= self._r_max and index < k + r <= SYMBOLS_MAX):
                return None
        elif flags != self.flags_heartbeat or k != 1 or r or index:
            return None
        return Header(flags, session, number, k, r, index, symbol_bytes)

    def read_batch(self, untrusted_rows: Bytes2) -> tuple[np.ndarray, NDArray[np.bool_]]:
        """Headers as a structured array, and which of them keep the rules; (n, size) bytes in."""
        raw = np.ascontiguousarray(untrusted_rows[:, :HEADER_BYTES])
        heads = raw.view(HEADER_TYPE)[:, 0]
        k, r, index = heads["k"], heads["r"], heads["index"]
        total = k.astype(np.uint16) + r
        block = (
            (heads["flags"] == self.flags_block)
            & (k > 0)
            & (k <= self._k_max)
            & (r <= self._r_max)
            & (index < total)
            & (total <= SYMBOLS_MAX)
        )
        heartbeat = (heads["flags"] == self.flags_heartbeat) & (k == 1) & (r == 0) & (index == 0)
        kept = (
            (heads["magic"] == MAGIC)
            & (heads["version"] == VERSION)
            & ((heads["zero"] | heads["zeros"]) == 0)
            & (heads["symbol_bytes"] == untrusted_rows.shape[1] - HEADER_BYTES)
            & (heads["session"] > 0)
            & (heads["number"] <= NUMBER_MAX)
            & (block | heartbeat)
        )
        return heads, kept


_INDICES = bytes(range(256))


def run_of_heads(first: bytes, esi: int, count: int) -> bytearray:
    """What `heads_of` gives for so many consecutive symbols, `first` being the first one's."""
    heads = bytearray(first * count)
    heads[INDEX_OFFSET::ASSOCIATED_BYTES] = _INDICES[esi : esi + count]
    return heads


def heads_of(rows: Bytes2) -> bytes:
    """The headers but for the tags, back to back."""
    return rows.view(np.uint64)[:, : ASSOCIATED_BYTES // 8].tobytes()


def is_run(rows: Bytes2, header: Header) -> bool:
    """Whether the rows are consecutive symbols of one block, from this valid first header on.

    This is the common case (a sender's burst arrives as one buffer), told by one comparison of
    all headers with the first one and the indices that have to follow: four times as fast as
    comparing their fields as arrays.
    """
    count = len(rows)
    if count == 1:
        return True
    if header.esi + count > header.k + header.r:
        return False
    heads = heads_of(rows)
    return heads == run_of_heads(heads[:ASSOCIATED_BYTES], header.esi, count)
