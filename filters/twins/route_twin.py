"""Route `route_twin`: the destination names its own output queues.

Takes the metadata and the texts at the root of the native file, sets the metadata's `queues` and
changes nothing else. Each rule is a set of conditions; the first whose conditions all hold
decides.
"""

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field

from filters.twins.native import root_texts
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Refuse

_OF_THE_META = ("sender", "type", "label", "destination")


class Rule(Parameters):
    """queues: where messages go. when: key -> pattern, in which `*` stands for any characters.

    Keys are `sender`, `type`, `label`, `destination` of the metadata, or `@name` for an attribute
    of the file's root.
    """

    queues: list[str] = Field(min_length=1, max_length=16)
    when: dict[str, str] = Field(default={}, max_length=16)


class RouteTwinParameters(Parameters):
    """rules: tried in this order. form: what the payload is."""

    rules: list[Rule] = Field(min_length=1, max_length=256)
    form: Literal["xml", "json", "text"] = "xml"


def make(parameters: RouteTwinParameters, documents: Documents) -> Run:
    """A run that sets the queues; raises `ValueError` for a condition on something unknown."""
    rules = [(tuple(rule.when.items()), ",".join(rule.queues)) for rule in parameters.rules]
    keys = {key for conditions, _ in rules for key, _ in conditions}
    for key in keys:
        if key not in _OF_THE_META and not key.startswith("@"):
            raise ValueError(f"no message has a {key}")
    inside = any(key.startswith("@") for key in keys)

    def run(message: Message) -> Answer:
        meta = message.meta
        known = {key: str(getattr(meta, key)) for key in _OF_THE_META}
        if inside:
            found = root_texts(message.payload, parameters.form)
            known.update({f"@{name}": text for name, text in found.items()})
        for conditions, queues in rules:
            if all(key in known and fnmatchcase(known[key], want) for key, want in conditions):
                routed = Message.make(replace(meta, queues=queues), message.payload)
                return Changed(routed, f"to {queues}")
        return Refuse(Reason.NO_ROUTE, "no rule names a queue for this message")

    return run


STAGE = StageType(
    name="route_twin",
    version=2,
    kind=Kind.ROUTE,
    side=Side.DESTINATION,
    parameters=RouteTwinParameters,
    make=make,
    summary="the destination's own rules name the output queues",
    rechecks=frozenset({"route"}),
)
