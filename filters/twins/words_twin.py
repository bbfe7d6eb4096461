"""Filter `words_twin`: dirty-word search over the native file, by the destination's own code.

Takes XML or JSON, changes nothing; tells what it found by its number in the list, never in clear.
The rules are those of the source side's search (an entry is one to eight whole words; case,
compatibility forms, accents, invisible characters and look-alike letters do not hide it;
letters spaced out, signs for letters and encodings as the policy says), the way is another: every
character goes through a table to its normal letters or to a blank, and runs of up to eight words
are looked up in one set.
"""

import re
import unicodedata
from binascii import a2b_base64, a2b_hex
from collections.abc import Iterator
from html import unescape
from itertools import groupby
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
SPACED_LETTERS_MIN = 5
SPACED_RUN_MIN = 4
_NONE = 1 << 31
_RUN_OF_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}(?:[ \t]*[\r\n]+[ \t]*[A-Za-z0-9+/_-]{2,})*")
_RUN_OF_HEX = re.compile(r"(?:(?:\\x|0x)?[0-9A-Fa-f]{2}[ \t\r\n\f\v,:;-]{0,2}){4,}")
_NO_REFERENCE = re.compile("&#0*([0-9]+)")
_TAG = re.compile("[\U000e0020-\U000e007e]")
_DIGITS_MAX = 7  # the last character is number 1,114,111
REMEMBERED_CHARACTERS_MAX = 70_000
_BETWEEN = "\x01"
_AT_A_TIME_CHARACTERS = 1_000_000
_LOOK_ALIKE = {
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ј": "j",
    "ѕ": "s", "ԁ": "d", "һ": "h", "ӏ": "l", "к": "k", "м": "m", "т": "t", "в": "b", "н": "h",
    "ґ": "g", "α": "a", "β": "b", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p",
    "τ": "t", "υ": "u", "χ": "x", "γ": "y", "η": "n", "ı": "i", "ø": "o", "đ": "d", "ħ": "h",
    "ł": "l", "ŧ": "t", "ɨ": "i", "ɵ": "o", "ɡ": "g", "ɑ": "a",
}  # fmt: skip
_BY_LOOK = {"Ν": "n", "Υ": "y", "Η": "h", "Μ": "m", "Ζ": "z"}  # capitals, unlike their small ones
_LETTER_SIGN = re.compile(
    "(?:NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER|REGIONAL INDICATOR SYMBOL LETTER"
    "|LATIN LETTER SMALL CAPITAL) ([A-Z])"
)
_UNSEEN = frozenset({0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0})


class _Letters(dict[int, str]):
    """Character -> its normal letters, a blank, or nothing; filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        normal = self._normal(chr(code))
        if len(self) < REMEMBERED_CHARACTERS_MAX:
            self[code] = normal
        return normal

    def _normal(self, character: str) -> str:
        if character == _BETWEEN:
            return f" {_BETWEEN} "
        if ord(character) in _UNSEEN or unicodedata.category(character) in ("Cf", "Mn", "Me"):
            return ""
        plain = unicodedata.normalize("NFKC", character).casefold()
        decomposed = unicodedata.normalize("NFKD", plain)
        return "".join(_letter(each) for each in decomposed if not unicodedata.combining(each))


class _AsSeen(_Letters):
    """The same, but capitals of Greek by their look, and a sign beside a word apart from it."""

    def _normal(self, character: str) -> str:
        letters, category = super()._normal(character), unicodedata.category(character)
        raised = category in ("Lm", "No") or character in "\u00aa\u00ba"
        if raised or (category == "So" and len(letters) > 1):
            return " "
        bare = unicodedata.normalize("NFKD", character)
        if _BY_LOOK.keys().isdisjoint(bare):
            return letters
        return "".join(_BY_LOOK.get(each) or super(_AsSeen, self)._normal(each) for each in bare)


def _letter(character: str) -> str:
    """A decomposed character's Latin letter, by its look; a blank for what is no letter."""
    found = _LETTER_SIGN.fullmatch(unicodedata.name(character, ""))
    if found:
        return found[1].lower()
    return _LOOK_ALIKE.get(character, character if character.isalnum() else " ")


