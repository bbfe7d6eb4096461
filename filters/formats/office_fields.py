"""Field instructions and addresses: which of them reach outside the document.

Takes texts, gives a sentence that says what is wrong, or nothing. docs/filters/office.md lists the
instructions. Formulas are `office_formulas`.
"""

import re

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
