"""The texts of a model and where each stands, for verdicts that tell places and never values.

Takes a decoded model, gives places and texts of the same number. Texts are in compatibility form,
without characters that nobody sees, so that neither hides a number.
"""

import re
import unicodedata

from filters.formats.office_text import office_texts
from schemas.cbor import CborValue

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def placed(model: CborValue) -> tuple[list[str], list[str]]:
    """Places and texts: lines of a text, cells of a table, an office document's as its word search
    takes them, else texts in the model's order. `Malformed` for no office document that says so."""
    if isinstance(model, dict) and model.keys() == {"text", "lines"}:
        lines = _texts(model["lines"])
        return [f"line {number}" for number in range(1, len(lines) + 1)], lines
    if isinstance(model, dict) and model.keys() == {"csv", "header", "rows"}:
        return _cells(model)
    if isinstance(model, dict) and model.keys() == {"json", "value"}:
        model = model["value"]
    if isinstance(model, dict) and model.keys() == {"office", "kind", "parts"}:
        texts = [plain(text) for text in office_texts(model)]
    else:
        texts = _texts(model)
    return [f"text {number}" for number in range(1, len(texts) + 1)], texts


def _cells(model: dict[str, CborValue]) -> tuple[list[str], list[str]]:
    rows = model["rows"] if isinstance(model["rows"], list) else []
    places: list[str] = []
    texts: list[str] = []
    for number, row in enumerate([model["header"], *rows]):
        where = f"row {number}" if number else "the header"
        for column, text in enumerate(_texts(row), start=1):
            places.append(f"{where} column {column}")
            texts.append(text)
    return places, texts


def _texts(value: CborValue) -> list[str]:
    """Every text and key, in order; numbers and byte strings as the text of their digits."""
    found: list[str] = []
    todo: list[CborValue] = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(plain(item))
        elif isinstance(item, bytes):
            found.append(item.decode("ascii", "replace"))
        elif isinstance(item, int) and not isinstance(item, bool):
            found.append(str(item))
        elif isinstance(item, list):
            todo.extend(reversed(item))
        elif isinstance(item, dict):
            for key, inner in reversed(item.items()):
                todo += (inner, key)
    return found


def plain(text: str) -> str:
    """The text in compatibility form, without what nobody sees."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
