"""Which characters a text may hold, as the source side knows it: docs/spec/text-model.md §1.

Takes text and rules; gives the text as it may cross, or raises `Malformed`. Characters are sorted
by their Unicode category and looked at once each (the set of a text's characters is small), so a
megabyte of prose costs a few passes in C. The destination side sorts by ranges of its own.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Literal

from pydantic import Field

from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.stage import Parameters

TEXT_BYTES_MAX = 16 * 1024 * 1024
MARK_OF_ORDER = "\ufeff"
_ASCII = frozenset(map(chr, range(0x20, 0x7F)))
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BIDI_MARKS = frozenset("\u200e\u200f\u061c")
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2064\u206a-\u206f\u2800\u3164"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffc\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_JOINED = re.compile(
    "(^|.)([\u200c\u200d\ufe0e\ufe0f]+)(?=(.|$))", re.DOTALL
)  # what stands before a run of joiners, the run, what follows
_KEYCAP = "\u20e3"
_SCRIPTS = re.compile(  # those whose letters and marks a joiner shapes: Arabic to Adlam, by block
    "[\u0600-\u077f\u07c0-\u07ff\u0840-\u0dff\u1000-\u109f\u1780-\u18af\u1b00-\u1bbf\u1cd0-\u1cff"
    "\ua840-\ua87f\ua8e0-\ua8ff\ua980-\ua9ff\uaa60-\uaa7f\uaae0-\uaaff\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefe"
    "\U00010ac0-\U00010aff\U00010d00-\U00010d3f\U00011000-\U0001107f\U00011100-\U0001114f"
    "\U00010ec0-\U00010eff\U0001e900-\U0001e95f\U0001ee00-\U0001eeff]"
)
_PICTURES = re.compile(  # bases of Unicode's emoji variation sequences, and every emoji by block
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf"
    "\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_JOINER = re.compile("[\u200c\u200d\ufe0e\ufe0f]")
_DROPPED = frozenset({"bidi", "bidi_marks", "invisible", "joiners"})
_REASONS = {
    "bidi": (Reason.TEXT_BIDI, "a character that overrides the direction of text"),
    "bidi_marks": (Reason.TEXT_BIDI, "a mark of the direction of text"),
    "joiners": (Reason.TEXT_INVISIBLE, "a joiner or selector that the policy does not keep"),
    "invisible": (Reason.TEXT_INVISIBLE, "a character that nobody sees"),
    "control": (Reason.CHARACTER_NOT_ALLOWED, "a control, private or unassigned character"),
}


class TextParameters(Parameters):
    """What a text may hold.

    byte_order_mark  a mark before the first character
    bidi             embeddings, overrides and isolates
    bidi_marks       left-to-right, right-to-left and Arabic letter mark
    invisible        characters that nobody sees, tags and variation selectors among them
    joiners          zero-width joiner and non-joiner, text and emoji selectors
    not_composed     what is not in normalization form C: refused, or composed
    marks_max        combining marks in a row
    """

    byte_order_mark: Literal["refuse", "drop"] = "drop"
    bidi: Literal["refuse", "drop"] = "refuse"
    bidi_marks: Literal["refuse", "drop", "keep"] = "refuse"
    invisible: Literal["refuse", "drop"] = "refuse"
    joiners: Literal["refuse", "drop", "keep"] = "keep"
    not_composed: Literal["refuse", "compose"] = "compose"
    marks_max: int = Field(default=6, ge=1, le=64)


def decoded(untrusted: bytes, rules: TextParameters) -> str:
    """The characters of bytes in UTF-8, without a mark of order; `Malformed` for other bytes."""
    try:
        text = untrusted.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the bytes are not UTF-8") from error
    if text.startswith(MARK_OF_ORDER):
        if rules.byte_order_mark == "refuse":
            raise Malformed(Reason.ENCODING_NOT_UTF8, "it starts with a byte order mark")
        text = text[1:]
    return text


@lru_cache(maxsize=65_536)
def _class(character: str) -> str:
    """The class of a character, or "" for one that any text may hold."""
    if character in _BIDI:
        return "bidi"
    if character in _BIDI_MARKS:
        return "bidi_marks"
    if character in _JOINERS:
        return "joiners"
    if _INVISIBLE.match(character):
        return "invisible"
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return "control"
    return "marks" if category in ("Mn", "Me") else ""


def has_unseen(text: str) -> bool:
    """Whether a character is there that nobody sees, joiners and selectors of signs among them."""
    return bool(_INVISIBLE.search(text) or _JOINER.search(text))


def judge(text: str, rules: TextParameters, between: str = "\t\n") -> None:
    """Return if no character of the text is one that the rules refuse, else `Malformed`.

    between: control characters that may be there.
    """
    seen = set(text) - _ASCII - set(between)
    if not seen:
        return
    classes = {_class(character) for character in seen} - {""}
    for name, (reason, sentence) in _REASONS.items():
        if name in classes and getattr(rules, name, "refuse") == "refuse":
            raise Malformed(reason, sentence)
    if "marks" in classes:
        _marks(text, rules.marks_max)


def kept(text: str, rules: TextParameters) -> tuple[str, list[str]]:
    """The text without what the rules drop, composed; and the names of what was dropped."""
    if text.isascii():
        return text, []
    gone: dict[int, None] = {}
    dropped = set()
    for character in set(text):
        name = _class(character)
        if name in _DROPPED and getattr(rules, name) == "drop":
            gone[ord(character)] = None
            dropped.add(name)
    if gone:
        text = text.translate(gone)
    if not unicodedata.is_normalized("NFC", text):
        if rules.not_composed == "refuse":
            raise Malformed(Reason.TEXT_NOT_COMPOSED, "not in normalization form C")
        text = unicodedata.normalize("NFC", text)
        dropped.add("not_composed")
    without = _JOINED.sub(_in_place, text) if _JOINER.search(text) else text
    if without != text:
        text = unicodedata.normalize("NFC", without)
        dropped.add("joiners")
    return text, sorted(dropped)


def finished(text: str, rules: TextParameters, between: str = "\t\n") -> None:
    """Return if the text is as `kept` leaves it, else `Malformed`: for what is to cross."""
    judge(text, rules, between)
    if text.isascii():
        return
    if kept(text, rules) != (text, []):
        raise Malformed(Reason.TEXT_NOT_COMPOSED, "not as the rebuild would have left it")


def _in_place(found: re.Match[str]) -> str:
    """A run of joiners with what stands before it, less those that have no place there.

    One zero-width joiner or non-joiner after a letter or mark of a script that has use for it; a
    selector after an emoji, and a zero-width joiner between two, after the selector if there is
    one; the emoji selector between a digit and an enclosing keycap.
    """
    before, run, after = found.groups()
    if _PICTURES.match(before):
        selector = run[0] if run[0] in "\ufe0e\ufe0f" else ""
        bare = run.removeprefix("\ufe0f")
        joins = bare[0:1] == "\u200d" and _PICTURES.match(after)
        return before + selector + ("\u200d" if joins else "")
    if _shapes(before) and run[0] in "\u200c\u200d":
        return before + run[0]
    keycap = before in "0123456789#*" and run == "\ufe0f" and after == _KEYCAP
    return before + run if before and keycap else before


def _shapes(before: str) -> bool:
    return _SCRIPTS.match(before) is not None and unicodedata.category(before)[0] in "LM"


def _marks(text: str, most: int) -> None:
    """Joiners neither count nor end a run: what is drawn is one pile."""
    text = _JOINER.sub("", text)
    for is_mark, run in groupby(text, _is_mark):
        if is_mark and sum(1 for _ in run) > most:
            raise Malformed(Reason.TEXT_MARKS, "more combining marks in a row than their bound")


def _is_mark(character: str) -> bool:
    return not character.isascii() and _class(character) == "marks"
