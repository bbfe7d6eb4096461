"""The source side's strict reading of the Cursor-on-Target model (docs/spec/cot-model.md).

Takes CBOR bytes, gives the model or raises `Malformed`. Shape and bounds alone are looked at
here: which names and values are good says the schema. The destination side has code of its own.
"""

import re

from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed
from schemas.reasons import Reason

LAYOUT = 1
NESTING_LEVELS_MAX = 8
ELEMENTS_MAX = 2048
ATTRIBUTES_MAX = 64
TEXT_CHARACTERS_MAX = 32768
BYTES_MAX = 1 << 20

_LIMITS = CborLimits(
    bytes_max=BYTES_MAX,
    depth_levels_max=2 + 2 * NESTING_LEVELS_MAX + 2,
    items_max=ELEMENTS_MAX * 16,
    string_bytes_max=TEXT_CHARACTERS_MAX * 4,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._\-]{0,63}")
_FORBIDDEN = re.compile("[^\t\n\r -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KEYS = frozenset({"cot", "event", "point", "detail"})

CotModel = dict[str, CborValue]


def read(untrusted: bytes) -> CotModel:
    """The model that `untrusted` encodes, of the right shape and within bounds."""
    return shaped(decode(untrusted, _LIMITS))


def shaped(model: CborValue) -> CotModel:
    """The value, if it has the shape of the model and its bounds; else `Malformed`."""
    if type(model) is not dict or model.keys() != _KEYS or model["cot"] != LAYOUT:
        raise Malformed(Reason.MODEL_SHAPE, "not the layout of a Cursor-on-Target event")
    if type(model["cot"]) is not int:
        raise Malformed(Reason.MODEL_SHAPE, "the layout number is not an integer")
    _attributes(model["event"])
    _attributes(model["point"])
    details = model["detail"]
    if type(details) is not list:
        raise Malformed(Reason.MODEL_SHAPE, "the detail is not a list of elements")
    left = ELEMENTS_MAX
    for element in details:
        left = _element(element, NESTING_LEVELS_MAX, left)
    return model


def _element(element: CborValue, levels_left: int, elements_left: int) -> int:
    """Check one element; gives how many more the event may have."""
    if type(element) is not list or len(element) != 3:
        raise Malformed(Reason.MODEL_SHAPE, "an element is not name, attributes and content")
    name, attributes, content = element
    if elements_left <= 0:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "the event has more elements than its bound")
    elements_left -= 1
    if type(name) is not str or _NAME.fullmatch(name) is None:
        raise Malformed(Reason.MODEL_SHAPE, "an element's name is not a name")
    _attributes(attributes)
    if type(content) is str:
        if content:
            _text(content)
        return elements_left
    if type(content) is not list or not content:
        raise Malformed(Reason.MODEL_SHAPE, "an element's content is neither text nor elements")
    if levels_left <= 1:
        raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
    for child in content:
        elements_left = _element(child, levels_left - 1, elements_left)
    return elements_left


def _attributes(attributes: CborValue) -> None:
    if type(attributes) is not dict:
        raise Malformed(Reason.MODEL_SHAPE, "attributes are not a map")
    if len(attributes) > ATTRIBUTES_MAX:
        raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "an element has more attributes than its bound")
    for name, value in attributes.items():
        if type(name) is not str or _NAME.fullmatch(name) is None or type(value) is not str:
            raise Malformed(Reason.MODEL_SHAPE, "an attribute is not a name and a text")
        if not (value.isascii() and value.isprintable()) or len(value) > TEXT_CHARACTERS_MAX:
            _text(value)


def _text(text: str) -> None:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a text is longer than its bound")
    if _FORBIDDEN.search(text):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")
