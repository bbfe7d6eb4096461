"""Formulas of spreadsheets and charts: which of them reach outside the document.

Takes texts, gives a sentence that says what is wrong, or nothing. A formula is cut from left to
right, once, as the grammar of its family has it: texts, names in quotes and columns of tables may
hold any sign. docs/filters/office.md lists the functions.
"""

import re

FORMULA_CHARACTERS_MAX = 32_768
_FILE = "a formula that refers to another file"
_PROGRAM = "a formula that starts another program (DDE)"
_OUTSIDE = "a formula that reaches outside the document"
_OUTSIDE_CALLS = frozenset((
    "WEBSERVICE", "HYPERLINK", "CALL", "REGISTER", "REGISTER.ID", "EXEC", "EXECUTE", "RTD",
    "DDE", "FILTERXML", "IMAGE", "SQL.REQUEST", "EVALUATE", "INITIATE", "POKE", "REQUEST",
    "TERMINATE", "RUN", "FOPEN", "FWRITE", "FREAD", "FILES", "DIRECTORY", "MACRO", "GET.CELL",
    "GET.WORKBOOK", "GET.WORKSPACE", "APP.ACTIVATE", "SEND.KEYS", "OPEN", "SAVE.AS", "HALT",
    "ERROR.TYPE.MACRO", "FORMULA.ARRAY", "SET.NAME", "USER", "ALERT", "INPUT",
    "GETPIVOTDATA.EXTERNAL", "PY", "JAVASCRIPT", "STOCKHISTORY", "TRANSLATE", "DETECTLANGUAGE",
    "COPILOT", "LABS.GENERATIVEAI", "GOOGLEFINANCE", "GOOGLETRANSLATE", "AI", "GEMINI", "EXECSQL",
    "READDBTABLE",
))  # fmt: skip
_OUTSIDE_BEGINNINGS = ("IMPORT", "CUBE", "COM.", "ORG.")
_NO_WORDS = frozenset(("WEBSERVICE", "HYPERLINK", "DDE", "RTD", "FILTERXML"))
_CALLS = re.compile(r"(?<![\w.])([\w.]++)\s*+\(")  # from its beginning alone: linear
# What writers put before the names of functions that are newer than the format.
_ALIASES = re.compile(r"(?:_XLFN\.|_XLWS\.|_XLL\.|COM\.MICROSOFT\.|ORG\.(?:OPEN|LIBRE)OFFICE\."
                      r"|ORG\.GNUMERIC\.)+")  # fmt: skip
_TEXT = r'(?P<text>"(?>(?:[^"]++|"")*)")'
_NAME = r"(?P<quoted>'(?>(?:[^']++|'')*)')(?P<file>\s*+#)?"
_WORD = r"(?P<word>[\w.]++)(?P<call>\s*+\()?"
_SIGN = r"(?P<bar>\|)|(?P<elsewhere>://|\\\\|#\$)"
# Table[column], Table[[#This Row],[column]], Table[@[column]:[column]]; in a column ' is before a
# sign that stands for itself.
_COLUMN = r"(?>(?:[^\[\]']++|'.)*)"
_TABLE = (
    rf"(?<=[\w.])(?P<column>\[(?:{_COLUMN}"
    rf"|[@\s]*+\[{_COLUMN}\](?>(?:[\s,:;]++\[{_COLUMN}\])*)\s*+)\])(?P<sheet>[\w.!'\"\[\\])?"
)
_OOXML = re.compile(rf"{_TEXT}|{_NAME}|{_TABLE}|(?P<bracket>\[)|{_WORD}|{_SIGN}", re.DOTALL)
# As a reader sees it that knows of no such table: a " begins a text in brackets too.
_NO_TABLE = re.compile(rf"{_TEXT}|{_NAME}|(?P<sheet>\][\w.!'\"\\])|{_WORD}|{_SIGN}", re.DOTALL)
# [.A1], [$Sheet1.A1:.B2], [$'My sheet'.A1]: a reference, in which a quote begins a name
_REFERENCE = (
    r"""\[(?P<reference>(?>(?:[^\[\]"']++|'(?>(?:[^']++|'')*)')*))\](?P<after>[\w.'"\[!])?"""
)
# {1;2|3;"a"|TRUE;#N/A}: constants, in which | is between rows
_ARRAY = (
    r'\{(?>(?:[\s;|]++|[+\-]?[0-9][0-9.]*+(?:[eE][+\-]?[0-9]++)?|"(?>(?:[^"]++|"")*)"'
    r"|(?i:TRUE|FALSE)\b|#[A-Z0-9/!?]++)*)\}"
)
_ODF = re.compile(
    rf"{_ARRAY}|{_TEXT}|{_NAME}|{_REFERENCE}|(?P<bracket>\[)|{_WORD}|{_SIGN}", re.DOTALL
)
_QUOTED = re.compile(r"'(?>(?:[^']++|'')*)'(#?)")
_ELSEWHERE = re.compile(r"[#|/\\]|file:", re.IGNORECASE)


