"""The model of a JSON document, as the source side knows it: docs/spec/json-model.md.

Takes decoded CBOR or parsed JSON, gives the model (a map) or raises `Malformed`. The destination
side checks the same with code of its own (`filters.twins.json_read`).
"""

import re
from typing import Any

from filters.formats.event_model import number
from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed
from schemas.reasons import Reason

JSON_CBOR = "application/vnd.checkvalve.json+cbor"
LAYOUT = 1
NAME_CHARACTERS_MAX = 512
LIMITS = CborLimits(
    bytes_max=16 * 1024 * 1024, depth_levels_max=66, items_max=1_000_004, string_bytes_max=1 << 20
)
_DECIMAL = re.compile(rb"-?[0-9.]+(?:e-?[0-9]+)?")
_NOT_NAME = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


def read(untrusted: bytes) -> dict[str, CborValue]:
    """The model that these bytes encode, or `Malformed`."""
    return check(decode(untrusted, LIMITS))


def check(untrusted: Any) -> dict[str, CborValue]:
    """`untrusted` itself, if it has the shape of the model; else `Malformed`."""
    if type(untrusted) is not dict or untrusted.keys() != {"json", "value"}:
        raise Malformed(Reason.MODEL_SHAPE, "not the model of a JSON document")
    if untrusted["json"] is not LAYOUT or type(untrusted["value"]) not in (dict, list):
        raise Malformed(Reason.MODEL_SHAPE, "not the layout of a JSON document")
    todo: list[Any] = [untrusted["value"]]
    names: list[str] = []
    texts: list[str] = []
    while todo:
        value = todo.pop()
        kind = type(value)
        if kind is str:
            texts.append(value)
        elif kind is dict:
            names.extend(value)
            todo.extend(value.values())
        elif kind is list:
            todo.extend(value)
        elif kind is bytes:
            _number(value)
    if names and max(map(len, names)) > NAME_CHARACTERS_MAX:
        raise Malformed(Reason.NAME_TOO_LONG, "a name is longer than its bound")
    if _NOT_NAME.search("".join(names)) or _NOT_TEXT.search("".join(texts)):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character or a noncharacter")
    return untrusted


def _number(text: bytes) -> None:
    """A number that is no 64-bit integer: its exact decimal text, in its one spelling."""
    if _DECIMAL.fullmatch(text) is None or number(text.decode("ascii")) != text:
        raise Malformed(Reason.MODEL_SHAPE, "a number that is not in its one spelling")
