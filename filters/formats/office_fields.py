"""Field instructions and addresses: which of them reach outside the document.

Takes texts, gives a sentence that says what is wrong, or nothing. docs/filters/office.md lists the
instructions. Formulas are `office_formulas`.
"""

import re

FIELD_CHARACTERS_MAX = 4_096
_ALLOWED = frozenset((
    "page", "numpages", "sectionpages", "section", "date", "time", "createdate", "savedate",
    "printdate", "toc", "tc", "xe", "index", "ref", "pageref", "noteref", "seq", "styleref",
    "if", "symbol", "quote", "listnum", "autonum", "autonumlgl", "autonumout", "eq",
    "advance", "numchars", "numwords", "title", "subject", "author", "bidioutline", "compare",
    "formtext", "formcheckbox", "formdropdown", "hyperlink", "filename", "lastsavedby",
    "revnum", "edittime", "keywords", "comments", "template", "usermark",
))  # fmt: skip
# Their arguments are texts, or calculated: what looks like an address there leads nowhere.
_TEXTS = frozenset(("toc", "if", "quote", "date", "time", "xe", "tc"))
# A place in the document, then what is shown or how; a second argument would be an address, and so
# is one behind a switch in capitals, or behind another blank than U+0020, to LibreOffice; what a
# field in it (U+FFFC) adds is not known.
_TO_A_PLACE = re.compile(
    r'[ ]*+(?i:hyperlink)[ ]++\\l[ ]++(?:"[^"\\\ufffc]*+"|[^\s"\\\u201c-\u201f\ufffc]++)'
    r'(?:[ ]++\\(?:[hn]|[ot][ ]++"[^"\\\ufffc]*+"|\*[ ]++(?i:mergeformat|charformat)))*[ ]*+'
)
_URL = re.compile(
    r"(?:https?://[A-Za-z0-9.\-]{1,253}(?::[0-9]{1,5})?(?:[/?#][!-~]*)?|mailto:[!-~]+)"
)
_URL_CHARACTERS_MAX = 2048
_SCHEME = re.compile(r"(?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]*+:|\\\\|//")


def field_fault(instruction: str) -> str:
    """What is wrong with the instruction of a field in a text, or nothing."""
    words = instruction.split(None, 1)  # a blank without break is one
    if not words:
        return ""
    name = words[0].lower()
    if len(instruction) > FIELD_CHARACTERS_MAX:
        return "a field whose instruction is longer than any program writes it"
    if name.startswith("="):
        return ""
    if name not in _ALLOWED:
        return "a field whose instruction is not allowed"
    if name == "hyperlink":
        return "" if _TO_A_PLACE.fullmatch(instruction) else "a field that is a hyperlink"
    if name not in _TEXTS and _SCHEME.search(instruction):
        return "a field that refers to another file"
    return ""


def is_hyperlink_field(instruction: str) -> bool:
    """Whether the instruction is the address of a link, which the rule on hyperlinks decides."""
    return [word.lower() for word in instruction.split(None, 1)[:1]] == ["hyperlink"]


def address(untrusted: str) -> str | None:
    """The address of a hyperlink that a reader may click on, or None if it is another."""
    if len(untrusted) <= _URL_CHARACTERS_MAX and _URL.fullmatch(untrusted):
        return untrusted
    return None
