"""Texts of one XML part of a built document as a reader sees them, for the destination's search.

Takes trees of `office_tree`, gives texts: attributes' values, paragraphs and cells as whole lines,
and what stands elsewhere. Every element is visited once: a text goes to the innermost line that is
open there, with a mark of how it is seen; a line that closes gives its readings by these marks.
What stands between a field's marks, before its result, is its instruction, whatever it is.
What an office program shows in another way than it is written is read by `office_spelling`.
"""

from collections.abc import Iterator
from typing import Any

from filters.twins.office_spelling import (
    SPELLED,
    SPELLED_ATTRIBUTES,
    character,
    plain_cell,
    spellings,
    without_halves,
)
from filters.twins.office_tree import Tree
from schemas.errors import Malformed
from schemas.reasons import Reason


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A hidden run, or what a field shows; a blank that is perhaps none; an instruction; in a formula.
_HIDDEN, _GAP, _ORDER, _IN_MATH = 1, 2, 4, 8
_LINES = _words("w:p a:p text:p text:h loext:p x:si x:is")
_LITTLE_LINES = _words("w:rt x:rPh text:ruby-text svg:title svg:desc")
_PLACED_ELSEWHERE = _words("w:drawing text:note")
_SPACES = _words("w:br w:tab w:ptab w:cr w:noBreakHyphen a:br text:s text:tab text:line-break")
_NOT_ALWAYS = _words("text:tab text:line-break")  # in a cell they are nothing
_FIELDS = _words("w:fldSimple a:fld presentation:header presentation:footer presentation:date-time")
_NO_FIELDS = _words(
    "text:p text:h text:a text:span text:s text:tab text:line-break text:list text:list-item"
    " text:list-header text:section text:note-body text:meta text:meta-field"
    " text:numbered-paragraph text:index-body text:index-title text:table-of-content"
    " text:soft-page-break"
)
_FORMULA_PARTS = _words("m:num m:den m:e m:sub m:sup m:deg m:lim m:fName m:mr")
_STORIES = _words("w:txbxContent w:footnote w:endnote w:comment")
_SIGNS = frozenset(("math:mi", "math:mn", "math:mo", "math:ms", "math:mtext"))
_IN_LINE = frozenset(("math:math", "math:mrow", "math:mstyle", "math:mpadded", "math:semantics"))
_FRAMES = frozenset(("math:menclose", "math:merror", "math:mphantom", "math:msqrt", "math:mtd"))
Line = list[tuple[str, int]]
Fields = list[bool]  # those that have begun: whether their result has


class _End:
    """Where a line ends, on the way through a tree. `after`: the lines that it is seen behind."""

    __slots__ = ("after", "line", "stays_open")

    def __init__(self, line: Line, after: list[str], stays_open: bool) -> None:
        self.line = line
        self.after = after
        self.stays_open = stays_open


def texts(tree: Tree, is_sheet: bool = False, characters_max: int = 1 << 26) -> list[str]:
    """Every text, in the order of the part; `Malformed` if its readings together are too long.

    is_sheet: of a workbook, in which texts have escapes.
    """
    found: list[str] = []
    left = characters_max
    todo: list[tuple[Any, Line | None, int, list[str], Fields]] = [(tree, None, 0, [], [])]
    while todo:
        item, line, mark, after, fields = todo.pop()
        told = (_HIDDEN if all(fields) else _ORDER) if fields else 0
        if isinstance(item, str):
            if line is None:
                found.append(item)
            else:
                line.append((item, mark | told))
        elif isinstance(item, _End):
            for text in _ended(item):
                left -= len(text)
                if left < 0:
                    raise Malformed(Reason.TEXT_TOO_LONG, "too many readings of the texts")
                found.append(text)
        else:
            if item[0] == "w:fldChar":
                _mark(item[1].get("w:fldCharType"), fields)
            elif item[0] in _STORIES:
                fields = []
            if item[1]:
                found.extend(item[1].values())
            if item[0] in SPELLED or not SPELLED_ATTRIBUTES.isdisjoint(item[1]):
                found.extend(spellings(item))
            if item[0] == "math:math":
                found.append(seen_formula(item))
            line, mark, rest = _entered(item, line, mark, after, told)
            todo.extend([(*one, after, fields) for one in rest])
            if item[2]:
                below: list[str] = []
                todo.extend([(child, line, mark, below, fields) for child in reversed(item[2])])
    return found + [plain_cell(text) for text in found if is_sheet and "_x" in text]


