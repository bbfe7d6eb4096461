"""Transform `mask`: values at the listed places are dropped, or written over but for their end.

Takes a model in deterministic CBOR, gives it changed (places: `filters.formats.model_places`). A
value that is masked becomes a text of the policy's sign, as long as the policy says and never as
long as the value was, so that its length does not cross. A list, a map or the content of an element
that holds elements is masked as one value. What is not there is no error.
"""

from typing import Any, Literal

from pydantic import Field

from filters.formats.model_places import PLACE_PATTERN, Place
from filters.formats.models import close_model, open_model
from schemas.cbor import CborLimits
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Pass

_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)


class Masked(Parameters):
    """place: a path or pointer. action: mask, or drop (a list or map loses it, a text is emptied).

    sign            what is written
    signs           how many of it
    keep_last       signs of the value that stay at its end; values of up to twice as many lose all
    """

    place: str = Field(pattern=f"^(?:{PLACE_PATTERN})$", max_length=512)
    action: Literal["mask", "drop"] = "mask"
    sign: str = Field(default="*", min_length=1, max_length=1)
    signs: int = Field(default=5, ge=1, le=32)
    keep_last: int = Field(default=0, ge=0, le=8)


class MaskParameters(Parameters):
    """places: what is masked or dropped, in this order."""

    places: list[Masked] = Field(min_length=1, max_length=128)


def make(parameters: MaskParameters, documents: Documents) -> Run:
    """A run that masks; raises `Broken` for what is no place."""
    places = [(masked, Place.parse(masked.place)) for masked in parameters.places]

    def run(message: Message) -> Answer:
        model = open_model(message.payload, _LIMITS)
        counts: dict[str, int] = {}
        for masked, place in places:
            slots = place.slots(model)
            for slot in reversed(slots):
                slot.drop() if masked.action == "drop" else slot.put(_mask(slot.value, masked))
            if slots:
                counts[masked.place] = len(slots)
        if not counts:
            return Pass("nothing to mask")
        note = ", ".join(f"{count} at {place}" for place, count in counts.items())
        return Changed(Message(message.meta_bytes, close_model(model)), f"masked {note}"[:200])

    return run


def _mask(value: Any, masked: Masked) -> str:
    """The signs, and the end of a text or number; of anything else nothing is kept."""
    text = value.decode("ascii", "replace") if type(value) is bytes else str(value)
    keep = masked.keep_last if type(value) in (str, int, bytes) else 0
    return masked.sign * masked.signs + (text[-keep:] if keep and len(text) > 2 * keep else "")


STAGE = StageType(
    name="mask",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=MaskParameters,
    make=make,
    summary="values at the listed places are dropped or written over",
)
