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
    P4  Whatever else stands like a mark (in parentheses, with a blank or the line's end on both
        sides, no small letter in it) and can be read as one, is the mark of a part of its own.

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
_MARK = re.compile(r"\(([^()\n]{1,1024})\)(?: |$)")
_INNER = re.compile(r"(?:^|(?<= ))\(([^()a-z]{1,1024})\)(?= |$)")


@dataclass(frozen=True, slots=True)
class MarkedText:
    """What marks a text.

    banner  the line above and below
    marks   of the paragraphs in order, None an unmarked one (P3)
    inner   what else stands like a mark (P4)
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
        found = _MARK.match(line)
        if not within:
            marks.append(found[1] if found else None)
        if "(" in line:
            inner.update(_INNER.findall(line, found.end() if found and not within else 0))
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


def own_label(form: TextForm, untrusted: str) -> Label:
    """The label of this policy in a text that may hold a set, one a policy (` || ` between).

    Raises `Denied` where there is none, or more than one, of this policy.
    """
    texts = untrusted.split("||")
    if len(texts) == 1:
        return form.read(untrusted)
    name = form.spif.policy.name.upper() + " "
    own = [text for text in texts if " ".join(text.upper().split()).startswith(name)]
    if len(own) != 1:
        raise Denied(Rule.V1, "not exactly one label is of this policy")
    return form.read(own[0], policy_named=True)
