"""Filter `json_schema_twin`: the JSON is valid by the policy's JSON Schema, by our own code.

Takes JSON, parses it with Python's parser, numbers exactly, and validates it with what
`filters.twins.json_schema_compiler` has made of the schema; changes nothing. A policy that names no
schema says so in the verdict, and this stage then only holds that the bytes are JSON.
"""

from decimal import Decimal
from json import JSONDecoder
from typing import Any, NoReturn

from pydantic import Field

from filters.twins.json_schema_compiler import Invalid, compile_schema
from filters.twins.json_schema_compiler import parse as parse_schema
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class JsonSchemaTwinParameters(Parameters):
    """schema_document: the document with the JSON Schema ("" none)."""

    schema_document: str = Field(default="", max_length=64)


def make(parameters: JsonSchemaTwinParameters, documents: Documents) -> Run:
    """A run that refuses invalid values; raises `Broken` for a schema it cannot compile."""
    name = parameters.schema_document
    check = compile_schema(parse_schema(documents[name].decode("utf-8"))) if name else None

    def run(message: Message) -> Answer:
        value = _value(message.payload)
        if check is None:
            return Pass("the policy names no schema")
        try:
            check(value)
        except Invalid as invalid:
            return Refuse(Reason.SCHEMA_INVALID, f"the JSON is not valid: {invalid.rule}"[:240])
        return Pass()

    return run


def _value(untrusted: bytes) -> Any:
    try:
        return _decode(untrusted.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Malformed(Reason.SYNTAX, "the bytes are not JSON in UTF-8") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed(Reason.JSON_DUPLICATE_KEY, "a JSON object has a key twice")
    return found


def _none(_text: str) -> NoReturn:
    raise Malformed(Reason.JSON_NOT_A_NUMBER, "no JSON number")


_decode = JSONDecoder(object_pairs_hook=_once, parse_float=Decimal, parse_constant=_none).decode

STAGE = StageType(
    name="json_schema_twin",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=JsonSchemaTwinParameters,
    make=make,
    summary="the JSON is valid by the policy's JSON Schema, by a validator of our own",
    rechecks=frozenset({"schema"}),
)
