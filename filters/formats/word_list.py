"""The word list of a dirty-word search, compiled: one automaton over words between blanks.

An entry of the list is a line of one to eight words; `#` begins a comment line. It is found where
its words stand next to each other, whole, whatever stands between them but a letter or digit. Both
text and list are compared in the form of `filters.formats.word_forms`: case, compatibility forms,
accents, invisible characters, look-alike letters and signs against a word do not hide it. Letters
spaced out, letters by other signs, and words encoded once are looked for as the policy says. Not
seen through: other alphabets' transliterations, encodings of encodings, words split in pieces of
two and more letters.

Takes text, gives the number of the first entry in the list that was found (the first is 1). The
words themselves never leave this module. Time is linear in the text (Aho and Corasick 1975).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick, Implementation

from filters.formats import word_forms
from filters.formats.word_forms import BARRIER, as_read, between_blanks, words_of
from schemas.cbor import CborValue
from schemas.errors import Broken
from schemas.reasons import Reason

ENTRIES_MAX = 50_000
ENTRY_WORDS_MAX = 8
SPACED_LETTERS_MIN = 5
_PIECE_BYTES = 1 << 20
_TOGETHER_CHARACTERS = 1 << 20
_TABLE_BYTES_MAX = 1 << 19  # of patterns: beyond, the faster automaton takes too much memory
_BLANK = 0x20
_REACH_BYTES = 512
_WORD_BYTES_MAX = 256
_ENTRY_BYTES_MAX = ENTRY_WORDS_MAX * _WORD_BYTES_MAX
_JSON, _OF_EVENTS = {"json", "value"}, "specversion"
_OF_LINES = ({"text", "lines"}, {"csv", "header", "rows"})


@dataclass(frozen=True, slots=True)
class Disguises:
    """What is looked behind.

    spaced      letters one by one, for entries of five and more letters
    leet        signs that stand for letters: ASCII character -> letter
    references  HTML references and percent escapes
    base64, hex  encodings, each decoded once
    """

    spaced: bool = True
    leet: tuple[tuple[str, str], ...] = ()
    references: bool = True
    base64: bool = False
    hex: bool = False


class WordList:
    """A compiled list. `search` is its only question."""

    __slots__ = ("_disguises", "_leet", "_leet_fold", "_plain", "_spaced", "_spaced_numbers")

    def __init__(self, document: bytes, disguises: Disguises | None = None) -> None:
        """Compile the document; `Broken` if it is no such list."""
        self._disguises = disguises or Disguises()
        lines = list(_lines(document))
        entries = _entries(lines, None)
        self._plain = _Automaton(entries)
        joined = [(b"".join(words), number) for words, number in entries]
        long = [(word, number) for word, number in joined if len(word) >= SPACED_LETTERS_MIN]
        self._spaced_numbers = [number for _, number in long]
        self._spaced = _compiled([word for word, _ in long])
        self._leet_fold = word_forms.leet_table(dict(self._disguises.leet))
        self._leet = _Automaton(_entries(lines, self._leet_fold)) if self._disguises.leet else None

    def search(self, texts: Iterable[str]) -> int | None:
        """The number of the first entry that one of the texts holds, or None."""
        found = [self._search(f" {BARRIER} ".join(together)) for together in _together(texts)]
        return min((number for number in found if number is not None), default=None)

    def _search(self, joined: str) -> int | None:
        found = [self._find(joined)]
        disguises = self._disguises
        if disguises.references:
            resolved = word_forms.references(joined)
            found.append(None if resolved is None else self._find(resolved))
        if disguises.base64:
            found.extend(map(self._in_plain, word_forms.from_base64(joined)))
        if disguises.hex:
            found.extend(map(self._in_plain, word_forms.from_hex(joined)))
        if (tags := word_forms.from_tags(joined)) is not None:
            found.append(self._in_plain(tags))
        return min((number for number in found if number is not None), default=None)

    def _find(self, text: str) -> int | None:
        found: list[int | None] = []
        for read in as_read(text):
            words = between_blanks(read)
            found.append(self._plain.search(words))
            if self._disguises.spaced:
                found.extend(self._in_spaced(run) for run in word_forms.spaced(words))
            if self._leet is not None:
                found.append(self._leet.search(between_blanks(read, self._leet_fold)))
        return min((number for number in found if number is not None), default=None)

    def _in_plain(self, text: str) -> int | None:
        found = [self._plain.search(between_blanks(read)) for read in as_read(text)]
        return min((number for number in found if number is not None), default=None)

    def _in_spaced(self, run: bytes) -> int | None:
        """In pieces, each with so much of the next as the longest entry needs."""
        if self._spaced is None:
            return None
        best: int | None = None
        for start in range(0, len(run), _PIECE_BYTES):
            piece = run[start : start + _PIECE_BYTES + _ENTRY_BYTES_MAX]
            found = self._spaced.find_matches_as_indexes(piece, overlapping=True)
            best = _least(best, min((self._spaced_numbers[at] for at, _, _ in found), default=None))
        return best


class _Automaton:
    """Entries by their longest word; where that one stands, phrases are looked up in a table.

    Words that stand close to each other are looked at together, so that a text of nothing but one
    word of many entries costs no more than its length.
    """

    __slots__ = ("_alone", "_numbers", "_shapes", "_shapes_of", "_trie")

    def __init__(self, entries: Sequence[tuple[tuple[bytes, ...], int]]) -> None:
        self._numbers: dict[tuple[bytes, ...], int] = {}
        shapes: dict[bytes, set[tuple[int, int]]] = {}
        for words, number in entries:
            self._numbers.setdefault(words, number)
            at = max(range(len(words)), key=lambda place: len(words[place]))
            shapes.setdefault(words[at], set()).add((at, len(words)))
        self._alone = [self._numbers.get((word,)) for word in shapes]
        self._shapes_of = {word: sorted(found - {(0, 1)}) for word, found in shapes.items()}
        self._shapes = list(self._shapes_of.values())
        self._trie = _compiled([word + b" " for word in shapes])

    def search(self, words: bytes) -> int | None:
        """The smallest number of an entry that stands there."""
        if self._trie is None:
            return None
        best: int | None = None
        for start, piece in _pieces(words):
            low, high = -1, -1  # a stretch of the text in which words of phrases were found
            matches = self._trie.find_matches_as_indexes(piece, overlapping=True)
            for which, first, last in matches:
                if piece[first - 1] != _BLANK:
                    continue  # the end of a longer word
                best = _least(best, self._alone[which])
                if not self._shapes[which]:
                    continue
                if low < 0 or start + first > high + _REACH_BYTES:
                    best = _least(best, self._phrase_in(words, low, high))
                    low = start + first
                high = start + last
            best = _least(best, self._phrase_in(words, low, high))
        return best

    def _phrase_in(self, words: bytes, low: int, high: int) -> int | None:
        """The smallest number of an entry of several words that reaches into a stretch."""
        if low < 0:
            return None
        before = _before(words, low, ENTRY_WORDS_MAX - 1)
        after = _after(words, high, ENTRY_WORDS_MAX - 1)
        there = [*before, *words[low:high].split(), *after]
        best: int | None = None
        for place, word in enumerate(there):
            for at, length in self._shapes_of.get(word, ()):
                if at <= place:
                    phrase = tuple(there[place - at : place - at + length])
                    best = _least(best, self._numbers.get(phrase))
        return best


def _together(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in lists of so many characters as are looked at in one go: memory is for one."""
    together: list[str] = []
    size = 0
    for text in texts:
        together.append(text)
        size += len(text)
        if size >= _TOGETHER_CHARACTERS:
            yield together
            together, size = [], 0
    yield together


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _compiled(patterns: list[bytes]) -> BytesAhoCorasick | None:
    if not patterns:
        return None
    small = sum(map(len, patterns)) <= _TABLE_BYTES_MAX
    kind = Implementation.DFA if small else Implementation.ContiguousNFA
    return BytesAhoCorasick(patterns, implementation=kind)


