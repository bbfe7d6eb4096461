"""What a formula may not say, in the destination's own words: it is read sign by sign.

Takes texts, raises `Malformed`. Two grammars: in Office Open XML a bracket behind a name holds a
column of a table, in OpenDocument every bracket holds a reference.
"""

from collections.abc import Callable

from schemas.errors import Malformed
from schemas.reasons import Reason

CHARACTERS_MAX = 32_768
_REACHING = frozenset((
    "WEBSERVICE", "HYPERLINK", "CALL", "REGISTER", "REGISTER.ID", "EXEC", "EXECUTE", "RTD",
    "DDE", "FILTERXML", "IMAGE", "SQL.REQUEST", "EVALUATE", "INITIATE", "POKE", "REQUEST",
    "TERMINATE", "RUN", "FOPEN", "FWRITE", "FREAD", "FILES", "DIRECTORY", "GET.CELL",
    "GET.WORKBOOK", "GET.WORKSPACE", "APP.ACTIVATE", "SEND.KEYS", "OPEN", "SAVE.AS",
    "FORMULA.ARRAY", "PY", "STOCKHISTORY", "TRANSLATE", "DETECTLANGUAGE", "COPILOT",
    "LABS.GENERATIVEAI", "GOOGLEFINANCE", "GOOGLETRANSLATE", "AI", "GEMINI", "JAVASCRIPT",
    "EXECSQL", "READDBTABLE",
))  # fmt: skip
_PREFIXES = ("_XLFN", "_XLWS", "_XLL", "COM.MICROSOFT", "ORG.OPENOFFICE", "ORG.LIBREOFFICE",
             "ORG.GNUMERIC")  # fmt: skip

_CONSTANTS = frozenset('0123456789.+-;|eE"')
_IN_ERRORS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/!?")

_NEVER_TITLES = ("WEBSERVICE", "HYPERLINK", "DDE", "RTD", "FILTERXML")


def formula(text: str, in_opendocument: bool) -> None:
    """Return if the formula stays in its document, also for who knows of no table in it."""
    if len(text) > CHARACTERS_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a formula is longer than any program writes it")
    if _read(text, _reference if in_opendocument else _column):
        _read(text, _bracket)


def _read(text: str, bracket: Callable[[str, int], int]) -> bool:
    """Whether something in brackets has a double quote; `bracket` gives where to go on."""
    at, has_quote = 0, False
    while at < len(text):
        sign, begin = text[at], at
        if sign == '"':
            at = _past(text, at)
        elif sign == "'":
            at = _past(text, at)
            _name(text[begin:at], text[at : at + 1] if at > begin + 1 else "")
        elif sign == "{" and bracket is _reference:
            at = _array(text, at)
        elif sign in "[]":
            at = bracket(text, at)
            has_quote = has_quote or '"' in text[begin:at]
        elif _in_word(sign):
            at = _word(text, at)
        else:
            _sign(text, at)
            at += 1
    return has_quote


def cells(text: str) -> None:
    """Return if a range of cells in an attribute is one of this document."""
    _inside(text[:CHARACTERS_MAX])
    if len(text) > CHARACTERS_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a range of cells is longer than any is")


def _elsewhere() -> Malformed:
    return Malformed(Reason.OFFICE_FIELD, "a formula that refers to another file")


def _in_word(sign: str) -> bool:
    return sign.isalnum() or sign in "_."


def _past(text: str, at: int) -> int:
    """Behind a quoted piece, in which a doubled quote is one; one that never ends is a sign."""
    quote, end = text[at], text.find(text[at], at + 1)
    while end >= 0 and text[end + 1 : end + 2] == quote:
        end = text.find(quote, end + 2)
    return end + 1 if end >= 0 else at + 1


def _name(quoted: str, after: str) -> None:
    if after == "#" or not set(quoted).isdisjoint("[]/\\") or "FILE:" in quoted.upper():
        raise _elsewhere()


def _word(text: str, at: int) -> int:
    end = at
    while end < len(text) and _in_word(text[end]):
        end += 1
    behind = end
    while text[behind : behind + 1].isspace():
        behind += 1
    if text[behind : behind + 1] == "(":
        _call(text[at:end])
    return behind


