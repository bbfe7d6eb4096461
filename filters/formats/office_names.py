"""The names that may cross in an office document, read out of a document of the policy.

Takes a table's bytes: lines `ns PREFIX URI`, then lines `ELEMENT ATTRIBUTE ATTRIBUTE …` with
prefixed names (an attribute without a prefix is in no namespace, `#text` stands for text). Gives a
`Names`; `Broken` if it is no such table. The destination side has a table and a reader of its own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from schemas.errors import Broken
from schemas.reasons import Reason

LINES_MAX = 20_000
_BETWEEN = re.compile(r"[:/]")


@dataclass(frozen=True, slots=True)
class Element:
    """An element that may cross: its prefixed name, its attributes as lxml names them, text."""

    name: str
    attributes: dict[str, str]
    has_text: bool


@dataclass(frozen=True, slots=True)
class Names:
    """elements: as lxml names them ({URI}name) -> what may cross of them.

    plain: the same by prefixed names, with #text, for a model. prefixes: URI -> prefix.
    """

    elements: dict[str, Element]
    plain: dict[str, frozenset[str]]
    prefixes: dict[str, str]

    def where(self, is_in: Callable[[str], bool]) -> Self:
        """Those elements alone whose prefixed name is in."""
        return replace(
            self,
            elements={tag: one for tag, one in self.elements.items() if is_in(one.name)},
            plain={name: one for name, one in self.plain.items() if is_in(name)},
        )

    def prefixed(self, tag: str) -> str:
        """A name as a person reads it; a foreign namespace is shown by its last word."""
        uri, _, local = tag.rpartition("}")
        uri = uri.removeprefix("{")
        known = self.prefixes.get(uri)
        return f"{known or _last_word(uri)}:{local}"


def _last_word(uri: str) -> str:
    """The last word of a namespace that says something: not a number, not `main`."""
    words = [word for word in _BETWEEN.split(uri) if word[:1].isalpha() and word != "main"]
    return words[-1][:24] if words else "unknown"


def read(document: bytes) -> Names:
    """The table in a document."""
    uris: dict[str, str] = {}
    elements: dict[str, Element] = {}
    plain: dict[str, frozenset[str]] = {}
    lines = document.decode("ascii").splitlines()
    if len(lines) > LINES_MAX:
        raise Broken(Reason.POLICY_MALFORMED, "the table of names has too many lines")
    for line in lines:
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "ns":
            uris[words[1]] = words[2]
            continue
        name, *attributes = words
        plain[name] = frozenset(attributes)
        has_text = "#text" in attributes
        attributes = [attribute for attribute in attributes if attribute != "#text"]
        elements[_clark(name, uris)] = Element(
            name, {_clark(attribute, uris): attribute for attribute in attributes}, has_text
        )
    return Names(elements, plain, {uri: prefix for prefix, uri in uris.items()})


def _clark(name: str, uris: dict[str, str]) -> str:
    prefix, colon, local = name.rpartition(":")
    if not colon:
        return name
    if prefix not in uris:
        raise Broken(Reason.POLICY_MALFORMED, f"the table of names has no namespace for {prefix}")
    return f"{{{uris[prefix]}}}{local}"
