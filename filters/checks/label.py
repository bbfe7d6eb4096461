"""Filter `label`: the message's confidentiality label against the flow's clearance.

Takes the metadata's label (and, if the policy names a path, the one written in the model, which
must then say the same), changes nothing. The classification must be known and not above the
ceiling, every category one the flow may carry, and the nations the flow serves among those the
label is releasable to.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from filters.formats.label_text import Label, read
from filters.formats.model_paths import PATH_PATTERN, ModelPath
from filters.formats.models import open_model
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class LabelParameters(Parameters):
    """The clearance of a flow.

    classifications  every known classification, lowest first
    ceiling          the highest that may pass
    categories       categories that may pass
    audience         the nations behind the flow: a label with REL TO must name all of them
    without_rel      whether a label without REL TO may pass
    unlabelled       what a message without a label is: refused, or taken to have `default`
    default          the label of a message that has none, where `unlabelled` says so
    path             where the model holds the label too ("" nowhere)
    """

    classifications: list[str] = Field(min_length=1, max_length=32)
    ceiling: str
    categories: list[str] = Field(default=[], max_length=64)
    audience: list[str] = Field(default=[], max_length=64)
    without_rel: Literal["pass", "refuse"] = "pass"
    unlabelled: Literal["refuse", "default"] = "refuse"
    default: str = ""
    path: str = Field(default="", pattern=f"(?:{PATH_PATTERN})?")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.ceiling not in self.classifications:
            raise ValueError("the ceiling is not among the classifications")
        if (self.unlabelled == "default") != bool(self.default):
            raise ValueError("unlabelled and default do not fit together")
        return self


def make(parameters: LabelParameters, documents: Documents) -> Run:
    """A run that refuses labels outside the clearance."""
    ranks = {name.upper(): rank for rank, name in enumerate(parameters.classifications)}
    ceiling = ranks[parameters.ceiling.upper()]
    categories = {name.upper() for name in parameters.categories}
    audience = {name.upper() for name in parameters.audience}
    path = ModelPath.parse(parameters.path) if parameters.path else None

    def run(message: Message) -> Answer:
        text = message.meta.label or parameters.default
        if not text:
            return Refuse(Reason.LABEL_MISSING, "the message has no label")
        label = read(text)
        if path is not None:
            written = path.read(open_model(message.payload))
            if written is None or read(written).text() != label.text():
                return Refuse(Reason.LABEL_UNKNOWN, "the payload says another label than it has")
        return _judge(label)

    def _judge(label: Label) -> Answer:
        rank = ranks.get(label.classification)
        if rank is None:
            return Refuse(Reason.LABEL_UNKNOWN, "the policy does not know the classification")
        if rank > ceiling:
            return Refuse(Reason.LABEL_ABOVE_CEILING, "the classification is above the ceiling")
        if not categories.issuperset(label.categories):
            return Refuse(Reason.LABEL_NOT_RELEASABLE, "a category this flow may not carry")
        if label.releasable_to is None:
            if parameters.without_rel == "refuse":
                return Refuse(Reason.LABEL_NOT_RELEASABLE, "the label says not to whom")
        elif not label.releasable_to.issuperset(audience):
            return Refuse(Reason.LABEL_NOT_RELEASABLE, "not releasable to all whom the flow serves")
        return Pass()

    return run


STAGE = StageType(
    name="label",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=LabelParameters,
    make=make,
    summary="the label is known, not above the ceiling, and releasable to whom the flow serves",
    rechecks=frozenset({"label"}),
)
