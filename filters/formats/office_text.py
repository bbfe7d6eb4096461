"""Texts of an office model, as a reader sees them: whole paragraphs and cells.

Takes the decoded model, gives texts. A word that is cut into runs (`se`, `cret`) is one word here;
breaks and tabs are blanks. Attributes' values are texts too (titles, names of sheets and styles).
"""

from typing import Any

_FORMULA = "math:math"
_WHOLE = frozenset(("w:p", "a:p", "text:p", "text:h", "x:si", "x:is", "x:c"))
_ROWS = frozenset(
    ("math:mi", "math:mn", "math:mo", "math:mtext", "math:ms", "math:mrow", "math:mstyle",
     "math:mpadded", "math:semantics")
)  # fmt: skip
_BOXES = frozenset(("math:mtd", "math:msqrt", "math:menclose", "math:merror", "math:mphantom"))
_BLANK = frozenset(
    ("w:br", "w:tab", "w:cr", "w:noBreakHyphen", "a:br", "text:s", "text:tab", "text:line-break")
)


def office_texts(model: Any) -> list[str]:
    """Every text of the model's trees and every address in its links."""
    found: list[str] = []
    for part in model["parts"]:
        found += [link for link in part.get("links", ()) if isinstance(link, str)]
        if "tree" in part:
            _collect(part["tree"], found)
    return found


def _collect(tree: Any, found: list[str]) -> None:
    todo = [(tree, False)]
    while todo:
        (name, attributes, content), is_inside = todo.pop()
        found += attributes.values()
        if name == _FORMULA:
            found.append("".join(_signs(content)))
        elif name in _WHOLE:
            found.append("".join(_pieces(content)))
            is_inside = True
        for child in content:
            if type(child) is not str:
                todo.append((child, is_inside))
            elif not is_inside:
                found.append(child)


def _pieces(content: Any) -> list[str]:
    pieces: list[str] = []
    todo = list(reversed(content))
    while todo:
        item = todo.pop()
        if type(item) is str:
            pieces.append(item)
        else:
            if item[0] in _BLANK or item[0] in _WHOLE:
                pieces.append(" ")
            if item[0] not in _WHOLE:  # a paragraph in a paragraph is a text of its own
                todo += reversed(item[2])
    return pieces


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
