"""Filter `label_twin`: the label against what the destination accepts, by its own code.

Takes the metadata's label and, if the policy names one, the attribute of the file's root that
repeats it; changes nothing. The label is split by a small state machine, not by the source
side's reader, and the destination's policy has its own list of what it takes.
"""

from functools import lru_cache
from string import ascii_letters, digits
from typing import Literal, Self

from pydantic import Field, model_validator

from filters.twins.native import root_texts
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

LABEL_CHARACTERS_MAX = 256
_CHARACTERS = frozenset(ascii_letters + digits + "_.-, /")
_WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


class LabelTwinParameters(Parameters):
    """What the destination accepts.

    classifications  every known classification, lowest first
    ceiling          the highest accepted
    categories       categories accepted
    audience         nations behind the destination: a label with REL TO must name all of them
    without_rel      whether a label without REL TO is accepted
    attribute        attribute of the root that repeats the label ("" none)
    form             what the payload is, where `attribute` is given
    """

    classifications: list[str] = Field(min_length=1, max_length=32)
    ceiling: str
    categories: list[str] = Field(default=[], max_length=64)
    audience: list[str] = Field(default=[], max_length=64)
    without_rel: Literal["pass", "refuse"] = "pass"
    attribute: str = Field(default="", max_length=64)
    form: Literal["xml", "json", "text"] = "xml"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.ceiling not in self.classifications:
            raise ValueError("the ceiling is not among the classifications")
        return self


def make(parameters: LabelTwinParameters, documents: Documents) -> Run:
    """A run that refuses labels the destination does not accept."""
    order = [name.upper() for name in parameters.classifications]
    accepted = frozenset(order[: order.index(parameters.ceiling.upper()) + 1])
    categories = frozenset(name.upper() for name in parameters.categories)
    audience = frozenset(name.upper() for name in parameters.audience)

    def run(message: Message) -> Answer:
        text = message.meta.label
        if not text:
            return Refuse(Reason.LABEL_MISSING, "the message has no label")
        label = _parse(text)
        if parameters.attribute:
            repeated = root_texts(message.payload, parameters.form).get(parameters.attribute)
            if repeated is None or _parse(repeated) != label:
                return Refuse(Reason.LABEL_UNKNOWN, "the file says another label than it has")
        classification, carried, nations = label
        if classification not in order:
            return Refuse(Reason.LABEL_UNKNOWN, "a classification not known here")
        if classification not in accepted:
            return Refuse(Reason.LABEL_ABOVE_CEILING, "the classification is above the ceiling")
        if carried - categories:
            return Refuse(Reason.LABEL_NOT_RELEASABLE, "a category that is not accepted here")
        if nations is None and parameters.without_rel == "refuse":
            return Refuse(Reason.LABEL_NOT_RELEASABLE, "the label says not to whom")
        if nations is not None and audience - nations:
            return Refuse(Reason.LABEL_NOT_RELEASABLE, "not releasable to all who are here")
        return Pass()

    return run


@lru_cache(maxsize=512)
def _parse(untrusted: str) -> tuple[str, frozenset[str], frozenset[str] | None]:
    """Classification, categories, and nations or None; `Malformed` for what is no label."""
    if len(untrusted) > LABEL_CHARACTERS_MAX or set(untrusted) - _CHARACTERS:
        raise Malformed(Reason.LABEL_UNKNOWN, "too long, or a character that labels do not have")
    classification, *rest = (_words(part) for part in untrusted.split("//"))
    categories: set[str] = set()
    nations: frozenset[str] | None = None
    for part in rest:
        if part[:2] != ("REL", "TO"):
            categories.add(" ".join(part))
        elif nations is not None or len(part) < 3:
            raise Malformed(Reason.LABEL_UNKNOWN, "the label's REL TO is empty or stands twice")
        else:
            nations = _nations(part[2:])
    if "," in "".join((*classification, *categories)):
        raise Malformed(Reason.LABEL_UNKNOWN, "a comma where the label lists nothing")
    return " ".join(classification), frozenset(categories), nations


def _words(part: str) -> tuple[str, ...]:
    words = tuple(part.replace(",", " , ").upper().split())
    if not words:
        raise Malformed(Reason.LABEL_UNKNOWN, "a part of the label is empty")
    for word in words:
        if word != "," and not (_WORD.issuperset(word) and word[0].isalnum()):
            raise Malformed(Reason.LABEL_UNKNOWN, "a character that labels do not have")
    return words


def _nations(words: tuple[str, ...]) -> frozenset[str]:
    names: list[list[str]] = [[]]
    for word in words:
        if word == ",":
            names.append([])
        else:
            names[-1].append(word)
    if not all(names):
        raise Malformed(Reason.LABEL_UNKNOWN, "a comma with no nation beside it")
    return frozenset(" ".join(name) for name in names)


STAGE = StageType(
    name="label_twin",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=LabelTwinParameters,
    make=make,
    summary="the label is one the destination accepts, by its own reader and list",
    rechecks=frozenset({"label"}),
)
