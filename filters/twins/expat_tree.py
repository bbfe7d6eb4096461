"""A bounded element tree, built with expat alone, for the destination side's checks of XML.

Takes XML bytes, gives an `xml.etree` element or raises `Malformed`. What reaches the destination
was written by `cot_build`, but the process that says so may have been taken over: so DOCTYPE,
entities, instructions, comments and CDATA are refused here too, and everything is counted. A
prefix is part of the name, unless the caller asks for namespaces: then it is `{namespace}local`.
"""

from dataclasses import dataclass
from typing import Any, NoReturn
from xml.etree.ElementTree import Element  # the type alone: nothing is parsed with it
from xml.parsers import expat

from schemas.errors import Malformed
from schemas.reasons import Reason

BYTES_MAX = 1 << 22
DEPTH_LEVELS_MAX = 16
ELEMENTS_MAX = 4096


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """Bounds of one document; each is the largest value still accepted."""

    bytes_max: int = BYTES_MAX
    depth_levels_max: int = DEPTH_LEVELS_MAX
    elements_max: int = ELEMENTS_MAX


WIDE = TreeLimits(bytes_max=1 << 25, depth_levels_max=64, elements_max=200_000)
_LIMITS = TreeLimits()


def parse(
    untrusted: bytes, limits: TreeLimits = _LIMITS, prefixes: dict[str, str] | None = None
) -> Element:
    """The root element, with all below it.

    prefixes: filled with what the document declares; names are then `{namespace}local`.
    """
    if len(untrusted) > limits.bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the document is larger than its bound")
    if b"<!" in untrusted or untrusted.find(b"<?", 2) >= 0:
        raise Malformed(Reason.XML_DOCTYPE, "a declaration, a comment or an instruction")
    return _Builder(limits, prefixes).parse(untrusted)


def root_attributes(untrusted: bytes) -> dict[str, str]:
    """The root element's attributes; the rest is only held to be well-formed, and no tree built."""
    if len(untrusted) > BYTES_MAX:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the document is larger than its bound")
    if b"<!" in untrusted or untrusted.find(b"<?", 2) >= 0:
        raise Malformed(Reason.XML_DOCTYPE, "a declaration, a comment or an instruction")
    parser = expat.ParserCreate("UTF-8")
    roots: list[dict[str, str]] = []

    def start(_name: str, attributes: dict[str, str]) -> None:
        roots.append(attributes)
        parser.StartElementHandler = None

    parser.StartElementHandler = start
    try:
        parser.Parse(untrusted, True)
    except expat.ExpatError as error:
        raise Malformed(Reason.SYNTAX, "expat cannot parse the XML") from error
    return roots[0]


class _Builder:
    __slots__ = ("count", "limits", "open", "prefixes", "root")

    def __init__(self, limits: TreeLimits, prefixes: dict[str, str] | None) -> None:
        self.limits = limits
        self.prefixes = prefixes
        self.open: list[Element] = []
        self.root: Element | None = None
        self.count = 0

    def parse(self, untrusted: bytes) -> Element:
        parser = expat.ParserCreate("UTF-8", "}" if self.prefixes is not None else None)
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.StartNamespaceDeclHandler = self.declared
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = _refused
        parser.EntityDeclHandler = _refused
        parser.ProcessingInstructionHandler = _refused
        parser.SkippedEntityHandler = _refused
        try:
            parser.Parse(untrusted, True)
        except expat.ExpatError as error:
            raise Malformed(Reason.SYNTAX, "expat cannot parse the XML") from error
        if self.root is None:
            raise Malformed(Reason.SYNTAX, "there is no element")
        return self.root

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > self.limits.elements_max:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements than their bound")
        if self.prefixes is not None:
            name = _clark(name)
            attributes = {_clark(key): value for key, value in attributes.items()}
        element = Element(name, attributes)
        if not self.open:
            self.root = element
        else:
            self.open[-1].append(element)
        self.open.append(element)
        if len(self.open) > self.limits.depth_levels_max:
            raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")

    def declared(self, prefix: str | None, uri: str | None) -> None:
        if self.prefixes is not None:
            self.prefixes[prefix or ""] = uri or ""

    def end(self, _name: str) -> None:
        self.open.pop()

    def text(self, characters: str) -> None:
        parent = self.open[-1]
        if len(parent):
            last = parent[-1]
            last.tail = (last.tail or "") + characters
        else:
            parent.text = (parent.text or "") + characters


def _clark(name: str) -> str:
    """expat's `namespace}local` as `{namespace}local`."""
    return "{" + name if "}" in name else name


def _refused(*_arguments: Any) -> NoReturn:
    raise Malformed(Reason.XML_DOCTYPE, "a declaration or an instruction")
