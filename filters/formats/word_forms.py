"""The forms in which words are compared, and what is looked for behind a disguise.

Takes text, gives bytes in which every word is lower case, of plain letters, between blanks; or the
texts that an encoding hides. ASCII costs one pass in C; runs of other characters are looked up.
"""

import base64
import re
import unicodedata
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator
from functools import lru_cache
from heapq import merge
from html import unescape
from itertools import islice
from typing import Union
from urllib.parse import unquote

import re2

BARRIER = "\x01"
WINDOW_BYTES = 4_000  # a window costs as much as a pass over so many bytes
_REMEMBERED_MAX = 70_000
_RARE = 1_000  # bytes of text a sign, at least
_CONFUSABLE = str.maketrans(
    "аеорсухіјѕԁһӏкмтвнґαβεηικνορτυχγıøđħłŧɨɵɡɑᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ",
    "aeopcyxijsdhlkmtbhgabenikvoptuxyiodhltiogaabcdefghijklmnopqrstuvwyz",
)
_CAPITALS = str.maketrans("ΝΥΗΜΖ", "nyhmz")  # of Greek: not like their small letters
_SIGNS = {  # letters in circles and squares, filled, and those that flags are made of
    chr(first + at): chr(ord("a") + at) for first in (0x1F150, 0x1F170, 0x1F1E6) for at in range(26)
}
_APART_KINDS = ("Lm", "No")  # signs beside a word that decompose to its letters: raised, numbers
_ORDINALS = "ªº"
_INVISIBLE = re.compile("[\u115f\u1160\u17b4\u17b5\u3164\uffa0]")  # letters that nobody sees
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_TAGS_BEGIN, _TAG = "\U000e0000".encode()[:2], 0xE0000
_LATIN = re2.Options()
_LATIN.encoding = re2.Options.Encoding.LATIN1
_NOT_LETTER = re.compile(r"[\W_]")
_FOLD = bytes(
    byte | 0x20 if 0x41 <= byte <= 0x5A
    else byte if byte >= 0x80 or byte == 1 or chr(byte).isalnum() else 0x20
    for byte in range(256)
)  # fmt: skip
_OTHERS = re2.compile(rb"[\x80-\xff]+", _LATIN)
_REFERENCE_FORM = rb"%[0-9A-Fa-f]{2}|&#|&[A-Za-z][A-Za-z0-9]{1,31};?"
_REFERENCE = re2.compile(_REFERENCE_FORM, _LATIN)
_REFERENCE_HERE = re.compile(_REFERENCE_FORM)
_ZEROS, _NO_CHARACTER = re.compile("&#0+(?=[0-9])"), re.compile("&#[0-9]{8,}")
_APART = f" {BARRIER} ".encode()
_WORD = re2.compile(rb"[^ \x01]{2,}", _LATIN)
_REACH_BYTES, _REACH_WORDS = 2_560, 9
_SPACED = re2.compile(r"(?: +[^ \x01]){4,} ")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_\-]{8,}(?:[ \t]*[\r\n]+[ \t]*[A-Za-z0-9+/_\-]{2,})*")
_HEX = re2.compile(rb"(?:(?:\\x|0x)?[0-9A-Fa-f]{2}[\s,:;\-]{0,2}){4,}")
_HEX_MARKS = re.compile(rb"\\x|0x")
_LINE_ENDS, _HEX_BETWEEN = b" \t\r\n", b" \t\r\n\f\v,:;-"
_Found = Union["re.Match[bytes]", "re2._Match[bytes]"]
_URL_SIGNS = bytes.maketrans(b"-_", b"+/")


