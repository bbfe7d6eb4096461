"""What no document may say, in the destination's own words: formulas, fields and addresses.

Takes trees as `office_tree` gives them, raises `Malformed`. The rules are those of
docs/filters/office.md; the way is another than the source side's: a formula is cut into tokens.
"""

from collections.abc import Iterator

from filters.twins.office_tree import Tree, walk, whole_text
from schemas.errors import Malformed
from schemas.reasons import Reason

FORMULA_CHARACTERS_MAX = 32_768
_FORMULAS = frozenset(
    (
        "x:f", "x:formula", "x:formula1", "x:formula2", "x:definedName", "c:f",
        "x:calculatedColumnFormula", "x:totalsRowFormula",
    )
)  # fmt: skip
_ATTRIBUTES = ("table:formula", "text:formula", "table:condition", "text:condition",
               "style:condition", "table:expression", "calcext:value")  # fmt: skip
_REACHING = frozenset((
    "WEBSERVICE", "HYPERLINK", "CALL", "REGISTER", "REGISTER.ID", "EXEC", "EXECUTE", "RTD",
    "DDE", "IMPORTDATA", "IMPORTXML", "IMPORTHTML", "IMPORTFEED", "IMPORTRANGE", "FILTERXML",
    "IMAGE", "SQL.REQUEST", "EVALUATE", "INITIATE", "POKE", "REQUEST", "TERMINATE", "RUN",
    "FOPEN", "FWRITE", "FREAD", "FILES", "DIRECTORY", "GET.CELL", "GET.WORKBOOK",
    "GET.WORKSPACE", "APP.ACTIVATE", "SEND.KEYS", "OPEN", "SAVE.AS", "FORMULA.ARRAY",
    "CUBEVALUE", "CUBEMEMBER", "CUBESET", "CUBESETCOUNT", "CUBERANKEDMEMBER",
    "CUBEMEMBERPROPERTY", "PY", "STOCKHISTORY",
))  # fmt: skip
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
            _formula(whole_text(element))
        elif name == "w:fldSimple":
            _field(attributes.get("w:instr", ""))
        for key in _ATTRIBUTES:
            if key in attributes:
                _formula(attributes[key])
    _fields(tree)


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


def _formula(text: str) -> None:
    if len(text) > FORMULA_CHARACTERS_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a formula is longer than any program writes it")
    tokens = list(_tokens(text))
    if "|" in tokens:
        raise Malformed(Reason.OFFICE_FIELD, "a formula that starts another program (DDE)")
    for token, after in zip(tokens, [*tokens, ""][1:], strict=True):
        word = token.upper().removeprefix("_XLFN.").removeprefix("_XLWS.").removeprefix("_XLL.")
        if after == "(" and (word in _REACHING or word.startswith(("COM.", "ORG."))):
            raise Malformed(Reason.OFFICE_FIELD, "a formula that reaches outside the document")
        if token[0] == "'" and any(mark in token for mark in ("[", "/", "\\", "|")):
            raise Malformed(Reason.OFFICE_FIELD, "a formula that refers to another file")
        if token.startswith("[") and len(token) > 1:
            raise Malformed(Reason.OFFICE_FIELD, "a formula that refers to another file")


def _tokens(text: str) -> Iterator[str]:
    """Words, quoted names and names of files in brackets as one each; strings left out."""
    at = 0
    while at < len(text):
        character = text[at]
        end = at + 1
        if character in "\"'":
            end = _quoted(text, at)
            if character == "'":
                yield text[at:end]
        elif character.isalpha() or character == "_":
            while end < len(text) and (text[end].isalnum() or text[end] in "_."):
                end += 1
            yield text[at:end]
        elif character == "[":
            end = _book(text, at)
            yield text[at:end]
        elif not character.isspace():
            yield character
        at = end


def _book(text: str, at: int) -> int:
    """Where a bracket ends that names another file (`[1]Sheet!`), or just behind its beginning."""
    close = text.find("]", at)
    is_column = at > 0 and (text[at - 1].isalnum() or text[at - 1] in "_]")
    if close <= at + 1 or is_column or text[at + 1] in ".$#@[":
        return at + 1
    after = close + 1
    while after < len(text) and (text[after].isalnum() or text[after] in "_.:"):
        after += 1
    return close + 1 if text[after : after + 1] == "!" else at + 1


def _quoted(text: str, at: int) -> int:
    """Where a quoted piece ends; a doubled quote stands for itself."""
    quote, end = text[at], at + 1
    while end < len(text):
        if text[end] == quote:
            if text[end + 1 : end + 2] != quote:
                return end + 1
            end += 1
        end += 1
    return end