def _pieces(words: bytes) -> Iterator[tuple[int, bytes]]:
    """The words in pieces that begin and end with a blank; so the matches of one are bounded."""
    start, size = 0, len(words)
    while start < size - 1:
        end = min(start + _PIECE_BYTES, size)
        if end < size:
            cut = words.rfind(b" ", start + 1, end)
            end = end if cut < 0 else cut + 1
        yield start, words[start:end]
        start = end - 1


def _before(words: bytes, end: int, count: int) -> list[bytes]:
    """The whole words before a place, at most so many, whatever blanks stand between them."""
    reach = _REACH_BYTES
    while True:
        start = max(0, end - reach)
        found = words[start:end].split()
        if start == 0 or len(found) > count:
            return found[-count:]
        reach *= 4


def _after(words: bytes, start: int, count: int) -> list[bytes]:
    """The whole words after a place, at most so many, whatever blanks stand between them."""
    reach = _REACH_BYTES
    while True:
        found = words[start : start + reach].split(None, count)
        if start + reach >= len(words) or len(found) > count:
            return found[:count]
        reach *= 4


def _lines(document: bytes) -> Iterator[str]:
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Broken(Reason.POLICY_MALFORMED, "the word list is not UTF-8") from error
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def _entries(lines: Sequence[str], fold: bytes | None) -> list[tuple[tuple[bytes, ...], int]]:
    """Each entry as words, with its number."""
    entries = []
    for number, line in enumerate(lines, start=1):
        words = tuple((words_of(line) if fold is None else words_of(line, fold)).split())
        right = 1 <= len(words) <= ENTRY_WORDS_MAX and max(map(len, words)) <= _WORD_BYTES_MAX
        if number > ENTRIES_MAX or not right or BARRIER.encode() in b"".join(words):
            raise Broken(Reason.POLICY_MALFORMED, f"entry {number} of the word list is none")
        entries.append((words, number))
    return entries


def _is_text(key: object) -> bool:
    """CBOR read without a recogniser's guarantee may have keys that are no text."""
    return isinstance(key, str)


def texts(value: CborValue) -> list[str]:
    """Every text of a decoded CBOR value, map keys and element names included.

    The lines of a plain text are one text, and so are the cells of a table, so that a phrase is
    found across the end of a line or cell. The numbers of JSON and of events are texts too.
    """
    found: list[str] = []
    todo: list[CborValue] = [value]
    numbers = False
    if isinstance(value, dict) and value.keys() in _OF_LINES:
        todo = []
        found.append("\n".join(map(_joined, (value.get("lines"), value.get("header")))))
        rows = value.get("rows")
        found.append("\n".join(map(_joined, rows if isinstance(rows, list) else ())))
    elif isinstance(value, dict):
        numbers = value.keys() == _JSON or _OF_EVENTS in value
        todo = [value["value"]] if value.keys() == _JSON else todo
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            found.extend(filter(_is_text, item))
            todo.extend(item.values())
        elif numbers and isinstance(item, int | bytes) and not isinstance(item, bool):
            found.append(str(item) if isinstance(item, int) else item.decode("ascii", "replace"))
    return found


def _joined(value: CborValue) -> str:
    """The texts of a list as one; whatever else may be in it counts for nothing."""
    if not isinstance(value, list):
        return ""
    try:
        return "\n".join(value)  # type: ignore[arg-type]  # the next line is for others
    except TypeError:
        return "\n".join(item for item in value if isinstance(item, str))
