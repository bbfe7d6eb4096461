"""Filter `words_twin`: dirty-word search over the native file, by the destination's own code.

Takes XML or JSON, changes nothing; tells what it found by its number in the list, never in clear.
The rules are those of the source side's search (an entry is one to eight whole words; case,
compatibility forms, accents, invisible characters and look-alike letters do not hide it;
references and percent escapes are resolved once more), the way is another: every character goes
through one table to its normal letters or to a blank, and runs of up to eight words are looked up
in one set.
"""

import unicodedata
from html import unescape
from typing import Literal
from urllib.parse import unquote_plus

from pydantic import Field

from filters.twins.native import texts
from schemas.errors import Broken
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse

ENTRY_WORDS_MAX = 8
REMEMBERED_CHARACTERS_MAX = 70_000
_BETWEEN = "\x01"
_LOOK_ALIKE = {
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ј": "j",
    "ѕ": "s", "ԁ": "d", "һ": "h", "ӏ": "l", "к": "k", "м": "m", "т": "t", "в": "b", "н": "h",
    "ґ": "g", "α": "a", "β": "b", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p",
    "τ": "t", "υ": "u", "χ": "x", "γ": "y",
}  # fmt: skip
_UNSEEN = frozenset({0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0})


class _Letters(dict[int, str]):
    """Character -> its normal letters, a blank, or nothing; filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        normal = self._normal(code)
        if len(self) < REMEMBERED_CHARACTERS_MAX:
            self[code] = normal
        return normal

    @staticmethod
    def _normal(code: int) -> str:
        character = chr(code)
        if character == _BETWEEN:
            return f" {_BETWEEN} "
        if code in _UNSEEN or unicodedata.category(character) in ("Cf", "Mn", "Me"):
            return ""
        plain = unicodedata.normalize("NFKC", character).casefold()
        letters = [
            _LOOK_ALIKE.get(letter, letter) if letter.isalnum() else " "
            for letter in unicodedata.normalize("NFKD", plain)
            if not unicodedata.combining(letter)
        ]
        return "".join(letters)


class WordsTwinParameters(Parameters):
    """document: the list. form: what the payload is. found: what becomes of it."""

    document: str = Field(default="words.txt", max_length=64)
    form: Literal["xml", "json", "text"]
    found: Literal["refuse", "hold"] = "refuse"


def make(parameters: WordsTwinParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    letters = _Letters()
    entries = _entries(documents[parameters.document], letters)
    lengths = sorted({len(words) for words in entries})
    single = {words[0] for words in entries if len(words) == 1}
    first = {words[0] for words in entries if len(words) > 1}
    verdict = Refuse if parameters.found == "refuse" else Hold

    def find(text: str) -> int | None:
        words = text.translate(letters).split()
        present = set(words)
        if present.isdisjoint(single) and present.isdisjoint(first):
            return None
        for at in range(len(words)):
            for length in lengths:
                number = entries.get(tuple(words[at : at + length]))
                if number is not None:
                    return number
        return None

    def run(message: Message) -> Answer:
        text = _BETWEEN.join(texts(message.payload, parameters.form))
        number = find(text)
        if number is None and ("&" in text or "%" in text):
            number = find(unquote_plus(unescape(unescape(text)), errors="ignore"))
        if number is None:
            return Pass()
        return verdict(Reason.DIRTY_WORD, f"entry {number} of {parameters.document} was found")

    return run


def _entries(document: bytes, letters: _Letters) -> dict[tuple[str, ...], int]:
    entries: dict[tuple[str, ...], int] = {}
    number = 0
    for line in document.decode("utf-8").splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        number += 1
        words = tuple(line.translate(letters).split())
        if not 1 <= len(words) <= ENTRY_WORDS_MAX or _BETWEEN in words:
            raise Broken(Reason.POLICY_MALFORMED, f"entry {number} of the word list is none")
        entries.setdefault(words, number)
    return entries


STAGE = StageType(
    name="words_twin",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=WordsTwinParameters,
    make=make,
    summary="no text or name in the file holds an entry of the destination's word list",
    rechecks=frozenset({"words"}),
)
