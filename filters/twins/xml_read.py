"""Filter `xml_read`: what crossed is the model of an XML document, by the destination's own reader.

Takes any bytes, changes nothing: deterministic CBOR (`filters.twins.cbor_reader`) of the shape in
docs/spec/xml-model.md. The walk keeps a stack of its own and gathers names and texts, which are
judged together at the end.
"""

from itertools import pairwise
from string import ascii_letters, digits
from typing import Any

from pydantic import Field

from filters.twins.cbor_reader import ReaderLimits
from filters.twins.cbor_reader import read as read_cbor
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

LEVELS_MAX = 64
NODES_MAX = 200_000
ATTRIBUTES_MAX = 256
LOCAL_CHARACTERS_MAX = 128
PREFIX_CHARACTERS_MAX = 32

_LIMITS = ReaderLimits(
    bytes_max=16 << 20, depth_levels_max=2 * LEVELS_MAX + 4, items_max=4 * NODES_MAX + 8,
    string_bytes_max=1 << 18,
)  # fmt: skip
_FIRST = frozenset(ascii_letters + "_")
_FURTHER = _FIRST | frozenset(digits + ".-")
_NOT_IN_URIS = frozenset('{}<>"')
_OF_XML = frozenset({"xml:lang", "xml:space", "xml:id", "xml:base"})
_NONE = (
    *range(9),
    11,
    12,
    *range(14, 32),
    *range(127, 160),
    *range(0xFDD0, 0xFDF0),
    0xFFFE,
    0xFFFF,
)
_CONTROLS = dict.fromkeys(_NONE)


class XmlReadParameters(Parameters):
    """namespaces: those that the destination takes; none named: any."""

    namespaces: list[str] = Field(default=[], max_length=64)


def model(untrusted: bytes) -> dict[str, Any]:
    """The model in `untrusted`; `Malformed` for any other bytes."""
    found = read_cbor(untrusted, _LIMITS)
    if type(found) is not dict or sorted(found) != ["prefixes", "root", "xml"]:
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of an XML document")
    if type(found["xml"]) is not int or found["xml"] != 1 or type(found["prefixes"]) is not dict:
        raise Malformed(Reason.MODEL_SHAPE, "a layout of the model that is not known here")
    _prefixes(found["prefixes"])
    names: set[str] = set()
    of_attributes: set[str] = set()
    texts: list[str] = []
    _walk(found["root"], names, of_attributes, texts)
    known = set(found["prefixes"])
    for name in names:
        _name(name, known)
    for name in of_attributes - _OF_XML:
        if name == "xmlns":
            raise Malformed(Reason.XML_NAMESPACE, "an attribute that declares a namespace")
        _name(name, known)
    together = "".join(texts)
    if not together.isprintable() and together.translate(_CONTROLS) != together:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")
    return found


def _prefixes(prefixes: dict[str, Any]) -> None:
    if len(prefixes) > 64 or not all(type(uri) is str for uri in prefixes.values()):
        raise Malformed(Reason.MODEL_SHAPE, "more prefixes than their bound, or not of texts")
    if len(set(prefixes.values())) < len(prefixes):
        raise Malformed(Reason.XML_NAMESPACE, "a namespace has two prefixes")
    for prefix, uri in prefixes.items():
        if prefix and (
            not _is_plain(prefix, PREFIX_CHARACTERS_MAX) or prefix.lower().startswith("xml")
        ):
            raise Malformed(Reason.XML_NAMESPACE, "a prefix that is none")
        if not 0 < len(uri) <= 512 or uri.split() != [uri] or not uri.isprintable():
            raise Malformed(Reason.XML_NAMESPACE, "the name of a namespace is not of its form")
        if not _NOT_IN_URIS.isdisjoint(uri):
            raise Malformed(Reason.XML_NAMESPACE, "a sign that names of namespaces do not have")
        if uri == "http://www.w3.org/XML/1998/namespace":
            raise Malformed(Reason.XML_NAMESPACE, "a second prefix for the namespace of xml")


def _walk(root: Any, names: set[str], of_attributes: set[str], texts: list[str]) -> None:
    todo: list[tuple[Any, int]] = [(root, 1)]
    nodes = 0
    while todo:
        element, level = todo.pop()
        if type(element) is not list or len(element) != 3 or level > LEVELS_MAX:
            reason = Reason.TOO_DEEP if level > LEVELS_MAX else Reason.MODEL_SHAPE
            raise Malformed(reason, "no element, or one deeper than the bound")
        name, attributes, content = element
        if type(name) is not str or type(attributes) is not dict or type(content) is not list:
            raise Malformed(Reason.MODEL_SHAPE, "an element is not name, attributes and content")
        if len(attributes) > ATTRIBUTES_MAX:
            raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more attributes than their bound")
        nodes += 1 + len(content)
        if nodes > NODES_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements and texts than their bound")
        names.add(name)
        of_attributes.update(attributes)
        values = list(attributes.values())
        if any(type(value) is not str for value in values):
            raise Malformed(Reason.MODEL_SHAPE, "an attribute's value is not a text")
        texts.extend(values)
        texts.extend(_texts(content))
        todo.extend((item, level + 1) for item in content if type(item) is not str)


def _texts(content: list[Any]) -> list[str]:
    texts = [item for item in content if type(item) is str]
    beside = any(type(a) is str and type(b) is str for a, b in pairwise(content))
    if "" in texts or beside:
        raise Malformed(Reason.MODEL_SHAPE, "a text that is empty or in two parts")
    return texts


def _name(name: str, known: set[str]) -> None:
    prefix, colon, local = name.rpartition(":")
    if colon and (prefix not in known or not prefix):
        raise Malformed(Reason.XML_NAMESPACE, "a prefix that the table lacks")
    if not _is_plain(local, LOCAL_CHARACTERS_MAX):
        raise Malformed(Reason.MODEL_SHAPE, "a name that is none")


def _is_plain(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text[0] in _FIRST and _FURTHER.issuperset(text)


def make(parameters: XmlReadParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""
    accepted = set(parameters.namespaces)

    def run(message: Message) -> Answer:
        there = set(model(message.payload)["prefixes"].values())
        if accepted and there - accepted:
            raise Malformed(Reason.XML_NAMESPACE, "a namespace that is not taken here")
        return Pass()

    return run


STAGE = StageType(
    name="xml_read",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=XmlReadParameters,
    make=make,
    summary="what crossed is the model of an XML document, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
