"""A validator compiled once from an XSD that the `xmlschema` library has read.

Takes the library's schema objects, gives one function that takes a tree of elements and returns,
or raises `Invalid`. The library is exact and slow (0.6 to 1.1 ms of CPU time an event of 1 KB,
0.05 ms compiled); walking its components once and leaving closures, dictionaries and compiled
patterns behind gives the same answers faster. The library itself stays the judge: the tests hold
both to the same answer over thousands of changed events.

Only what the packs' schemas use is understood (see `_Compiler.content` and `_text_check`). Any
other construct, facet or pattern raises `Broken` when the schema is compiled: no rule is
passed over.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element  # the type alone: nothing is parsed with it

from xmlschema import XMLSchema10
from xmlschema.validators import (
    XsdAtomicBuiltin,
    XsdAtomicRestriction,
    XsdComplexType,
    XsdElement,
    XsdGroup,
)

from schemas.errors import Broken
from schemas.reasons import Reason


class Invalid(Exception):  # noqa: N818  # it says what the element is
    """The element is not valid. `what` is for people and holds names of the schema only."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


Check = Callable[[Element], None]
TextCheck = Callable[[str], None]

_XS = "{http://www.w3.org/2001/XMLSchema}"
_BLANKS = " \t\r\n"
_RUNS = re.compile(r"[ \t\r\n]+")
_PLAIN_PATTERN = re.compile(
    r"(?:[A-Za-z0-9 ,:_/@!#%=;~\-|*+?()]|\{\d+(?:,\d*)?\}|\\[.\-\[\]\\|*+?(){}]"
    r"|\[(?:[^\[\]\\^&~|-]|\\[.\-\[\]\\]|(?<!\[)-(?!\[)|[&~|](?![&~|]))+\])*"
)


def _no(what: str) -> Broken:
    return Broken(Reason.POLICY_MALFORMED, f"the schema has {what}, which the validator cannot do")


def compile_schema(schema: XMLSchema10, root: str) -> Check:
    """The check of a document whose root element must be `root`."""
    compiler = _Compiler()
    check = compiler.element(schema.elements[root])

    def run(element: Element) -> None:
        if element.tag != root:
            raise Invalid(f"the root element is not {root}")
        check(element)

    return run


class _Compiler:
    """Keeps what is compiled already: types are shared, and may contain themselves."""

    def __init__(self) -> None:
        self.types: dict[int, list[Check]] = {}
        self.texts: dict[int, TextCheck] = {}

    def element(self, xsd: XsdElement) -> Check:
        if xsd.ref is not None and xsd.ref.type is not xsd.type:
            raise _no("an element that refers elsewhere")
        if xsd.nillable or xsd.fixed is not None or xsd.default is not None or xsd.abstract:
            raise _no("an element that is nillable, abstract, fixed or has a default")
        if xsd.identities or xsd.substitution_group:
            raise _no("an identity constraint or a substitution group")
        kind = xsd.type
        if id(kind) not in self.types:
            self.types[id(kind)] = slot = []
            slot.append(
                self.complex(kind) if isinstance(kind, XsdComplexType) else self.simple(kind)
            )
        slot = self.types[id(kind)]
        return slot[0] if slot else lambda element: slot[0](element)

    def simple(self, kind: Any) -> Check:
        text = self.text(kind)

        def run(element: Element) -> None:
            if element.keys() or len(element):
                raise Invalid(f"{element.tag} has more than text")
            text(element.text or "")

        return run

    def complex(self, kind: XsdComplexType) -> Check:
        if kind.mixed or kind.abstract or kind.final or kind.block:
            raise _no("mixed content, or an abstract or closed type")
        attributes = self.attributes(kind)
        content = self.content(kind)

        def run(element: Element) -> None:
            attributes(element)
            content(element)

        return run

    def attributes(self, kind: XsdComplexType) -> Check:
        known: dict[str, TextCheck] = {}
        required: set[str] = set()
        for name, attribute in kind.attributes.items():
            if name is None or attribute.fixed is not None or attribute.default is not None:
                raise _no("an attribute wildcard, or a fixed or default attribute")
            if attribute.use not in ("required", "optional"):
                raise _no("a prohibited attribute")
            known[name] = self.text(attribute.type)
            if attribute.use == "required":
                required.add(name)

        def run(element: Element) -> None:
            items = element.items()
            for name, value in items:
                check = known.get(name)
                if check is None:
                    raise Invalid(f"an attribute of {element.tag} is not named")
                check(value)
            if required and not required.issubset(element.keys()):
                raise Invalid(f"{element.tag} lacks a required attribute")

        return run

    def content(self, kind: XsdComplexType) -> Check:
        content = kind.content
        if not isinstance(content, XsdGroup):
            text = self.text(content)

            def run(element: Element) -> None:
                if len(element):
                    raise Invalid(f"{element.tag} holds an element where only text may be")
                text(element.text or "")

            return run
        elements = [part for part in content if isinstance(part, XsdElement)]
        if len(elements) != len(content):
            raise _no("a group within a group, or a wildcard")
        parts = [(str(part.name), self.element(part), part.occurs) for part in elements]
        if not parts:
            return _empty
        if content.model == "sequence" and tuple(content.occurs) == (1, 1):
            return _sequence(parts)
        if content.model == "choice" and tuple(content.occurs) == (0, None):
            if any(tuple(occurs) != (1, 1) for _, _, occurs in parts):
                raise _no("a choice among repeated elements")
            return _choice({name: check for name, check, _ in parts})
        raise _no(f"a {content.model} with those numbers of occurrences")

    def text(self, kind: Any) -> TextCheck:
        if id(kind) not in self.texts:
            self.texts[id(kind)] = _text_check(kind)
        return self.texts[id(kind)]


