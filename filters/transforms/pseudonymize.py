"""Transform `pseudonymize`: values at the listed places become tokens that their keeper can open.

Takes a model in deterministic CBOR, gives it changed (places: `filters.formats.model_places`;
tokens: docs/spec/tokens.md). Its keys are no documents of the policy: the side hands them to this
stage's process alone, under names that no document can have. Without a key every message is held.
What is not there is no error; what looks like a token already is sealed like anything else.
"""

from typing import Any

from pydantic import Field

from filters.formats.model_places import PLACE_PATTERN, Place
from filters.formats.models import close_model, open_model
from filters.formats.token import NAME_PATTERN, Plain, TokenKey, Where, newest
from schemas.cbor import CborLimits
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.token_names import KEY_PREFIX
from schemas.verdict import Answer, Changed, Hold, Pass

_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)


class Sealed(Parameters):
    """place: a path or pointer. join: the name under which equal values get equal tokens.

    join  "" where every token is to be like no other; else whoever sees two messages sees that
    they have the same value, and no more
    """

    place: str = Field(pattern=f"^(?:{PLACE_PATTERN})$", max_length=512)
    join: str = Field(default="", pattern=f"^(?:{NAME_PATTERN})?$")


class PseudonymizeParameters(Parameters):
    """places: what is sealed, in this order."""

    places: list[Sealed] = Field(min_length=1, max_length=128)


def make(parameters: PseudonymizeParameters, documents: Documents) -> Run:
    """A run that seals; raises `Broken` for what is no place, `ValueError` for what is no key."""
    places = [(sealed, Place.parse(sealed.place)) for sealed in parameters.places]
    secrets = {
        name.removeprefix(KEY_PREFIX): secret
        for name, secret in documents.items()
        if name.startswith(KEY_PREFIX)
    }
    made: dict[str, TokenKey] = {}

    def key_of(flow: str) -> TokenKey:
        if flow not in made:
            made.clear()  # a chain has one flow
            made[flow] = newest({each: TokenKey(each, secrets[each], flow) for each in secrets})
        return made[flow]

    if secrets:  # whatever the library prepares at a first use is prepared before confinement
        key_of("none").seal("", Where("", "", 0))
        key_of("none").seal_joined("", "")

    def run(message: Message) -> Answer:
        if not secrets:
            return Hold(Reason.KEY_MISSING, "this process was given no token key")
        meta, model = message.meta, open_model(message.payload, _LIMITS)
        key = key_of(meta.flow)
        counts: dict[str, int] = {}
        for sealed, place in places:
            slots = place.slots(model)
            for number, slot in enumerate(slots):
                value = _plain(slot.value, sealed.place)
                where = Where(meta.id, sealed.place, number)
                join = sealed.join
                slot.put(key.seal_joined(value, join) if join else key.seal(value, where))
            if slots:
                counts[sealed.place] = len(slots)
        if not counts:
            return Pass("nothing to seal")
        note = ", ".join(f"{count} at {place}" for place, count in counts.items())
        told = f"sealed with {key.key_id}: {note}"[:200]
        return Changed(Message(message.meta_bytes, close_model(model)), told)

    return run


def _plain(value: Any, place: str) -> Plain:
    if value is None or isinstance(value, str | int | bytes):
        return value
    raise Malformed(Reason.MODEL_SHAPE, f"at {place} there is more than one value")


STAGE = StageType(
    name="pseudonymize",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=PseudonymizeParameters,
    make=make,
    summary="values at the listed places become tokens that only the keeper of the key can open",
)
