"""Deterministic CBOR (RFC 8949 section 4.2.1): a small encoder and a strict, bounded decoder.

Takes and gives null, booleans, integers (-2^64 .. 2^64-1), byte strings, text strings, arrays
(`list`) and maps with text keys (`dict`). Floating-point numbers, tags, other simple values and
indefinite lengths are not written and not read: a decimal number crosses as its exact text.

One value has one encoding: shortest heads, definite lengths, keys sorted by their encoded bytes.
The decoder accepts that encoding alone; everything else raises `Malformed`. It does no I/O.
The destination side does not use this decoder but one of its own (`filters/twins/cbor_reader`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cbor2

from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

CborValue = None | bool | int | str | bytes | list["CborValue"] | dict[str, "CborValue"]
"""What a CBOR item is in Python here."""

INTEGER_LIMIT = 2**64


@dataclass(frozen=True, slots=True)
class CborLimits:
    """Bounds of one decoded document; each is the largest value still accepted."""

    bytes_max: int = 1 << 20
    depth_levels_max: int = 32
    items_max: int = 100_000
    string_bytes_max: int = 1 << 16


DEFAULT_LIMITS = CborLimits()


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes((major | argument,))
    if argument < 0x100:
        return bytes((major | 24, argument))
    if argument < 0x10000:
        return bytes((major | 25,)) + argument.to_bytes(2, "big")
    if argument < 0x100000000:
        return bytes((major | 26,)) + argument.to_bytes(4, "big")
    return bytes((major | 27,)) + argument.to_bytes(8, "big")


_TEXT_HEADS = tuple(_head(0x60, length) for length in range(256))


@lru_cache(maxsize=4096)
def _key(key: str) -> bytes:
    if type(key) is not str:
        raise Broken(Reason.CBOR_TYPE, f"no deterministic CBOR for a {type(key).__name__} as a key")
    raw = key.encode()
    return _head(0x60, len(raw)) + raw


def encode(value: CborValue) -> bytes:
    """The one deterministic encoding of `value`.

    Raises `Malformed` for text that UTF-8 cannot hold (lone surrogates) and `Broken` for a Python
    type or an integer that this subset of CBOR has no place for.
    """
    parts: list[bytes] = []
    try:
        _write(value, parts.append)
    except UnicodeEncodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "text holds a lone surrogate") from error
    return b"".join(parts)


def encode_numbered(fields: dict[int, int | str | bytes]) -> bytes:
    """The one deterministic encoding of a flat map with the keys 0, 1, 2, … as COSE has them.

    Raises as `encode` does. Its reader is the destination side's own (`guard.core.verification`).
    """
    parts = [_head(0xA0, len(fields))]
    for key in sorted(fields):
        parts += (_head(0x00, key), encode(fields[key]))
    return b"".join(parts)


def decode_recognised(untrusted: bytes, limits: CborLimits = DEFAULT_LIMITS) -> CborValue:
    """The value of CBOR that a recogniser stage of the same chain answers for.

    Six times as fast as `decode` and less strict: for stages that only look into a model whose
    bytes `decode` has held, or will hold, to the one encoding. Raises `Malformed` for what is no
    CBOR or larger than its bound. Library: cbor2.
    """
    if len(untrusted) > limits.bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the CBOR document is larger than its bound")
    try:
        value: CborValue = cbor2.loads(untrusted)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Malformed(Reason.SYNTAX, "the model is not CBOR") from error
    return value


def encode_again(value: CborValue) -> bytes:
    """`encode` for what `decode_recognised` gave: what has no place here is `Malformed`."""
    try:
        return encode(value)
    except Broken as error:
        raise Malformed(error.reason, error.sentence) from error


def _write(value: Any, put: Callable[[bytes], None]) -> None:
    kind = type(value)
    if kind is str:
        raw = value.encode()
        length = len(raw)
        put(_TEXT_HEADS[length] if length < 256 else _head(0x60, length))
        put(raw)
    elif kind is dict:
        put(_head(0xA0, len(value)))
        for key, item in sorted([(_key(name), item) for name, item in value.items()], key=_first):
            put(key)
            if type(item) is str:
                raw = item.encode()
                length = len(raw)
                put(_TEXT_HEADS[length] if length < 256 else _head(0x60, length))
                put(raw)
            else:
                _write(item, put)
    elif kind is list:
        put(_head(0x80, len(value)))
        for item in value:
            _write(item, put)
    else:
        put(_scalar(value))


def _first(pair: tuple[bytes, CborValue]) -> bytes:
    return pair[0]


def _scalar(value: CborValue) -> bytes:
    if value is None:
        return b"\xf6"
    if value is False:
        return b"\xf4"
    if value is True:
        return b"\xf5"
    if type(value) is int and -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        return _head(0x00, value) if value >= 0 else _head(0x20, -1 - value)
    if type(value) is bytes:
        return _head(0x40, len(value)) + value
    raise Broken(Reason.CBOR_TYPE, f"no deterministic CBOR for a {type(value).__name__}")


def decode(untrusted: bytes, limits: CborLimits = DEFAULT_LIMITS) -> CborValue:
    """The value that `untrusted` encodes; `Malformed` unless it is *the* encoding of one value."""
    if len(untrusted) > limits.bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the CBOR document is larger than its bound")
    reader = _Reader(untrusted, limits)
    try:
        value, end = reader.item(0, limits.depth_levels_max)
    except IndexError as error:
        raise Malformed(Reason.SYNTAX, "the CBOR document ends too early") from error
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "a text string is not UTF-8") from error
    if end != len(untrusted):
        raise Malformed(Reason.TRAILING_DATA, "bytes follow the CBOR document")
    return value


class _Reader:
    __slots__ = ("data", "items_left", "size", "string_bytes_max")

    def __init__(self, untrusted: bytes, limits: CborLimits) -> None:
        self.data = untrusted
        self.size = len(untrusted)
        self.items_left = limits.items_max
        self.string_bytes_max = limits.string_bytes_max

    def argument(self, at: int) -> tuple[int, int]:
        """The head's argument at `at` and where the next byte is."""
        low = self.data[at] & 0x1F
        if low < 24:
            return low, at + 1
        if low > 27:
            raise Malformed(Reason.CBOR_NOT_DETERMINISTIC, "an indefinite or reserved CBOR length")
        width = 1 << (low - 24)
        end = at + 1 + width
        if end > self.size:
            raise IndexError
        value = int.from_bytes(self.data[at + 1 : end], "big")
        if value < 24 or (width > 1 and value >> (width * 4) == 0):
            raise Malformed(Reason.CBOR_NOT_DETERMINISTIC, "a CBOR length is not the shortest")
        return value, end

    def item(self, at: int, depth_left: int) -> tuple[CborValue, int]:
        initial = self.data[at]
        major = initial >> 5
        if major == 3 or major == 2:
            raw, end = self.string(at)
            return (raw.decode() if major == 3 else raw), end
        if major == 4:
            return self.array(at, depth_left)
        if major == 5:
            return self.map(at, depth_left)
        if major < 2:
            number, end = self.argument(at)
            return (number if major == 0 else -1 - number), end
        if initial == 0xF6:
            return None, at + 1
        if initial == 0xF4 or initial == 0xF5:
            return initial == 0xF5, at + 1
        raise Malformed(Reason.CBOR_TYPE, "a CBOR type that the model does not use")

    def string(self, at: int) -> tuple[bytes, int]:
        length = self.data[at] & 0x1F
        start = at + 1
        if length >= 24:
            length, start = self.argument(at)
        if length > self.string_bytes_max:
            raise Malformed(Reason.TEXT_TOO_LONG, "a CBOR string is longer than its bound")
        end = start + length
        if end > self.size:
            raise IndexError
        return self.data[start:end], end

    def count(self, at: int, depth_left: int, each: int) -> tuple[int, int]:
        """The announced number of entries, charged against depth and items before any is read."""
        if depth_left <= 0:
            raise Malformed(Reason.TOO_DEEP, "the CBOR document nests deeper than its bound")
        count, start = self.argument(at)
        if count * each > self.size - start:
            raise IndexError
        self.items_left -= count * each
        if self.items_left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "the CBOR document has too many items")
        return count, start

    def array(self, at: int, depth_left: int) -> tuple[CborValue, int]:
        count, at = self.count(at, depth_left, 1)
        values: list[CborValue] = []
        data, longest, size = self.data, self.string_bytes_max, self.size
        for _ in range(count):
            initial = data[at]
            end = at + initial - 0x5F
            if 0x60 <= initial < 0x78 and end <= size and initial - 0x60 <= longest:
                values.append(data[at + 1 : end].decode())
                at = end
            else:
                value, at = self.item(at, depth_left - 1)
                values.append(value)
        return values, at

    def map(self, at: int, depth_left: int) -> tuple[CborValue, int]:
        count, at = self.count(at, depth_left, 2)
        values: dict[str, CborValue] = {}
        data, longest, size = self.data, self.string_bytes_max, self.size
        before = b""
        for _ in range(count):
            if data[at] >> 5 != 3:
                raise Malformed(Reason.CBOR_TYPE, "a CBOR map key is not a text string")
            raw, end = self.string(at)
            encoded = data[at:end]
            if encoded <= before:
                raise Malformed(Reason.CBOR_NOT_DETERMINISTIC, "CBOR map keys are not sorted")
            before = encoded
            key = raw.decode()
            at = end
            initial = data[at]
            end = at + initial - 0x5F
            if 0x60 <= initial < 0x78 and end <= size and initial - 0x60 <= longest:
                values[key] = data[at + 1 : end].decode()
                at = end
            else:
                values[key], at = self.item(at, depth_left - 1)
        return values, at
