"""Filter `cot_schema`: the event in the model is valid by the pack's XSD, says lxml.

Takes the model in CBOR, builds an lxml tree from it and validates that; changes nothing.
"""

from typing import Any

from lxml import etree
from pydantic import Field

from filters.formats.cot_model import CotModel, shaped
from schemas.cbor import decode_recognised
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class CotSchemaParameters(Parameters):
    """schema_document: the document with the XSD."""

    schema_document: str = Field(default="cot-event.xsd", max_length=64)


def make(parameters: CotSchemaParameters, documents: Documents) -> Run:
    """A run that refuses invalid events; raises if the schema is missing or does not compile."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    schema = etree.XMLSchema(etree.fromstring(documents[parameters.schema_document], parser))

    def run(message: Message) -> Answer:
        if schema.validate(tree(shaped(decode_recognised(message.payload)))):
            return Pass()
        return Refuse(Reason.SCHEMA_INVALID, f"the event is not valid: {_where(schema)}")

    return run


def _where(schema: etree.XMLSchema) -> str:
    """The kind of the first error and its place; never a value of the message."""
    error = schema.error_log.last_error
    return f"{error.type_name} at {error.path}"[:160] if error is not None else "no reason given"


def tree(model: CotModel) -> etree._Element:
    """The model as an lxml element; `Malformed` if lxml takes a name or text for no XML."""
    try:
        event = etree.Element("event", model["event"])
        etree.SubElement(event, "point", model["point"])
        detail = etree.SubElement(event, "detail")
        _children(detail, model["detail"])
    except ValueError as error:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text that XML cannot hold") from error
    return event


def _children(parent: etree._Element, children: Any) -> None:
    for name, attributes, content in children:
        node = etree.SubElement(parent, name, attributes)
        if type(content) is str:
            if content:
                node.text = content
        else:
            _children(node, content)


STAGE = StageType(
    name="cot_schema",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=CotSchemaParameters,
    make=make,
    summary="the event is valid by the pack's XSD, by lxml",
    rechecks=frozenset({"schema"}),
)
