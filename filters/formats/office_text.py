"""Texts of an office model, as a reader sees them: whole paragraphs and cells.

Takes the decoded model, gives texts. A word that is cut into runs (`se`, `cret`) is one word here;
breaks and tabs are blanks. What stands elsewhere on the page than in the line that it is anchored
in, or is not shown there (notes, pictures, readings above characters, fields' instructions with all
that stands in them), is a text of its own and cuts no word. Where hidden runs or the parts of a
formula leave more than one reading, each is a text. Attributes' values are texts too (titles, names
of sheets and styles).
"""

import re
from collections.abc import Callable
from itertools import product
from typing import Any

from filters.formats import office_shown as shown
from filters.formats.office_model import BYTES_MAX
from filters.formats.ooxml_fields import FIELD_MARK, FIELD_SIMPLE, WordFields
from schemas.errors import Malformed
from schemas.reasons import Reason

_FORMULA = "math:math"
_WHOLE = frozenset(("w:p", "a:p", "text:p", "text:h", "loext:p", "x:si", "x:is"))
_ROWS = frozenset(
    ("math:mi", "math:mn", "math:mo", "math:mtext", "math:ms", "math:mrow", "math:mstyle",
     "math:mpadded", "math:semantics")
)  # fmt: skip
_BOXES = frozenset(("math:mtd", "math:msqrt", "math:menclose", "math:merror", "math:mphantom"))
_BLANK = frozenset(
    ("w:br", "w:tab", "w:ptab", "w:cr", "w:noBreakHyphen", "a:br", "text:s")
)  # fmt: skip
_PERHAPS_BLANK = frozenset(("text:tab", "text:line-break"))  # nothing, in a cell
_NOT_IN_MATH = frozenset(("w:br", "w:tab", "w:cr"))
_WORKED_OUT = frozenset(  # their readers show what they hold, or something else, or nothing
    ("w:fldSimple", "a:fld", "presentation:header", "presentation:footer", "presentation:date-time")
) | frozenset(
    f"text:{name}" for name in (
        "title", "subject", "keywords", "description", "chapter", "sheet-name", "file-name",
        "template-name", "author-name", "author-initials", "page-number", "page-count",
        "page-continuation", "paragraph-count", "word-count", "character-count", "table-count",
        "image-count", "object-count", "user-field-get", "user-field-input", "variable-get",
        "variable-input", "variable-set", "expression", "text-input", "sequence", "date", "time",
        "measure", "bookmark-ref", "reference-ref", "sequence-ref", "note-ref", "table-formula",
        "conditional-text", "hidden-text", "placeholder", "creation-date", "creation-time",
        "modification-date", "modification-time", "editing-cycles", "editing-duration",
        "bibliography-mark", "initial-creator", "creator", "print-date", "print-time", "printed-by",
    )
)  # fmt: skip
_ASIDE = frozenset(("w:rt", "text:ruby-text", "x:rPh", "svg:title", "svg:desc"))
_ELSEWHERE = frozenset(("w:drawing", "text:note"))  # and every shape: they hold texts of their own
_SHAPES = ("draw:", "dr3d:")
_PARTS = frozenset(
    ("m:num", "m:den", "m:e", "m:sub", "m:sup", "m:deg", "m:lim", "m:fName", "m:mr")
)  # fmt: skip
_OFF = frozenset(("0", "false", "off"))
_HIDES = frozenset(("w:vanish", "w:webHidden"))
_ON_A_LINE = frozenset(("drop", "margin"))
_SETS = "text:variable-set"  # alone is not shown when it says so
_NONE: frozenset[int] = frozenset()
_POSITION = re.compile(r"-?[0-9]{1,9}", re.ASCII)

_APART, _HIDEABLE, _BESIDE, _PART, _ORDER, _SYMBOL, _MAYBE, _MARK = range(1, 9)
_IN_A_LINE: dict[str, int] = {  # what an element is in a line, if not simply what is in it
    **dict.fromkeys(_BLANK | _WHOLE, _APART),  # a paragraph in a paragraph is a text of its own
    **dict.fromkeys(_ASIDE | _ELSEWHERE, _BESIDE),
    **dict.fromkeys(_PARTS | _PERHAPS_BLANK, _PART),
    **dict.fromkeys(("w:r", "m:r"), _HIDEABLE),
    "w:instrText": _ORDER,
    "w:sym": _SYMBOL,
    FIELD_MARK: _MARK,
}

Shown = Callable[[str], str]
_SHOWN: dict[str, Shown] = {
    **dict.fromkeys(
        (f"{prefix}:{which}{what}" for prefix in "xc" for which in ("odd", "even", "first")
         for what in ("Header", "Footer")),
        shown.header,
    ),
    **dict.fromkeys(
        ("x:f", "x:formula", "x:formula1", "x:formula2", "x:definedName", "c:f",
         "x:calculatedColumnFormula", "x:totalsRowFormula"),
        shown.literals,
    ),
    "c:formatCode": shown.number_format,
}  # fmt: skip
_SHOWN_ATTRIBUTES: dict[str, Shown] = {
    "formatCode": shown.number_format,
    **dict.fromkeys(("table:formula", "text:formula", "table:expression"), shown.literals),
}


