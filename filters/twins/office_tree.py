"""A tree of one XML part of an office document, built with expat alone, for the destination side.

Takes XML bytes that `office_build` has written, gives nested lists as the model has them: name,
attributes, content. DOCTYPE, entities, instructions, comments and CDATA are refused, and
everything is counted. Names keep their prefixes: the builder writes each namespace with one.
"""

from collections.abc import Iterator
from typing import Any, NoReturn
from xml.parsers import expat

from schemas.errors import Malformed
from schemas.reasons import Reason

BYTES_MAX = 1 << 26
DEPTH_LEVELS_MAX = 110
ELEMENTS_MAX = 500_000
Tree = list[Any]

_PARAGRAPHS = frozenset(("w:p", "a:p", "text:p", "text:h", "x:si", "x:is", "x:c"))
_SPACES = frozenset(
    ("w:br", "w:tab", "w:cr", "a:br", "text:s", "text:tab", "text:line-break", "w:noBreakHyphen")
)


def parse(untrusted: bytes) -> Tree:
    """The root element, with all below it."""
    if len(untrusted) > BYTES_MAX:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "a part is larger than its bound")
    if b"<!" in untrusted or untrusted.find(b"<?", 2) >= 0:
        raise Malformed(Reason.XML_DOCTYPE, "a declaration, a comment or an instruction")
    return _Builder().parse(untrusted)


class _Builder:
    __slots__ = ("count", "open", "root")

    def __init__(self) -> None:
        self.open: list[Tree] = []
        self.root: Tree | None = None
        self.count = 0

    def parse(self, untrusted: bytes) -> Tree:
        parser = expat.ParserCreate("UTF-8")
        parser.buffer_text = True
        parser.buffer_size = 1 << 20
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        try:
            parser.Parse(untrusted, True)
        except expat.ExpatError as error:
            raise Malformed(Reason.SYNTAX, "expat cannot parse a part") from error
        if self.root is None:
            raise Malformed(Reason.SYNTAX, "a part has no root element")
        return self.root

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > ELEMENTS_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "a part has too many elements")
        if len(self.open) >= DEPTH_LEVELS_MAX:
            raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
        element: Tree = [name, attributes, []]
        if self.open:
            self.open[-1][2].append(element)
        else:
            self.root = element
        self.open.append(element)

    def end(self, name: str) -> None:
        self.open.pop()

    def text(self, text: str) -> None:
        content = self.open[-1][2]
        if content and isinstance(content[-1], str):
            content[-1] += text
        else:
            content.append(text)


def _refuse(*_: Any) -> NoReturn:
    raise Malformed(Reason.XML_DOCTYPE, "a document type")


def walk(tree: Tree) -> Iterator[Tree]:
    """Every element, outer ones first."""
    todo = [tree]
    while todo:
        element = todo.pop()
        yield element
        todo.extend(child for child in reversed(element[2]) if not isinstance(child, str))


def whole_text(tree: Tree) -> str:
    """All text below an element, in its order; a break or a tab is a blank."""
    pieces: list[str] = []
    todo: list[Any] = [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            pieces.append(item)
            continue
        if item[0] in _SPACES:
            pieces.append(" ")
        if item[0] in _PARAGRAPHS and item is not tree:
            pieces.append(" ")  # a paragraph in a paragraph is a text of its own
        else:
            todo.extend(reversed(item[2]))
    return "".join(pieces)
