"""The source side's strict reading of the office model (docs/spec/office-model.md).

Takes CBOR bytes, gives the model or raises `Malformed`. Shape and bounds are looked at here: which
names may stand in it says `office_schema`. The destination side has code of its own.
"""

import re
from typing import Any

from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed
from schemas.reasons import Reason

OFFICE_CBOR = "application/vnd.checkvalve.office+cbor"
LAYOUT = 1
BYTES_MAX = 16 << 20
PARTS_MAX = 4096
ELEMENTS_MAX = 150_000  # some 400 pages
SHEETS_ELEMENTS_MAX = 400_000  # a sheet of 10,000 rows of ten cells with formulas has 310,000
DEPTH_LEVELS_MAX = 100
OOXML = ("docx", "xlsx", "pptx")
ODF = ("odt", "ods", "odp", "odg", "odf")
FORMULA, FORMULA_PREFIX, FORMULA_ROOT = "odf", "math:", "math:math"
FORMULA_CHILDREN = {
    "math:mfrac": 2, "math:mroot": 2, "math:msub": 2, "math:msup": 2, "math:munder": 2,
    "math:mover": 2, "math:msubsup": 3, "math:munderover": 3,
}  # fmt: skip

_LIMITS = CborLimits(
    bytes_max=BYTES_MAX,
    depth_levels_max=2 * DEPTH_LEVELS_MAX + 8,
    items_max=4_000_000,
    string_bytes_max=BYTES_MAX,
)
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}:[A-Za-z_][A-Za-z0-9_.\-]{0,79}")
_ATTRIBUTE = re.compile(r"(?:[a-z][a-z0-9]{0,15}:)?[A-Za-z_][A-Za-z0-9_.\-]{0,79}")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,31}")
_TREE_KEYS = {
    True: frozenset({"kind", "links", "tree"}),
    False: frozenset({"kind", "object", "tree"}),
}
_IMAGE_KEYS = frozenset({"kind", "media", "data"})

OfficeModel = dict[str, CborValue]


def read(untrusted: bytes) -> OfficeModel:
    """The model that `untrusted` encodes."""
    return shaped(decode(untrusted, _LIMITS))


def shaped(model: CborValue) -> OfficeModel:
    """The value, if it has the shape of the model and its bounds; else `Malformed`."""
    if type(model) is not dict or model.keys() != {"office", "kind", "parts"}:
        raise _shape("not the layout of an office document")
    if type(model["office"]) is not int or model["office"] != LAYOUT:
        raise _shape("not the layout of an office document that is known here")
    kind, parts = model["kind"], model["parts"]
    if kind not in (*OOXML, *ODF) or type(parts) is not list or not 0 < len(parts) <= PARTS_MAX:
        raise _shape("a document of an unknown kind, or without parts")
    left = elements_max(kind)
    for part in parts:
        left = _part(part, kind in OOXML, len(parts), left)
    return model


def elements_max(kind: str) -> int:
    """How many elements a document of this kind may have: those of sheets are many and small."""
    return SHEETS_ELEMENTS_MAX if kind in ("xlsx", "ods") else ELEMENTS_MAX


def _part(part: CborValue, is_ooxml: bool, count: int, left: int) -> int:
    if type(part) is not dict or type(part.get("kind")) is not str:
        raise _shape("a part has no kind")
    if part["kind"] == "image":
        if part.keys() != _IMAGE_KEYS or type(part["data"]) is not bytes:
            raise _shape("a picture is not media and bytes")
        if type(part["media"]) is not str or _WORD.fullmatch(part["media"]) is None:
            raise _shape("a picture's media is not a name")
        return left
    if part.keys() != _TREE_KEYS[is_ooxml] or _WORD.fullmatch(str(part["kind"])) is None:
        raise _shape("a part is not kind, links and tree")
    if is_ooxml:
        _links(part["links"], count)
    elif type(part["object"]) is not int or not 0 <= part["object"] < PARTS_MAX:
        raise _shape("a part belongs to no document")
    return elements(part["tree"], left)


def _links(links: Any, count: int) -> None:
    if type(links) is not list:
        raise _shape("a part's links are not a list")
    for target in links:
        if type(target) is int:
            if not 0 <= target < count:
                raise _shape("a link leads to no part")
        elif type(target) is not str or not target.isascii() or len(target) > 2048:
            raise _shape("a link is neither a part nor an address")


def elements(tree: Any, left: int) -> int:
    """Check a tree; gives how many more elements the document may have."""
    todo = [(tree, 1)]
    while todo:
        element, level = todo.pop()
        left -= 1
        if left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "the document has too many elements")
        if level > DEPTH_LEVELS_MAX:
            raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
        if type(element) is not list or len(element) != 3:
            raise _shape("an element is not name, attributes and content")
        name, attributes, content = element
        if type(name) is not str or _NAME.fullmatch(name) is None:
            raise _shape("an element's name is not a name")
        if type(attributes) is not dict or type(content) is not list:
            raise _shape("an element is not name, attributes and content")
        for key, value in attributes.items():
            if _ATTRIBUTE.fullmatch(key) is None or type(value) is not str:
                raise _shape("an attribute is not a name and a text")
            _text(value)
        before_text = False
        for child in content:
            if type(child) is str:
                if before_text or not child:
                    raise _shape("texts stand beside each other, or one is empty")
                _text(child)
                before_text = True
            else:
                before_text = False
                todo.append((child, level + 1))
    return left


def _text(text: str) -> None:
    if not text.isprintable() and _NOT_TEXT.search(text):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")


def _shape(what: str) -> Malformed:
    return Malformed(Reason.MODEL_SHAPE, what)
