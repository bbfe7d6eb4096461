"""An Office Open XML document as the model that crosses (docs/spec/office-model.md).

Takes a package whose form has been recognised, the rules and the tables; gives the model. Starting
at the main part it follows only relationships that `ooxml_kinds` lists: a part that is not reached
so does not cross, whatever it is. Parts lose their names: they are numbered as they are met.
"""

import re
from collections.abc import Callable

from filters.formats import ooxml_kinds as kinds
from filters.formats.office_fields import address
from filters.formats.office_names import Names
from filters.formats.office_rules import Dropped, Elements, refuse
from filters.formats.office_xml import parse
from filters.formats.ooxml_package import Package, Relation
from filters.formats.ooxml_tree import Links, TreeBuilder
from schemas.cbor import CborValue
from schemas.errors import Malformed
from schemas.reasons import Reason

LAYOUT = 1
PARTS_MAX = 4096
Picture = Callable[[str, bytes], tuple[str, bytes] | None]
"""(media type, bytes) -> (media, what crosses), or None if such pictures are dropped."""

_IMPLICIT = {
    "document": ("styles", "settings", "fontTable", "numbering", "footnotes", "endnotes", "theme"),
    "workbook": ("styles", "sharedStrings", "theme"),
    "presentation": ("theme", "presProps", "tableStyles"),
    "slide": ("slideLayout", "notesSlide"),
    "slideLayout": ("slideMaster",),
    "slideMaster": ("theme",),
    "notesMaster": ("theme",),
    "notesSlide": ("notesMaster", "slide"),
}
_NUMBER = re.compile(r"([0-9]+)")


