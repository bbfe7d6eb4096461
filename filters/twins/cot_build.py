"""Normalizer `cot_build`: writes the native XML of a Cursor-on-Target event from its model.

Takes the model in CBOR, gives XML in UTF-8 and sets the metadata's `type`. One model has one XML:
attributes in the model's order, double quotes, no blanks between elements; the five characters
that mean something in XML, and tabs and line ends in attributes, are written as references. No
XML is parsed and no XML library is used.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from filters.twins.cot_read import model
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

COT_XML = "application/cot+xml"

_START = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SPECIAL = re.compile("[&<>\"'\t\n\r]")
_IN_ATTRIBUTE = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&apos;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


class CotBuildParameters(Parameters):
    """None: one model has one XML."""


def write(event: dict[str, Any]) -> str:
    """The XML of a model that `filters.twins.cot_read.model` has given."""
    parts = [_START]
    put = parts.append
    _open(put, "event", event["event"])
    put(">")
    _open(put, "point", event["point"])
    put("/><detail>" if event["detail"] else "/><detail/>")
    for element in event["detail"]:
        _element(put, element)
    put("</detail></event>\n" if event["detail"] else "</event>\n")
    return "".join(parts)


def _open(put: Callable[[str], None], name: str, attributes: dict[str, str]) -> None:
    put("<" + name)
    for key, value in attributes.items():
        text = value.translate(_IN_ATTRIBUTE) if _SPECIAL.search(value) else value
        put(f' {key}="{text}"')


def _element(put: Callable[[str], None], element: list[Any]) -> None:
    name, attributes, content = element
    _open(put, name, attributes)
    if not content:
        put("/>")
        return
    put(">")
    if type(content) is str:
        put(content.translate(_IN_TEXT))
    else:
        for child in content:
            _element(put, child)
    put(f"</{name}>")


def make(parameters: CotBuildParameters, documents: Documents) -> Run:
    """A run that builds; raises `Malformed` for what is not the model."""

    def run(message: Message) -> Answer:
        payload = write(model(message.payload)).encode("utf-8")
        meta = replace(message.meta, type=COT_XML)
        return Changed(Message.make(meta, payload), "built from the model")

    return run


STAGE = StageType(
    name="cot_build",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=CotBuildParameters,
    make=make,
    summary="the XML of a Cursor-on-Target event is written from its model",
)
