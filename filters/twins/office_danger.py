"""What no document may say, in the destination's own words: formulas, fields and addresses.

Takes trees as `office_tree` gives them, raises `Malformed`. The rules are those of
docs/filters/office.md; the way is another than the source side's: a story becomes one text with
signs for the marks of its fields, and the fields in it are taken out from the innermost on.
Formulas are read by `office_reach`.
"""

import re

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
_NEVER = ("draw:engine", "draw:data")
# The fields of docs/filters/office.md, but HYPERLINK and calculations (=).
_FIELDS = frozenset((
    "PAGE", "NUMPAGES", "SECTION", "SECTIONPAGES", "DATE", "TIME", "CREATEDATE", "SAVEDATE",
    "PRINTDATE", "TOC", "TC", "XE", "INDEX", "REF", "PAGEREF", "NOTEREF", "SEQ", "STYLEREF", "IF",
    "COMPARE", "SYMBOL", "QUOTE", "EQ", "ADVANCE", "LISTNUM", "AUTONUM", "AUTONUMLGL",
    "AUTONUMOUT", "BIDIOUTLINE", "NUMCHARS", "NUMWORDS", "TITLE", "SUBJECT", "AUTHOR", "FORMTEXT",
    "FORMCHECKBOX", "FORMDROPDOWN", "FILENAME", "LASTSAVEDBY", "REVNUM", "EDITTIME", "KEYWORDS",
    "COMMENTS", "TEMPLATE", "USERMARK",
))  # fmt: skip
_LOOKS = ("MERGEFORMAT", "CHARFORMAT")
_INSTRUCTION_CHARACTERS_MAX = 4_096
_LEVELS_MAX = 32
# No text has these signs: XML 1.0 forbids them.
_TOLD, _BEGIN, _SEPARATE, _END = "\x12", "\x13", "\x14", "\x15"
_MARKS = {"begin": _BEGIN, "separate": _SEPARATE, "end": _END}
_INNERMOST = re.compile("\x13([^\x13-\x15]*+)(?:\x14([^\x13-\x15]*+))?\x15")
_FORMATTED = frozenset(("w:p", "w:r", "m:r", "w:pPr", "w:rPr"))
_HIDING = ("w:vanish", "w:webHidden")
_SWITCHED = ("on", "off", "true", "false", "1", "0")
_APART = ("w:txbxContent", "w:footnote", "w:endnote", "w:comment")
_UNSEEN = ("w:r", "w:t", "w:hyperlink", "w:bookmarkStart", "w:bookmarkEnd",
           "w:lastRenderedPageBreak")  # fmt: skip


def check(tree: Tree) -> None:
    """Return if nothing in the part reaches outside the document."""
    has_fields = False
    for element in walk(tree):
        name, attributes, _ = element
        if name in _FORMULAS:
            formula(whole_text(element), False)
        elif name == "x:cfvo":
            formula(attributes.get("val", ""), False)
        elif name == "w:fldSimple":
            _field(attributes.get("w:instr", ""))
        elif name in _FORMATTED or name in _HIDING:
            _hidden(element)
        has_fields = has_fields or name in ("w:fldChar", "w:instrText", "w:fldSimple")
        _attributes(attributes)
    if has_fields:
        todo = [tree]
        while todo:
            _fields(_story(todo.pop(), todo))


def _hidden(element: Tree) -> None:
    """Return if all readers take the same for hidden: formats come once, with a value they know."""
    name, attributes, content = element
    if name in _HIDING and attributes.get("w:val", "on") not in _SWITCHED:
        raise Malformed(Reason.SCHEMA_INVALID, "hidden or not, as each reader has it")
    for once in ("w:pPr", "w:rPr", *_HIDING):
        if sum(child[0] == once for child in content) > 1:
            raise Malformed(Reason.SCHEMA_INVALID, "a format that stands twice in its place")


def _attributes(attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        if key in _ATTRIBUTES:
            formula(value, True)
        elif key.endswith(_CELLS):
            cells(value)
        elif key in _NEVER:
            raise Malformed(Reason.SCHEMA_INVALID, "a shape that another program draws")


def _story(root: Tree, apart: list[Tree]) -> str:
    """The text of a story with its marks; stories in it are put to those that are to be read."""
    said: list[str] = []
    todo = [*reversed(root[2])]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            said.append(item)
        elif item[0] == "w:fldChar":
            said.append(_MARKS.get(item[1].get("w:fldCharType", ""), _END + _BEGIN))
        elif item[0] == "w:fldSimple":  # what it tells was looked at
            said.append(_BEGIN + _SEPARATE)
            todo += (_END, *reversed(item[2]))
        elif item[0] in _APART:
            apart.append(item)
            said.append("\ufffc")
        elif item[0] not in ("w:rPr", "w:pPr"):
            known = {"w:instrText": _TOLD, "w:p": "\n"}
            said.append("" if item[0] in _UNSEEN else known.get(item[0], "\ufffc"))
            todo += reversed(item[2])
    return "".join(said)


def _fields(story: str) -> None:
    for _ in range(_LEVELS_MAX + 1):
        story, count = _INNERMOST.subn(_result, story)
        if not count:
            break
    else:
        raise Malformed(Reason.TOO_DEEP, "fields stand in fields, deeper than their bound")
    if _TOLD in story:
        raise Malformed(Reason.OFFICE_FIELD, "an instruction outside of any field")
    if not {_BEGIN, _SEPARATE, _END}.isdisjoint(story):
        raise Malformed(Reason.OFFICE_FIELD, "a field that does not begin, or not end")


def _result(found: re.Match[str]) -> str:
    """What a field is to the one around it, whatever its result, if it may be there."""
    _field(found[1].replace(_TOLD, ""))
    return "\ufffc" + _TOLD * (_TOLD in (found[2] or ""))


def _field(instruction: str) -> None:
    if len(instruction) > _INSTRUCTION_CHARACTERS_MAX:
        raise Malformed(Reason.OFFICE_FIELD, "an instruction longer than any program writes it")
    words = instruction.split()
    name = words[0].upper() if words else "="
    if name == "HYPERLINK":
        _place(instruction)
    elif name[0] != "=" and name not in _FIELDS:
        raise Malformed(Reason.OFFICE_FIELD, "a field that reaches outside or runs something")


def _place(link: str) -> None:
    """Return if a link is one to a place in the document: each further word belongs to a switch.

    A word that belongs to none is an address to readers; switches are small letters. Words end at
    U+0020 to one reader and at any blank to another, so there may be no other blank.
    """
    said = link.split('"')  # what stands in quotes is every second
    bare = "".join(said[::2]).replace(" ", "")
    if "\ufffc" in link or len(bare.split()) > 1 or bare != bare.strip():
        raise Malformed(Reason.OFFICE_EXTERNAL, "a field that is a hyperlink")
    pieces = [piece.split() if at % 2 == 0 else [f'"{piece}'] for at, piece in enumerate(said)]
    allowed, switch = ["\\l"], ""
    for word in [word for piece in pieces for word in piece][1:]:
        if switch and "\\" not in word and (switch != "\\*" or word.upper() in _LOOKS):
            allowed, switch = ["\\o", "\\t", "\\h", "\\n", "\\*"], ""
        elif not switch and word in allowed:
            switch = "" if word in ("\\h", "\\n") else word
        else:
            raise Malformed(Reason.OFFICE_EXTERNAL, "a field that is a hyperlink")
    if switch or "\\l" in allowed or len(said) % 2 == 0:
        raise Malformed(Reason.OFFICE_EXTERNAL, "a field that is a hyperlink")
