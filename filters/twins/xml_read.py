"""Filter `xml_read`: what crossed is the model of an XML document, by the destination's own reader.

Takes any bytes, changes nothing: deterministic CBOR (`filters.twins.cbor_reader`) of the shape in
docs/spec/xml-model.md. The columns are followed step by step, with a stack, into a tree; the table
is judged name by name, the texts all together.
"""

import struct
from string import ascii_letters, digits, hexdigits
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
TAGS_MAX = 16_384
NAMES_MAX = 65_536
VALUES_MAX = 400_000
WRITTEN_BYTES_MAX = 16 << 20
TEXT_BYTES_MAX = 262_144
LOCAL_CHARACTERS_MAX = 128
PREFIX_CHARACTERS_MAX = 32

_LIMITS = ReaderLimits(
    bytes_max=16 << 20, depth_levels_max=4, items_max=200_000, string_bytes_max=16 << 20
)
_FIRST = frozenset(ascii_letters + "_")
_FURTHER = _FIRST | frozenset(digits + ".-")
_OF_URIS = _FURTHER | frozenset("~!$&'*+(),;=:@/?#%")
_IN_SCHEMES = dict.fromkeys(map(ord, "+-."))
_HEX = frozenset(hexdigits)
_NOT_TAKEN = {
    "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/",
    "http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude",
}  # fmt: skip
_OF_XML = frozenset({"xml:lang", "xml:space", "xml:id", "xml:base"})
_NONE = (
    *range(1, 9),
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
    """What is in `untrusted`: its `prefixes`, and `root`, an element; `Malformed` for other bytes.

    An element is a list of name, attributes (name -> value) and content (texts and elements).
    """
    found = read_cbor(untrusted, _LIMITS)
    if type(found) is not dict or sorted(found) != ["prefixes", "steps", "tags", "texts", "xml"]:
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of an XML document")
    if type(found["xml"]) is not int or found["xml"] != 2 or type(found["prefixes"]) is not dict:
        raise Malformed(Reason.MODEL_SHAPE, "a layout of the model that is not known here")
    _prefixes(found["prefixes"])
    _tags(found["tags"], set(found["prefixes"]))
    if type(found["texts"]) is not str or type(found["steps"]) is not bytes:
        raise Malformed(Reason.MODEL_SHAPE, "a column of another type than its own")
    texts = _texts(found["texts"])
    root = _Steps(found["tags"], texts).follow(found["steps"])
    return {"prefixes": found["prefixes"], "root": root}


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
        if not 0 < len(uri) <= 512 or not is_reference(uri):
            raise Malformed(Reason.XML_NAMESPACE, "the name of a namespace is not of its form")
        if uri in _NOT_TAKEN:
            raise Malformed(Reason.XML_NAMESPACE, "a namespace that no document may declare here")


def is_reference(uri: str) -> bool:
    """Whether it is a URI reference (RFC 3986 section 4.1), its host not in brackets."""
    before, _, fragment = uri.partition("#")
    escaped = [part[:2] for part in uri.split("%")[1:]]
    if not _OF_URIS.issuperset(uri) or "#" in fragment:
        return False
    if any(len(digits) < 2 or not _HEX.issuperset(digits) for digits in escaped):
        return False
    rest = before.partition("?")[0]
    scheme, colon, path = rest.partition(":")
    if not colon or "/" in scheme:
        path = rest
    elif not scheme[:1].isalpha() or not scheme.translate(_IN_SCHEMES).isalnum():
        return False
    if not path.startswith("//"):
        return True
    user, _, host = path[2:].partition("/")[0].rpartition("@")
    _, colon, port = host.partition(":")
    return "@" not in user and (not colon or (port.isdigit() and len(port) <= 8))


def _tags(tags: Any, known: set[str]) -> None:
    if type(tags) is not list or len(tags) > TAGS_MAX:
        raise Malformed(Reason.MODEL_SHAPE, "the table of tags is none, or too long")
    seen = set()
    for tag in tags:
        if type(tag) is not list or not tag or any(type(name) is not str for name in tag):
            raise Malformed(Reason.MODEL_SHAPE, "a tag that is not made of names")
        name, *attributes = tag
        if len(attributes) > ATTRIBUTES_MAX:
            raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more attributes than their bound")
        if attributes != sorted(set(attributes), key=lambda each: (len(each), each)):
            raise Malformed(Reason.MODEL_SHAPE, "attributes twice, or not in their order")
        _name(name, known)
        for attribute in attributes:
            if attribute == "xmlns":
                raise Malformed(Reason.XML_NAMESPACE, "an attribute that declares a namespace")
            if attribute not in _OF_XML:
                _name(attribute, known)
        seen.add("\0".join(tag))
    if sum(len(tag) for tag in tags) > NAMES_MAX:
        raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more names in the table than their bound")
    if len(seen) < len(tags):
        raise Malformed(Reason.MODEL_SHAPE, "the same tag in two places of the table")


def _texts(together: str) -> list[str]:
    """The texts of the column, each of which ends with U+0000."""
    if together.count("\0") > VALUES_MAX + NODES_MAX:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "more texts and values than their bounds")
    *texts, rest = together.split("\0")
    if rest:
        raise Malformed(Reason.MODEL_SHAPE, "a last text without its end")
    long = [each for each in texts if len(each) > TEXT_BYTES_MAX // 4]
    if any(len(each.encode()) > TEXT_BYTES_MAX for each in long):
        raise Malformed(Reason.TEXT_TOO_LONG, "a text is longer than its bound")
    if not together.isprintable() and together.translate(_CONTROLS) != together:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")
    return texts


class _Steps:
    """The column of steps on its way into a tree."""

    def __init__(self, tags: list[list[str]], texts: list[str]) -> None:
        self.tags = tags
        self.texts = texts
        self.lengths = [sum(len(name) for name in tag) for tag in tags]
        self.used = 0
        self.taken = 0
        self.values = 0
        self.written = 0

    def follow(self, steps: bytes) -> list[Any]:
        """The root element that the steps describe, from the first to the last."""
        if not 2 <= len(steps) <= 4 * NODES_MAX or len(steps) % 2:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "no steps, or more than their bound")
        document: list[Any] = []
        stack = [document]
        nodes = 0
        for (step,) in struct.iter_unpack(">H", steps):
            if step == 0:
                stack.pop()
                if not stack:
                    break
                continue
            content = stack[-1]
            nodes += 1
            if content is document and document:
                raise Malformed(Reason.TRAILING_DATA, "something follows the root element")
            if step == 1:
                self.text(content)
            else:
                stack.append(self.element(content, step - 2))
                if len(stack) > LEVELS_MAX + 1:
                    raise Malformed(Reason.TOO_DEEP, "an element is deeper than the bound")
        if len(stack) != 1 or not document or type(document[0]) is str:
            raise Malformed(Reason.MODEL_SHAPE, "the steps are not those of one element")
        if nodes > NODES_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements and texts than their bound")
        if self.values > VALUES_MAX or self.written > WRITTEN_BYTES_MAX:
            raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more values, or names, than their bound")
        if self.taken != len(self.texts) or self.used != len(self.tags):
            raise Malformed(Reason.MODEL_SHAPE, "texts or tags that no step uses")
        root: list[Any] = document[0]
        return root

    def text(self, content: list[Any]) -> None:
        (text,) = self.next_texts(1)
        if not text or (content and type(content[-1]) is str):
            raise Malformed(Reason.MODEL_SHAPE, "a text that is empty or in two parts")
        content.append(text)

    def element(self, content: list[Any], tag: int) -> list[Any]:
        """Begin an element; gives its content, which is to be filled."""
        if tag > self.used or tag >= len(self.tags):
            raise Malformed(Reason.MODEL_SHAPE, "a tag that is not in its order, or not there")
        self.used = max(self.used, tag + 1)
        name, *attributes = self.tags[tag]
        values = self.next_texts(len(attributes))
        self.values += len(values)
        self.written += self.lengths[tag]
        inner: list[Any] = []
        content.append([name, dict(zip(attributes, values, strict=True)), inner])
        return inner

    def next_texts(self, count: int) -> list[str]:
        values = self.texts[self.taken : self.taken + count]
        self.taken += count
        if len(values) < count:
            raise Malformed(Reason.MODEL_SHAPE, "fewer texts than the steps take")
        return values


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
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=XmlReadParameters,
    make=make,
    summary="what crossed is the model of an XML document, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
