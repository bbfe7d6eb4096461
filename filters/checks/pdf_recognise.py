"""Filter `pdf_recognise`: a whole PDF file, with nothing that the policy refuses.

Takes any payload, changes nothing. First our own look at the outside, with bounds on objects and
on what streams inflate to; then qpdf opens the file, and may repair nothing; then every object is
asked whether it is more than something to look at: scripts, actions, media, embedded files, forms,
references to other files, hidden layers. Encryption is always refused.
"""

from typing import Literal

from pydantic import Field

from filters.formats.pdf_filters import check_streams
from filters.formats.pdf_opened import FOUND, beside_pages, opened, set_limits
from filters.formats.pdf_structure import PdfLimits, walk
from schemas.effort import Effort, Within, unbounded
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

_REPAIRED = "Resources is missing"  # the one fault of whole files that is left to qpdf to mend
Choice = Literal["refuse", "drop"]
NS_FIRST, NS_A_BYTE = 500_000_000, 1_000  # ten times what files of common programs take
HEAP_FIRST, HEAP_A_BYTE = 96 * 2**20, 8


class PdfParameters(Parameters):
    """Bounds of one PDF, and what becomes of one that holds more than pages.

    pages_max           pages
    objects_max         objects
    inflated_bytes_max  of all streams together
    pixels_max          of one picture or rendered page
    all_pixels_max      of all pictures or rendered pages
    active              scripts, actions that start something, media
    embedded            embedded files and portfolios
    forms               fields to fill in, XFA
    external            references to other files
    layers              layers that are not shown; dropped, a cleaned PDF shows what they hold
    """

    pages_max: int = Field(default=500, ge=1, le=10_000)
    objects_max: int = Field(default=100_000, ge=10, le=1_000_000)
    inflated_bytes_max: int = Field(default=200_000_000, ge=1_000, le=1_000_000_000)
    pixels_max: int = Field(default=24_000_000, ge=1, le=200_000_000)
    all_pixels_max: int = Field(default=100_000_000, ge=1, le=1_000_000_000)
    active: Choice = "refuse"
    embedded: Choice = "refuse"
    forms: Choice = "refuse"
    external: Choice = "refuse"
    layers: Choice = "refuse"

    def limits(self) -> PdfLimits:
        """The bounds alone."""
        return PdfLimits(
            self.pages_max, self.objects_max, self.inflated_bytes_max, self.pixels_max,
            self.all_pixels_max,
        )  # fmt: skip


def make(parameters: PdfParameters, documents: Documents) -> Run:
    """A run that refuses what is no such PDF, held to nothing."""
    return make_bounded(parameters, documents, unbounded)


def make_bounded(parameters: PdfParameters, documents: Documents, within: Within) -> Run:
    """A run that refuses what is no such PDF, or takes more time or memory than its size allows."""
    limits = parameters.limits()
    set_limits(limits)
    warm_up(limits)
    refused = {name for name in FOUND if getattr(parameters, name) == "refuse"}

    def run(message: Message) -> Answer:
        size = len(message.payload)
        most = Effort(NS_FIRST + NS_A_BYTE * size, HEAP_FIRST + HEAP_A_BYTE * size)
        return within(most, "reading the PDF", lambda: look(message))[0]

    def look(message: Message) -> Answer:
        outside = walk(message.payload, limits)
        with opened(message.payload, limits) as pdf:
            found = beside_pages(pdf)
            check_streams(pdf, limits.inflated_bytes_max, len(message.payload))
            count = len(pdf.pages)
            if any(_REPAIRED not in str(warning) for warning in pdf.get_warnings()):
                raise Malformed(Reason.SYNTAX, "the PDF is damaged: save it anew")
        for name in sorted(found & refused):
            reason, what = FOUND[name]
            return Refuse(reason, f"the PDF holds {what}")
        return Pass(f"{count} pages, {outside.revisions} revisions")

    return run


def warm_up(limits: PdfLimits) -> None:
    """Open one small file, so that nothing is loaded later."""
    with opened(SMALLEST, limits) as pdf:
        beside_pages(pdf)


def _smallest() -> bytes:
    objects = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")  # fmt: skip
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%sendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 4\n0000000000 65535 f \n" + table + b"trailer<</Size 4/Root 1 0 R>>\n"
    return out + head + b"startxref\n%d\n%%%%EOF\n" % len(out)


SMALLEST = _smallest()

STAGE = StageType(
    name="pdf_recognise",
    version=3,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=PdfParameters,
    make=make,
    summary="the file is a whole PDF within bounds, without what the policy refuses",
    rechecks=frozenset({"recognise"}),
    make_bounded=make_bounded,
)
