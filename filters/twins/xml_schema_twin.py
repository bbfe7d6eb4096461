"""Filter `xml_schema_twin`: the XML is valid by the policy's XSD, says the destination's engine.

Takes XML, changes nothing. expat builds the tree; the `xmlschema` package judges it, or, with
`engine = "compiled"`, the faster validator that `filters.twins.xsd_compiler` makes of what that
package has read. Imported schemas are documents of the policy; nothing is fetched.
"""

import warnings
from typing import Literal, Self

from pydantic import Field, model_validator
from xmlschema import XMLSchema10

from filters.twins.expat_tree import WIDE, parse
from filters.twins.xsd_compiler import Invalid
from filters.twins.xsd_compiler import compile_schema as compiled
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class XmlSchemaTwinParameters(Parameters):
    """schema_document: the document with the XSD ("" none).

    imports  documents with the schemas of the namespaces that it imports
    engine   who judges: the package, or the validator compiled from it (fewer constructs, faster)
    root     compiled: the root element, as {namespace}name
    """

    schema_document: str = Field(default="", max_length=64)
    imports: list[str] = Field(default=[], max_length=32)
    engine: Literal["xmlschema", "compiled"] = "xmlschema"
    root: str = Field(default="", max_length=512)

    @model_validator(mode="after")
    def _root_is_named(self) -> Self:
        if (self.engine == "compiled") != bool(self.root):
            raise ValueError("root is for the engine compiled, and that needs it")
        return self


def read_schema(name: str, imports: list[str], documents: Documents) -> XMLSchema10:
    """The schema, complete; raises what the package raises for one that is not right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an import that it may not fetch: it is added below
        text = documents[name].decode("utf-8")
        schema = XMLSchema10(text, allow="none", defuse="always", build=False)
        for other in imports:
            schema.add_schema(documents[other].decode("utf-8"), build=False)
        schema.build()
    return schema


def make(parameters: XmlSchemaTwinParameters, documents: Documents) -> Run:
    """A run that refuses invalid documents; raises `Broken` for a schema it cannot compile."""
    if not parameters.schema_document:
        return lambda _: Pass("the policy names no schema")
    schema = read_schema(parameters.schema_document, parameters.imports, documents)
    check = compiled(schema, parameters.root) if parameters.root else None

    def run(message: Message) -> Answer:
        prefixes: dict[str, str] = {}
        tree = parse(message.payload, WIDE, prefixes)
        if check is None:
            if schema.is_valid(tree, namespaces=prefixes):
                return Pass()
            return Refuse(Reason.SCHEMA_INVALID, "the document is not valid")
        try:
            check(tree)
        except Invalid as invalid:
            return Refuse(Reason.SCHEMA_INVALID, f"it is not valid: {invalid.what}"[:240])
        return Pass()

    return run


STAGE = StageType(
    name="xml_schema_twin",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=XmlSchemaTwinParameters,
    make=make,
    summary="the XML is valid by the policy's XSD, by expat and the xmlschema package",
    rechecks=frozenset({"schema"}),
)