def formula_fault(text: str, *, is_ooxml: bool) -> str:
    """What is wrong with a formula, or nothing; OpenDocument writes references in brackets."""
    if len(text) > FORMULA_CHARACTERS_MAX:
        return "a formula that is longer than any program writes it"
    fault, columns = _read(text, _OOXML if is_ooxml else _ODF)
    if not fault and any('"' in column for column in columns):
        fault, _ = _read(text, _NO_TABLE)
    return fault


def _read(text: str, grammar: re.Pattern[str]) -> tuple[str, list[str]]:
    """What is wrong, and the columns of tables that were read."""
    columns: list[str] = []
    for token in grammar.finditer(text):
        kind = token.lastgroup or ""
        if kind == "bar":
            return _PROGRAM, columns
        if kind in ("bracket", "elsewhere", "sheet", "file"):
            return _FILE, columns
        if kind == "quoted" and _is_file(token["quoted"]):
            return _FILE, columns
        if kind == "call" and _is_outside(token["word"]):
            return _OUTSIDE, columns
        if kind in ("reference", "after") and _is_elsewhere(token["reference"], token["after"]):
            return _FILE, columns
        if kind == "column" and any(map(_is_hidden, _CALLS.findall(token["column"]))):
            return _OUTSIDE, columns
        if kind == "column":
            columns.append(token["column"])
    return "", columns


def range_fault(text: str) -> str:
    """What is wrong with a range of cells in an attribute of OpenDocument, or nothing."""
    if len(text) > FORMULA_CHARACTERS_MAX or _is_elsewhere(text, None):
        return _FILE
    return ""


def _called(word: str) -> tuple[bool, str]:
    """Whether the name of a function has an alias, and the name without; readers skip case."""
    name = word.lstrip(".0123456789").upper()  # not lower: ſ and ı are S and I in upper case alone
    _, before, name = name.rpartition("_XLFN.")  # found behind #a too
    alias = _ALIASES.match(name)
    return bool(before or alias), name[alias.end() :] if alias else name


def _is_outside(word: str) -> bool:
    """Whether it is the name of such a function."""
    _, plain = _called(word)
    return plain in _OUTSIDE_CALLS or plain.startswith(_OUTSIDE_BEGINNINGS)


def _is_hidden(word: str) -> bool:
    """Whether such a name in a column is a call to a reader that knows of no such table.

    Not every name: a column may be "User (number)". Newer functions are called by their alias.
    """
    has_alias, plain = _called(word)
    return _is_outside(word) and (has_alias or plain in _NO_WORDS)


def _is_file(quoted: str) -> bool:
    return any(mark in quoted for mark in "[]/\\") or "file:" in quoted.lower()


def _is_elsewhere(reference: str, after: str | None) -> bool:
    """Whether what stands in brackets is no reference in this document."""
    if any(mark or _is_file(quoted) for quoted, mark in _named(reference)):
        return True
    rest = _QUOTED.sub("", reference).replace("#REF!", "")
    if _ELSEWHERE.search(rest) or "'" in rest:
        return True
    return after is not None and (after != "!" or "." not in rest)


def _named(reference: str) -> list[tuple[str, str]]:
    """Each name in quotes, and the mark behind it that makes it a file's."""
    return [(found[0], found[1]) for found in _QUOTED.finditer(reference)]
