"""The model of an XML document, as the source side knows it: docs/spec/xml-model.md.

Takes decoded CBOR, gives the model (a map) or raises `Malformed`. Does nothing else. The
destination side checks the same with code of its own (`filters.twins.xml_read`).
"""

import re
from typing import Any

from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed
from schemas.reasons import Reason

XML_CBOR = "application/vnd.checkvalve.xml+cbor"
LAYOUT = 1
BYTES_MAX = 16 * 1024 * 1024
LEVELS_MAX = 64
NODES_MAX = 200_000
ATTRIBUTES_MAX = 256
PREFIXES_MAX = 64
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance"
XML_ATTRIBUTES = frozenset({"xml:lang", "xml:space", "xml:id", "xml:base"})

_LIMITS = CborLimits(
    bytes_max=BYTES_MAX,
    depth_levels_max=2 * LEVELS_MAX + 4,
    items_max=4 * NODES_MAX,
    string_bytes_max=1 << 18,
)
_LOCAL = r"[A-Za-z_][A-Za-z0-9._\-]{0,127}"
_NAME = re.compile(rf"(?:([A-Za-z_][A-Za-z0-9._\-]{{0,31}}):)?{_LOCAL}")
PREFIX = re.compile(r"(?![Xx][Mm][Ll])[A-Za-z_][A-Za-z0-9._\-]{0,31}|")
_URI = re.compile(r'[^\s{}<>"\x00-\x20\x7f-\x9f]{1,512}')
_NOT_TEXT = re.compile("[^\t\n\r -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
_KEYS = frozenset({"xml", "prefixes", "root"})

XmlModel = dict[str, Any]


def read(untrusted: bytes) -> XmlModel:
    """The model that `untrusted` encodes, of the right shape and within bounds."""
    return shaped(decode(untrusted, _LIMITS))


def shaped(model: CborValue) -> XmlModel:
    """The value, if it has the shape of the model and its bounds; else `Malformed`."""
    if type(model) is not dict or model.keys() != _KEYS or model["xml"] is not LAYOUT:
        raise Malformed(Reason.MODEL_SHAPE, "not the layout of an XML document")
    prefixes = model["prefixes"]
    if type(prefixes) is not dict or len(prefixes) > PREFIXES_MAX:
        raise Malformed(Reason.MODEL_SHAPE, "the prefixes are not a bounded map")
    for prefix, uri in prefixes.items():
        if PREFIX.fullmatch(prefix) is None or type(uri) is not str or not _is_uri(uri):
            raise Malformed(Reason.XML_NAMESPACE, "not a prefix and the name of a namespace")
    if len({str(uri) for uri in prefixes.values()}) != len(prefixes):
        raise Malformed(Reason.XML_NAMESPACE, "two prefixes for one namespace")
    _Walk(frozenset(prefixes)).element(model["root"], LEVELS_MAX)
    return model


def _is_uri(text: str) -> bool:
    return _URI.fullmatch(text) is not None and text != XML_NAMESPACE and text.isprintable()


def _is_text(text: str) -> bool:
    return _NOT_TEXT.search(text) is None


class _Walk:
    """One document: which prefixes it has, and how many nodes it may still have."""

    __slots__ = ("left", "prefixes")

    def __init__(self, prefixes: frozenset[str]) -> None:
        self.prefixes = prefixes
        self.left = NODES_MAX

    def element(self, element: CborValue, levels_left: int) -> None:
        if type(element) is not list or len(element) != 3:
            raise Malformed(Reason.MODEL_SHAPE, "an element is not name, attributes and content")
        if levels_left <= 0:
            raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
        name, attributes, content = element
        self.name(name)
        self.attributes(attributes)
        if type(content) is not list:
            raise Malformed(Reason.MODEL_SHAPE, "an element's content is not a list")
        self.left -= 1 + len(content)
        if self.left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements and texts than their bound")
        after_text = False
        for item in content:
            if type(item) is str:
                if after_text or not item or not _is_text(item):
                    raise Malformed(Reason.MODEL_SHAPE, "a text that is empty, split or no text")
                after_text = True
            else:
                self.element(item, levels_left - 1)
                after_text = False

    def name(self, name: CborValue, known: frozenset[str] = frozenset()) -> None:
        found = _NAME.fullmatch(name) if type(name) is str else None
        if found is None:
            raise Malformed(Reason.MODEL_SHAPE, "a name is not a name")
        if found[1] is not None and found[1] not in self.prefixes and name not in known:
            raise Malformed(Reason.XML_NAMESPACE, "a prefix that the document does not declare")

    def attributes(self, attributes: CborValue) -> None:
        if type(attributes) is not dict:
            raise Malformed(Reason.MODEL_SHAPE, "attributes are not a map")
        if len(attributes) > ATTRIBUTES_MAX:
            raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more attributes than their bound")
        for name, value in attributes.items():
            self.name(name, XML_ATTRIBUTES)
            if name == "xmlns" or type(value) is not str or not _is_text(value):
                raise Malformed(Reason.MODEL_SHAPE, "an attribute is not a name and a text")
