"""Which characters a text may hold, as the destination side knows it: docs/spec/text-model.md §1.

Takes texts, gives nothing or raises `Malformed`. What Python prints as it is may be there, less
the ranges below of what is printed and not seen; of the rest only a few blanks and what the policy
keeps. No table of the source side's is used. Everything was composed before it crossed; that is
held here too.
"""

from bisect import bisect_right
from typing import Literal
from unicodedata import is_normalized

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
_DIRECTIONS = frozenset({0x200E, 0x200F, 0x061C})
_OVERRIDES = frozenset({*range(0x202A, 0x202F), *range(0x2066, 0x206A)})
_OTHER_BEGINNINGS = (
    "<?", "<%", "<!", "<html", "<head", "<body", "<script", "<svg", "<iframe", "<math", "<xsl:",
    "%pdf", "%!ps", "#!", "{\\rtf", "mime-version:", "gif8", "pk\x03\x04", "begin:vc",
    "-----begin ", "id;p",
)  # fmt: skip
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
    start = text[:64].lstrip("\"'` \t\n").lower()
    if start.startswith(_OTHER_BEGINNINGS):
        raise Malformed(Reason.TYPE_NOT_ALLOWED, "it begins as a file of another type")


def shows_all(text: str) -> bool:
    """Whether every character can be seen: no filler, joiner or selector, not even in an emoji."""
    return not any(_unseen(code) or code in _JOINERS for code in map(ord, text))


def _unseen(code: int) -> bool:
    at = bisect_right(_STARTS, code) - 1
    return at >= 0 and code <= _UNSEEN[at][1]


def _joiners(text: str) -> None:
    before = ""
    for at, character in enumerate(text):
        if ord(character) in _JOINERS:
            after_selector = before == "\ufe0f" and character == "\u200d"
            keycap = before in "0123456789#*" and text[at + 1 : at + 2] == "\u20e3"
            plain = not before or before.isascii() or ord(before) in _JOINERS
            if not before or (plain and not after_selector and not keycap):
                raise Malformed(Reason.TEXT_INVISIBLE, "a joiner that joins nothing")
        before = character


def _is_mark(code: int) -> bool:
    return any(first <= code <= last for first, last in _MARK_BLOCKS)


def _marks(text: str, most: int) -> None:
    run = 0
    for character in text:
        run = run + 1 if _is_mark(ord(character)) else 0
        if run > most:
            raise Malformed(Reason.TEXT_MARKS, "more combining marks in a row than their bound")
