"""Filter `xml_schema`: the document in the model is valid by the policy's XSD, says lxml.

Takes the model in CBOR (docs/spec/xml-model.md), builds an lxml tree from it and validates that;
changes nothing. Schemas that the XSD imports or includes are documents of the policy too, found by
the last part of their location; nothing is fetched. A policy that names no schema says so in the
verdict, and this stage then holds nothing.
"""

from typing import Any

from lxml import etree
from pydantic import Field

from filters.formats.xml_model import shaped
from schemas.cbor import CborLimits, decode_recognised
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

_LIMITS = CborLimits(bytes_max=16 * 1024 * 1024)
_XML = "{http://www.w3.org/XML/1998/namespace}"


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
        model = shaped(decode_recognised(message.payload, _LIMITS))
        if schema.validate(tree(model)):
            return Pass()
        return Refuse(Reason.SCHEMA_INVALID, f"the document is not valid: {_where(schema)}")

    return run


def _where(schema: etree.XMLSchema) -> str:
    """The kind of the first error; never a value or a name of the message."""
    error = schema.error_log.last_error
    return f"{error.type_name}"[:160] if error is not None else "no reason given"


def tree(model: dict[str, Any]) -> etree._Element:
    """The model as an lxml element; `Malformed` if lxml takes a name or text for no XML."""
    prefixes = model["prefixes"]
    try:
        name, attributes, content = model["root"]
        root = etree.Element(
            _expanded(name, prefixes, ""),
            {_expanded(key, prefixes): value for key, value in attributes.items()},
            nsmap={prefix or None: uri for prefix, uri in prefixes.items()},
        )
        _fill(root, content, prefixes)
    except ValueError as error:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text that XML cannot hold") from error
    return root


def _expanded(name: str, prefixes: dict[str, str], default: str | None = None) -> str:
    """`prefix:local` as `{namespace}local`. default: the prefix of a name that has none."""
    prefix, colon, local = name.rpartition(":")
    if prefix == "xml":
        return _XML + local
    key = prefix if colon else default
    uri = None if key is None else prefixes.get(key)
    return f"{{{uri}}}{local}" if uri else local


def _fill(parent: etree._Element, content: list[Any], prefixes: dict[str, str]) -> None:
    last = None
    for item in content:
        if type(item) is str:
            if last is None:
                parent.text = item
            else:
                last.tail = item
            continue
        name, attributes, inner = item
        keys = {_expanded(key, prefixes): value for key, value in attributes.items()}
        last = etree.SubElement(parent, _expanded(name, prefixes, ""), keys)
        _fill(last, inner, prefixes)


STAGE = StageType(
    name="xml_schema",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=XmlSchemaParameters,
    make=make,
    summary="the document is valid by the policy's XSD, by lxml",
    rechecks=frozenset({"schema"}),
)
