"""Filter `tak_recognise`: the payload is one TAK message with a Cursor-on-Target event.

Takes any bytes, changes nothing (docs/spec/tak-protocol.md): the frame, every field by the
table, and the XML of the detail by the bounded recogniser of XML, before any parser sees it.
"""

from pydantic import Field

from filters.formats.tak_message import parse
from filters.formats.xml_recogniser import recognise
from filters.formats.xml_rules import XmlLimits
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class TakRecogniseParameters(Parameters):
    """bytes_max: the whole message. depth_levels_max, elements_max: of the detail's XML."""

    bytes_max: int = Field(default=65_536, ge=16, le=1 << 20)
    depth_levels_max: int = Field(default=10, ge=1, le=64)
    elements_max: int = Field(default=512, ge=1, le=2048)


def make(parameters: TakRecogniseParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such a message."""
    limits = XmlLimits(
        bytes_max=parameters.bytes_max + 32,
        depth_levels_max=parameters.depth_levels_max,
        elements_max=parameters.elements_max,
    )

    def run(message: Message) -> Answer:
        if len(message.payload) > parameters.bytes_max:
            raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the message is larger than its bound")
        recognise(f"<detail>{parse(message.payload).xml}</detail>".encode(), limits)
        return Pass()

    return run


STAGE = StageType(
    name="tak_recognise",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=TakRecogniseParameters,
    make=make,
    summary="the payload is one TAK message, version 1, with a Cursor-on-Target event",
    rechecks=frozenset({"recognise"}),
)
