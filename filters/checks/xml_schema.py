"""Filter `xml_schema`: the document in the model is valid by the policy's XSD, says lxml.

Takes the model in CBOR (docs/spec/xml-model.md), writes XML from it, has lxml parse and validate
that, and changes nothing; no other XML than this stage's own reaches the parser. Schemas that the
XSD imports or includes are documents of the policy too, found by the last part of their location;
nothing is fetched. A policy that names no schema says so in the verdict, and this stage then holds
nothing.
"""

from typing import Any

from lxml import etree
from pydantic import Field

from filters.formats.xml_layout import LIMITS
from filters.formats.xml_model import opened
from filters.formats.xml_parse import parse
from filters.formats.xml_text import text_of
from schemas.cbor import decode_recognised
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class XmlSchemaParameters(Parameters):
    """schema_document: the document with the XSD ("" none)."""

    schema_document: str = Field(default="", max_length=64)


class _OfThePolicy(etree.Resolver):  # type: ignore[misc]  # lxml has no types
    """Finds imported schemas among the documents; anything else does not exist."""

    def __init__(self, documents: Documents) -> None:
        super().__init__()
        self.documents = documents

    def resolve(self, url: str, _id: Any, context: Any) -> Any:
        name = url.rpartition("/")[2]
        if name not in self.documents:
            raise KeyError(name)
        return self.resolve_string(self.documents[name], context, base_url=f"policy/{name}")


def compile_schema(name: str, documents: Documents) -> etree.XMLSchema:
    """The schema in the document of this name, with what it imports; raises if that fails."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    parser.resolvers.add(_OfThePolicy(documents))
    return etree.XMLSchema(etree.fromstring(documents[name], parser, base_url=f"policy/{name}"))


def make(parameters: XmlSchemaParameters, documents: Documents) -> Run:
    """A run that refuses invalid documents; raises if the schema is missing or does not compile."""
    if not parameters.schema_document:
        return lambda _: Pass("the policy names no schema")
    schema = compile_schema(parameters.schema_document, documents)

    def run(message: Message) -> Answer:
        written = text_of(opened(decode_recognised(message.payload, LIMITS)))
        if schema.validate(parse(written)):
            return Pass()
        return Refuse(Reason.SCHEMA_INVALID, f"the document is not valid: {_where(schema)}")

    return run


def _where(schema: etree.XMLSchema) -> str:
    """The kind of the first error; never a value or a name of the message."""
    error = schema.error_log.last_error
    return f"{error.type_name}"[:160] if error is not None else "no reason given"


STAGE = StageType(
    name="xml_schema",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=XmlSchemaParameters,
    make=make,
    summary="the document is valid by the policy's XSD, by lxml",
    rechecks=frozenset({"schema"}),
)
