"""Filter `event_recognise`: the payload is the model of an event in deterministic CBOR.

Takes any bytes, changes nothing: strict decoding and the shape of docs/spec/events-model.md.
"""

from filters.formats.event_model import EventParameters, EventRules, read
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass


def make(parameters: EventParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""
    rules = EventRules.of(parameters)

    def run(message: Message) -> Answer:
        read(message.payload, rules)
        return Pass()

    return run


STAGE = StageType(
    name="event_recognise",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=EventParameters,
    make=make,
    summary="the payload is the model of a CloudEvents event in deterministic CBOR",
    rechecks=frozenset({"recognise"}),
)
