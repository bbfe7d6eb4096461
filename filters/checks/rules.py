"""Filter `rules`: every business rule of the policy is true of the message.

Takes a model in deterministic CBOR and the metadata, changes nothing. A rule is a small expression
(docs/spec/rules.md) that ends after a bounded number of steps. The verdict names the first rule
that is not true, never a value.
"""

from pydantic import Field

from filters.formats.models import open_model
from filters.formats.rule_parser import META, parse
from filters.formats.rule_values import Rules
from schemas.cbor import CborLimits
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)


class RulesParameters(Parameters):
    """rules: name -> expression that has to be true."""

    rules: dict[str, str] = Field(min_length=1, max_length=64)


def make(parameters: RulesParameters, documents: Documents) -> Run:
    """A run that evaluates; raises `Broken` for what is no rule."""
    rules = [(name[:64], parse(text)) for name, text in parameters.rules.items()]

    def run(message: Message) -> Answer:
        meta = message.meta
        known = {field: str(getattr(meta, field)) for field in META}
        values = Rules(open_model(message.payload, _LIMITS), known)
        for name, tree in rules:
            if not values.true(tree):
                return Refuse(Reason.RULE_BROKEN, f"the rule {ascii(name)[1:-1]} is not true")
        return Pass()

    return run


STAGE = StageType(
    name="rules",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=RulesParameters,
    make=make,
    summary="every business rule of the policy is true of the message",
)
