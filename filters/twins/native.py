"""Texts of a native file, for the destination side's label, word and route checks.

Takes the bytes a builder wrote and their format, gives every text and name in them, or the named
texts at their root (plain text and tables have none). XML goes through `filters.twins.expat_tree`;
JSON through the standard parser, with duplicate keys refused.
"""

import json
from collections.abc import Callable
from typing import Any, Literal

from filters.twins.container_texts import container_texts
from filters.twins.expat_tree import WIDE, parse, root_attributes
from schemas.errors import Malformed
from schemas.reasons import Reason

Format = Literal["xml", "json", "text", "container"]


def texts(untrusted: bytes, form: Format) -> list[str]:
    """Every name and every text, in no special order; numbers of JSON are texts as written."""
    found: list[str] = []
    if form == "text":
        return [_text(untrusted)]
    if form == "container":
        return container_texts(untrusted)
    if form == "xml":
        for element in parse(untrusted, WIDE).iter():
            found.append(element.tag)
            found.extend(element.keys())
            found.extend(value for _, value in element.items())
            found.extend(text for text in (element.text, element.tail) if text)
        return found
    todo = [_json(untrusted, str)]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, dict):
            found.extend(value)
            todo.extend(value.values())
    return found


def root_texts(untrusted: bytes, form: Format) -> dict[str, str]:
    """The attributes of the root element, or the texts at the top of the JSON object."""
    if form == "xml":
        return root_attributes(untrusted)
    if form in ("text", "container"):
        return {}
    value = _json(untrusted)
    if not isinstance(value, dict):
        raise Malformed(Reason.MODEL_SHAPE, "the JSON is not an object")
    return {key: item for key, item in value.items() if isinstance(item, str)}


def _text(untrusted: bytes) -> str:
    try:
        return untrusted.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the bytes are not UTF-8") from error


def _json(untrusted: bytes, number: Callable[[str], Any] | None = None) -> Any:
    """number: what becomes of a number, from its text."""
    try:
        return json.loads(
            untrusted.decode("utf-8"), object_pairs_hook=_without_doubles,
            parse_int=number, parse_float=number,
        )  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise Malformed(Reason.SYNTAX, "the bytes are not JSON in UTF-8") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed(Reason.JSON_DUPLICATE_KEY, "a JSON object has a key twice")
    return found
