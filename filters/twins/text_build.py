"""Normalizer `text_build`: writes a plain text from its model.

Takes the model in CBOR, gives UTF-8 in which each line ends with a line feed, and sets the
metadata's `type`. One model has one text.
"""

from dataclasses import replace

from filters.twins.text_read import lines_of
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

PLAIN_TEXT = "text/plain"


class TextBuildParameters(Parameters):
    """None: one model has one text."""


def make(parameters: TextBuildParameters, documents: Documents) -> Run:
    """A run that writes the text."""

    def run(message: Message) -> Answer:
        lines = lines_of(message.payload)
        payload = ("\n".join(lines) + "\n").encode("utf-8")
        return Changed(Message.make(replace(message.meta, type=PLAIN_TEXT), payload), "built")

    return run


STAGE = StageType(
    name="text_build",
    version=1,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=TextBuildParameters,
    make=make,
    summary="a plain text is written from its model",
)