class _Texts(list[str]):
    """What was found. Texts of the model are as long as it is; how long all other readings of them
    are together, is bounded: a few marks make five of any text."""

    left_characters = BYTES_MAX

    def more(self, text: str) -> None:
        """Add another reading of what is there; `Malformed` if it is one too many."""
        self.left_characters -= len(text)
        if self.left_characters < 0:
            raise Malformed(Reason.TEXT_TOO_LONG, "texts that can be read in too many ways")
        self.append(text)


def office_texts(model: Any) -> list[str]:
    """Every text of the model's trees and every address in its links; `Malformed` for a value that
    has not the shape of the model, or too many readings."""
    found = _Texts()
    try:
        for part in model["parts"]:
            found += [link for link in part.get("links", ()) if isinstance(link, str)]
            if "tree" in part:
                has_fields = model["kind"] == "docx" and _has_fields(part["tree"])
                told = _told(part["tree"]) if has_fields else _NONE
                _collect(part["tree"], found, told)
        for text in [text for text in found if "_x" in text] if model["kind"] == "xlsx" else ():
            found.more(shown.unescaped(text))
        return found
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(Reason.MODEL_SHAPE, "not the layout of an office document") from error


def _has_fields(tree: Any) -> bool:
    """Whether there are marks of fields; most parts have none, and this is soon seen."""
    todo = [tree]
    while todo:
        for child in todo.pop()[2]:
            if type(child) is list:
                if child[0] == FIELD_MARK:
                    return True
                if child[2]:
                    todo.append(child)
    return False


def _told(tree: Any) -> frozenset[int]:
    """The identities of the elements whose text, or sign, is of a field's instruction."""
    return frozenset(
        id(element) for one in WordFields(tree).found if one.has_end for element in one.texts
    )


def _collect(tree: Any, found: _Texts, told: frozenset[int]) -> None:
    todo = [(tree, False)]
    while todo:
        (name, attributes, content), is_inside = todo.pop()
        if attributes:
            found += attributes.values()
            for key in _SHOWN_ATTRIBUTES.keys() & attributes.keys():
                _seen(_SHOWN_ATTRIBUTES[key], attributes[key], found)
        if name == _FORMULA:
            found.append("".join(_signs(content)))
        elif name in _WHOLE:
            _readings(content, told, found)
            is_inside = True
        elif is_inside:
            if name in _ELSEWHERE or name.startswith(_SHAPES):
                is_inside = False
            elif name in _ASIDE or (name == _SETS and attributes.get("text:display") == "none"):
                _readings(content, told, found)
        elif name in _SHOWN:
            _seen(_SHOWN[name], _own(content), found)
        elif name[:7] == "number:" and name[-6:] == "-style":
            found.append(_format(content))
        if len(content) > 1 and name[:2] == "w:":
            _run_on(content, found, told)
        for child in reversed(content):
            if type(child) is not str:
                todo.append((child, is_inside))
            elif not is_inside:
                found.append(child)


def _seen(show: Shown, text: str, found: _Texts) -> None:
    """What a reader sees of it, where that is something else; escapes are read first, or not."""
    for written in (text, shown.unescaped(text)) if "_x" in text else (text,):
        seen = show(written)
        if seen and seen != text:
            found.more(seen)


def _own(content: Any) -> str:
    return "".join(child for child in content if type(child) is str)


def _format(content: Any) -> str:
    """The texts of a style of numbers: what stands between them may show nothing."""
    inside = [child for child in content if type(child) is not str]
    return "".join(
        _own(child[2]) + "".join(_own(one[2]) for one in _in_order(child[2])) for child in inside
    )


def _in_order(content: Any) -> list[Any]:
    """Texts in a number as they stand in it: the highest position is the first."""
    inside = [child for child in content if type(child) is not str]
    return sorted(inside, key=lambda child: _number(child[1].get("number:position", "")))


def _number(text: str) -> int:
    found = _POSITION.fullmatch(text)
    return -int(found[0]) if found else 0


class _Met:
    """What a line holds that leaves more than one reading; the instructions of its fields."""

    __slots__ = ("has_hidden", "has_parts", "instructions")

    def __init__(self) -> None:
        self.has_hidden = False
        self.has_parts = False
        self.instructions: list[str] = []


