"""Route `route`: names the output queues of a message.

Takes the metadata and, where a rule asks for one, a text of the model; sets the metadata's
`queues` and changes nothing else. The first rule that fits decides; a message that none fits is
refused.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from pydantic import Field, model_validator

from filters.formats.model_paths import PATH_PATTERN, ModelPath, one_text
from filters.formats.model_places import PLACE_PATTERN, Place
from filters.formats.models import open_model
from schemas.cbor import CborLimits
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Refuse

_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)
QUEUE_PATTERN = r"[a-z0-9][a-z0-9_\-]{0,31}"


class Rule(Parameters):
    """All that is given must fit. A pattern is a text, or the beginning of one followed by `*`.

    queues  where messages that fit go
    sender, type, label, destination  patterns for the metadata
    field, value  a path into the model, and the pattern for the text there
    place         the same as a place in any model, for XML, tables and pointers; instead of field
    """

    queues: list[str] = Field(min_length=1, max_length=16)
    sender: str = "*"
    type: str = "*"
    label: str = "*"
    destination: str = "*"
    field: str = Field(default="", pattern=f"(?:{PATH_PATTERN})?")
    value: str = "*"
    place: str = Field(default="", pattern=f"^(?:{PLACE_PATTERN})?$")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.field and self.place:
            raise ValueError("name field or place, not both")
        return self


class RouteParameters(Parameters):
    """rules: tried in this order."""

    rules: list[Rule] = Field(min_length=1, max_length=256)


def make(parameters: RouteParameters, documents: Documents) -> Run:
    """A run that sets the queues."""
    rules = [(rule, _inside(rule), ",".join(rule.queues)) for rule in parameters.rules]
    looks_inside = any(path for _, path, _ in rules)

    def run(message: Message) -> Answer:
        meta = message.meta
        model = open_model(message.payload, _LIMITS) if looks_inside else None
        for rule, path, queues in rules:
            if _meta_fits(rule, meta):
                found = path(model) if path is not None else ""
                if found is not None and _fits(rule.value, found):
                    routed = Message.make(replace(meta, queues=queues), message.payload)
                    return Changed(routed, f"to {queues}")
        return Refuse(Reason.NO_ROUTE, "no rule names a queue for this message")

    return run


def _inside(rule: Rule) -> Callable[[Any], str | None] | None:
    """What reads the text that a rule asks for, if it asks for one."""
    if rule.field:
        return ModelPath.parse(rule.field).read
    if not rule.place:
        return None
    place = Place.parse(rule.place)

    def read(model: Any) -> str | None:
        return one_text(slot.value for slot in place.slots(model))

    return read


def _meta_fits(rule: Rule, meta: Meta) -> bool:
    return (
        _fits(rule.sender, meta.sender)
        and _fits(rule.type, meta.type)
        and _fits(rule.label, meta.label)
        and _fits(rule.destination, meta.destination)
    )


def _fits(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern


STAGE = StageType(
    name="route",
    version=2,
    kind=Kind.ROUTE,
    side=Side.SOURCE,
    parameters=RouteParameters,
    make=make,
    summary="the first rule that fits names the output queues; no rule, no passage",
    rechecks=frozenset({"route"}),
)
