"""Values of a PDF in their one spelling: numbers, names, lists.

Takes values of pikepdf, gives what the model of docs/spec/pdf-model.md holds, or raises
`Malformed`.
"""

import re
from typing import Any

import pikepdf

from filters.formats import pdf_content
from filters.formats.picture_structure import broken

NAME = re.compile(r"[A-Za-z0-9+_.,\-]{1,127}")
UNNAMED = "Unnamed"
ITEMS_MAX = 70_000
_BLENDS = frozenset({
    "Normal", "Compatible", "Multiply", "Screen", "Overlay", "Darken", "Lighten", "ColorDodge",
    "ColorBurn", "HardLight", "SoftLight", "Difference", "Exclusion", "Hue", "Saturation", "Color",
    "Luminosity",
})  # fmt: skip
# Of simple fonts, and the named character maps that readers have (ISO 32000-2, 9.6.5 and 9.7.5.2).
_ENCODING = re.compile(
    r"(?:Standard|MacRoman|MacExpert|WinAnsi|PDFDoc)Encoding|[HV]"
    r"|(?:Identity|(?:(?:GB|GBK|GBKp|GBT|GBpc|GBTpc|CNS|KSC|KSCpc)-)?EUC|GBK2K|KSC-Johab"
    r"|KSCms-UHC(?:-HW)?|(?:B5pc|HKscs-B5|ETen-B5|ETenms-B5|ETHK-B5)"
    r"|(?:78|78ms|83pv|90msp?|90pv|Add|Ext)-RKSJ"
    r"|Uni(?:GB|CNS|KS|JIS|JISPro|JIS2004|JISX0213|JISX02132004)-(?:UCS2|UTF8|UTF16|UTF32)"
    r"(?:-HW)?)-[HV]|Adobe-(?:GB1|CNS1|Japan1|Korea1|KR)-UCS2"
)


def real(value: Any) -> Any:
    """An integer, or a number as its one spelling."""
    text = pdf_content.number(value)
    return {"$r": text} if "." in text else int(text)


def clean_name(value: Any) -> str:
    """A name of plain characters, or one that says nothing."""
    text = str(value)[1:]
    return text if isinstance(value, pikepdf.Name) and NAME.fullmatch(text) else UNNAMED


def blend_name(value: Any) -> str:
    """A blend mode that PDF has; a reader takes any other for the usual one."""
    text = clean_name(value)
    return text if text in _BLENDS else "Normal"


def encoding_name(value: Any) -> str:
    """A named encoding or character map that readers have, or a name that says nothing."""
    text = clean_name(value)
    return text if _ENCODING.fullmatch(text) else UNNAMED


def items_of(value: Any) -> list[Any]:
    """The items of an array, `Malformed` for anything else or too many."""
    if not isinstance(value, pikepdf.Array) or len(value) > ITEMS_MAX:
        broken("no list where one must be, or one that is too long")
    return list(value)


def draws_by_what_is_around(value: Any) -> bool:
    """Whether it has a content of its own and no resources: the same is another elsewhere."""
    if not isinstance(value, pikepdf.Stream | pikepdf.Dictionary) or "/Resources" in value:
        return False
    draws = value.get("/Subtype") in ("/Form", "/Type3") or value.get("/PatternType") == 1
    return bool(draws)
