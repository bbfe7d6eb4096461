"""Filter `json_schema`: the document in the model is valid by the policy's JSON Schema.

Takes the model in CBOR (docs/spec/json-model.md), gives the JSON value it stands for to
jsonschema-rs (draft 2020-12, formats asserted, nothing fetched); changes nothing. Decimal numbers
are validated as the nearest double. A policy that names no schema says so in the verdict, and this
stage then holds nothing.
"""

from pydantic import Field

from filters.checks.event_schema import compile_schema, plain
from filters.formats.json_model import LIMITS, check
from schemas.cbor import decode_recognised
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class JsonSchemaParameters(Parameters):
    """schema_document: the document with the JSON Schema ("" none)."""

    schema_document: str = Field(default="", max_length=64)


def make(parameters: JsonSchemaParameters, documents: Documents) -> Run:
    """A run that refuses invalid values; raises if the schema is missing or does not compile."""
    if not parameters.schema_document:
        return lambda _: Pass("the policy names no schema")
    validator = compile_schema(documents[parameters.schema_document])

    def run(message: Message) -> Answer:
        value = plain(check(decode_recognised(message.payload, LIMITS))["value"])
        if validator.is_valid(value):
            return Pass()
        for error in validator.iter_errors(value):
            steps = [str(step) for step in error.schema_path if step != "$ref"]
            return Refuse(Reason.SCHEMA_INVALID, f"not valid: rule {'/'.join(steps)}"[:200])
        return Refuse(Reason.SCHEMA_INVALID, "not valid")

    return run


STAGE = StageType(
    name="json_schema",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=JsonSchemaParameters,
    make=make,
    summary="the document is valid by the policy's JSON Schema, by jsonschema-rs",
    rechecks=frozenset({"schema"}),
)
