"""A bounded reader of protocol buffers, by a table of the fields that may be there.

Takes bytes and a `Shape`, gives a dict of the fields that stand there; anything else raises
`Malformed`: an unknown field, one that stands twice, a varint that is not the shortest, a length
beyond the message, a wire type that the field does not have. Depth is that of the table, time and
memory are linear in the input.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import Malformed
from schemas.reasons import Reason

STRING_BYTES_MAX = 65_536
_VARINT, _DOUBLE, _LENGTH = 0, 1, 2
_WIRE = {"varint": _VARINT, "double": _DOUBLE, "string": _LENGTH}


@dataclass(frozen=True, slots=True)
class Shape:
    """A message: field number -> (name, kind). kind: varint, double, string, or a shape."""

    fields: Mapping[int, "tuple[str, str | Shape]"]


def read(untrusted: bytes, shape: Shape) -> dict[str, Any]:
    """The fields of the one message that `untrusted` is."""
    found: dict[str, Any] = {}
    at, size = 0, len(untrusted)
    while at < size:
        key, at = varint(untrusted, at)
        field = shape.fields.get(key >> 3)
        if field is None:
            raise Malformed(Reason.MODEL_UNKNOWN_NAME, "a field that the message does not have")
        name, kind = field
        if name in found:
            raise Malformed(Reason.MODEL_SHAPE, f"the field {name} stands twice")
        wanted = _WIRE[kind] if isinstance(kind, str) else _LENGTH
        if key & 7 != wanted:
            raise Malformed(Reason.MODEL_SHAPE, f"the field {name} is not of its wire type")
        found[name], at = _value(untrusted, at, kind)
    return found


def varint(untrusted: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, and where the next byte is."""
    value = 0
    for place in range(10):
        if at + place >= len(untrusted):
            raise Malformed(Reason.SYNTAX, "a varint that does not end")
        byte = untrusted[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if (byte == 0 and place) or value >= 1 << 64:
                raise Malformed(Reason.SYNTAX, "a varint that is not the shortest, or too large")
            return value, at + place + 1
    raise Malformed(Reason.SYNTAX, "a varint of more than ten bytes")


def _value(untrusted: bytes, at: int, kind: "str | Shape") -> tuple[Any, int]:
    if kind == "varint":
        return varint(untrusted, at)
    if kind == "double":
        raw = untrusted[at : at + 8]
        if len(raw) != 8:
            raise Malformed(Reason.SYNTAX, "the message ends within a number")
        number: float = struct.unpack("<d", raw)[0]
        if not math.isfinite(number):
            raise Malformed(Reason.MODEL_SHAPE, "a number that is not finite")
        return number, at + 8
    length, at = varint(untrusted, at)
    end = at + length
    if end > len(untrusted):
        raise Malformed(Reason.SYNTAX, "a field is longer than what is left of its message")
    if isinstance(kind, Shape):
        return read(untrusted[at:end], kind), end
    if length > STRING_BYTES_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a text is longer than its bound")
    try:
        return untrusted[at:end].decode("utf-8"), end
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "a text is not UTF-8") from error
