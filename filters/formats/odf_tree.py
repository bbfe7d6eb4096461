"""One XML part of OpenDocument as the tree that crosses: only what the table of names has.

Takes lxml's tree, the rules, and what asks for pictures and objects; gives the model's tree, in
which text and elements stand in their order. An address crosses as `part:N` (a picture of the
model), `object:N` (a document in the document), `#place`, or, where the rule keeps hyperlinks,
as itself.
"""

import re
from collections.abc import Callable

from lxml import etree

from filters.formats.odf_words import (
    ALWAYS_DROPPED,
    FORMULA_ATTRIBUTES,
    FORMULA_ENCODING,
    FORMULA_TEXT,
    LINK,
    NOTES,
    OBJECT,
    PICTURES,
    RANGE_ENDINGS,
    RULED,
    SHELLS,
    SHOWN_ADDRESS,
    UNWRAPPED,
    XLINK_HREF,
)
from filters.formats.office_fields import address
from filters.formats.office_formulas import formula_fault, range_fault
from filters.formats.office_names import Element, Names
from filters.formats.office_rules import Dropped, Elements, refuse
from schemas.cbor import CborValue
from schemas.reasons import Reason

_BLANKS = " \t\r\n"
_COMMENT = re.compile(r'("[^"]*+")|%%[^\n]*+')  # in quotes it is text
Refer = Callable[[str], str | None]
"""A name in the package -> what stands for it in the model, or None if it does not cross."""
_PLACE_CHARACTERS_MAX = 1024