def plain(character: str) -> str:
    """One character as it is compared: folded, composed by compatibility, without accents."""
    if _INVISIBLE.match(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return ""
    folded = unicodedata.normalize("NFKC", character).casefold()
    bare = unicodedata.normalize("NFKD", folded)
    letters = "".join(_SIGNS.get(c, c) for c in bare if not unicodedata.combining(c))
    if character == BARRIER:
        return f" {BARRIER} "
    return _NOT_LETTER.sub(" ", letters.translate(_CONFUSABLE))


def seen(character: str) -> str:
    """One character as `plain`, but capitals of Greek by their look, and a sign beside a word (™,
    ², ① and raised letters) apart from it."""
    letters, kind = plain(character), unicodedata.category(character)
    if kind in _APART_KINDS or character in _ORDINALS or (kind == "So" and len(letters) > 1):
        return " "
    bare = unicodedata.normalize("NFKD", character)
    capitals = bare.translate(_CAPITALS)
    return letters if capitals == bare else "".join(map(plain, capitals))


def as_read(text: str) -> list[bytes]:
    """The text in UTF-8, beyond ASCII in plain letters: in each of the two ways, if they differ."""
    raw = text.encode("utf-8", "surrogatepass")
    return [raw] if text.isascii() else _without_others(raw)


def words_of(text: str, fold: bytes = _FOLD) -> bytes:
    """The text as words between blanks, in UTF-8, with a blank at both ends; in plain letters."""
    return between_blanks(as_read(text)[0], fold)


def between_blanks(read: bytes, fold: bytes = _FOLD) -> bytes:
    """What `as_read` gave, as words between blanks, with a blank at both ends."""
    return b" " + read.translate(fold) + b" "


def _without_others(raw: bytes) -> list[bytes]:
    """The text with every run of characters beyond ASCII in its letters, in one or two ways."""
    parts: list[bytes] = []
    others: list[tuple[int, bytes]] = []
    at = 0
    for found in _OTHERS.finditer(raw):
        letters, apart = _plain_run(found.group())
        parts += (raw[at : found.start()], letters)
        if apart != letters:
            others.append((len(parts) - 1, apart))
        at = found.end()
    parts.append(raw[at:])
    ways = [b"".join(parts)]
    for place, apart in others:
        parts[place] = apart
    return [*ways, b"".join(parts)] if others else ways


@lru_cache(maxsize=_REMEMBERED_MAX)
def _plain_run(run: bytes) -> tuple[bytes, bytes]:
    pairs = [_plain_one(character) for character in run.decode("utf-8", "surrogatepass")]
    plain_ones, seen_ones = map("".join, zip(*pairs, strict=True))
    return plain_ones.encode("utf-8", "surrogatepass"), seen_ones.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=_REMEMBERED_MAX)
def _plain_one(character: str) -> tuple[str, str]:
    return plain(character), seen(character)


def leet_table(leet: dict[str, str]) -> bytes:
    """The fold in which characters stand for letters too. leet: ASCII character -> letter."""
    table = bytearray(_FOLD)
    for character, letter in leet.items():
        table[ord(character)] = ord(letter)
    return bytes(table)


def spaced(words: bytes) -> Iterator[bytes]:
    """Each run of four or more single letters, joined."""
    for found in _SPACED.finditer(words):
        yield found.group().replace(b" ", b"")


def references(text: str) -> str | None:
    """The parts of the text around references and percent escapes, with these resolved, or None."""
    if "&" not in text and "%" not in text:
        return None
    raw = text.encode("utf-8", "surrogatepass")
    around = windows(raw, _references_in(raw))
    if around is None:
        return None
    text = around.decode("utf-8", "surrogatepass")
    return unquote(_resolved(_resolved(text)), errors="ignore")


def _resolved(text: str) -> str:
    """Without its references; one of eight and more digits is no character, nor a number that
    Python would read."""
    return unescape(_NO_CHARACTER.sub("\ufffd", _ZEROS.sub("&#", text)))


def _references_in(raw: bytes) -> Iterator[_Found]:
    """What looks like a reference or a percent escape, in order: sign by sign, which is ten times
    as fast as looking for all while they are rare, and then for all."""
    looked, most = -1, len(raw) // _RARE + 16
    for looked in islice(merge(_places(raw, b"%"), _places(raw, b"&")), most):
        found = _REFERENCE_HERE.match(raw, looked)
        if found is not None:
            yield found
        most -= 1
    if not most:
        yield from _REFERENCE.finditer(raw, looked + 1)


def _places(raw: bytes, sign: bytes) -> Iterator[int]:
    at = raw.find(sign)
    while at >= 0:
        yield at
        at = raw.find(sign, at + 1)


