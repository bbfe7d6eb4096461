"""Filter `xml_recognise`: the payload is bounded, plain XML, before any parser sees it.

Takes any bytes, changes nothing; see `filters.formats.xml_recogniser` for what is refused.
"""

from typing import Literal

from pydantic import Field

from filters.formats.xml_quick import recognise
from filters.formats.xml_rules import XmlLimits
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class XmlRecogniseParameters(Parameters):
    """The bounds of `XmlLimits`, each with the default that it has there.

    bytes_max                 the whole document
    depth_levels_max          elements in each other
    elements_max              elements
    attributes_max            attributes of an element
    attribute_characters_max  characters of an attribute
    text_characters_max       characters of a text between tags
    name_characters_max       characters of a name
    namespaces                that may be declared
    any_namespace             whether every namespace but XInclude may be declared
    instructions              whether processing instructions may be there, to be dropped
    schema_locations          whether hints to schemas may be there, to be dropped
    xml_attributes            names of xml: attributes that may be there, such as xml:lang
    byte_order_mark           whether the file may begin with one, to be dropped
    """

    bytes_max: int = Field(default=1 << 20, ge=1, le=1 << 26)
    depth_levels_max: int = Field(default=16, ge=1, le=200)
    elements_max: int = Field(default=2048, ge=1, le=1 << 20)
    attributes_max: int = Field(default=64, ge=1, le=1024)
    attribute_characters_max: int = Field(default=32768, ge=1, le=1 << 22)
    text_characters_max: int = Field(default=32768, ge=1, le=1 << 22)
    name_characters_max: int = Field(default=64, ge=1, le=1024)
    namespaces: list[str] = Field(default=[], max_length=64)
    any_namespace: bool = False
    instructions: bool = False
    schema_locations: bool = False
    xml_attributes: list[Literal["xml:lang", "xml:space", "xml:id", "xml:base"]] = Field(
        default=[], max_length=4
    )
    byte_order_mark: bool = False


def make(parameters: XmlRecogniseParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such XML."""
    values = parameters.model_dump()
    limits = XmlLimits(
        **{
            **values,
            "namespaces": tuple(parameters.namespaces),
            "xml_attributes": frozenset(parameters.xml_attributes),
        }
    )

    def run(message: Message) -> Answer:
        recognise(message.payload, limits)
        return Pass()

    return run


STAGE = StageType(
    name="xml_recognise",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=XmlRecogniseParameters,
    make=make,
    summary="the payload is bounded UTF-8 XML without DOCTYPE, entities or instructions",
    rechecks=frozenset({"recognise"}),
)
