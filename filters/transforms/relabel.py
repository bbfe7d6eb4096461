"""Transform `relabel`: the source domain's label becomes the destination domain's.

Takes a message, gives it with the label that the policy's table has for its own, written in the
metadata and, if the policy names a path, in the model too. The label is the metadata's; if that
is empty, the one written in the model; if there is none either, the policy's default. If metadata
and model both have one and the table leads them to different labels, the message is refused: one
of them is wrong.
"""

from dataclasses import replace

from pydantic import Field

from filters.formats.label_text import read
from filters.formats.model_paths import PATH_PATTERN, ModelPath
from filters.formats.models import close_model, open_model
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Pass, Refuse


class RelabelParameters(Parameters):
    """The table.

    labels   source label -> destination label; spelling by case, blanks and order does not matter
    default  the source label of a message that has none ("": it is refused)
    path     where the model holds the label too, for example `@access` ("": nowhere)
    """

    labels: dict[str, str] = Field(min_length=1, max_length=256)
    default: str = Field(default="", max_length=256)
    path: str = Field(default="", pattern=f"(?:{PATH_PATTERN})?")


def make(parameters: RelabelParameters, documents: Documents) -> Run:
    """A run that relabels; raises `Malformed` if the table holds what is no label."""
    table = {read(old).text(): read(new).text() for old, new in parameters.labels.items()}
    path = ModelPath.parse(parameters.path) if parameters.path else None

    def run(message: Message) -> Answer:
        meta = message.meta
        model = open_model(message.payload) if path is not None else None
        written = path.read(model) if path is not None else None
        claims = [text for text in (meta.label, written) if text] or [parameters.default]
        if not claims[0]:
            return Refuse(Reason.LABEL_MISSING, "the message has no label")
        labels = {table.get(read(text).text()) for text in claims}
        label = labels.pop()
        if label is None or labels:
            return Refuse(Reason.LABEL_NO_MAPPING, "the table has no one label for the message's")
        payload = message.payload
        if path is not None and path.write(model, label):
            payload = close_model(model)
        if label == meta.label and payload is message.payload:
            return Pass(f"labelled {label} already")
        return Changed(Message.make(replace(meta, label=label), payload), f"labelled {label}")

    return run


STAGE = StageType(
    name="relabel",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=RelabelParameters,
    make=make,
    summary="the label is replaced by the destination domain's, by the policy's table",
)
