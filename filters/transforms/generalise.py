"""Transform `generalise`: values at the listed places become less exact.

Takes a model in deterministic CBOR, gives it changed (places: `filters.formats.model_places`). A
date becomes the first day of its month or year, a coordinate or other number a multiple of a step,
an age a band. A message with a value that is not of the kind is refused, for what cannot be made
less exact must not cross as it is.
"""

import re
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from filters.formats.model_places import PLACE_PATTERN, Place
from filters.formats.models import close_model, open_model
from schemas.cbor import CborLimits
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Pass

_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(T[0-9:.]{5,18}(?:Z|[+\-][0-9:]{5}))?")
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,30})?")


class Generalised(Parameters):
    """place: a path or pointer. to: what the value becomes.

    step  grid: the size of a cell, as decimal text, such as 0.1 of a degree; band: years in a band
    top   band: from this age on all are one band ("" none)
    """

    place: str = Field(pattern=f"^(?:{PLACE_PATTERN})$", max_length=512)
    to: Literal["month", "year", "grid", "band"]
    step: str = Field(default="", pattern=r"^(?:[0-9]{1,9}(?:\.[0-9]{1,9})?)?$")
    top: str = Field(default="", pattern=r"^(?:[0-9]{1,3})?$")

    @model_validator(mode="after")
    def _step_where_it_belongs(self) -> Self:
        if (self.to in ("grid", "band")) != bool(self.step):
            raise ValueError("step is for grid and band, and those need it")
        if self.step and not Decimal(self.step):
            raise ValueError("a step of nothing")
        return self


class GeneraliseParameters(Parameters):
    """places: what is made less exact."""

    places: list[Generalised] = Field(min_length=1, max_length=128)


def make(parameters: GeneraliseParameters, documents: Documents) -> Run:
    """A run that generalises; raises `Broken` for what is no place."""
    places = [(rule, Place.parse(rule.place), _method(rule)) for rule in parameters.places]

    def run(message: Message) -> Answer:
        model = open_model(message.payload, _LIMITS)
        before, counts = message.payload, 0
        for rule, place, method in places:
            for slot in place.slots(model):
                slot.put(_like(slot.value, method, rule))
                counts += 1
        after = close_model(model)
        if after == before:
            return Pass("nothing to generalise")
        return Changed(Message(message.meta_bytes, after), f"generalised {counts} values")

    return run


def _like(value: Any, method: Callable[[str], str], rule: Generalised) -> Any:
    """The value made less exact, a number as a number if it was one."""
    if type(value) is bool or type(value) not in (int, str, bytes):
        raise Malformed(Reason.MODEL_SHAPE, f"no value to generalise at {rule.place}")
    if type(value) is str:
        return method(value) if value else value
    text = value.decode("ascii", "replace") if type(value) is bytes else str(value)
    made = method(text)
    if rule.to == "band" or type(value) is str:
        return made
    return made.encode() if "." in made else int(made)


def _method(rule: Generalised) -> Callable[[str], str]:
    if rule.to in ("month", "year"):
        return lambda text: _date(text, rule)
    return lambda text: (_grid if rule.to == "grid" else _band)(text, rule)


def _date(text: str, rule: Generalised) -> str:
    found = _DATE.fullmatch(text)
    if found is None:
        raise Malformed(Reason.MODEL_SHAPE, f"no date at {rule.place}")
    year, month, _, clock = found.groups()
    day = f"{year}-{month}-01" if rule.to == "month" else f"{year}-01-01"
    return f"{day}T00:00:00Z" if clock else day


def _number(text: str, rule: Generalised) -> Decimal:
    if _NUMBER.fullmatch(text) is None:
        raise Malformed(Reason.MODEL_SHAPE, f"no number at {rule.place}")
    return Decimal(text)


def _grid(text: str, rule: Generalised) -> str:
    """The lower edge of the number's cell, with the decimals of the step."""
    step = Decimal(rule.step)
    cell = (_number(text, rule) / step).to_integral_value(ROUND_FLOOR) * step
    made = format(cell.quantize(step) if step.as_tuple().exponent else cell, "f")
    return made.removeprefix("-") if not cell else made


def _band(text: str, rule: Generalised) -> str:
    age, width = _number(text, rule), int(Decimal(rule.step))
    if rule.top and age >= int(rule.top):
        return f"{rule.top}+"
    if age < 0 or width < 1:
        raise Malformed(Reason.MODEL_SHAPE, f"no age at {rule.place}")
    low = int(age) // width * width
    return f"{low}-{low + width - 1}"


STAGE = StageType(
    name="generalise",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=GeneraliseParameters,
    make=make,
    summary="dates, coordinates, numbers and ages at the listed places become less exact",
)
