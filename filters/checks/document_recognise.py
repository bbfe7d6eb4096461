"""Filter `document_recognise`: the CBOR that is to cross is a cleaned PDF, or pages as pictures.

Takes any bytes, changes nothing: deterministic CBOR of the shape in docs/spec/pdf-model.md, or of a
picture of format `pdf`, within the bounds. The model's whole definition is in this check.
"""

from filters.checks.pdf_recognise import PdfParameters
from filters.formats.pdf_model import read
from filters.formats.picture_model import frames, head
from filters.formats.picture_structure import PictureLimits
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass

PICTURE_KEYS = b"\xa5"  # a map of five: a picture; a PDF's has three


def make(parameters: PdfParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such a model."""
    limits = parameters.limits()
    pictures = PictureLimits(limits.pixels_max, limits.all_pixels_max, 65_535, limits.pages_max)

    def run(message: Message) -> Answer:
        if not message.payload.startswith(PICTURE_KEYS):
            read(message.payload, limits)
            return Pass()
        picture, packed = head(message.payload, pictures)
        if picture.format != "pdf":
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "a picture that is no PDF")
        for _ in frames(packed):
            pass
        return Pass()

    return run


STAGE = StageType(
    name="document_recognise",
    version=3,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=PdfParameters,
    make=make,
    summary="the CBOR is the model of a cleaned PDF, or of its pages as pictures",
    rechecks=frozenset({"recognise", "schema"}),
)
