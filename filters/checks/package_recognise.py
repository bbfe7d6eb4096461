"""Filter `package_recognise`: the payload is a whole, bounded package of an office document.

Takes any bytes, changes nothing. The ZIP file is understood to the last byte, every XML part that
says what the package holds is recognised, and content types, relationships and parts (or mimetype,
manifest and parts) agree. What the parts mean is judged by the rebuild.
"""

from filters.formats import odf_package, ooxml_package
from filters.formats.container_limits import Purse
from filters.formats.container_parameters import ContainerParameters
from filters.formats.containers import is_legacy_office, kind_of
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class PackageRecogniseParameters(ContainerParameters):
    """The bounds of a container."""


def make(parameters: PackageRecogniseParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such a package."""
    limits = parameters.limits()

    def run(message: Message) -> Answer:
        untrusted = message.payload
        if is_legacy_office(untrusted):
            return Refuse(Reason.OFFICE_LEGACY, "a compound file (Office before 2007)")
        if kind_of(untrusted) != "zip":
            return Refuse(Reason.TYPE_UNKNOWN, "the payload does not begin as an office document")
        if odf_package.is_package(untrusted):
            odf_package.read(untrusted, Purse(limits))
        else:
            ooxml_package.read(untrusted, Purse(limits))
        return Pass()

    return run


STAGE = StageType(
    name="package_recognise",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=PackageRecogniseParameters,
    make=make,
    summary="the payload is a bounded package of an office document whose tables agree",
    rechecks=frozenset({"recognise"}),
)
