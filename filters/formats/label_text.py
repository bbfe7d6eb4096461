"""Confidentiality labels in short text form, as the source side reads them.

    NATO SECRET//ATOMAL//REL TO FRA, GBR
    classification // category ... // REL TO nation, nation

Takes a text, gives a `Label` or raises `Malformed`. Upper and lower case and runs of blanks make
no difference; everything is given in upper case. The destination side reads labels with code of
its own. After the concepts of STANAG 4774 (classification, category, releasability).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from schemas.errors import Malformed
from schemas.reasons import Reason

PARTS_MAX = 16
_WORDS = re.compile(r"[A-Z0-9][A-Z0-9_.\-]*(?: [A-Z0-9][A-Z0-9_.\-]*){0,7}")
_REL_TO = "REL TO "


@dataclass(frozen=True, slots=True)
class Label:
    """A label's parts. `releasable_to` is None when the label does not say."""

    classification: str
    categories: tuple[str, ...]
    releasable_to: frozenset[str] | None

    def text(self) -> str:
        """The one spelling of this label (nations and categories sorted)."""
        parts = [self.classification, *sorted(self.categories)]
        if self.releasable_to is not None:
            parts.append(_REL_TO + ", ".join(sorted(self.releasable_to)))
        return "//".join(parts)


@lru_cache(maxsize=1024)
def read(untrusted: str) -> Label:
    """The label that the text spells. A flow sees few spellings, so they are remembered."""
    plain = untrusted.isascii() and untrusted.isprintable()
    text = " ".join(untrusted.upper().split()) if plain else ""
    parts = [part.strip() for part in text.split("//")]
    if len(parts) > PARTS_MAX or _WORDS.fullmatch(parts[0]) is None:
        raise Malformed(Reason.LABEL_UNKNOWN, "the label is not in the short text form")
    categories: list[str] = []
    nations: frozenset[str] | None = None
    for part in parts[1:]:
        if part.startswith(_REL_TO) and nations is None:
            listed = [nation.strip() for nation in part[len(_REL_TO) :].split(",")]
            if not all(_WORDS.fullmatch(nation) for nation in listed):
                raise Malformed(Reason.LABEL_UNKNOWN, "the label's REL TO lists no nations")
            nations = frozenset(listed)
        elif _WORDS.fullmatch(part) and not part.startswith("REL TO"):
            categories.append(part)
        else:
            raise Malformed(Reason.LABEL_UNKNOWN, "the label is not in the short text form")
    return Label(parts[0], tuple(categories), nations)
