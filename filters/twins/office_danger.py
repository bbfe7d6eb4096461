"""What no document may say, in the destination's own words: formulas, fields and addresses.

Takes trees as `office_tree` gives them, raises `Malformed`. The rules are those of
docs/filters/office.md; formulas are read by `office_reach`.
"""

from filters.twins.office_reach import cells, formula
from filters.twins.office_tree import Tree, walk, whole_text
from schemas.errors import Malformed
from schemas.reasons import Reason

_FORMULAS = frozenset(
    (
        "x:f", "x:formula", "x:formula1", "x:formula2", "x:definedName", "c:f",
        "x:calculatedColumnFormula", "x:totalsRowFormula",
    )
)  # fmt: skip
_ATTRIBUTES = ("table:formula", "text:formula", "table:condition", "text:condition",
               "style:condition", "table:expression", "calcext:value")  # fmt: skip
_CELLS = ("cell-address", "range-address", "cell-range", "print-ranges", "er-range")
_RUNNING = frozenset((
    "DDE", "DDEAUTO", "INCLUDETEXT", "INCLUDEPICTURE", "INCLUDE", "IMPORT", "LINK", "EMBED",
    "AUTOTEXT", "AUTOTEXTLIST", "DATABASE", "MACROBUTTON", "GOTOBUTTON", "ASK", "FILLIN",
    "SET", "RD", "MERGEFIELD", "NEXT", "SKIPIF", "DOCVARIABLE", "PRINT", "PRIVATE", "ADDIN",
    "CONTROL", "HTMLACTIVEX", "BARCODE", "DATA", "USERNAME", "USERADDRESS", "USERINITIALS",
))  # fmt: skip


def check(tree: Tree) -> None:
    """Return if nothing in the part reaches outside the document."""
    for element in walk(tree):
        name, attributes, _ = element
        if name in _FORMULAS:
            formula(whole_text(element), False)
        elif name == "x:cfvo":
            formula(attributes.get("val", ""), False)
        elif name == "w:fldSimple":
            _field(attributes.get("w:instr", ""))
        _attributes(attributes)
    _fields(tree)


def _attributes(attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        if key in _ATTRIBUTES:
            formula(value, True)
        elif key.endswith(_CELLS):
            cells(value)


def _fields(tree: Tree) -> None:
    """Fields by marks: instructions are joined as they stand between the marks."""
    stack: list[list[str]] = []
    for element in walk(tree):
        if element[0] == "w:fldChar":
            kind = element[1].get("w:fldCharType")
            if kind == "begin":
                stack.append([])
            elif kind == "end" and stack:
                _field("".join(stack.pop()))
        elif element[0] == "w:instrText":
            if not stack:
                raise Malformed(Reason.OFFICE_FIELD, "an instruction outside of any field")
            stack[-1].append(whole_text(element))
    for left in stack:
        _field("".join(left))


def _field(instruction: str) -> None:
    words = instruction.upper().split()
    if words and words[0].strip('"') in _RUNNING:
        raise Malformed(Reason.OFFICE_FIELD, "a field that reaches outside or runs something")