def _readings(content: Any, told: frozenset[int], found: _Texts) -> None:
    """A line with what is hidden, and without; parts of formulas beside each other, and apart. The
    instructions of its fields are one text: they too may be cut into runs."""
    met = _Met()
    found.append(_reading(content, met, told))
    if met.instructions:
        found.append("".join(met.instructions))
    if met.has_hidden or met.has_parts:
        ways = product((False, True)[: 1 + met.has_hidden], (False, True)[: 1 + met.has_parts])
        for way in ways:
            if any(way):
                found.more(_reading(content, _Met(), told, *way))


def _reading(
    content: Any, met: _Met, told: frozenset[int], without_hidden: bool = False, apart: bool = False
) -> str:
    pieces: list[str] = []
    kept: list[list[str]] = []  # the pieces before each field that is open
    todo = list(reversed(content))
    while todo:
        item = todo.pop()
        if type(item) is str:
            pieces.append(item)
            continue
        name, attributes, inner = item
        if name == "m:r" and inner:
            inner = _in_math(inner, met, apart)
        what = _IN_A_LINE.get(name, 0) or _other(name, attributes)
        if told and id(item) in told and name != FIELD_SIMPLE:
            sign = " " if what == _APART else shown.symbol(attributes.get("w:char", ""))
            met.instructions.append(sign or _own(inner))
        elif what == _APART:
            pieces.append(" ")
        elif what == _ORDER:
            met.instructions.append(_own(inner))
        elif what == _SYMBOL:
            pieces.append(shown.symbol(attributes.get("w:char", "")))
        elif what == _MARK:
            met.has_hidden = True
            if without_hidden:
                pieces = _marked(attributes.get("w:fldCharType"), pieces, kept)
        elif what == _PART:
            met.has_parts = True
            todo += (" ", *reversed(inner), " ") if apart else reversed(inner)
        elif what == _MAYBE or (what == _HIDEABLE and _is_hidden(inner)):
            met.has_hidden = True
            todo += () if without_hidden else reversed(inner)
        elif what != _BESIDE and inner:
            todo += reversed(inner)
    text = "".join(kept[0] if kept else pieces)
    return text if text.isascii() else shown.whole(text)


def _marked(kind: object, pieces: list[str], kept: list[list[str]]) -> list[str]:
    """The pieces to go on with at a field's mark: what is shown of it is set aside, to its end."""
    if kind == "begin":
        kept.append(pieces)
        return []
    return kept.pop() if kind == "end" and kept else pieces


def _in_math(content: list[Any], met: _Met, apart: bool) -> list[Any]:
    """A run of a formula, in which breaks and tabs are shown or not."""
    perhaps = [type(child) is list and child[0] in _NOT_IN_MATH for child in content]
    if not any(perhaps):
        return content
    met.has_parts = True
    shown_as = [" "] if apart else []
    pairs = zip(content, perhaps, strict=True)
    return [each for child, is_one in pairs for each in (shown_as if is_one else [child])]


def _other(name: str, attributes: Any) -> int:
    """Of names that the table does not have: shapes, and what is not displayed."""
    if name.startswith(_SHAPES):
        return _BESIDE
    if attributes and attributes.get("text:display") == "none":
        return _BESIDE if name == _SETS and "text:name" in attributes else _MAYBE
    return _MAYBE if name in _WORKED_OUT else 0


def _is_hidden(content: Any) -> bool:
    """Whether a run, or the mark at the end of a paragraph, is hidden by its own properties."""
    return any(
        one[0] in _HIDES and one[1].get("w:val") not in _OFF
        for child in content
        if child[0] == "w:rPr"
        for one in child[2]
    )


def _run_on(content: Any, found: _Texts, told: frozenset[int]) -> None:
    """Paragraphs of which one is seen at the beginning of the next: a letter over several lines, or
    one whose end is hidden."""
    line: list[str] = []
    for child in content:
        if type(child) is not str and child[0] == "w:p":
            runs_on = _runs_on(child[2])
            if line or runs_on:
                line.append(_reading(child[2], _Met(), told, True))
            if line and not runs_on:
                found.more("".join(line))
                line.clear()


def _runs_on(content: Any) -> bool:
    """Of any properties: they need not be the first in it."""
    for child in content:
        if child[0] == "w:pPr":
            frames = (one[1] for one in child[2] if one[0] == "w:framePr")
            is_cap = any(one.get("w:dropCap") in _ON_A_LINE for one in frames)
            if is_cap or _is_hidden(child[2]):
                return True
    return False


def _signs(content: Any) -> list[str]:
    """The signs of a formula in their order: those of a row stand together, as they are seen; what
    stands above, below or beside another does not."""
    signs: list[str] = []
    todo = list(reversed(content))
    while todo:
        item = todo.pop()
        if type(item) is str:
            signs.append(item)
        elif item[0] in _ROWS:
            todo += reversed(item[2])
        elif item[0] in _BOXES:
            todo += (" ", *reversed(item[2]), " ")
        else:
            todo.append(" ")
            for child in reversed(item[2]):
                todo += (child, " ")
    return signs
