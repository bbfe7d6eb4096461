"""The one internal label and clearance: what every reader gives and every rule takes.

After STANAG 4774 (ADatP-4774): a label names a policy, one classification and categories of three
kinds; it may say who made it, when, when to look at it again, and which label follows it. The
readers of the written forms are elsewhere; here is what they must agree on:

1. Names are as the policy spells them: printable, no blank at an end, no two blanks together, in
   Unicode form NFC, at most `NAME_CHARACTERS_MAX` characters. They compare exactly.
2. A label has at most one `Category` for a tag (tag set id and tag name together), and a category
   at least one value. Order means nothing: categories and values are kept sorted, each once, so
   that equal labels are equal objects.
3. Times are milliseconds since 1970, UTC.
4. Whatever breaks these or a bound raises `Malformed(LABEL_MALFORMED)` where the object is made.

Whether the policy knows the names, and allows them together, is not said here: `schemas.label`'s
rules say it, and only after that a label may be decided on.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from schemas.errors import Malformed
from schemas.reasons import Reason

NAME_CHARACTERS_MAX = 128
URI_CHARACTERS_MAX = 256
CATEGORIES_MAX = 64
VALUES_MAX = 512  # of one category
CLASSIFICATIONS_MAX = 64  # of one clearance
SUCCESSIONS_MAX = 8
ALTERNATIVES_MAX = 16
TIME_MS_MAX = 253_402_300_799_999  # the end of the year 9999


class CategoryKind(StrEnum):
    """What a category's values do to access (STANAG 4774; ITU-T X.841 tag types 1, 6 and 7)."""

    RESTRICTIVE = "restrictive"  # the reader must hold all of them
    PERMISSIVE = "permissive"  # the reader must hold at least one of them
    INFORMATIVE = "informative"  # no effect


@dataclass(frozen=True, slots=True, order=True)
class PolicyId:
    """A security policy: its name for people, its identifier for decisions.

    uri   `urn:oid:1.2.3`, or another URI; "" where the written form gives the name alone (the
          reader's caller then finds the policy by its name, and decisions compare the policy's own)
    """

    name: str
    uri: str = ""

    def __post_init__(self) -> None:
        _name(self.name, "policy")
        _uri(self.uri)


@dataclass(frozen=True, slots=True, order=True)
class Category:
    """The values a label or clearance has in one tag.

    tag_set  identifier of the tag set (`urn:oid:...`), "" where the written form has none
    tag      the tag's name, such as "Releasable To"
    values   sorted, each once, at least one
    """

    tag_set: str
    tag: str
    kind: CategoryKind
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        _uri(self.tag_set)
        _name(self.tag, "tag")
        if not 1 <= len(self.values) <= VALUES_MAX:
            raise _malformed(f"a category has no value, or more than {VALUES_MAX}")
        for value in self.values:
            _name(value, "category value")
        object.__setattr__(self, "values", tuple(sorted(set(self.values))))


@dataclass(frozen=True, slots=True)
class Originator:
    """Who made the label (STANAG 4774 OriginatorID): what sort of name it is, and the name."""

    id_type: str  # rfc822Name, commonName, uniformResourceIdentifier, ...
    value: str

    def __post_init__(self) -> None:
        _name(self.id_type, "originator's id type")
        if len(self.value) > URI_CHARACTERS_MAX:
            raise _malformed("the originator's id is longer than its bound")
        _printable(self.value, "originator's id")


