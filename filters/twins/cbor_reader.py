"""The destination side's own reader of deterministic CBOR (RFC 8949 section 4.2.1).

Takes bytes and bounds, gives the value or raises `Malformed`. It accepts the subset that
`schemas.cbor` writes and shares no code with it: this reader has no recursion, keeps its own
stack of open containers, and checks minimal heads by comparing with the smallest argument of each
width.
"""

from dataclasses import dataclass
from typing import Any

from schemas.errors import Malformed
from schemas.reasons import Reason

_WIDTHS = {24: (1, 24), 25: (2, 0x100), 26: (4, 0x10000), 27: (8, 0x100000000)}
_SIMPLE = {0xF4: False, 0xF5: True, 0xF6: None}
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """Bounds of one document; each is the largest value still accepted."""

    bytes_max: int = 1 << 20
    depth_levels_max: int = 32
    items_max: int = 100_000
    string_bytes_max: int = 1 << 17


LIMITS = ReaderLimits()


class _Open:
    """A container being filled: what it is, how many items are missing, the newest key."""

    __slots__ = ("into", "is_map", "key", "key_bytes", "missing")

    def __init__(self, is_map: bool, missing: int) -> None:
        self.is_map = is_map
        self.missing = missing
        self.into: Any = {} if is_map else []
        self.key: str | None = None
        self.key_bytes = b""


def read(untrusted: bytes, limits: ReaderLimits = LIMITS) -> Any:
    """The value of which `untrusted` is the deterministic encoding."""
    size = len(untrusted)
    if size > limits.bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the CBOR document is larger than its bound")
    stack: list[_Open] = []
    at, items = 0, 0
    while True:
        start = at
        if at >= size:
            raise Malformed(Reason.SYNTAX, "the CBOR document ends too early")
        initial = untrusted[at]
        major, argument = initial >> 5, initial & 31
        at += 1
        if major == 7:
            if initial not in _SIMPLE:
                raise Malformed(Reason.CBOR_TYPE, "a CBOR type that no model uses")
            value: Any = _SIMPLE[initial]
        else:
            if argument >= 24:
                argument, at = _argument(untrusted, at, argument)
            if major in (_TEXT, _BYTES):
                if argument > limits.string_bytes_max:
                    raise Malformed(Reason.TEXT_TOO_LONG, "a CBOR string is longer than its bound")
                end = at + argument
                if end > size:
                    raise Malformed(Reason.SYNTAX, "the CBOR document ends too early")
                value = untrusted[at:end]
                at = end
                if major == _TEXT:
                    value = _text(value)
            elif major == _UNSIGNED:
                value = argument
            elif major == _NEGATIVE:
                value = ~argument
            elif major == 6:
                raise Malformed(Reason.CBOR_TYPE, "a CBOR tag, which no model uses")
            else:
                _fits(major, argument, size - at, len(stack), limits)
                opened = _Open(major == _MAP, argument)
                if argument:
                    _expect_value(stack)
                    stack.append(opened)
                    continue
                value = opened.into
        items += 1
        if items > limits.items_max:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "the CBOR document has too many items")
        if stack and stack[-1].is_map and stack[-1].key is None:
            _key(stack[-1], value, untrusted[start:at])
            continue
        while stack:
            top = stack[-1]
            if top.is_map:
                top.into[top.key] = value
                top.key = None
            else:
                top.into.append(value)
            top.missing -= 1
            if top.missing:
                break
            value = stack.pop().into
        else:
            if at != size:
                raise Malformed(Reason.TRAILING_DATA, "bytes follow the CBOR document")
            return value


def _argument(untrusted: bytes, at: int, low: int) -> tuple[int, int]:
    if low not in _WIDTHS:
        raise Malformed(Reason.CBOR_NOT_DETERMINISTIC, "an indefinite or reserved CBOR length")
    width, smallest = _WIDTHS[low]
    raw = untrusted[at : at + width]
    if len(raw) != width:
        raise Malformed(Reason.SYNTAX, "the CBOR document ends too early")
    argument = int.from_bytes(raw, "big")
    if argument < smallest:
        raise Malformed(Reason.CBOR_NOT_DETERMINISTIC, "a CBOR length is not the shortest")
    return argument, at + width


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "a text string is not UTF-8") from error


def _fits(major: int, count: int, bytes_left: int, depth: int, limits: ReaderLimits) -> None:
    """A container may be entered: not too deep, and every item it announces has a byte."""
    if depth >= limits.depth_levels_max:
        raise Malformed(Reason.TOO_DEEP, "the CBOR document nests deeper than its bound")
    if count * (2 if major == _MAP else 1) > bytes_left:
        raise Malformed(Reason.SYNTAX, "the CBOR document ends too early")


def _expect_value(stack: list[_Open]) -> None:
    if stack and stack[-1].is_map and stack[-1].key is None:
        raise Malformed(Reason.CBOR_TYPE, "a CBOR map key is not a text string")


def _key(top: _Open, value: Any, raw: bytes) -> None:
    if type(value) is not str:
        raise Malformed(Reason.CBOR_TYPE, "a CBOR map key is not a text string")
    if raw <= top.key_bytes:
        raise Malformed(Reason.CBOR_NOT_DETERMINISTIC, "CBOR map keys are not sorted")
    top.key, top.key_bytes = value, raw