class WordsTwinParameters(Parameters):
    """document: the list. form: what the payload is. found: what becomes of it.

    names   whether the name, type and label that crossed are searched too
    spaced  whether letters one by one are read as a word, for entries of five and more letters
    leet    signs that stand for letters too: ASCII character -> lower-case letter
    decode  encodings that are looked behind, once
    """

    document: str = Field(default="words.txt", max_length=64)
    form: Literal["xml", "json", "text", "container"]
    found: Literal["refuse", "hold"] = "refuse"
    names: bool = True
    spaced: bool = True
    leet: dict[str, str] = Field(default={}, max_length=64)
    decode: list[Literal["references", "base64", "hex"]] = Field(
        default=["references"], max_length=3
    )


def make(parameters: WordsTwinParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    search = _Search(documents[parameters.document], parameters)
    verdict = Refuse if parameters.found == "refuse" else Hold

    def run(message: Message) -> Answer:
        held = [*texts(message.payload, parameters.form)]
        if parameters.names:
            meta = message.meta
            held += [meta.name, meta.type, meta.label]
        number = min(map(search, _in_turn(held)))
        if number == _NONE:
            return Pass()
        return verdict(Reason.DIRTY_WORD, f"entry {number} of {parameters.document} was found")

    return run


def _in_turn(held: list[str]) -> Iterator[str]:
    """The texts, some at a time: what is kept for a search grows with what it is given."""
    start = size = 0
    for at, text in enumerate(held):
        size += len(text)
        if size > _AT_A_TIME_CHARACTERS:
            yield _BETWEEN.join(held[start : at + 1])
            start, size = at + 1, 0
    yield _BETWEEN.join(held[start:])


class _Search:
    """A list and what is looked behind; gives the smallest number of what a text holds."""

    def __init__(self, document: bytes, parameters: WordsTwinParameters) -> None:
        signs = {ord(sign): letter for sign, letter in parameters.leet.items()}
        self.tables = (_Letters(), _AsSeen())
        self.signs = (_Letters(signs), _AsSeen(signs)) if signs else None
        self.parameters = parameters
        self.plain = _Entries(document, self.tables[0])
        self.leet = _Entries(document, self.signs[0]) if self.signs else None
        self.joined = {
            "".join(words): number
            for words, number in reversed(self.plain.numbers.items())
            if len("".join(words).encode()) >= SPACED_LETTERS_MIN
        }
        self.lengths: dict[str, set[int]] = {}  # of the entries that begin with so many letters
        for word in self.joined:
            self.lengths.setdefault(word[:SPACED_LETTERS_MIN], set()).add(len(word))
        self.beginnings = sorted(set(map(len, self.lengths)))

    def __call__(self, text: str) -> int:
        decode = self.parameters.decode
        best = self._in(text)
        if "references" in decode and ("&" in text or "%" in text):
            resolved = _resolved(_resolved(text))
            best = min(best, self._in(unquote_plus(resolved, errors="ignore")))
        hidden = [*(_of_base64(text) if "base64" in decode else ())]
        hidden += _of_hex(text) if "hex" in decode else ()
        hidden.append(_of_tags(text))
        for found in hidden:
            for table in self._ways(found):
                best = min(best, self.plain.find(found.translate(table).split()))
        return best

    def _in(self, text: str) -> int:
        best = _NONE
        for way, table in enumerate(self._ways(text)):
            words = text.translate(table).split()
            best = min(best, self.plain.find(words))
            if self.leet is not None and self.signs is not None:
                best = min(best, self.leet.find(text.translate(self.signs[way]).split()))
            for run in _single(words) if self.parameters.spaced else ():
                best = min(best, self._spaced(run))
        return best

    def _ways(self, text: str) -> tuple[_Letters, ...]:
        """The tables by which to read a text: the second only where it makes a difference."""
        letters, seen = self.tables
        differs = not text.isascii() and any(letters[ord(c)] != seen[ord(c)] for c in set(text))
        return self.tables if differs else self.tables[:1]

    def _spaced(self, run: str) -> int:
        """The smallest number of an entry that stands anywhere in letters spaced out."""
        best = _NONE
        for size in self.beginnings:
            for at in range(len(run) - size + 1):
                for length in self.lengths.get(run[at : at + size], ()):
                    best = min(best, self.joined.get(run[at : at + length], _NONE))
        return best


class _Entries:
    """The entries of a list, in one form of their words."""

    def __init__(self, document: bytes, letters: _Letters) -> None:
        self.numbers: dict[tuple[str, ...], int] = {}
        number = 0
        for line in document.decode("utf-8").splitlines():
            if not line.strip() or line.strip().startswith("#"):
                continue
            number += 1
            words = tuple(line.translate(letters).split())
            if not 1 <= len(words) <= ENTRY_WORDS_MAX or _BETWEEN in words:
                raise Broken(Reason.POLICY_MALFORMED, f"entry {number} of the word list is none")
            self.numbers.setdefault(words, number)
        self.lengths = sorted({len(words) for words in self.numbers} - {1})
        self.single = {words[0] for words in self.numbers if len(words) == 1}
        self.first = {words[0] for words in self.numbers if len(words) > 1}

    def find(self, words: list[str]) -> int:
        """The smallest number of an entry whose words stand there side by side."""
        present = set(words)
        best = min((self.numbers[(word,)] for word in present & self.single), default=_NONE)
        if present.isdisjoint(self.first):
            return best
        for at, word in enumerate(words):
            for length in self.lengths if word in self.first else ():
                best = min(best, self.numbers.get(tuple(words[at : at + length]), _NONE))
        return best


def _single(words: list[str]) -> Iterator[str]:
    """Runs of four and more words of one letter, joined."""
    for alone, run in groupby(words, lambda word: len(word) == 1 and word != _BETWEEN):
        letters = "".join(run) if alone else ""
        if len(letters) >= SPACED_RUN_MIN:
            yield letters


def _of_tags(text: str) -> str:
    """What the text's tag characters say, which nobody sees."""
    tags = () if text.isascii() else _TAG.findall(text)
    return "".join(tags).translate({0xE0000 + code: code for code in range(0x20, 0x7F)})


def _resolved(text: str) -> str:
    """With its references resolved; a number of more digits than any character's is none."""
    short = _NO_REFERENCE.sub(
        lambda found: f"&#{found[1]}" if len(found[1]) <= _DIGITS_MAX else "\ufffd", text
    )
    return unescape(short)


def _of_base64(text: str) -> Iterator[str]:
    for run in _RUN_OF_BASE64.findall(text):
        if not re.search("[a-z]", run[1:]) or not re.search("[A-Z]", run[1:]):
            continue  # of one case, but for its beginning: a word or number
        signs = re.sub(r"[ \t\r\n]", "", run).replace("-", "+").replace("_", "/")
        for start in range(4):
            part = signs[start:]
            whole = part[: -1 if len(part) % 4 == 1 else None]
            yield _readable(a2b_base64(whole + "=" * (-len(whole) % 4)))


def _of_hex(text: str) -> Iterator[str]:
    for run in _RUN_OF_HEX.findall(text):
        digits = re.sub(r"\\x|0x|[^0-9A-Fa-f]", "", run)
        for start in (0, 1):
            count = (len(digits) - start) // 2 * 2
            yield _readable(a2b_hex(digits[start : start + count]))


def _readable(raw: bytes) -> str:
    shown = bytes(32 if byte == 1 else byte for byte in raw if byte)
    return shown.decode("utf-8", "replace")


STAGE = StageType(
    name="words_twin",
    version=4,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=WordsTwinParameters,
    make=make,
    summary="no text or name in the file holds an entry of the destination's word list",
    rechecks=frozenset({"words"}),
)
