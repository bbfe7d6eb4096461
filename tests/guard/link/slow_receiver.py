"""A second receiver, written from docs/spec/link.md alone: slow, and none of the link's code.

It takes all datagrams of one session at once, in any order, and gives what they hold. Bytes and
integers only; AES itself is the library's.
"""

import hashlib
import hmac
import struct

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


def records(plaintext: bytes) -> list[tuple[int, int, int, int, bytes]]:
    """§7: (sequence, precedence, offset, total, data)."""
    found = []
    at = 0
    while at < len(plaintext) and plaintext[at]:
        kind, precedence, zero, size, sequence = struct.unpack_from(">BBHIQ", plaintext, at)
        assert kind in (1, 2)
        assert not zero
        at += 16
        offset, total = 0, size
        if kind == 2:
            offset, total = struct.unpack_from(">QQ", plaintext, at)
            at += 16
        found.append((sequence, precedence, offset, total, plaintext[at : at + size]))
        at += size
    assert not any(plaintext[at:])
    return found


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
        assert datagram[24:32] == (tag(self._tag_key, datagram) if self._tag_key else bytes(8))
        associated = datagram[:18] + b"\0" + datagram[19:24]
        if flags & 1:
            nonce = bytes([0, 0, 0, 1]) + struct.pack(">Q", number)
            self.heartbeats[number] = self._cipher.decrypt(nonce, datagram[32:], associated)
            return
        assert index < k + r <= 255
        assert self._shapes.setdefault(number, associated) == associated
        self._blocks.setdefault(number, {})[index] = datagram[32:]

    def messages(self) -> dict[int, tuple[int, bytes]]:
        """Sequence -> (precedence, envelope), of all messages that the blocks hold wholly."""
        parts: dict[int, dict[int, bytes]] = {}
        about: dict[int, tuple[int, int]] = {}
        for number, symbols in sorted(self._blocks.items()):
            k = self._shapes[number][16]
            if len(symbols) < k:
                continue
            nonce = bytes(4) + struct.pack(">Q", number)
            sealed = b"".join(solve(k, symbols))
            plaintext = self._cipher.decrypt(nonce, sealed, self._shapes[number])
            for sequence, precedence, offset, total, data in records(plaintext):
                about[sequence] = (precedence, total)
                parts.setdefault(sequence, {})[offset] = data
        whole = {}
        for sequence, (precedence, total) in about.items():
            envelope = b"".join(data for _, data in sorted(parts[sequence].items()))
            if len(envelope) == total:
                whole[sequence] = (precedence, envelope)
        return whole
