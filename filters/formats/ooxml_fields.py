"""The fields of a WordprocessingML part: their instructions, as a reader puts them together.

Takes the model's tree of a part, as it is to cross, gives its fields. All that stands between a
field's `begin` and its `separate` is its instruction, in whatever element and over however many
runs; another thing than text is in it as one character, and so is a field that stands there, with
its result: readers do not agree on what that adds. A text box or a note is a story of its own, in
which no field of another goes on, and what begins in a simple field ends there.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from filters.formats.office_rules import refuse
from schemas.reasons import Reason

FIELD_LEVELS_MAX = 32
FIELD_SIMPLE, FIELD_MARK, FIELD_TEXT = "w:fldSimple", "w:fldChar", "w:instrText"
FIELDS = frozenset((FIELD_SIMPLE, FIELD_MARK, FIELD_TEXT))
_STORIES = frozenset(("w:txbxContent", "w:footnote", "w:endnote", "w:comment"))
_FORMATS = frozenset(("w:rPr", "w:pPr"))
_SILENT = frozenset((
    "w:r", "w:t", FIELD_TEXT, FIELD_SIMPLE, "w:hyperlink", "w:bookmarkStart", "w:bookmarkEnd",
    "w:lastRenderedPageBreak",
))  # fmt: skip
_SIGNS = frozenset((
    "w:br", "w:cr", "w:tab", "w:ptab", "w:sym", "w:noBreakHyphen", "w:softHyphen",
))  # fmt: skip
_THING = "\ufffc"
Tree = list[Any]  # name, attributes, content


@dataclass(slots=True)
class WordField:
    """One field: its instruction, and the elements that make it (`marks`) or stand in it."""

    marks: list[Tree] = field(default_factory=list)
    texts: list[Tree] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    is_separated: bool = False
    has_end: bool = False

    @property
    def instruction(self) -> str:
        """The instruction as a whole."""
        return "".join(self.pieces)


class WordFields:
    """The fields of one part, and marks and instructions that belong to none (`stray`)."""

    def __init__(self, tree: Tree) -> None:
        self.found: list[WordField] = []
        self.stray: list[Tree] = []
        self._story(tree[2])

    def _story(self, content: list[Any]) -> None:
        opened: list[WordField] = []
        self._content(content, opened)
        self.found += opened  # never ended: no reader agrees on what they are

    def _content(self, content: list[Any], opened: list[WordField]) -> None:
        for child in content:
            if type(child) is not str and child[0] not in _FORMATS:
                self._element(child, opened)

    def _element(self, element: Tree, opened: list[WordField]) -> None:
        name, attributes, content = element
        if name == FIELD_MARK:
            self._mark(element, opened)
            return
        into = _unseparated(opened)
        if into is not None:
            _take(element, into, into is opened[-1])
        elif name == FIELD_TEXT:
            self.stray.append(element)
        if name in _STORIES:
            self._story(content)
        elif name == FIELD_SIMPLE:
            self._simple(element, attributes.get("w:instr", ""), opened)
        else:
            self._content(content, opened)

    def _simple(self, element: Tree, told: str, opened: list[WordField]) -> None:
        at = len(opened)
        self._open(WordField([element], pieces=[told], is_separated=True, has_end=True), opened)
        self._content(element[2], opened)
        self.found += opened[at:]  # itself, and what has not ended in it
        del opened[at:]

    def _open(self, begun: WordField, opened: list[WordField]) -> None:
        if len(opened) >= FIELD_LEVELS_MAX:
            refuse(Reason.TOO_DEEP, "fields stand in fields, deeper than their bound")
        if opened and not opened[-1].is_separated:
            opened[-1].pieces.append(_THING)
        opened.append(begun)

    def _mark(self, mark: Tree, opened: list[WordField]) -> None:
        kind = mark[1].get("w:fldCharType")
        if kind == "begin":
            self._open(WordField([mark]), opened)
        elif kind == "separate" and opened and not opened[-1].is_separated:
            opened[-1].marks.append(mark)
            opened[-1].is_separated = True
        elif kind == "end" and opened and not opened[-1].has_end:
            ended = opened.pop()
            ended.marks.append(mark)
            ended.has_end = True
            self.found.append(ended)
            outer = _unseparated(opened)
            if outer is not None:  # what stood in the instruction goes with it
                outer.texts += [*ended.marks, *ended.texts]
        else:
            self.stray.append(mark)


def _unseparated(opened: list[WordField]) -> WordField | None:
    """The innermost field whose instruction goes on."""
    return next((one for one in reversed(opened) if not one.is_separated), None)


def _take(element: Tree, into: WordField, is_told: bool) -> None:
    """Have an element go with the field; one that stands in no field in it is told."""
    name, _, content = element
    texts = [child for child in content if type(child) is str]
    if is_told:
        if name not in _SILENT:
            into.pieces.append("\n" if name == "w:p" else _THING)
        into.pieces += texts
    if texts or name in _SIGNS:
        (into.marks if name == FIELD_TEXT else into.texts).append(element)


def without(content: list[Any], gone: Collection[int]) -> list[Any]:
    """The content without the elements of these identities; what is in a simple field stays."""
    left: list[Any] = []
    for child in content:
        if type(child) is str:
            left.append(child)
        elif id(child) not in gone:
            left.append([child[0], child[1], without(child[2], gone)])
        elif child[0] == FIELD_SIMPLE:
            left += without(child[2], gone)
    return left