def _call(word: str) -> None:
    parts = word.upper().rpartition("_XLFN.")[2].lstrip("0123456789.")
    while prefix := next((one for one in _PREFIXES if parts.startswith(one + ".")), ""):
        parts = parts[len(prefix) + 1 :]
    family = parts.partition(".")[0]
    if parts in _REACHING or family in ("COM", "ORG") or parts[:6] == "IMPORT":
        raise Malformed(Reason.OFFICE_FIELD, "a formula that reaches outside the document")
    if parts[:4] == "CUBE":
        raise Malformed(Reason.OFFICE_FIELD, "a formula that asks a data base")


def _sign(text: str, at: int) -> None:
    if text[at] == "|":
        raise Malformed(Reason.OFFICE_FIELD, "a formula that starts another program (DDE)")
    if text[at : at + 3] == "://" or text[at : at + 2] in ("\\\\", "#$"):
        raise _elsewhere()


def _column(text: str, at: int) -> int:
    """Behind a column of a table; all other brackets are another book (`[1]Sheet!A1`)."""
    if text[at] == "]":
        return at + 1
    if at == 0 or not _in_word(text[at - 1]):
        raise _elsewhere()
    depth, end, has_inner, alone = 0, at, False, ""
    while end < len(text):
        sign = text[end]
        depth += (sign == "[") - (sign == "]")
        has_inner = has_inner or depth == 2
        if depth == 1 and sign not in "[]":
            alone += sign
        end += 2 if sign == "'" else 1
        if depth == 0 or depth > 2:
            break
    if depth or (has_inner and alone.strip(" \t\r\n@,:;")):
        raise _elsewhere()
    _title(text[at + 1 : end - 1])
    return _bracket(text, end - 1)


def _title(column: str) -> None:
    """Refuse a column that is a call to who knows of no such table; it may be "User (number)"."""
    for piece in column.upper().split("(")[:-1]:
        bare = piece.rstrip()
        begin = len(bare)
        while begin and _in_word(bare[begin - 1]):
            begin -= 1
        word = bare[begin:].lstrip("0123456789.")
        if word in _NEVER_TITLES or "_XLFN." in word or word.startswith(_PREFIXES):
            _call(word)


def _bracket(text: str, at: int) -> int:
    """Behind a bracket; one that ends what a sheet's name follows was another book."""
    after = text[at + 1 : at + 2]
    if text[at] == "]" and after and (_in_word(after) or after in "!'\"[\\"):
        raise _elsewhere()
    return at + 1


def _reference(text: str, at: int) -> int:
    """Behind a reference in brackets, which may not be one into another file."""
    end = at + 1
    if text[at] == "]":
        return end
    while text[end : end + 1] not in ("]", "[", '"', ""):
        end = _past(text, end) if text[end] == "'" else end + 1
    if text[end : end + 1] != "]":
        raise _elsewhere()
    plain = _inside(text[at + 1 : end])
    after = text[end + 1 : end + 2]
    if after and (_in_word(after) or after in "'\"[" or (after == "!" and "." not in plain)):
        raise _elsewhere()
    return end + 1


def _array(text: str, at: int) -> int:
    """Behind constants in rows (`{1;2|3;"a"}`), or where something else is to be read."""
    end = at + 1
    while end < len(text) and text[end] != "}":
        behind = _constant(text, end)
        if behind == end:
            return at + 1
        end = behind
    return end + 1 if end < len(text) else at + 1


def _constant(text: str, at: int) -> int:
    """Behind a constant or a sign of one, or where none is."""
    if text[at] == '"':
        return _past(text, at)
    if text[at] == "#":
        at += 1
        while text[at : at + 1] in _IN_ERRORS:
            at += 1
        return at
    for word in ("TRUE", "FALSE"):
        if text[at : at + len(word)].upper() == word:
            return at + len(word)
    is_one = text[at] in _CONSTANTS and (text[at] not in "eE" or text[at - 1].isdigit())
    return at + 1 if is_one or text[at].isspace() else at


def _inside(reference: str) -> str:
    """The reference without the names in it, if all is in this document."""
    plain, at = "", 0
    while at < len(reference):
        end = at + 1
        if reference[at] == "'":
            end = _past(reference, at)
            if end == at + 1:  # a name that does not end
                raise _elsewhere()
            _name(reference[at:end], reference[end : end + 1])
        else:
            plain += reference[at]
        at = end
    plain = plain.replace("#REF!", "")
    if not set(plain).isdisjoint("#|/\\") or "FILE:" in plain.upper():
        raise _elsewhere()
    return plain
