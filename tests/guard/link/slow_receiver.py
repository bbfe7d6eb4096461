"""A second receiver, written from docs/spec/link.md alone: slow, and none of the link's code.

It takes all datagrams of one session at once, in any order, and gives what they hold. Bytes and
integers only; AES itself is the library's.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def hkdf(link_key: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-256."""
    secret = hmac.new(b"checkvalve link 1", link_key, hashlib.sha256).digest()
    out, last, counter = b"", b"", 1
    while len(out) < size:
        last = hmac.new(secret, last + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + last, counter + 1
    return out[:size]


def tag_key(link_key: bytes, flow: int) -> bytes:
    return hkdf(link_key, b"tag" + struct.pack(">I", flow), 48)


def session_key(link_key: bytes, flow: int, session: int) -> bytes:
    return hkdf(link_key, b"session" + struct.pack(">II", flow, session), 32)


def aes(key: bytes, piece: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(piece)


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def tag(key: bytes, datagram: bytes) -> bytes:
    """§5 (1)."""
    blank = datagram[:24] + bytes(8) + datagram[32:]
    total = bytes(16)
    for i in range(len(blank) // 16):
        offset = aes(key[32:48], i.to_bytes(16, "big"))
        total = xor(total, aes(key[:16], xor(blank[16 * i : 16 * i + 16], offset)))
    return aes(key[16:32], total)[:8]


def times(a: int, b: int) -> int:
    """The product in GF(2^8), bit by bit."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11D
        b >>= 1
    return product


def inverse(a: int) -> int:
    return next(b for b in range(1, 256) if times(a, b) == 1)


PRODUCTS = [bytes(times(a, b) for b in range(256)) for a in range(256)]
INVERSES = [0] + [inverse(a) for a in range(1, 256)]


def scaled(factor: int, symbol: bytes) -> bytes:
    return symbol.translate(PRODUCTS[factor])


def repair_symbol(sources: list[bytes], i: int) -> bytes:
    """§6 (4)."""
    total = bytes(len(sources[0]))
    for j, source in enumerate(sources):
        total = xor(total, scaled(INVERSES[i ^ j], source))
    return total


def solve(k: int, symbols: dict[int, bytes]) -> list[bytes]:
    """The k source symbols from any k symbols, by plain elimination on all k x k."""
    rows = []
    for i in sorted(symbols)[:k]:
        row = [int(i == j) for j in range(k)] if i < k else [INVERSES[i ^ j] for j in range(k)]
        rows.append((row, symbols[i]))
    for column in range(k):
        at = next(n for n in range(column, k) if rows[n][0][column])
        rows[column], rows[at] = rows[at], rows[column]
        factor = INVERSES[rows[column][0][column]]
        pivot = [times(factor, value) for value in rows[column][0]]
        symbol = scaled(factor, rows[column][1])
        rows[column] = (pivot, symbol)
        for n in range(k):
            factor = rows[n][0][column]
            if n != column and factor:
                row = [a ^ times(factor, b) for a, b in zip(rows[n][0], pivot, strict=True)]
                rows[n] = (row, xor(rows[n][1], scaled(factor, symbol)))
    return [symbol for _, symbol in rows]


def lz4_block(coded: bytes) -> bytes:
    """The LZ4 block format: literals and copies from what stands before."""
    plain = bytearray()
    at = 0

    def more(size: int) -> int:
        nonlocal at
        if size == 15:
            while True:
                at += 1
                size += coded[at - 1]
                if coded[at - 1] != 255:
                    break
        return size

    while at < len(coded):
        token = coded[at]
        at += 1
        literals = more(token >> 4)
        plain += coded[at : at + literals]
        at += literals
        if at < len(coded):
            back = int.from_bytes(coded[at : at + 2], "little")
            at += 2
            assert 0 < back <= len(plain)
            for _ in range(more(token & 15) + 4):
                plain.append(plain[-back])
    assert at == len(coded)
    return bytes(plain)


def expanded(coding: int, data: bytes, plain_size: int) -> bytes:
    """§7 (6); of the codings that need no library."""
    if coding == 0:
        return data
    assert coding == 1
    assert len(data) < plain_size
    plain = lz4_block(data)
    assert len(plain) == plain_size
    return plain


class Record(NamedTuple):
    """§7."""

    kind: int
    sequence: int
    precedence: int
    coding: int
    offset: int
    total: int
    plain_size: int
    data: bytes


def records(plaintext: bytes) -> list[Record]:
    """§7: the records of a block."""
    found = []
    at = 0
    while at < len(plaintext) and plaintext[at]:
        kind, precedence, coding, zero, size, sequence = struct.unpack_from(
            ">BBBBIQ", plaintext, at
        )
        assert kind in (1, 2, 3)
        assert not zero
        at += 16
        offset, total, plain_size = 0, size, size
        if kind != 1:
            offset, total = struct.unpack_from(">QQ", plaintext, at)
            at += 16
        if coding:
            (plain_size,) = struct.unpack_from(">I", plaintext, at)
            at += 4
        data = plaintext[at : at + size]
        assert len(data) == size
        found.append(Record(kind, sequence, precedence, coding, offset, total, plain_size, data))
        at += size
    assert not any(plaintext[at:])
    return found


class Landing:
    """Bytes that came in pieces, and which of them have come."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}
        self.total: int | None = None

    def put(self, offset: int, data: bytes) -> None:
        self.bytes.update(enumerate(data, offset))

    @property
    def missing(self) -> list[int]:
        """§10 (6): below the end, or below the furthest byte."""
        end = max(self.bytes, default=-1) + 1 if self.total is None else self.total
        return [n for n in range(end) if n not in self.bytes]

    @property
    def whole(self) -> bytes | None:
        if self.total is None or self.missing:
            return None
        return bytes(self.bytes[n] for n in range(self.total))


class SlowReceiver:
    """Everything that one session's datagrams hold."""

    def __init__(self, link_key: bytes, flow: int, session: int, tagged: bool = True) -> None:
        self._tag_key = tag_key(link_key, flow) if tagged else None
        self._cipher = AESGCM(session_key(link_key, flow, session))
        self._session = session
        self._blocks: dict[int, dict[int, bytes]] = {}
        self._shapes: dict[int, bytes] = {}
        self.heartbeats: dict[int, bytes] = {}

    def take(self, datagram: bytes) -> None:
        magic, version, flags, session, number, k, r, index, zero, size, zeros = struct.unpack(
            ">HBBIQBBBBHH", datagram[:24]
        )
        assert (magic, version, zero, zeros) == (0x4356, 1, 0, 0)
        assert len(datagram) == 32 + size
        assert size % 16 == 0
        assert session == self._session
        assert flags & 2 == (2 if self._tag_key else 0)
        assert not self._tag_key or datagram[24:32] == tag(self._tag_key, datagram)
        associated = datagram[:18] + b"\0" + datagram[19:24]
        if flags & 1:
            nonce = bytes([0, 0, 0, 1]) + struct.pack(">Q", number)
            self.heartbeats[number] = self._cipher.decrypt(nonce, datagram[32:], associated)
            return
        assert index < k + r <= 255
        assert self._shapes.setdefault(number, associated) == associated
        self._blocks.setdefault(number, {})[index] = datagram[32:]

    def _records(self) -> Iterator[Record]:
        """All records of all blocks of which k symbols came."""
        for number, symbols in sorted(self._blocks.items()):
            k = self._shapes[number][16]
            if len(symbols) >= k:
                nonce = bytes(4) + struct.pack(">Q", number)
                sealed = b"".join(solve(k, symbols))
                yield from records(self._cipher.decrypt(nonce, sealed, self._shapes[number]))

    def messages(self) -> dict[int, tuple[int, bytes]]:
        """Sequence -> (precedence, envelope), of all messages that the blocks hold wholly."""
        landings: dict[int, Landing] = {}
        about: dict[int, tuple[int, int, int]] = {}
        for record in self._records():
            if record.kind == 3:
                continue
            landing = landings.setdefault(record.sequence, Landing())
            landing.put(record.offset, record.data)
            landing.total = record.total
            plain_size = record.plain_size if record.coding else record.total
            like = (record.precedence, record.coding, plain_size)
            assert about.setdefault(record.sequence, like) == like
        whole = {}
        for sequence, (precedence, coding, plain_size) in about.items():
            data = landings[sequence].whole
            if data is not None:
                whole[sequence] = (precedence, expanded(coding, data, plain_size))
        return whole

    def streams(self) -> dict[int, Landing]:
        """§14: what there is of each stream."""
        landings: dict[int, Landing] = {}
        for record in self._records():
            if record.kind != 3:
                continue
            landing = landings.setdefault(record.sequence, Landing())
            landing.put(record.offset, expanded(record.coding, record.data, record.plain_size))
            if record.total or not record.plain_size:
                assert landing.total in (None, record.total)
                landing.total = record.total
        return landings
