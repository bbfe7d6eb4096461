"""Plain text with markings: a banner above and below, and a mark at the head of each paragraph.

    ALLIANCE SECRET//REL TO FRA, GBR

    (AR) The convoy left on time.

    (AS//REL TO FRA, GBR) It was met
    at the pass.

    ALLIANCE SECRET//REL TO FRA, GBR

    P1  The text is UTF-8 without control characters but line ends (LF, or CR LF).
    P2  The first and the last line that are not blank are the banner; both are the same.
    P3  Between them paragraphs, with blank lines between two. A paragraph begins with its mark in
        parentheses and a blank, or it is unmarked.
    P4  A line inside a paragraph that begins with what can be read as a mark is a part of its own;
        what cannot be read as one is text there. Elsewhere in a line a mark marks nothing.

Takes bytes, gives the banner and the paragraphs' marks as text, or raises `Malformed`. Source side.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import Malformed
from schemas.label.clauses import Denied, Rule
from schemas.label.model import Label
from schemas.label.spif import MarkingCode
from schemas.label.text import TextForm
from schemas.reasons import Reason

TEXT_BYTES_MAX = 4 << 20
PARAGRAPHS_MAX = 16_384
MARK_CHARACTERS_MAX = 1024
_CONTROL = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]|\r(?!\n)")
_MARK = re.compile(r"\(([^()\n]{1,1024})\)[ \n]")


@dataclass(frozen=True, slots=True)
class MarkedText:
    """What marks a text.

    banner  the line above and below
    marks   of the paragraphs in order, None an unmarked one (P3)
    inner   what stands like a mark at the head of other lines (P4)
    """

    banner: str
    marks: tuple[str | None, ...]
    inner: frozenset[str]


def read_text(untrusted: bytes) -> MarkedText:
    """The marks of a text (P1 to P4). Raises `Malformed`; LABEL_MISSING where it has no banner."""
    lines = plain_lines(untrusted)
    shown = [number for number, line in enumerate(lines) if line.strip(" ")]
    if len(shown) < 2 or lines[shown[0]] != lines[shown[-1]]:
        raise Malformed(
            Reason.LABEL_MISSING, "the text does not begin and end with one and the same banner"
        )
    banner = lines[shown[0]].strip(" ")
    if len(banner) > MARK_CHARACTERS_MAX:
        raise Malformed(Reason.LABEL_MALFORMED, "the banner is longer than its bound")
    return MarkedText(banner, *_marks(lines[shown[0] + 1 : shown[-1]]))


def plain_lines(untrusted: bytes) -> list[str]:
    """The lines of a text (P1), without their ends."""
    if len(untrusted) > TEXT_BYTES_MAX:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the text is larger than its bound")
    try:
        text = untrusted.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the text is not UTF-8") from error
    if _CONTROL.search(text):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character in plain text")
    return text.replace("\r\n", "\n").split("\n")


def _marks(lines: Iterable[str]) -> tuple[tuple[str | None, ...], frozenset[str]]:
    marks: list[str | None] = []
    inner: set[str] = set()
    within = False
    for line in lines:
        if not line.strip(" "):
            within = False
            continue
        found = _MARK.match(line + "\n")
        mark = found[1] if found else None
        if not within:
            marks.append(mark)
        elif mark is not None:
            inner.add(mark)
        within = True
        if len(marks) + len(inner) > PARAGRAPHS_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more paragraphs than their bound")
    return tuple(marks), frozenset(inner)


class PortionForm:
    """The marks of a policy's portions: its text form, with its short words for classifications."""

    __slots__ = ("form", "words")

    def __init__(self, form: TextForm) -> None:
        self.form = form
        self.words: dict[str, str] = {}
        for name, one in form.spif.classifications.items():
            for marking in one.markings:
                if MarkingCode.PORTION in marking.codes and marking.phrase:
                    self._add(marking.phrase, name)
        for name in form.spif.classifications:
            self._add(name, name)

    def _add(self, word: str, name: str) -> None:
        if self.words.setdefault(word.upper(), name) != name:
            raise Malformed(Reason.SPIF_MALFORMED, "two classifications have one word in portions")

    def read(self, untrusted: str) -> Label:
        """The label of a mark, without its parentheses. Raises `Denied` for unknown words."""
        first, between, rest = untrusted.partition("//")
        word = " ".join(first.upper().split())
        name = self.words.get(word.removeprefix(self.form.spif.policy.name.upper() + " "))
        if name is None:
            raise Denied(Rule.V3, "the policy has no such classification in portions")
        return self.form.read(f"{name}{between}{rest}")
