"""Filter `cot_schema_twin`: the XML is valid by the pack's XSD, says the destination's engine.

Takes XML, changes nothing. expat builds the tree; a validator compiled from the schema by
`filters.twins.xsd_compiler` judges it, or, with `engine = "xmlschema"`, that library itself does.
"""

from typing import Literal

from pydantic import Field
from xmlschema import XMLSchema10

from filters.twins.expat_tree import parse
from filters.twins.xsd_compiler import Invalid, compile_schema
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class CotSchemaTwinParameters(Parameters):
    """schema_document: the document with the XSD. engine: who judges."""

    schema_document: str = Field(default="cot-event.xsd", max_length=64)
    engine: Literal["compiled", "xmlschema"] = "compiled"


def make(parameters: CotSchemaTwinParameters, documents: Documents) -> Run:
    """A run that refuses invalid events; raises `Broken` for a schema it cannot compile."""
    source = documents[parameters.schema_document].decode("utf-8")
    schema = XMLSchema10(source, allow="none", defuse="always")
    check = compile_schema(schema, "event")

    def run(message: Message) -> Answer:
        tree = parse(message.payload)
        try:
            check(tree)
        except Invalid as invalid:
            return Refuse(Reason.SCHEMA_INVALID, f"the event is not valid: {invalid.what}"[:240])
        return Pass()

    def run_library(message: Message) -> Answer:
        if schema.is_valid(parse(message.payload)):
            return Pass()
        return Refuse(Reason.SCHEMA_INVALID, "the event is not valid")

    return run if parameters.engine == "compiled" else run_library


STAGE = StageType(
    name="cot_schema_twin",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=CotSchemaTwinParameters,
    make=make,
    summary="the event is valid by the pack's XSD, by expat and a compiled validator",
    rechecks=frozenset({"schema"}),
)
