"""Dirty words: the list, the normal form of text, and the search, for the source side.

The list is a document of UTF-8 lines; blank lines and lines with `#` first are comments, each
other line is one entry of one to eight words. An entry is found where all its words stand one
after another, as whole words, after both sides were brought to the same normal form: NFKC, case
folded, accents and invisible characters removed, Cyrillic and Greek letters that look Latin
replaced, words cut at everything that is neither letter nor digit. Text with `&` or `%` in it is
searched a second time with character references and percent escapes resolved. Words cut into
single letters, other alphabets' transliterations and encodings such as base64 are not seen
through.

Takes text, gives the number of the first entry found (the first entry is 1). The words themselves
never leave this module. Time is linear in the text: one pass, one dictionary look-up a word.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from html import unescape
from urllib.parse import unquote

from schemas.cbor import CborValue
from schemas.errors import Broken
from schemas.reasons import Reason

ENTRIES_MAX = 50_000
ENTRY_WORDS_MAX = 8
_BARRIER = "\x01"
_TOKEN = re.compile(r"[^\W_]+|\x01")
_CONFUSABLE = str.maketrans(
    "аеорсухіјѕԁһӏкмтвнґαβεικνορτυχγ",
    "aeopcyxijsdhlkmtbhgabeikvoptuxy",
)
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def normal(text: str) -> str:
    """The form in which words are compared."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    bare = unicodedata.normalize("NFKD", folded)
    letters = "".join(c for c in bare if not unicodedata.combining(c))
    return letters.translate(_CONFUSABLE)


class WordList:
    """A compiled list. `search` is its only question."""

    __slots__ = ("_by_first",)

    def __init__(self, document: bytes) -> None:
        """Compile the document; `Broken` if it is no such list."""
        self._by_first: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for number, words in enumerate(_entries(document), start=1):
            if number > ENTRIES_MAX or not 1 <= len(words) <= ENTRY_WORDS_MAX:
                raise Broken(Reason.POLICY_MALFORMED, f"entry {number} of the word list is none")
            self._by_first.setdefault(words[0], []).append((words, number))

    def search(self, texts: Iterable[str]) -> int | None:
        """The number of the first entry that one of the texts holds, or None."""
        plain: list[str] = []
        others: list[str] = []
        for text in texts:
            (plain if text.isascii() else others).append(text)
        joined = _BARRIER.join(plain)
        found = self._find(joined)
        if found is None and others:
            rest = _BARRIER.join(others)
            found = self._find(rest)
            joined += _BARRIER + rest
        if found is None and ("&" in joined or "%" in joined):
            found = self._find(unquote(unescape(unescape(joined)), errors="ignore"))
        return found

    def _find(self, text: str) -> int | None:
        tokens = _TOKEN.findall(normal(text))
        by_first = self._by_first
        if by_first.keys().isdisjoint(tokens):
            return None
        for at, token in enumerate(tokens):
            for words, number in by_first.get(token, ()):
                if len(words) == 1 or tuple(tokens[at : at + len(words)]) == words:
                    return number
        return None


def _entries(document: bytes) -> Iterator[tuple[str, ...]]:
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Broken(Reason.POLICY_MALFORMED, "the word list is not UTF-8") from error
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield tuple(_TOKEN.findall(normal(line)))


def _is_text(key: object) -> bool:
    """CBOR read without a recogniser's guarantee may have keys that are no text."""
    return isinstance(key, str)


def texts(value: CborValue) -> list[str]:
    """Every text of a decoded CBOR value, map keys and element names included.

    The lines of a plain text are one text, and so are the cells of a table, so that a phrase is
    found across the end of a line or cell.
    """
    found: list[str] = []
    if isinstance(value, dict) and ("text" in value or "csv" in value):
        together = [value.get("lines"), value.get("header"), value.get("rows")]
        found.append("\n".join(_leaves(together)))
    todo: list[CborValue] = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            found.extend(filter(_is_text, item))
            todo.extend(item.values())
    return found


def _leaves(value: CborValue) -> list[str]:
    """The texts in nested lists, in their order."""
    if isinstance(value, list):
        return [text for item in value for text in _leaves(item)]
    return [value] if isinstance(value, str) else []
