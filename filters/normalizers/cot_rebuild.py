"""Normalizer `cot_rebuild`: a Cursor-on-Target event written anew as deterministic CBOR.

Takes XML that `xml_recognise` has passed, parses it with lxml (no DTD, no entities, no network,
no huge trees), takes from the tree what the schema names, and gives the typed model of
docs/spec/cot-model.md as CBOR. Comments, blanks between elements, the XML declaration and the
spelling of the document do not survive. What the schema does not name is refused or, if the
policy says so, dropped and told in the note. Sets the metadata's `type`.
"""

from dataclasses import replace
from typing import Literal

from lxml import etree
from pydantic import Field

from filters.formats.cot_whitelist import ElementKind
from filters.formats.cot_whitelist import read as read_whitelist
from filters.formats.xml_parse import parse
from schemas.cbor import CborValue, encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

COT_CBOR = "application/cot+cbor"
MODEL_LAYOUT = 1
NOTED_NAMES_MAX = 8
NOTED_CHARACTERS_MAX = 180

_BLANKS = " \t\r\n"


class CotRebuildParameters(Parameters):
    """schema_document: the XSD. unknown: what becomes of what it does not name.

    drop: names of details that are dropped whatever `unknown` says.
    """

    schema_document: str = Field(default="cot-event.xsd", max_length=64)
    unknown: Literal["refuse", "drop"] = "refuse"
    drop: list[str] = Field(default=[], max_length=64)


def make(parameters: CotRebuildParameters, documents: Documents) -> Run:
    """A run that rebuilds; raises `KeyError` if the schema is not among the documents."""
    root = read_whitelist(documents[parameters.schema_document])
    refuse, always = parameters.unknown == "refuse", frozenset(parameters.drop)

    def run(message: Message) -> Answer:
        builder = Builder(refuse, always)
        payload = encode(builder.event(parse(message.payload), root))
        meta = replace(message.meta, type=COT_CBOR)
        return Changed(Message.make(meta, payload), builder.note())

    return run


class Builder:
    """One event on its way into the model, with a list of what was left out."""

    def __init__(self, refuse: bool, always: frozenset[str]) -> None:
        self.refuse = refuse
        self.always = always
        self.dropped: list[str] = []

    def event(self, node: etree._Element, kind: ElementKind) -> CborValue:
        """The model of an event; `Malformed` for what the schema does not name."""
        if node.tag != "event":
            raise Malformed(Reason.MODEL_SHAPE, "the root element is not an event")
        parts: dict[str, etree._Element] = {}
        self.blank(node.text, "event")
        for child in node:
            name = str(child.tag)
            self.blank(child.tail, "event")
            if name not in kind.children:
                self.unknown(name)
            elif name in parts:
                raise Malformed(Reason.MODEL_SHAPE, f"the event has more than one {name}")
            else:
                parts[name] = child
        if "point" not in parts:
            raise Malformed(Reason.MODEL_SHAPE, "the event has no point")
        model: dict[str, CborValue] = {
            "cot": MODEL_LAYOUT,
            "event": self.attributes(node, kind, "event"),
            "point": self.element(parts["point"], kind.children["point"])[1],
            "detail": [],
        }
        if "detail" in parts:
            content = self.element(parts["detail"], kind.children["detail"])[2]
            model["detail"] = content if content else []
        return model

    def element(self, node: etree._Element, kind: ElementKind) -> list[CborValue]:
        """One element: name, attributes, content."""
        name = str(node.tag)
        attributes = self.attributes(node, kind, name)
        if kind.has_text:
            for child in node:
                self.unknown(f"{name}/{child.tag}")
                self.blank(child.tail, name)
            return [name, attributes, node.text or ""]
        if node.text:
            self.blank(node.text, name)
        children: list[CborValue] = []
        for child in node:
            tag = str(child.tag)
            if child.tail:
                self.blank(child.tail, name)
            if tag in self.always:
                self.dropped.append(tag)
            elif tag in kind.children:
                children.append(self.element(child, kind.children[tag]))
            else:
                self.unknown(f"{name}/{tag}")
        return [name, attributes, children or ""]

    def attributes(self, node: etree._Element, kind: ElementKind, where: str) -> CborValue:
        """The attributes that the schema names."""
        known = kind.attributes
        kept: dict[str, CborValue] = {}
        for name, value in node.items():
            collapses = known.get(name)
            if collapses is None:
                self.unknown(f"{where}/@{name}")
            else:
                kept[name] = value.strip(_BLANKS) if collapses else value
        return kept

    def blank(self, text: str | None, where: str) -> None:
        """Text where only elements may be is unknown unless it is blank."""
        if text and text.strip(_BLANKS):
            self.unknown(f"text in {where}")

    def unknown(self, what: str) -> None:
        """Refuse or drop what the schema does not name."""
        if self.refuse:
            raise Malformed(Reason.MODEL_UNKNOWN_NAME, f"the schema does not name {what[:120]}")
        self.dropped.append(what)

    def note(self) -> str:
        """What was left out, in words."""
        if not self.dropped:
            return "rebuilt"
        names = sorted(set(self.dropped))
        more = f" and {len(names) - NOTED_NAMES_MAX} more" if len(names) > NOTED_NAMES_MAX else ""
        listed = ", ".join(names[:NOTED_NAMES_MAX])
        return f"rebuilt; dropped {listed[:NOTED_CHARACTERS_MAX]}{more}"


STAGE = StageType(
    name="cot_rebuild",
    version=1,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=CotRebuildParameters,
    make=make,
    summary="a Cursor-on-Target event is written anew from its parsed tree, as CBOR",
)
