"""A label as people read it on the page, as its policy says: rules M1 to M5.

    M1  the policy's name, unless a marking with `replacePolicy` replaces it, then the
        classification, then each tag that the label has, in the policy's order
    M2  of several phrases one that names the place, else one for every place; of these one in the
        language asked for, else one without a language; `pageTopBottom` names pageTop and
        pageBottom; no phrase: the name itself
    M3  `noNameDisplay`, `noMarkingDisplay`: nothing at that place; `suppressClassName` on a value
        that the label has: no classification there
    M4  around and between the values of a tag its qualifiers (prefix, separator, suffix); between
        the parts the policy's separator, or a blank
    M5  around it all the policy's prefix and suffix

After XML-SPIF 2.1 markingData and markingQualifier. Takes a label found valid; gives text.
"""

from collections.abc import Iterable, Iterator

from schemas.label.spif import Classification, Marking, MarkingCode, Qualifier, Tag, Value
from schemas.label.validity import Valid

PLACES = (
    MarkingCode.PORTION, MarkingCode.PAGE_TOP, MarkingCode.PAGE_BOTTOM, MarkingCode.DOCUMENT_START,
    MarkingCode.DOCUMENT_END, MarkingCode.FIRST_LINE, MarkingCode.LAST_LINE, MarkingCode.SUBJECT,
    MarkingCode.X_HEADER, MarkingCode.WATER_MARK,
)  # fmt: skip
_PLACES = frozenset((*PLACES, MarkingCode.PAGE_TOP_BOTTOM, MarkingCode.INPUT_TITLE))
_BOTH = frozenset({MarkingCode.PAGE_TOP, MarkingCode.PAGE_BOTTOM})
_SILENT = frozenset({MarkingCode.NO_NAME_DISPLAY, MarkingCode.NO_MARKING_DISPLAY})


def marking(valid: Valid, place: MarkingCode, language: str = "") -> str:
    """The label's marking at a place (one of `PLACES`), in a language ("" the policy's own)."""
    spif = valid.spif
    head = [_policy_name(valid, place, language)]
    suppressed = any(
        MarkingCode.SUPPRESS_CLASS_NAME in phrase.codes
        for _, values in valid.tagged
        for value in values
        for phrase in _fitting(value.markings, place, language)
    )
    if not suppressed:
        name = valid.classification.name
        head.append(_phrase(valid.classification.markings, name, place, language))
    parts = [" ".join(filter(None, head))]
    order = list(spif.tags)
    for tag, values in sorted(valid.tagged, key=lambda pair: order.index(pair[0].key)):
        parts.append(_tag_part(tag, values, place, language))
    around = qualifier(spif.qualifiers, place)
    text = (around.separator or " ").join(filter(None, parts))
    return f"{around.prefix}{text}{around.suffix}" if text else ""


def phrase_of(classification: Classification, place: MarkingCode, language: str) -> str:
    """A classification's own phrase at a place; "" where it stays without one."""
    return _phrase(classification.markings, classification.name, place, language)


def value_phrase(tag: Tag, value: Value, place: MarkingCode, language: str) -> str:
    """What a tag's part of the marking is, where the label has this value alone."""
    return _tag_part(tag, (value,), place, language)


def qualifier(qualifiers: Iterable[Qualifier], place: MarkingCode) -> Qualifier:
    """What the policy wants around text at a place: of that place, or of every place."""
    everywhere = Qualifier(None)
    for one in qualifiers:
        if one.code is not None and _is_at(one.code, place):
            return one
        if one.code is None:
            everywhere = one
    return everywhere


def _policy_name(valid: Valid, place: MarkingCode, language: str) -> str:
    holders = [valid.spif.markings, valid.classification.markings]
    holders += [value.markings for _, values in valid.tagged for value in values]
    for markings in holders:
        for phrase in _fitting(markings, place, language):
            if MarkingCode.REPLACE_POLICY in phrase.codes:
                return phrase.phrase or ""
    return valid.spif.policy.name


def _tag_part(tag: Tag, values: Iterable[Value], place: MarkingCode, language: str) -> str:
    around = qualifier(tag.qualifiers, place)
    phrases = [_phrase(value.markings, value.name, place, language) for value in values]
    text = (around.separator or " ").join(filter(None, phrases))
    return f"{around.prefix}{text}{around.suffix}" if text else ""


def _phrase(markings: Iterable[Marking], name: str, place: MarkingCode, language: str) -> str:
    for one in _fitting(markings, place, language):
        if one.codes & _SILENT:
            return ""
        if MarkingCode.REPLACE_POLICY not in one.codes and one.phrase is not None:
            return one.phrase
    return name


def _fitting(markings: Iterable[Marking], place: MarkingCode, language: str) -> Iterator[Marking]:
    """Those that fit: named for the place first, and of these in the language first."""
    every = tuple(markings)
    for named in (True, False):
        for wanted in dict.fromkeys((language, "")):
            for one in every:
                places = one.codes & _PLACES
                at = any(_is_at(code, place) for code in places) if named else not places
                if one.language == wanted and at:
                    yield one


def _is_at(code: MarkingCode, place: MarkingCode) -> bool:
    return code is place or (code is MarkingCode.PAGE_TOP_BOTTOM and place in _BOTH)
