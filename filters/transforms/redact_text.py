"""Transform `redact_text`: what a pattern finds within texts is written over.

Takes a model in deterministic CBOR, gives it with every hit of a kind of personal data
(docs/spec/personal.md), or of a pattern of the policy's own, replaced by the policy's words. Only
values are changed, never names; a number of JSON with a hit in its digits becomes a text. What
replaces a hit holds no sign of it, nor of its length.
"""

from collections.abc import Callable
from typing import Self

from pydantic import Field, model_validator

from filters.checks.personal import Finder, Named, Pattern
from filters.formats.models import close_model, open_model
from filters.formats.personal_kinds import CHECKS, KINDS, Kind
from filters.formats.placed_texts import bare, uncovered
from filters.formats.xml_layout import TREE_KEYS
from schemas.cbor import CborLimits, CborValue
from schemas.message import Message
from schemas.stage import Documents, Parameters, Run, Side, StageType
from schemas.stage import Kind as StageKind
from schemas.verdict import Answer, Changed, Pass

_COT = {"cot", "event", "point", "detail"}
_JSON = {"json", "value"}
_EVENT = {"specversion", "id", "source", "type"}
_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)


class RedactTextParameters(Parameters):
    """What is written over, and by what.

    kinds     of docs/spec/personal.md
    patterns  of the policy's own
    by        what is written in place of a hit; `{kind}` in it stands for the kind
    """

    kinds: list[Named] = Field(default=[], max_length=16)
    patterns: list[Pattern] = Field(default=[], max_length=64)
    by: str = Field(default="[{kind}]", min_length=1, max_length=64, pattern=r"^[ -~]+$")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.kinds or self.patterns):
            raise ValueError("no kind or pattern is named")
        return self


def make(parameters: RedactTextParameters, documents: Documents) -> Run:
    """A run that redacts; raises for a pattern that RE2 does not take."""
    finder = Finder({
        **{name: KINDS[name] for name in parameters.kinds},
        **{own.name: Kind(own.pattern, CHECKS[own.check]) for own in parameters.patterns},
    })  # fmt: skip

    def run(message: Message) -> Answer:
        counts: dict[str, int] = {}

        def redacted(text: str) -> str:
            hits = list(finder.spans(bare(text).encode("utf-8", "surrogatepass")))
            places = uncovered(text, [(start, end) for _, start, end in hits])
            parts: list[str] = []
            at = 0
            for (kind, _, _), (start, end) in zip(hits, places, strict=True):
                counts[kind] = counts.get(kind, 0) + 1
                parts += (text[at:start], parameters.by.replace("{kind}", kind))
                at = end
            return "".join((*parts, text[at:]))

        model = open_model(message.payload, _LIMITS)
        if isinstance(model, dict) and model.keys() == TREE_KEYS:
            model["root"] = _changed(model["root"], redacted, elements=True)
        elif isinstance(model, dict) and model.keys() == _JSON:
            model["value"] = _changed(model["value"], redacted, numbers=True)
        else:
            keys = model.keys() if isinstance(model, dict) else set()
            model = _changed(model, redacted, elements=keys == _COT, numbers=keys >= _EVENT)
        if not counts:
            return Pass("nothing to redact")
        note = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        return Changed(Message(message.meta_bytes, close_model(model)), f"redacted {note}"[:200])

    return run


def _changed(
    value: CborValue, change: Callable[[str], str], elements: bool = False, numbers: bool = False
) -> CborValue:
    """The value with every text in it changed, names left alone.

    elements: whether lists of three are elements, whose first item is a name.
    numbers: whether integers and byte strings are numbers of JSON, whose digits are looked at too.
    """
    if isinstance(value, str):
        return change(value)
    if numbers and type(value) in (int, bytes):
        digits = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
        changed = change(digits)
        return value if changed == digits else changed
    if isinstance(value, list):
        if elements and len(value) == 3 and isinstance(value[1], dict):
            return [value[0], *(_changed(item, change, elements) for item in value[1:])]
        return [_changed(item, change, elements, numbers) for item in value]
    if isinstance(value, dict):
        return {name: _changed(item, change, elements, numbers) for name, item in value.items()}
    return value


STAGE = StageType(
    name="redact_text",
    version=2,
    kind=StageKind.TRANSFORM,
    side=Side.SOURCE,
    parameters=RedactTextParameters,
    make=make,
    summary="what the policy's patterns find within texts is written over",
)