class OdfTree:
    """One part on its way into the model."""

    def __init__(
        self, names: Names, dropped: Dropped, elements: Elements, picture: Refer, embedded: Refer,
        *, is_formula: bool = False,
    ) -> None:  # fmt: skip
        """names: those of a formula alone, or all but those. elements: the count that the parts of
        a document have together."""
        self.take = elements.take
        self.is_formula = is_formula
        self.names = names
        self.dropped = dropped
        self.rules = dropped.rules
        self.picture = picture
        self.embedded = embedded

    def tree(self, root: etree._Element, wanted: str) -> CborValue:
        """The tree of a part whose root must be `wanted`."""
        known = self.names.elements.get(root.tag)
        if known is None or known.name != wanted:
            refuse(Reason.OFFICE_PART, "a part has another root element than its name")
        (tree,) = self.element(root) or [None]
        if tree is None:
            refuse(Reason.OFFICE_PART, "nothing is left of a part")
        return tree

    def element(self, node: etree._Element) -> list[CborValue]:
        """What stands in the place of an element: itself, its content, or nothing."""
        tag = node.tag
        if type(tag) is not str:
            return []
        self.take()
        if tag in RULED:
            rule, reason = RULED[tag]
            self.dropped.by(getattr(self.rules, rule), reason, self.names.prefixed(tag))
            return []
        if tag == NOTES and self.rules.notes == "drop":
            self.dropped.note("speaker notes")
            return []
        if tag in SHELLS:
            self.children(node, False)  # refuses what the rules refuse; the shell itself goes
            return []
        if tag in UNWRAPPED and not self.is_formula:
            return self.children(node, True)
        if tag == FORMULA_TEXT:
            return self.formula_text(node)
        known = self.names.elements.get(tag)
        if known is None:
            self._unknown(tag)
            # where each child of an element has a place, one that is left out keeps its own
            return [["math:mrow", {}, []]] if self.is_formula and tag not in ALWAYS_DROPPED else []
        attributes = self.attributes(node, known)
        if attributes is None:
            return self.children(node, True) if tag == LINK else []
        return [[known.name, attributes, self.children(node, known.has_text)]]

    def formula_text(self, node: etree._Element) -> list[CborValue]:
        """The text by which LibreOffice draws a formula: without it other marks would be seen than
        the writer saw. Without its comments; other annotations (MathType's are bytes) are dropped.
        """
        known = self.names.elements.get(node.tag)
        if known is None or node.get("encoding") != FORMULA_ENCODING or len(node):
            self.dropped.note("an annotation of a formula")
            return []
        text = _COMMENT.sub(lambda found: found[1] or "", node.text or "")
        return [[known.name, {"encoding": FORMULA_ENCODING}, [text] if text else []]]

    def children(self, node: etree._Element, has_text: bool) -> list[CborValue]:
        """Elements and text in their order, texts that stand together as one."""
        found: list[CborValue] = []
        run: list[str] = []
        self._text(node.text, has_text, run)
        for child in node:
            for item in self.element(child):
                if type(item) is str:
                    self._text(item, True, run)
                    continue
                if run:
                    found.append("".join(run))
                    run.clear()
                found.append(item)
            self._text(child.tail, has_text, run)
        return [*found, "".join(run)] if run else found

    def _text(self, text: str | None, has_text: bool, run: list[str]) -> None:
        if not text:
            return
        if not has_text:
            if text.strip(_BLANKS):
                self.dropped.by(self.rules.unknown, Reason.MODEL_UNKNOWN_NAME, "stray text")
        else:
            run.append(text)

    def attributes(self, node: etree._Element, known: Element) -> dict[str, CborValue] | None:
        """The attributes that cross; None if the element's address does not."""
        kept: dict[str, CborValue] = {}
        for name, value in node.items():
            if name not in known.attributes:
                self.dropped.note("attributes")
            elif name == XLINK_HREF:
                target = self.address(node.tag, value)
                if target is None:
                    return None
                kept[known.attributes[name]] = target
            elif fault := _fault(name, value):
                self.dropped.by(self.rules.fields, Reason.OFFICE_FIELD, fault)
            elif name != SHOWN_ADDRESS or self._is_kept(value):
                kept[known.attributes[name]] = value
        return kept

    def _is_kept(self, shown: str) -> bool:
        """Whether an address crosses that a reader makes a link of. May refuse."""
        if not shown or (self.rules.hyperlinks == "keep" and address(shown)):
            return True
        self.dropped.by(self.rules.hyperlinks, Reason.OFFICE_EXTERNAL, "a hyperlink")
        return False

    def address(self, tag: str, value: str) -> str | None:
        """What crosses of an address, or None. May refuse."""
        if tag in PICTURES:
            return self._internal(value, self.picture, "a picture")
        if tag == OBJECT:
            return self._internal(value, self.embedded, "an embedded object")
        if value.startswith("#") and len(value) <= _PLACE_CHARACTERS_MAX:
            return value
        if value == "":
            return None
        if tag == LINK and self.rules.hyperlinks == "keep":
            url = address(value)
            if url is None:
                self.dropped.note("a hyperlink of a kind that is not allowed")
            return url
        if tag == LINK:
            self.dropped.by(self.rules.hyperlinks, Reason.OFFICE_EXTERNAL, "a hyperlink")
        else:
            self.dropped.by(
                self.rules.external,
                Reason.OFFICE_EXTERNAL,
                f"an address in {self.names.prefixed(tag)}",
            )
        return None

    def _internal(self, value: str, refer: Refer, what: str) -> str | None:
        name = value.removeprefix("./")
        if ":" in name or name.startswith(("/", "..", "#")) or "\\" in name or "%" in name:
            self.dropped.by(
                self.rules.external, Reason.OFFICE_EXTERNAL, f"{what} that is elsewhere"
            )
            return None
        if not name:
            return None
        return refer(name)

    def _unknown(self, tag: str) -> None:
        name = self.names.prefixed(tag)
        if tag in ALWAYS_DROPPED or name.split(":")[0] not in self.names.prefixes.values():
            self.dropped.note(name)  # extensions of writers, which a reader may pass over
        else:
            self.dropped.by(self.rules.unknown, Reason.MODEL_UNKNOWN_NAME, name)


def _fault(name: str, value: str) -> str:
    """What is wrong with an attribute that is a formula or a range of cells, or nothing."""
    if name in FORMULA_ATTRIBUTES:
        return formula_fault(value, is_ooxml=False)
    return range_fault(value) if name.endswith(RANGE_ENDINGS) else ""
