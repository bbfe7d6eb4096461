"""Transform `redact`: drops the parts of the model that the policy lists.

Takes a model in deterministic CBOR, gives it without what stands at the listed paths (see
`filters.formats.model_paths`). What is not there is no error; the note tells how much was dropped.
A table and a plain text, which have no paths, are refused: `mask` empties cells and lines.
"""

from pydantic import Field

from filters.formats.model_paths import ModelPath
from filters.formats.models import close_model, open_model
from schemas.cbor import CborLimits
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Pass

_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)


class RedactParameters(Parameters):
    """paths: what is dropped, for example `remarks` or `contact/@phone`."""

    paths: list[str] = Field(max_length=128)


def make(parameters: RedactParameters, documents: Documents) -> Run:
    """A run that drops; raises `Broken` for what is no path."""
    paths = [(text, ModelPath.parse(text)) for text in parameters.paths]

    def run(message: Message) -> Answer:
        model = open_model(message.payload, _LIMITS)
        dropped = [text for text, path in paths if path.drop(model)]
        if not dropped:
            return Pass("nothing to redact")
        note = f"dropped {', '.join(dropped)}"[:200]
        return Changed(Message(message.meta_bytes, close_model(model)), note)

    return run


STAGE = StageType(
    name="redact",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=RedactParameters,
    make=make,
    summary="the parts of the model that the policy lists are dropped",
)
