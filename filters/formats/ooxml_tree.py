"""One XML part of Office Open XML as the tree that crosses: only what the table of names has.

Takes lxml's tree, the policy's rules, and what the relationships of the part have been found to
be; gives the model's tree. An element is kept with its allowed attributes, unwrapped, decided on by
a rule, or left out and told. An element that refers to something left out goes with it.
"""

from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from filters.formats.office_fields import field_fault, is_hyperlink_field
from filters.formats.office_formulas import formula_fault
from filters.formats.office_names import Element, Names
from filters.formats.office_rules import Dropped, Elements, refuse
from filters.formats.ooxml_fields import FIELDS, WordFields, without
from filters.formats.ooxml_words import (
    ALWAYS_DROPPED,
    CHOICES,
    CLICK,
    FORMULAS,
    HYPERLINK_ELEMENTS,
    INSERTED,
    MC,
    PAGE_SETUP,
    PRUNED,
    RULED,
    THRESHOLD,
    UNWRAPPED,
    WORD_LINK,
    R,
)
from schemas.cbor import CborValue
from schemas.reasons import Reason

_BLANKS = " \t\r\n"
Target = int | str  # a part's number, or the address of a hyperlink


@dataclass(slots=True)
class Links:
    """The relationships of one part: id -> target, and the number that the first use gave.

    gone: ids of relationships that do not cross.
    """

    targets: dict[str, Target] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    used: dict[str, int] = field(default_factory=dict)

    def number(self, told_id: str) -> str | None:
        """The new id of a relationship that crosses; None if it does not."""
        if told_id not in self.targets:
            return None
        number = self.used.setdefault(told_id, len(self.used) + 1)
        return f"rId{number}"


class TreeBuilder:
    """One part on its way into the model."""

    def __init__(self, names: Names, dropped: Dropped, links: Links, elements: Elements) -> None:
        """elements: the count that the parts of a document have together."""
        self.names = names
        self.take = elements.take
        self.dropped = dropped
        self.rules = dropped.rules
        self.links = links
        self.has_fields = False

    def tree(self, root: etree._Element, wanted: str) -> CborValue:
        """The tree of a part whose root must be `wanted`."""
        known = self.names.elements.get(root.tag)
        if known is None or known.name != wanted:
            refuse(Reason.OFFICE_PART, "a part has another root element than its type")
        (tree,) = self.element(root) or [None]
        if tree is None:
            refuse(Reason.OFFICE_PART, "nothing is left of a part")
        return self._judged(tree) if self.has_fields else tree

    def _judged(self, tree: Any) -> list[CborValue]:
        """The tree without the fields that may not cross: judged as it is, when all else is gone.

        Of a field without an end the marks go, and the text in it stays.
        """
        fields = WordFields(tree)
        gone = list(fields.stray)
        for one in fields.found:
            allowed = self._allowed(one.instruction)
            gone += [] if allowed and one.has_end else one.marks
            gone += [] if allowed else one.texts
        name, attributes, content = tree
        return [name, attributes, without(content, frozenset(map(id, gone))) if gone else content]

    def _allowed(self, instruction: str) -> bool:
        fault = field_fault(instruction)
        if fault and is_hyperlink_field(instruction):
            self.dropped.by(self.rules.hyperlinks, Reason.OFFICE_EXTERNAL, "a hyperlink")
        elif fault:
            self.dropped.by(self.rules.fields, Reason.OFFICE_FIELD, fault)
        return not fault

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
        if tag in UNWRAPPED:
            return self._children(node)
        if tag in INSERTED:
            self.dropped.by(self.rules.revisions, Reason.OFFICE_REVISION, self.names.prefixed(tag))
            return self._children(node)
        if tag == f"{MC}AlternateContent":
            return self.alternate(node)
        known = self.names.elements.get(tag)
        if known is None:
            self._unknown(tag)
            return []
        self.has_fields = self.has_fields or known.name in FIELDS
        return self._known(node, known)

    def _known(self, node: etree._Element, known: Element) -> list[CborValue]:
        attributes = self.attributes(node, known)
        if attributes is None:
            return self._children(node) if node.tag == WORD_LINK else []
        if node.tag in FORMULAS and node.text and self._is_faulty(node.text):
            return []
        content = self._children(node)
        if not content and node.text:
            if known.has_text:
                content = [node.text]
            elif node.text.strip(_BLANKS):
                self.dropped.by(self.rules.unknown, Reason.MODEL_UNKNOWN_NAME, "stray text")
        if not content and node.tag in PRUNED:
            return []
        return [[known.name, attributes, content]]

    def _is_faulty(self, formula: str) -> bool:
        """Whether a formula may not cross. May refuse."""
        fault = formula_fault(formula, is_ooxml=True)
        if fault:
            self.dropped.by(self.rules.fields, Reason.OFFICE_FIELD, fault)
        return bool(fault)

    def _children(self, node: etree._Element) -> list[CborValue]:
        found: list[CborValue] = []
        for child in node:
            found += self.element(child)
        return found

    def attributes(self, node: etree._Element, known: Element) -> dict[str, CborValue] | None:
        """The attributes that cross; None if one refers to what does not."""
        kept: dict[str, CborValue] = {}
        for name, value in node.items():
            if name.startswith(R):
                number = self.links.number(value) if name in known.attributes else None
                if number is None and node.tag == PAGE_SETUP:
                    continue  # how the sheet is printed stays, what its printer kept goes
                if number is None:
                    if value and node.tag not in HYPERLINK_ELEMENTS:
                        self.dropped.note(f"{known.name} that refers to what is gone")
                    return None
                kept[known.attributes[name]] = number
            elif node.tag == THRESHOLD and name == "val" and self._is_faulty(value):
                continue
            elif name in known.attributes:
                kept[known.attributes[name]] = value
            else:
                self.dropped.note("attributes")
        if node.tag == CLICK and not kept.get("r:id"):
            return None
        return kept

    def alternate(self, node: etree._Element) -> list[CborValue]:
        """The first choice whose namespaces are all known here, or the fallback (part 3)."""
        for choice in node:
            if choice.tag == f"{MC}Choice":
                uris = {choice.nsmap.get(prefix) for prefix in choice.get("Requires", "").split()}
                if uris and uris <= CHOICES:
                    return self._children(choice)
            elif choice.tag == f"{MC}Fallback":
                return self._children(choice)
        return []

    def _unknown(self, tag: str) -> None:
        name = self.names.prefixed(tag)
        if tag in ALWAYS_DROPPED:
            self.dropped.note(name)
        else:
            self.dropped.by(self.rules.unknown, Reason.MODEL_UNKNOWN_NAME, name)
