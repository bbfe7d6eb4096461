"""Filter `bounds`: the payload's size lies between two numbers of bytes.

Takes any payload, looks at its length alone, changes nothing.
"""

from pydantic import Field

from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

PAYLOAD_BYTES_LIMIT = 1 << 30


class BoundsParameters(Parameters):
    """bytes_min, bytes_max: the smallest and the largest payload that passes."""

    bytes_min: int = Field(default=1, ge=0, le=PAYLOAD_BYTES_LIMIT)
    bytes_max: int = Field(ge=1, le=PAYLOAD_BYTES_LIMIT)


def make(parameters: BoundsParameters, documents: Documents) -> Run:
    """A run that refuses payloads outside the bounds."""
    smallest, largest = parameters.bytes_min, parameters.bytes_max

    def run(message: Message) -> Answer:
        size = len(message.payload)
        if smallest <= size <= largest:
            return Pass()
        return Refuse(
            Reason.SIZE_OUT_OF_BOUNDS,
            f"the payload has {size} bytes, allowed are {smallest} to {largest}",
        )

    return run


STAGE = StageType(
    name="bounds",
    version=1,
    kind=Kind.FILTER,
    side=Side.BOTH,
    parameters=BoundsParameters,
    make=make,
    summary="the payload's size lies between two numbers of bytes",
    rechecks=frozenset({"bounds"}),
)
