"""Filter `container_recognise`: the payload is a whole, bounded archive of an allowed kind.

Takes any bytes, changes nothing; see `filters.formats.zip_recogniser`, `tar_recogniser` and
`gzip_recogniser` for what is refused. Only this level is opened; archives inside are opened, with
what is left of the same bounds, by the rebuild.
"""

from typing import Literal

from pydantic import Field

from filters.formats.container_limits import Purse
from filters.formats.container_parameters import ContainerParameters
from filters.formats.containers import is_legacy_office, kind_of, opened
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class ContainerRecogniseParameters(ContainerParameters):
    """kinds: the kinds of archives that may pass."""

    kinds: list[Literal["zip", "tar", "gzip"]] = Field(min_length=1, max_length=3)


def make(parameters: ContainerRecogniseParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such an archive."""
    limits, kinds = parameters.limits(), frozenset(parameters.kinds)

    def run(message: Message) -> Answer:
        kind = kind_of(message.payload)
        if kind is None and is_legacy_office(message.payload):
            return Refuse(Reason.OFFICE_LEGACY, "a compound file (Office before 2007)")
        if kind is None:
            return Refuse(Reason.TYPE_UNKNOWN, "the payload does not begin as an archive")
        if kind not in kinds:
            return Refuse(Reason.TYPE_NOT_ALLOWED, f"{kind} is not among the allowed kinds")
        opened(message.payload, kind, Purse(limits))
        return Pass()

    return run


STAGE = StageType(
    name="container_recognise",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=ContainerRecogniseParameters,
    make=make,
    summary="the payload is a ZIP, TAR or gzip file, bounded and understood to the last byte",
    rechecks=frozenset({"recognise"}),
)