class OoxmlBuilder:
    """One document on its way into the model."""

    def __init__(self, package: Package, names: Names, dropped: Dropped, picture: Picture) -> None:
        self.package = package
        self.names = names
        self.dropped = dropped
        self.elements = Elements("")  # of no kind yet
        self.picture = picture
        self.numbers: dict[str, int] = {}
        self.queue: list[tuple[str, str]] = []
        self.parts: list[CborValue] = []

    def model(self) -> dict[str, CborValue]:
        """The whole document."""
        self.forbidden_types()
        name = self.main_part()
        found = kinds.main_kind(self.package.types[name])
        if found is None:
            refuse(Reason.TYPE_NOT_ALLOWED, "the main part is not of a document that is known here")
        document, kind = found
        if document not in self.dropped.rules.kinds:
            refuse(Reason.TYPE_NOT_ALLOWED, f"{document} is not among the allowed kinds")
        self.elements = Elements(document)
        self.meet(name, kind)
        at = 0
        while at < len(self.queue):
            self.parts.append(self._part(*self.queue[at]))
            at += 1
        self._count_unused()
        return {"office": LAYOUT, "kind": document, "parts": self.parts}

    def forbidden_types(self) -> None:
        """Parts that the rules forbid wherever they stand, linked or not."""
        rules = self.dropped.rules
        for content_type in self.package.types.values():
            plain = content_type.lower()
            if any(word in plain for word in kinds.MACRO_TYPES):
                self.dropped.by(rules.macros, Reason.OFFICE_MACRO, "a program")
            elif any(word in plain for word in kinds.EMBEDDED_TYPES):
                self.dropped.by(rules.embedded, Reason.OFFICE_EMBEDDED, "an embedded object")

    def main_part(self) -> str:
        """The name of the one main part, by the package's own relationships."""
        found = ""
        for relation in self.package.relations.get("", []):
            if kinds.is_strict(relation.type):
                refuse(Reason.TYPE_NOT_ALLOWED, "the strict form of the format is not taken")
            word = kinds.relation(relation.type)
            if word == kinds.MAIN and not relation.is_external:
                if found:
                    refuse(Reason.OFFICE_PACKAGE, "two main parts")
                found = relation.target
            elif word in kinds.MACROS:
                self.dropped.by(self.dropped.rules.macros, Reason.OFFICE_MACRO, word)
            elif relation.is_external:
                self.dropped.by(
                    self.dropped.rules.external, Reason.OFFICE_EXTERNAL, word or "a link"
                )
            else:
                self.dropped.note(word or "a part of another kind")
        if not found:
            refuse(Reason.OFFICE_PACKAGE, "no main part")
        return found

    def meet(self, name: str, kind: str) -> int:
        """The number of a part that is to cross."""
        if name not in self.numbers:
            if len(self.queue) >= PARTS_MAX:
                refuse(Reason.TOO_MANY_ELEMENTS, "more parts than the bound")
            self.numbers[name] = len(self.queue)
            self.queue.append((name, kind))
        elif self.queue[self.numbers[name]][1] != kind:
            refuse(Reason.OFFICE_PACKAGE, "one part is used as two kinds")
        return self.numbers[name]

    def _part(self, name: str, kind: str) -> CborValue:
        if kind == kinds.PICTURE:
            return self._picture_part(name)
        try:
            return self._xml_part(name, kind)
        except Malformed as error:
            sentence = f"part {self.numbers[name] + 1} ({kind}): {error.sentence}"[:240]
            raise Malformed(error.reason, sentence) from error

    def _xml_part(self, name: str, kind: str) -> CborValue:
        links, implicit, found = Links(), [], {}
        for relation in sorted(self.package.relations.get(name, []), key=_order):
            word = self.judged(relation, kind)
            if word == kinds.HYPERLINK:
                url = address(relation.target)
                if url is None:
                    self.dropped.note("a hyperlink of a kind that is not allowed")
                else:
                    links.targets[relation.id] = url
            elif word:
                found[relation.id] = (relation.target, word)
                links.targets[relation.id] = -1
                if word in _IMPLICIT.get(kind, ()):
                    implicit.append(relation.id)
        root = parse(self.package.parts[name])
        wanted = kinds.KINDS[kind].root
        tree = TreeBuilder(self.names, self.dropped, links, self.elements).tree(root, wanted)
        told: list[CborValue] = []
        for used in (*links.used, *(one for one in implicit if one not in links.used)):
            if used in found:
                target, word = found[used]
                told.append(self.meet(target, self._kind_of(word, kind)))
            else:
                told.append(str(links.targets[used]))
        return {"kind": kind, "links": told, "tree": tree}

    def _kind_of(self, word: str, source: str) -> str:
        return word if word == kinds.PICTURE else kinds.LINKS[source][word]

    def judged(self, relation: Relation, source: str) -> str:
        """The word of a relationship that may cross, or "" if it is left out. May refuse."""
        rules = self.dropped.rules
        word = kinds.relation(relation.type)
        if word in kinds.MACROS:
            self.dropped.by(rules.macros, Reason.OFFICE_MACRO, word)
        elif source == "chart" and word == "package" and not relation.is_external:
            self.dropped.note("the workbook behind a chart")  # its values are in the chart too
        elif word in kinds.EMBEDDED:
            self.dropped.by(rules.embedded, Reason.OFFICE_EMBEDDED, word)
        elif word in kinds.EXTERNAL:
            self.dropped.by(rules.external, Reason.OFFICE_EXTERNAL, word)
        elif word in kinds.COMMENTS:
            self.dropped.by(rules.comments, Reason.OFFICE_PART, word)
        elif word == kinds.HYPERLINK:
            if rules.hyperlinks == "keep":
                return word
            self.dropped.by(rules.hyperlinks, Reason.OFFICE_EXTERNAL, "a hyperlink")
        elif relation.is_external:
            self.dropped.by(rules.external, Reason.OFFICE_EXTERNAL, word or "a link")
        elif word in kinds.NOTES and rules.notes == "drop":
            self.dropped.note(word)
        elif word == kinds.PICTURE:
            return word if self._has_picture(relation.target) else ""
        elif word in kinds.LINKS.get(source, {}):
            kind = kinds.LINKS[source][word]
            if self.package.types[relation.target] != kinds.KINDS[kind].content_type:
                refuse(Reason.OFFICE_PACKAGE, f"a part called {word} has another content type")
            return word
        else:
            self.dropped.note(word or "a part of another kind")
        return ""

    def _has_picture(self, name: str) -> bool:
        media_type = self.package.types[name]
        if any(line.type == media_type for line in self.dropped.rules.media):
            return True
        self.dropped.by(
            self.dropped.rules.pictures, Reason.TYPE_NOT_ALLOWED, f"a picture of type {media_type}"
        )
        return False

    def _picture_part(self, name: str) -> CborValue:
        made = self.picture(self.package.types[name], self.package.parts[name])
        if made is None:
            refuse(Reason.TYPE_NOT_ALLOWED, "a picture of a type that is not allowed")
        return {"kind": kinds.PICTURE, "media": made[0], "data": made[1]}

    def _count_unused(self) -> None:
        for name in self.package.parts:
            is_form = name.endswith(".rels") or name.startswith("[Content_Types]")
            if name not in self.numbers and not is_form:
                self.dropped.note("unused or unwanted parts")


def _order(relation: Relation) -> tuple[str, list[tuple[int, str]]]:
    """By kind, then by the name of the target, numbers as numbers: so that order means nothing."""
    pieces = _NUMBER.split(relation.target)
    keys = [
        (int(piece), "") if piece.isdigit() and len(piece) < 18 else (-1, piece) for piece in pieces
    ]
    return kinds.relation(relation.type), keys
