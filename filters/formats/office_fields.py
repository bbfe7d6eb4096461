"""Formulas, field instructions and addresses: which of them reach outside the document.

Takes texts, gives a sentence that says what is wrong, or nothing. Strings inside formulas are
left out of sight first, so that a text may speak of anything. docs/filters/office.md lists the
functions and instructions.
"""

import re

FORMULA_CHARACTERS_MAX = 32_768
_STRING = re.compile(r'"(?>(?:[^"]++|"")*)"')
_QUOTED = re.compile(r"'(?>(?:[^']++|'')*)'")
# [1]Sheet!A1 or [a.xlsx]Sheet!A1; not Table[column], [#This Row] or OpenDocument's [.A1]
_OTHER_BOOK = re.compile(r"(?<![A-Za-z0-9_\]])\[[^\]\[.$#@][^\]\[]*+\][A-Za-z0-9_.:]*+!")
_CALL = re.compile(r"(?<![A-Za-z0-9_.])([A-Za-z_][A-Za-z0-9_.]*+)\s*+\(")
_OUTSIDE_CALLS = frozenset((
    "webservice", "hyperlink", "call", "register", "register.id", "exec", "execute", "rtd",
    "dde", "importdata", "importxml", "importhtml", "importfeed", "importrange", "filterxml",
    "image", "sql.request", "evaluate", "initiate", "poke", "request", "terminate", "run",
    "fopen", "fwrite", "fread", "files", "directory", "macro", "get.cell", "get.workbook",
    "get.workspace", "app.activate", "send.keys", "open", "save.as", "halt",
    "error.type.macro", "formula.array", "set.name", "user", "alert", "input", "cubevalue",
    "cubemember", "cubeset", "cubesetcount", "cuberankedmember", "cubememberproperty",
    "cubekpimember", "getpivotdata.external", "py", "javascript", "stockhistory",
))  # fmt: skip
_ALIASES = ("_xlfn.", "_xlws.", "_xll.", "com.microsoft.", "com.sun.star.", "org.openoffice.")
_FIELDS_ALLOWED = frozenset((
    "page", "numpages", "sectionpages", "section", "date", "time", "createdate", "savedate",
    "printdate", "toc", "tc", "xe", "index", "ref", "pageref", "noteref", "seq", "styleref",
    "=", "if", "symbol", "quote", "listnum", "autonum", "autonumlgl", "autonumout", "eq",
    "advance", "numchars", "numwords", "title", "subject", "author", "bidioutline", "compare",
    "formtext", "formcheckbox", "formdropdown", "hyperlink", "filename", "lastsavedby",
    "revnum", "edittime", "keywords", "comments", "template", "usermark",
))  # fmt: skip
_URL = re.compile(
    r"(?:https?://[A-Za-z0-9.\-]{1,253}(?::[0-9]{1,5})?(?:[/?#][!-~]*)?|mailto:[!-~]+)"
)
_URL_CHARACTERS_MAX = 2048
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|\\\\|//")


def formula_fault(text: str) -> str:
    """What is wrong with a formula of a spreadsheet, or nothing."""
    if len(text) > FORMULA_CHARACTERS_MAX:
        return "a formula that is longer than any program writes it"
    rest = _STRING.sub('""', text)
    if "|" in rest:
        return "a formula that starts another program (DDE)"
    for quoted in _QUOTED.findall(rest):
        if any(mark in quoted for mark in ("[", "://", "\\", "file:", "/")):
            return "a formula that refers to another file"
    rest = _QUOTED.sub("''", rest)
    if _OTHER_BOOK.search(rest) or "://" in rest:
        return "a formula that refers to another file"
    for name in _CALL.findall(rest):
        plain = name.lower()
        for alias in _ALIASES:
            if plain.startswith(alias):
                plain = plain.removeprefix(alias) if alias.startswith("_") else plain
        if plain in _OUTSIDE_CALLS or plain.startswith(_ALIASES[3:]):
            return "a formula that reaches outside the document"
    return ""


def field_fault(instruction: str) -> str:
    """What is wrong with the instruction of a field in a text, or nothing."""
    words = instruction.replace("\u00a0", " ").split()
    if not words:
        return ""
    name = words[0].lower()
    if name.startswith("="):
        return ""
    if name not in _FIELDS_ALLOWED:
        return "a field whose instruction is not allowed"
    if name == "hyperlink":
        return "" if len(words) > 1 and words[1] == "\\l" else "a field that is a hyperlink"
    if _SCHEME.search(instruction) and name not in ("toc", "if", "quote", "date", "time"):
        return "a field that refers to another file"
    return ""


def is_hyperlink_field(instruction: str) -> bool:
    """Whether the instruction is the address of a link, which the rule on hyperlinks decides."""
    return instruction.split()[:1] != [] and instruction.split()[0].lower() == "hyperlink"


def address(untrusted: str) -> str | None:
    """The address of a hyperlink that a reader may click on, or None if it is another."""
    if len(untrusted) <= _URL_CHARACTERS_MAX and _URL.fullmatch(untrusted):
        return untrusted
    return None
