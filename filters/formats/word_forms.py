"""The forms in which words are compared, and what is looked for behind a disguise.

Takes text, gives bytes in which every word is lower case, of plain letters, between blanks; or the
texts that an encoding hides. ASCII costs one pass in C; runs of other characters are looked up.
"""

import base64
import re
import unicodedata
from binascii import Error as NotBase64
from collections.abc import Iterator
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
    "аеорсухіјѕԁһӏкмтвнґαβεικνορτυχγ",
    "aeopcyxijsdhlkmtbhgabeikvoptuxy",
)
_INVISIBLE = re.compile("[\u115f\u1160\u17b4\u17b5\u3164\uffa0]")  # letters that nobody sees
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
_APART = f" {BARRIER} ".encode()
_SPACED = re2.compile(r"(?: +[^ \x01]){4,} ")
_BASE64 = re2.compile(rb"[A-Za-z0-9+/_\-]{16,}(?:[\r\n]+[A-Za-z0-9+/_\-]{4,})*")
_HEX = re2.compile(rb"(?:[0-9A-Fa-f]{2}[ :\-]?){8,}")
_Found = Union["re.Match[bytes]", "re2._Match[bytes]"]
_URL_SIGNS = bytes.maketrans(b"-_", b"+/")


def plain(character: str) -> str:
    """One character as it is compared: folded, composed by compatibility, without accents."""
    if _INVISIBLE.match(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return ""
    folded = unicodedata.normalize("NFKC", character).casefold()
    bare = unicodedata.normalize("NFKD", folded)
    letters = "".join(c for c in bare if not unicodedata.combining(c)).translate(_CONFUSABLE)
    return _NOT_LETTER.sub(" ", letters) if character != BARRIER else f" {BARRIER} "


def words_of(text: str, fold: bytes = _FOLD) -> bytes:
    """The text as words between blanks, in UTF-8, with a blank at both ends."""
    raw = text.encode("utf-8", "surrogatepass")
    if not text.isascii():
        raw = _without_others(raw)
    return b" " + raw.translate(fold) + b" "


def _without_others(raw: bytes) -> bytes:
    """The text with every run of characters beyond ASCII in its plain letters."""
    parts: list[bytes] = []
    at = 0
    for found in _OTHERS.finditer(raw):
        parts += (raw[at : found.start()], _plain_run(found.group()))
        at = found.end()
    return b"".join((*parts, raw[at:]))


@lru_cache(maxsize=_REMEMBERED_MAX)
def _plain_run(run: bytes) -> bytes:
    text = run.decode("utf-8", "surrogatepass")
    return "".join(map(_plain_one, text)).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=_REMEMBERED_MAX)
def _plain_one(character: str) -> str:
    return plain(character)


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
    return unquote(unescape(unescape(around.decode("utf-8", "surrogatepass"))), errors="ignore")


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
    """How far nine whole words reach from a place, before (-1) or after it (1), or all there is."""
    reach, left = 2_560, at if sign < 0 else len(raw) - at
    while reach < left:
        piece = raw[at - reach : at] if sign < 0 else raw[at : at + reach]
        words = piece.translate(_FOLD)
        if len(words.rsplit(None, 10) if sign < 0 else words.split(None, 10)) > 10:
            return reach
        reach *= 4
    return left


def from_base64(text: str) -> Iterator[str]:
    """What runs of base64 in the text stand for, read from each of their first four characters."""
    for run in _BASE64.findall(text.encode("utf-8", "surrogatepass")):
        if run in (run.lower(), run.upper()):
            continue  # a long word or number, which base64 of a text never is
        signs = run.replace(b"\r", b"").replace(b"\n", b"").translate(_URL_SIGNS)
        for start in range(4):
            part = signs[start:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            try:
                yield _text(base64.b64decode(part + b"=" * (-len(part) % 4)))
            except NotBase64:
                continue


def from_hex(text: str) -> Iterator[str]:
    """What runs of hexadecimal digits in the text stand for."""
    for run in _HEX.findall(text.encode("utf-8", "surrogatepass")):
        digits = run.translate(None, b" :-").decode()
        for start in (0, 1):
            part = digits[start:]
            yield _text(bytes.fromhex(part[: len(part) - len(part) % 2]))


def _text(raw: bytes) -> str:
    """Bytes as a text to search: UTF-8, or UTF-16 of plain letters."""
    return raw.replace(b"\0", b"").replace(b"\x01", b" ").decode("utf-8", "replace")