def _mark(kind: str | None, fields: Fields) -> None:
    if kind == "begin":
        fields.append(False)
    elif fields and kind == "end":
        fields.pop()
    elif fields and kind == "separate":
        fields[-1] = True


def _entered(
    element: Tree, line: Line | None, mark: int, after: list[str], told: int
) -> tuple[Line | None, int, list[tuple[Any, Line | None, int]]]:
    """The line that the content of an element stands in, its mark, and what comes behind it.

    told: the mark of its own sign, if it stands in an instruction.
    """
    name, attributes, content = element
    if name in _LINES:
        if line is not None:
            line.append((" ", mark))
        own: Line = []
        stays_open = name == "w:p" and _stays_open(content)
        return own, 0, [(_End(own, after, stays_open), None, 0)]
    if line is None:
        return None, 0, []
    if name in _PLACED_ELSEWHERE or name.partition(":")[0] in ("draw", "dr3d"):
        return None, 0, []
    is_silent = attributes.get("text:display") == "none"
    never = is_silent and name == "text:variable-set" and "text:name" in attributes
    if never or name in _LITTLE_LINES:
        own = []
        return own, 0, [(_End(own, [], False), None, 0)]
    is_field = name in _FIELDS or (name[:5] == "text:" and name not in _NO_FIELDS)
    if name in _SPACES:
        perhaps = _GAP if name in _NOT_ALWAYS or mark & _IN_MATH else 0
        line.append((" ", mark | told | perhaps))
        return line, mark, []
    if is_silent or is_field:  # shown as it is, or as something else, or not at all
        mark |= _HIDDEN
    if name == "m:r":
        mark |= _IN_MATH
    if name == "w:sym":
        line.append((character(attributes.get("w:char", "")), mark | told))
    elif name == "w:instrText":
        mark |= _ORDER
    elif name in _FORMULA_PARTS:
        line.append((" ", mark | _GAP))
        return line, mark, [(" ", line, mark | _GAP)]
    elif name in ("w:r", "m:r") and _vanishes(content):
        mark |= _HIDDEN
    return line, mark, []


def _ended(end: _End) -> Iterator[str]:
    """The readings of a line, and of what was left open before it with it."""
    marks = 0
    for _, mark in end.line:
        marks |= mark
    for left_out in (_GAP, 0, _GAP | _HIDDEN, _HIDDEN):
        if not left_out & ~marks & _HIDDEN and (left_out & _GAP or marks & _GAP):
            yield _read(end.line, left_out | _ORDER)
    if marks & _ORDER:
        yield "".join(text for text, mark in end.line if mark & _ORDER)
    if end.after or end.stays_open:
        end.after.append(_read(end.line, _GAP | _HIDDEN | _ORDER))
    if end.after and not end.stays_open:
        yield "".join(end.after)
        end.after.clear()


def _read(line: Line, left_out: int) -> str:
    text = "".join([text for text, mark in line if not mark & left_out])
    return text if text.isascii() else without_halves(text)


def _vanishes(content: list[Any]) -> bool:
    for child in content:
        if child[0] == "w:rPr":
            told = [one for one in child[2] if one[0] in ("w:vanish", "w:webHidden")]
            if any(one[1].get("w:val", "1") not in ("0", "false", "off") for one in told):
                return True
    return False


def _stays_open(content: list[Any]) -> bool:
    """Whether the next paragraph is seen in the same line: behind a letter that is as high as
    several lines, or because the end of this one is hidden."""
    formats = [child[2] for child in content if child[0] == "w:pPr"]
    caps = [one[1].get("w:dropCap") for each in formats for one in each if one[0] == "w:framePr"]
    return any(map(_vanishes, formats)) or not {"drop", "margin"}.isdisjoint(caps)


def seen_formula(element: Tree) -> str:
    """The signs of a formula; blanks where what follows is not seen beside what is before it."""
    if element[0] in _SIGNS:
        return "".join(child for child in element[2] if isinstance(child, str))
    inside = [seen_formula(child) for child in element[2] if not isinstance(child, str)]
    if element[0] in _IN_LINE:
        return "".join(inside)
    return f" {('' if element[0] in _FRAMES else ' ').join(inside)} "
