"""Which characters a text may hold, as the destination side knows it: docs/spec/text-model.md §1.

Takes texts, gives nothing or raises `Malformed`. What Python prints as it is may be there, less
the ranges below of what is printed and not seen; of the rest only a few blanks and what the policy
keeps. No table of the source side's is used. Everything was composed before it crossed; that is
held here too.
"""

import json
from bisect import bisect_right
from functools import lru_cache
from typing import Literal
from unicodedata import category, is_normalized, name

from pydantic import Field

from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.stage import Parameters

_UNSEEN = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFFC, 0xFFFC), (0xE0100, 0xE01EF),
)  # fmt: skip
_STARTS = [first for first, _ in _UNSEEN]
_BLANKS = frozenset({0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000})
_JOINERS = frozenset({0x200C, 0x200D, 0xFE0E, 0xFE0F})
_SELECTORS = ("\ufe0e", "\ufe0f")
_READ_MAX = 1_000_000
_DIRECTIONS = frozenset({0x200E, 0x200F, 0x061C})
_OVERRIDES = frozenset({*range(0x202A, 0x202F), *range(0x2066, 0x206A)})
_OTHER_BEGINNINGS = (
    "<?", "<%", "<!", "<html", "<head", "<body", "<script", "<svg", "<iframe", "<math", "<xsl:",
    "%pdf", "%!ps", "#!", "{\\rtf", "mime-version:", "gif8", "pk\x03\x04", "begin:vc",
    "-----begin ", "id;p", "@echo off",
)  # fmt: skip
_SHAPED = frozenset({  # scripts with use for a joiner, as the names of their characters have them
    "ARABIC", "SYRIAC", "NKO", "MANDAIC", "DEVANAGARI", "VEDIC", "BENGALI", "GURMUKHI",
    "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "MYANMAR",
    "KHMER", "MONGOLIAN", "PHAGS-PA", "BALINESE", "SUNDANESE", "JAVANESE", "MEETEI", "BRAHMI",
    "CHAKMA", "MANICHAEAN", "HANIFI", "ADLAM",
})  # fmt: skip
_EMOJI = frozenset({  # what may have a selector after it, or a joiner on either side
    0xA9, 0xAE, 0x203C, 0x2049, 0x2122, 0x2139, *range(0x2194, 0x219A), *range(0x21A9, 0x21AB),
    *range(0x231A, 0x231C), 0x2328, 0x23CF, *range(0x23E9, 0x23F4), *range(0x23F8, 0x23FB),
    0x24C2, *range(0x25AA, 0x25AC), 0x25B6, 0x25C0, *range(0x25FB, 0x25FF),
    *range(0x2600, 0x27C0), *range(0x2934, 0x2936), *range(0x2B05, 0x2B08),
    *range(0x2B1B, 0x2B1D), 0x2B50, 0x2B55, 0x3030, 0x303D, 0x3297, 0x3299,
    *range(0x1F000, 0x1FB00),
})  # fmt: skip
_BEFORE = "\"'`\t\n" + "".join(map(chr, _BLANKS))
_MARK_BLOCKS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)  # fmt: skip


class JudgeParameters(Parameters):
    """bidi_marks, joiners: whether they are kept. marks_max: combining marks of any script's."""

    bidi_marks: Literal["refuse", "keep"] = "refuse"
    joiners: Literal["refuse", "keep"] = "keep"
    marks_max: int = Field(default=6, ge=1, le=64)


def judge(text: str, parameters: JudgeParameters, between: str = "\n\t") -> None:
    """Return if every character may be there, else `Malformed`. between: controls that may be."""
    if text.isascii() and text.replace("\n", "").isprintable():
        if "\n" in text and "\n" not in between:
            raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a line end inside a text")
        return
    seen = set(map(ord, set(text).difference(between)))
    joined = seen & _JOINERS
    if joined and parameters.joiners == "refuse":
        raise Malformed(Reason.TEXT_INVISIBLE, "a joiner that is not accepted here")
    if (seen & _DIRECTIONS and parameters.bidi_marks == "refuse") or seen & _OVERRIDES:
        raise Malformed(Reason.TEXT_BIDI, "a character that sets the direction of text")
    for code in seen - _JOINERS - _DIRECTIONS - _BLANKS:
        if _unseen(code):
            raise Malformed(Reason.TEXT_INVISIBLE, "a character that nobody sees")
        if not chr(code).isprintable():
            raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control or unassigned character")
    if not is_normalized("NFC", text):
        raise Malformed(Reason.TEXT_NOT_COMPOSED, "not in normalization form C")
    if joined:
        _joiners(text)
    if any(_is_mark(code) for code in seen):
        _marks(text, parameters.marks_max)


def begins_plain(text: str) -> None:
    """Raises `Malformed` if a program would take the beginning for more than text."""
    start = text.lstrip(_BEFORE)[:64].lower()
    if start.startswith(_OTHER_BEGINNINGS):
        raise Malformed(Reason.TYPE_NOT_ALLOWED, "it begins as a file of another type")


def is_json(text: str) -> bool:
    """Whether it is one JSON document, as far as the first million characters tell."""
    if not text.lstrip(_BEFORE).startswith(("{", "[")):
        return False
    begin = text[:_READ_MAX]
    more = len(text) > _READ_MAX
    try:
        read = json.loads(begin, parse_int=len, parse_float=len)
    except RecursionError:
        return True
    except json.JSONDecodeError as error:
        return more and (error.msg[:12] == "Unterminated" or _READ_MAX - error.pos <= 16)
    return not more and isinstance(read, dict | list)


def shows_all(text: str) -> bool:
    """Whether every character can be seen: no filler, joiner or selector, not even in an emoji."""
    return not any(_unseen(code) or code in _JOINERS for code in map(ord, text))


def _unseen(code: int) -> bool:
    at = bisect_right(_STARTS, code) - 1
    return at >= 0 and code <= _UNSEEN[at][1]


def _joiners(text: str) -> None:
    for at, character in enumerate(text):
        if ord(character) in _JOINERS and not _joins(text[max(at - 2, 0) : at], text[at : at + 2]):
            raise Malformed(Reason.TEXT_INVISIBLE, "a joiner that joins nothing")


def _joins(before: str, here: str) -> bool:
    """Whether a joiner, the first of `here`, is in its place between its neighbours."""
    joiner, after = here[0], here[1:]
    last = before[-1:]
    if joiner in _SELECTORS:
        keycap = joiner == "\ufe0f" and after == "\u20e3" and last in tuple("0123456789#*")
        return keycap or _is_emoji(last)
    left = before[:1] if last == "\ufe0f" else last
    between = joiner == "\u200d" and _is_emoji(left) and _is_emoji(after)
    return between or _is_shaped(last)


def _is_emoji(character: str) -> bool:
    return bool(character) and ord(character) in _EMOJI


@lru_cache(maxsize=4096)
def _is_shaped(character: str) -> bool:
    if not character or category(character) not in ("Lo", "Lm", "Lu", "Ll", "Mn", "Mc", "Me"):
        return False
    return not _SHAPED.isdisjoint(name(character, "").split()[:2])


def _is_mark(code: int) -> bool:
    return any(first <= code <= last for first, last in _MARK_BLOCKS)


def _marks(text: str, most: int) -> None:
    run = 0
    for character in text:
        if _is_mark(ord(character)):
            run += 1
        elif ord(character) not in _JOINERS and category(character) not in ("Mn", "Me"):
            run = 0  # a joiner or a script's own mark is drawn on the same pile
        if run > most:
            raise Malformed(Reason.TEXT_MARKS, "more combining marks in a row than their bound")
