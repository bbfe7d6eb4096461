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


def real(value: Any) -> Any:
    """An integer, or a number as its one spelling."""
    text = pdf_content.number(value)
    return {"$r": text} if "." in text else int(text)


def clean_name(value: Any) -> str:
    """A name of plain characters, or one that says nothing."""
    text = str(value)[1:]
    return text if isinstance(value, pikepdf.Name) and NAME.fullmatch(text) else UNNAMED


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
