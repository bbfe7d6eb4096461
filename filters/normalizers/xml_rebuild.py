"""Normalizer `xml_rebuild`: an XML document written anew as deterministic CBOR.

Takes XML that `xml_recognise` has passed and gives the model of docs/spec/xml-model.md: by arrays
where it is written plainly (`filters.formats.xml_quick_rebuild`), else from the tree that lxml
parses (no DTD, no entities, no network, no huge trees); both ways give one model. Comments,
instructions, hints to schemas and the spelling of the document do not survive; prefixes, blanks,
signatures and encrypted parts are the policy's to choose. Sets the metadata's `type`.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, Self

from lxml import etree
from pydantic import Field, model_validator

from filters.formats.xml_layout import (
    ATTRIBUTES_MAX,
    LAYOUT,
    LEVELS_MAX,
    NODES_MAX,
    PREFIX,
    XML_CBOR,
    XML_NAMESPACE,
    XSI_NAMESPACE,
)
from filters.formats.xml_names import Names, canonical, kept
from filters.formats.xml_parse import parse
from filters.formats.xml_quick_rebuild import Survives, columns_of
from filters.formats.xml_tags import WORTH_BYTES
from filters.formats.xml_tree import model_of
from schemas.cbor import CborValue, encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

_DSIG = ("{http://www.w3.org/2000/09/xmldsig#}", "{http://www.w3.org/2009/xmldsig11#}")
_XENC = ("{http://www.w3.org/2001/04/xmlenc#}", "{http://www.w3.org/2009/xmlenc11#}")
_XSI_TYPE = f"{{{XSI_NAMESPACE}}}type"
_LOCATIONS = frozenset(
    {f"{{{XSI_NAMESPACE}}}schemaLocation", f"{{{XSI_NAMESPACE}}}noNamespaceSchemaLocation"}
)
_SPACE = f"{{{XML_NAMESPACE}}}space"
_BLANKS = " \t\r\n"


class XmlRebuildParameters(Parameters):
    """What survives.

    prefixes           canonical: chosen here; keep: the document's own
    prefix             prefixes to choose: prefix -> namespace (canonical)
    blanks             texts of blanks alone between elements
    signatures         XML Signature
    encrypted          XML Encryption, into which no check can look
    xsi                xsi:type and xsi:nil
    refuse_namespaces  namespaces of elements that are refused wherever they stand
    """

    prefixes: Literal["canonical", "keep"] = "canonical"
    prefix: dict[str, str] = Field(default={}, max_length=32)
    blanks: Literal["drop", "keep"] = "drop"
    signatures: Literal["refuse", "drop", "keep"] = "refuse"
    encrypted: Literal["refuse", "keep"] = "refuse"
    xsi: Literal["refuse", "keep"] = "keep"
    refuse_namespaces: list[str] = Field(default=[], max_length=64)

    @model_validator(mode="after")
    def _prefixes_are_some(self) -> Self:
        for prefix in self.prefix:
            if not prefix or PREFIX.fullmatch(prefix) is None:
                raise ValueError(f"{prefix} is no prefix")
        if len(set(self.prefix.values())) != len(self.prefix):
            raise ValueError("two prefixes for one namespace")
        return self


def make(parameters: XmlRebuildParameters, documents: Documents) -> Run:
    """A run that rebuilds."""

    kept_by = survives(parameters)

    def run(message: Message) -> Answer:
        is_worth_it = len(message.payload) >= WORTH_BYTES
        quick = columns_of(message.payload, kept_by) if is_worth_it else None
        if quick is not None:
            payload, note = quick[0].write(), _note(["schema locations"] if quick[1] else [])
        else:
            payload, note = carefully(message.payload, parameters)
        return Changed(Message.make(replace(message.meta, type=XML_CBOR), payload), note)

    return run


def survives(parameters: XmlRebuildParameters) -> Survives:
    """The parameters as the quick way takes them."""
    refused = tuple(f"{{{uri}}}" for uri in parameters.refuse_namespaces)
    return Survives(
        parameters.prefix if parameters.prefixes == "canonical" else None,
        parameters.blanks == "keep",
        parameters.xsi == "keep",
        (*_DSIG, *_XENC, *refused),
    )


def carefully(untrusted: bytes, parameters: XmlRebuildParameters) -> tuple[bytes, str]:
    """The model of any document and what is said of it; `Malformed` for what it may not hold."""
    root = parse(untrusted)
    builder = _Builder(parameters)
    builder.prune(root)
    names = kept(root) if parameters.prefixes == "keep" else canonical(root, parameters.prefix)
    builder.names = names
    element = builder.element(root, LEVELS_MAX, preserve=False)
    model = model_of({"xml": LAYOUT, "prefixes": names.prefixes, "root": element})
    return encode(model), _note(builder.dropped)


def _note(dropped: Iterable[str]) -> str:
    told = ", ".join(dropped)
    return f"rebuilt; dropped {told}" if told else "rebuilt"


class _Builder:
    """One document on its way into the model, with a list of what was left out."""

    def __init__(self, parameters: XmlRebuildParameters) -> None:
        self.parameters = parameters
        self.names = Names({})
        self.dropped: dict[str, None] = {}
        self.left = NODES_MAX

    def prune(self, root: etree._Element) -> None:
        """Refuse, or take out of the tree, what the policy does not keep."""
        parameters = self.parameters
        refused = tuple(f"{{{uri}}}" for uri in parameters.refuse_namespaces)
        signatures = []
        for node in root.iter(etree.Element):
            tag = str(node.tag)
            if tag.startswith(_DSIG) and parameters.signatures != "keep":
                if parameters.signatures == "refuse" or node is root:
                    raise Malformed(Reason.XML_SIGNATURE, "an XML signature")
                signatures.append(node)
            if tag.startswith(_XENC) and parameters.encrypted == "refuse":
                raise Malformed(Reason.XML_ENCRYPTED, "encrypted XML")
            if refused and tag.startswith(refused):
                raise Malformed(Reason.XML_NAMESPACE, "an element of a namespace that is refused")
            names = node.keys()
            if len(names) > ATTRIBUTES_MAX:
                raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more attributes than their bound")
            if names:
                self._prune_attributes(node, names)
        gone = frozenset(signatures)
        for parent in {node.getparent(): None for node in signatures}:
            _take_out(parent, gone)
            self.dropped["signatures"] = None

    def _prune_attributes(self, node: etree._Element, names: list[str]) -> None:
        for name in _LOCATIONS.intersection(names):
            del node.attrib[name]
            self.dropped["schema locations"] = None
        refuse = self.parameters.xsi == "refuse"
        if refuse and any(name.startswith(f"{{{XSI_NAMESPACE}}}") for name in node.keys()):  # noqa: SIM118  # an element's keys are its attributes
            raise Malformed(Reason.XML_NAMESPACE, "an attribute of XML Schema instances")

    def element(self, node: etree._Element, levels_left: int, preserve: bool) -> list[CborValue]:
        if levels_left <= 0:
            raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
        self.left -= 1 + len(node)
        if self.left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements and texts than their bound")
        name = self.names.name
        attributes: dict[str, CborValue] = {}
        for key, value in node.items():
            if key == _SPACE:
                preserve = value == "preserve"
            if key == _XSI_TYPE:
                value = self.names.qualified(value, node.nsmap)
            attributes[name(str(key))] = value
        return [name(str(node.tag)), attributes, self.content(node, levels_left, preserve)]

    def content(self, node: etree._Element, levels_left: int, preserve: bool) -> list[CborValue]:
        texts = [node.text or "", *(child.tail or "" for child in node)]
        drop = len(texts) > 1 and self.parameters.blanks == "drop" and not preserve
        if drop and not any(text.strip(_BLANKS) for text in texts):
            texts = [""] * len(texts)
        content: list[CborValue] = [texts[0]] if texts[0] else []
        for child, tail in zip(node, texts[1:], strict=True):
            content.append(self.element(child, levels_left - 1, preserve))
            if tail:
                content.append(tail)
        return content


def _take_out(parent: etree._Element, nodes: frozenset[etree._Element]) -> None:
    """Remove children of an element; the texts after them stay where they were."""
    texts = [parent.text or ""]
    last = None
    for child in list(parent):
        tail = child.tail or ""
        if child in nodes:
            parent.remove(child)
            texts.append(tail)
            continue
        _put_text(parent, last, "".join(texts))
        last, texts = child, [tail]
    _put_text(parent, last, "".join(texts))


def _put_text(parent: etree._Element, last: etree._Element | None, text: str) -> None:
    """The text after a child; before the first, if that is None."""
    if last is None:
        parent.text = text
    else:
        last.tail = text


STAGE = StageType(
    name="xml_rebuild",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=XmlRebuildParameters,
    make=make,
    summary="an XML document is written anew, as CBOR",
)