def windows(raw: bytes, candidates: Iterator[_Found]) -> bytes | None:
    """The text around each match, nine words to both sides; None if there is none.

    All of the text where the matches are many.
    """
    most = len(raw) // WINDOW_BYTES + 16
    matches = list(islice(filter(_resolves, candidates), most))
    if not matches:
        return None
    if len(matches) == most:
        return raw
    parts: list[bytes] = []
    low, high = -1, -1
    for found in matches:
        if found.start() > high:
            parts += (raw[max(low, 0) : max(high, 0)], _APART)
            low = found.start() - _reach(raw, found.start(), -1)
        high = max(high, found.end() + _reach(raw, found.end(), 1))
    return b"".join((*parts, raw[low:high]))


def _resolves(found: _Found) -> bool:
    """Whether a match stands for something else: `&D` of `R&D` does not."""
    return _stands_for_other(found.group())


@lru_cache(maxsize=_REMEMBERED_MAX)
def _stands_for_other(sign: bytes) -> bool:
    text = sign.decode()
    return text[0] == "%" or text[1] == "#" or bool(unescape(text) != text)


def _reach(raw: bytes, at: int, sign: int) -> int:
    """How far nine words and more reach from a place, before (-1) or after it (1), or all there is.

    It ends at a blank: neither a character nor a word is cut. Single letters do not count, for a
    word may be spaced out, nor marks that stand for none.
    """
    reach, left = _REACH_BYTES, at if sign < 0 else len(raw) - at
    while reach < left:
        piece = raw[at - reach : at] if sign < 0 else raw[at : at + reach]
        folded = piece.translate(_FOLD)
        whole = piece[folded.find(b" ") :] if sign < 0 else piece[: folded.rfind(b" ") + 1]
        if b" " in folded and min(map(_words_in, _without_others(whole))) >= _REACH_WORDS:
            return len(whole)
        reach *= 4
    return left


def _words_in(read: bytes) -> int:
    """How many words of two and more letters, counted no further than needed."""
    return sum(1 for _ in islice(_WORD.finditer(read.translate(_FOLD)), _REACH_WORDS))


def from_base64(text: str) -> Iterator[str]:
    """What runs of base64 in the text stand for: a text for each of the four places in a run where
    it may begin."""
    runs = [
        run.translate(_URL_SIGNS, _LINE_ENDS)
        for run in _BASE64.findall(text.encode("utf-8", "surrogatepass"))
        if run[1:] not in (run[1:].lower(), run[1:].upper())  # a word or number: no base64
    ]
    for start in range(4 if runs else 0):
        yield _apart(_of_base64(run[start:]) for run in runs)


def _of_base64(part: bytes) -> bytes:
    """What is no base64 after all, for the sum of its signs, stands for nothing."""
    part = part[: len(part) - (len(part) % 4 == 1)]
    try:
        return base64.b64decode(part + b"=" * (-len(part) % 4))
    except NotBase64:
        return b""


def from_hex(text: str) -> Iterator[str]:
    """What runs of hexadecimal digits in the text stand for: read from the first and the second."""
    runs = [
        _HEX_MARKS.sub(b"", run).translate(None, _HEX_BETWEEN).decode()
        for run in _HEX.findall(text.encode("utf-8", "surrogatepass"))
    ]
    for start in range(2 if runs else 0):
        yield _apart(bytes.fromhex(run[start : len(run) - (len(run) - start) % 2]) for run in runs)


def from_tags(text: str) -> str | None:
    """The letters that the text's tag characters stand for, which nobody sees (U+E0020 and on)."""
    if text.isascii() or _TAGS_BEGIN not in text.encode("utf-8", "surrogatepass"):
        return None
    return "".join(chr(ord(tag) - _TAG) for run in _TAGS.findall(text) for tag in run)


def _apart(decoded: Iterable[bytes]) -> str:
    return f" {BARRIER} ".join(map(_text, decoded))


def _text(raw: bytes) -> str:
    """Bytes as a text to search: UTF-8, or UTF-16 of plain letters."""
    text = raw.replace(b"\0", b"").replace(b"\x01", b" ").decode("utf-8", "replace")
    return text.replace("\ufffd", " ")  # as which it is compared
