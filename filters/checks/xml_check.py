"""Filter `xml_check`: the payload is the model of an XML document in deterministic CBOR.

Takes any bytes, changes nothing: strict decoding and the shape of docs/spec/xml-model.md.
"""

from pydantic import Field

from filters.formats.xml_model import read
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class XmlCheckParameters(Parameters):
    """namespaces: those that may be there; none named: any."""

    namespaces: list[str] = Field(default=[], max_length=64)


def make(parameters: XmlCheckParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""
    allowed = frozenset(parameters.namespaces)

    def run(message: Message) -> Answer:
        model = read(message.payload)
        if allowed and not allowed.issuperset(model.prefixes.values()):
            raise Malformed(Reason.XML_NAMESPACE, "a namespace that is not allowed")
        return Pass()

    return run


STAGE = StageType(
    name="xml_check",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=XmlCheckParameters,
    make=make,
    summary="the payload is the model of an XML document in deterministic CBOR",
    rechecks=frozenset({"recognise"}),
)