@dataclass(frozen=True, slots=True)
class Label:
    """A confidentiality label (STANAG 4774 ConfidentialityInformation, and what stands around it).

    privacy_mark  free text that people agreed on, "" none; no rule looks at it
    created_ms    when the label was made, None if it does not say
    review_ms     when somebody should look at it again, None if it does not say
    successions   what it becomes at which time, earliest first; a successor has no successions
    """

    policy: PolicyId
    classification: str
    categories: tuple[Category, ...] = ()
    privacy_mark: str = ""
    created_ms: int | None = None
    review_ms: int | None = None
    originator: Originator | None = None
    successions: tuple["Succession", ...] = ()

    def __post_init__(self) -> None:
        _name(self.classification, "classification")
        if self.privacy_mark:
            _name(self.privacy_mark, "privacy mark")
        object.__setattr__(self, "categories", _one_a_tag(self.categories))
        for moment in (self.created_ms, self.review_ms):
            _time(moment)
        if len(self.successions) > SUCCESSIONS_MAX:
            raise _malformed("more successions than their bound")
        moments = [succession.at_ms for succession in self.successions]
        if any(later <= earlier for earlier, later in pairwise(moments)):
            raise _malformed("successions are not in the order of their times")


@dataclass(frozen=True, slots=True)
class Succession:
    """From `at_ms` on, `label` stands in place of the one that names it."""

    at_ms: int
    label: Label

    def __post_init__(self) -> None:
        _time(self.at_ms)
        if self.label.successions:
            raise _malformed("a successor has successions of its own")


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The originator's label and those that say the same in other policies, one a policy."""

    originator: Label
    alternatives: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        if len(self.alternatives) > ALTERNATIVES_MAX:
            raise _malformed("more alternative labels than their bound")
        labels = (self.originator, *self.alternatives)
        for part in ("name", "uri"):
            given = [value for label in labels if (value := getattr(label.policy, part))]
            if len(given) != len(set(given)):
                raise _malformed("two labels of one data object are of the same policy")


@dataclass(frozen=True, slots=True)
class Clearance:
    """What a reader, or a domain, may see (STANAG 4774 ConfidentialityClearance).

    classifications  the set held: one that is not in it is not held, whatever ranks above it
    holder           whose it is, for people
    from_ms, to_ms   the time it is good for, both ends included; None no end
    """

    policy: PolicyId
    classifications: frozenset[str]
    categories: tuple[Category, ...] = ()
    holder: str = ""
    from_ms: int | None = None
    to_ms: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.classifications) <= CLASSIFICATIONS_MAX:
            raise _malformed(f"a clearance has no classification, or over {CLASSIFICATIONS_MAX}")
        for classification in self.classifications:
            _name(classification, "classification")
        object.__setattr__(self, "categories", _one_a_tag(self.categories))
        if self.holder:
            _name(self.holder, "holder")
        for moment in (self.from_ms, self.to_ms):
            _time(moment)


def _one_a_tag(categories: Iterable[Category]) -> tuple[Category, ...]:
    ordered = tuple(sorted(categories))
    if len(ordered) > CATEGORIES_MAX:
        raise _malformed(f"more than {CATEGORIES_MAX} categories")
    if len({(category.tag_set, category.tag) for category in ordered}) != len(ordered):
        raise _malformed("two categories are of the same tag")
    return ordered


def _name(text: str, what: str) -> None:
    if not 1 <= len(text) <= NAME_CHARACTERS_MAX:
        raise _malformed(f"a {what} is empty or longer than {NAME_CHARACTERS_MAX} characters")
    _printable(text, what)


def _printable(text: str, what: str) -> None:
    if not text.isprintable() or text != " ".join(text.split()):
        raise _malformed(f"a {what} has a character or a blank that names do not have")
    if not text.isascii() and unicodedata.normalize("NFC", text) != text:
        raise _malformed(f"a {what} is not in Unicode form NFC")


def _uri(text: str) -> None:
    plain = text.isascii() and text.isprintable() and " " not in text
    if len(text) > URI_CHARACTERS_MAX or not plain:
        raise _malformed("an identifier is no URI, or longer than its bound")


def _time(moment_ms: int | None) -> None:
    if moment_ms is not None and not 0 <= moment_ms <= TIME_MS_MAX:
        raise _malformed("a time is before 1970 or after 9999")


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.LABEL_MALFORMED, sentence)
