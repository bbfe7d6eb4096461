"""Filter `text_read`: what crossed is a plain text's model, read by the destination's own code.

Takes any bytes, changes nothing: deterministic CBOR (`filters.twins.cbor_reader`) of the shape in
docs/spec/text-model.md §2. Its characters are judged later, in the text that is written from it.
"""

from filters.twins.cbor_reader import ReaderLimits
from filters.twins.cbor_reader import read as read_cbor
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_LIMITS = ReaderLimits(
    bytes_max=16 << 20, depth_levels_max=4, items_max=1_000_002, string_bytes_max=1 << 18
)


class TextReadParameters(Parameters):
    """None: the bounds of the model are part of its specification."""


def lines_of(untrusted: bytes) -> list[str]:
    """The lines in the model that these bytes encode; `Malformed` for any other bytes."""
    model = read_cbor(untrusted, _LIMITS)
    if type(model) is not dict or sorted(model) != ["lines", "text"]:
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of a text")
    lines = model["lines"]
    if type(model["text"]) is not int or model["text"] != 1 or type(lines) is not list:
        raise Malformed(Reason.MODEL_SHAPE, "a layout of the model that is not known here")
    if not lines or not all(type(line) is str for line in lines):
        raise Malformed(Reason.MODEL_SHAPE, "the lines of a text are texts, and there is one")
    return lines


def make(parameters: TextReadParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        lines_of(message.payload)
        return Pass()

    return run


STAGE = StageType(
    name="text_read",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=TextReadParameters,
    make=make,
    summary="what crossed is the model of a plain text, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
