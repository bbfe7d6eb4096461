"""Filter `pixels_recognise`: the CBOR that is to cross is the model of a picture.

Takes any bytes, changes nothing: deterministic CBOR of the shape in docs/spec/picture-model.md
within the bounds, each frame inflated to exactly the bytes that its size needs. The model's whole
definition is in this check.
"""

from filters.formats.picture_model import PictureParameters, frames, head
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass


def make(parameters: PictureParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such a model."""
    limits = parameters.limits()

    def run(message: Message) -> Answer:
        _, packed = head(message.payload, limits)
        for _ in frames(packed):
            pass
        return Pass()

    return run


STAGE = StageType(
    name="pixels_recognise",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=PictureParameters,
    make=make,
    summary="the CBOR is the model of a picture, its pixels as many as its size says",
    rechecks=frozenset({"recognise", "schema"}),
)
