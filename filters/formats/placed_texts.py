"""The texts of a model and where each stands, for verdicts that tell places and never values.

Takes a decoded model, gives places and texts of the same number. Texts are in compatibility form,
without characters that nobody sees, so that neither hides a number; or bare, where it is numbers
that are looked for.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from filters.formats.office_text import office_texts
from schemas.cbor import CborValue

_REMEMBERED_MAX = 70_000

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_ASCII = re.compile(r"[\x00-\x7f]+")
Form = Callable[[str], str]


def plain(text: str) -> str:
    """The text in compatibility form, without what nobody sees."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text))


def bare(text: str) -> str:
    """The text as numbers are looked for in it, character by character.

    In compatibility form, without what nobody sees and without marks, every alphabet's digits and
    every dash those of ASCII.
    """
    return text if text.isascii() else text.translate(_BARE)


class _Bare(dict[int, str]):
    """Code point -> what stands for it in a bare text; each is worked out once."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        shown = unicodedata.normalize("NFKC", _UNSEEN.sub("", chr(code)))
        self[code] = "".join(map(_sign, shown))
        return self[code]


_BARE = _Bare()


def _sign(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Mc", "Me"):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return "-" if category == "Pd" or character == "\u2212" else character


def uncovered(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where in a text stands what was found in its bare form.

    spans: first byte and the one behind the last, in the bare form's UTF-8, in order. Gives first
    character and the one behind the last, with the marks and what nobody sees that follow it.
    """
    at = reached = 0
    for start, end in spans:
        at, reached = _walked(text, at, reached, start)
        first = at
        while at < len(text) and (reached < end or _size(text[at]) == 0):
            reached += _size(text[at])
            at += 1
        yield first, at


def _walked(text: str, at: int, reached: int, byte: int) -> tuple[int, int]:
    """From a character and the bytes before it on to the character that has a byte."""
    while at < len(text):
        run = _ASCII.match(text, at, at + max(byte - reached, 0))
        size = len(run.group()) if run else _size(text[at])
        if run is None and reached + size > byte:
            break
        at += size if run else 1
        reached += size
    return at, reached


@lru_cache(maxsize=_REMEMBERED_MAX)
def _size(character: str) -> int:
    """The bytes of a character's bare form."""
    return len(bare(character).encode("utf-8", "surrogatepass"))


def placed(model: CborValue, form: Form = plain) -> tuple[list[str], list[str]]:
    """Places and texts: lines of a text, cells of a table, an office document's as its word search
    takes them, else texts in the model's order. `Malformed` for no office document that says so.

    form: how the texts are given.
    """
    if isinstance(model, dict) and model.keys() == {"text", "lines"}:
        lines = _texts(model["lines"], form)
        return [f"line {number}" for number in range(1, len(lines) + 1)], lines
    if isinstance(model, dict) and model.keys() == {"csv", "header", "rows"}:
        return _cells(model, form)
    if isinstance(model, dict) and model.keys() == {"json", "value"}:
        model = model["value"]
    if isinstance(model, dict) and model.keys() == {"office", "kind", "parts"}:
        texts = [form(text) for text in office_texts(model)]
    else:
        texts = _texts(model, form)
    return [f"text {number}" for number in range(1, len(texts) + 1)], texts


def _cells(model: dict[str, CborValue], form: Form) -> tuple[list[str], list[str]]:
    rows = model["rows"] if isinstance(model["rows"], list) else []
    places: list[str] = []
    texts: list[str] = []
    for number, row in enumerate([model["header"], *rows]):
        where = f"row {number}" if number else "the header"
        for column, text in enumerate(_texts(row, form), start=1):
            places.append(f"{where} column {column}")
            texts.append(text)
    return places, texts


def _texts(value: CborValue, form: Form) -> list[str]:
    """Every text and key, in order; numbers and byte strings as the text of their digits."""
    found: list[str] = []
    todo: list[CborValue] = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(form(item))
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
