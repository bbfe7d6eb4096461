"""The fields of a WordprocessingML part: which of their marks and instructions may not cross.

Takes lxml's tree of a part, gives the nodes to leave out; refuses where the rule on fields says
so. A field's instruction may be cut over many runs: it is judged whole, between `begin` and
`separate`, and every field on its own, however deep they stand in each other.
"""

from dataclasses import dataclass, field

from lxml import etree

from filters.formats.office_fields import field_fault, is_hyperlink_field
from filters.formats.office_rules import Dropped, refuse
from filters.formats.ooxml_words import (
    FIELD_INSTRUCTION,
    FIELD_KIND,
    FIELD_MARK,
    FIELD_SIMPLE,
    FIELD_TEXT,
)
from schemas.reasons import Reason

FIELD_LEVELS_MAX = 32


@dataclass(slots=True)
class _Field:
    nodes: list[etree._Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)


def unwanted(root: etree._Element, dropped: Dropped) -> frozenset[etree._Element]:
    """Each mark, instruction and simple field that may not cross."""
    gone: list[etree._Element] = []
    open_fields: list[_Field] = []
    for node in root.iter(FIELD_MARK, FIELD_TEXT, FIELD_SIMPLE):
        if node.tag == FIELD_SIMPLE:
            if not _allowed(node.get(FIELD_INSTRUCTION, ""), dropped):
                gone.append(node)
        elif node.tag == FIELD_TEXT:
            if open_fields:
                open_fields[-1].nodes.append(node)
                open_fields[-1].pieces.append(node.text or "")
            else:
                gone.append(node)
        else:
            _mark(node, open_fields, gone, dropped)
    for opened in open_fields:  # never ended: no reader agrees on what it is
        _allowed("".join(opened.pieces), dropped)
        gone += opened.nodes
    return frozenset(gone)


def _mark(
    node: etree._Element, open_fields: list[_Field], gone: list[etree._Element], dropped: Dropped
) -> None:
    kind = node.get(FIELD_KIND)
    if kind == "begin":
        if len(open_fields) >= FIELD_LEVELS_MAX:
            refuse(Reason.TOO_DEEP, "fields stand in fields, deeper than their bound")
        open_fields.append(_Field([node]))
    elif not open_fields:
        gone.append(node)
    elif kind == "separate":
        open_fields[-1].nodes.append(node)
    elif kind == "end":
        ended = open_fields.pop()
        if not _allowed("".join(ended.pieces), dropped):
            gone += [*ended.nodes, node]
    else:
        gone.append(node)


def _allowed(instruction: str, dropped: Dropped) -> bool:
    if is_hyperlink_field(instruction):
        fault = field_fault(instruction)
        if fault:
            dropped.by(dropped.rules.hyperlinks, Reason.OFFICE_EXTERNAL, "a hyperlink")
        return not fault
    fault = field_fault(instruction)
    if fault:
        dropped.by(dropped.rules.fields, Reason.OFFICE_FIELD, fault)
    return not fault
