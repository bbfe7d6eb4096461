"""Filter `text_recognise`: the payload is plain text that the policy lets in, to its last byte.

Takes any bytes, changes nothing: UTF-8, no controls, no direction overrides, nothing invisible, and
bounded lines (docs/spec/text-model.md). What the policy has dropped may be there still.
"""

from filters.formats.text_model import LineParameters, recognised
from filters.formats.text_rules import decoded
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass


def make(parameters: LineParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such a text."""

    def run(message: Message) -> Answer:
        if len(message.payload) > parameters.bytes_max:
            raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the text is larger than its bound")
        recognised(decoded(message.payload, parameters), parameters)
        return Pass()

    return run


STAGE = StageType(
    name="text_recognise",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=LineParameters,
    make=make,
    summary="the payload is bounded plain text in UTF-8 without controls or hidden characters",
    rechecks=frozenset({"recognise"}),
)