def _only_blanks(element: Element) -> None:
    texts = [element.text, *(child.tail for child in element)]
    if any(text and text.strip(_BLANKS) for text in texts):
        raise Invalid(f"{element.tag} holds text where only elements may be")


def _empty(element: Element) -> None:
    if element.text or len(element):
        raise Invalid(f"{element.tag} must be empty")


def _sequence(parts: list[tuple[str, Check, Any]]) -> Check:
    if any(occurs[0] not in (0, 1) or occurs[1] != 1 for _, _, occurs in parts):
        raise _no("a sequence of repeated elements")
    steps = [(name, check, occurs[0] == 1) for name, check, occurs in parts]

    def run(element: Element) -> None:
        _only_blanks(element)
        at, count = 0, len(element)
        for name, check, needed in steps:
            if at < count and element[at].tag == name:
                check(element[at])
                at += 1
            elif needed:
                raise Invalid(f"{element.tag} lacks {name}")
        if at < count:
            raise Invalid(f"{element.tag} holds an element that may not be there")

    return run


def _choice(checks: Mapping[str, Check]) -> Check:
    def run(element: Element) -> None:
        _only_blanks(element)
        for child in element:
            check = checks.get(child.tag)
            if check is None:
                raise Invalid(f"{element.tag} holds an element that is not named")
            check(child)

    return run


def _text_check(kind: Any) -> TextCheck:
    """One function for a simple type: its own facets and those of every type it restricts."""
    patterns: list[re.Pattern[str]] = []
    shortest, longest = 0, 1 << 30
    label = kind.name or "a text"
    while isinstance(kind, XsdAtomicRestriction) and not isinstance(kind, XsdAtomicBuiltin):
        facets: dict[str | None, Any] = kind.facets
        for name, facet in facets.items():
            match (name or "").removeprefix(_XS):
                case "pattern":
                    patterns.append(_pattern(list(facet.regexps)))
                case "minLength":
                    shortest = max(shortest, facet.value)
                case "maxLength":
                    longest = min(longest, facet.value)
                case other:
                    raise _no(f"the facet {other}")
        kind = kind.base_type
    matches = [pattern.fullmatch for pattern in patterns]

    def run(text: str) -> None:
        if not shortest <= len(text) <= longest:
            raise Invalid(f"a value is too short or too long for {label}")
        for match in matches:
            if match(text) is None:
                raise Invalid(f"a value does not have the form of {label}")

    if kind.name == f"{_XS}string":
        return run
    if kind.name != f"{_XS}dateTime" or longest < 1 << 30 or shortest:
        raise _no(f"the base type {kind.name}")

    def run_time(text: str) -> None:
        collapsed = _RUNS.sub(" ", text).strip(" ")
        run(collapsed)
        try:
            date(int(collapsed[:4]), int(collapsed[5:7]), int(collapsed[8:10]))
        except ValueError as error:
            raise Invalid(f"a day that is in no calendar, in {label}") from error

    if not any(p.pattern.startswith("(?:[12][0-9]{3}-[01][0-9]-[0-3][0-9]T") for p in patterns):
        raise _no("a dateTime whose pattern does not fix the place of year, month and day")
    return run_time


def _pattern(alternatives: list[str]) -> re.Pattern[str]:
    """The patterns of one restriction (any of them may fit) as one, if Python means the same."""
    for pattern in alternatives:
        if _PLAIN_PATTERN.fullmatch(pattern) is None:
            raise _no("a pattern with more than plain characters, classes and counts")
    return re.compile("|".join(f"(?:{pattern})" for pattern in alternatives))
