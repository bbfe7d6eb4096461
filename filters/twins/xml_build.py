"""Normalizer `xml_build`: writes an XML document from its model.

Takes the model in CBOR, gives XML in UTF-8 (docs/spec/xml-model.md §4) and sets the metadata's
`type`. One model has one XML. No XML is parsed and no XML library is used.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from filters.twins.xml_read import model
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

XML = "application/xml"

_START = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_IN_TEXT = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", 13: "&#13;"}
_IN_ATTRIBUTE = _IN_TEXT | {ord('"'): "&quot;", 9: "&#9;", 10: "&#10;"}


class XmlBuildParameters(Parameters):
    """None: one model has one XML."""


def write(document: dict[str, Any]) -> str:
    """The XML of a model that `filters.twins.xml_read.model` has given."""
    parts = [_START]
    declared = {
        f"xmlns:{prefix}" if prefix else "xmlns": uri
        for prefix, uri in document["prefixes"].items()
    }
    name, attributes, content = document["root"]
    _element(parts.append, name, {**declared, **attributes}, content)
    parts.append("\n")
    return "".join(parts)


def _element(
    put: Callable[[str], None], name: str, attributes: dict[str, str], content: list[Any]
) -> None:
    put(f"<{name}")
    for key, value in attributes.items():
        put(f' {key}="{value.translate(_IN_ATTRIBUTE)}"')
    if not content:
        put("/>")
        return
    put(">")
    for item in content:
        if type(item) is str:
            put(item.translate(_IN_TEXT))
        else:
            _element(put, *item)
    put(f"</{name}>")


def make(parameters: XmlBuildParameters, documents: Documents) -> Run:
    """A run that builds; raises `Malformed` for what is not the model."""

    def run(message: Message) -> Answer:
        payload = write(model(message.payload)).encode("utf-8")
        return Changed(Message.make(replace(message.meta, type=XML), payload), "built")

    return run


STAGE = StageType(
    name="xml_build",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=XmlBuildParameters,
    make=make,
    summary="the XML of a document is written from its model",
)
