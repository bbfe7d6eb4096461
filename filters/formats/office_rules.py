"""What a policy says of office documents, as both families (OOXML, ODF) use it.

Holds the parameters of `office_rebuild`, and the `Dropped` list of what was left out. Nothing is
parsed here.
"""

from typing import Literal, NoReturn

from pydantic import Field

from filters.formats.office_model import elements_max
from filters.formats.part_chain import PartStage
from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.stage import Parameters

NOTED_NAMES_MAX = 8
NOTED_CHARACTERS_MAX = 180
Choice = Literal["refuse", "drop"]


class MediaLine(Parameters):
    """Pictures of one media type, and the stages that such a picture goes through.

    media  its name, which crosses; the destination's table has the same
    type   its media type in the document
    stage  what rebuilds it, in order
    """

    media: str = Field(pattern=r"^[a-z][a-z0-9_\-]{0,31}$")
    type: str = Field(pattern=r"^image/[a-z0-9.+\-]{1,64}$")
    stage: list[PartStage] = Field(min_length=1, max_length=16)


class OfficeRules(Parameters):
    """What becomes of each dangerous or unwanted thing.

    kinds       the documents that may pass
    macros      programs of any kind, in whatever part
    embedded    OLE objects, ActiveX controls, packages, other files inside
    external    links that are followed on opening: templates, pictures, data, frames, DDE
    fields      field instructions and formulas that reach outside or run something
    hyperlinks  links that a reader may click on: "drop" keeps their text
    revisions   tracked changes: "accept" keeps what was inserted, drops what was deleted
    comments    notes of reviewers
    notes       speaker notes of a presentation
    unknown     elements and parts that the table of names does not have
    pictures    pictures of a type that `media` does not have
    media       the table of pictures
    all_pixels_max  of all pictures together, frame by frame
    ooxml_document  the table of names of Office Open XML
    odf_document    the table of names of OpenDocument
    """

    kinds: list[Literal["docx", "xlsx", "pptx", "odt", "ods", "odp", "odg", "odf"]] = Field(
        min_length=1, max_length=8
    )
    macros: Choice = "refuse"
    embedded: Choice = "refuse"
    external: Choice = "refuse"
    fields: Choice = "refuse"
    hyperlinks: Literal["refuse", "drop", "keep"] = "drop"
    revisions: Literal["refuse", "accept"] = "refuse"
    comments: Choice = "drop"
    notes: Literal["drop", "keep"] = "drop"
    unknown: Choice = "drop"
    pictures: Choice = "refuse"
    media: list[MediaLine] = Field(default=[], max_length=16)
    all_pixels_max: int = Field(default=100_000_000, ge=1, le=1_000_000_000)
    ooxml_document: str = Field(default="ooxml-names.txt", max_length=64)
    odf_document: str = Field(default="odf-names.txt", max_length=64)


class Dropped:
    """What was left out of one document, and the refusals that the rules ask for instead."""

    def __init__(self, rules: OfficeRules) -> None:
        self.rules = rules
        self.names: dict[str, int] = {}

    def note(self, name: str) -> None:
        """It was left out, as a matter of course."""
        self.names[name] = self.names.get(name, 0) + 1

    def by(self, choice: str, reason: Reason, name: str) -> None:
        """It is left out, or the document refused, as the rule has it."""
        if choice == "refuse":
            refuse(reason, f"the document has {name[:120]}")
        self.note(name)

    def sentence(self) -> str:
        """The note of the verdict."""
        if not self.names:
            return "rebuilt"
        names = sorted(self.names)
        more = f" and {len(names) - NOTED_NAMES_MAX} more" if len(names) > NOTED_NAMES_MAX else ""
        return f"rebuilt; dropped {', '.join(names[:NOTED_NAMES_MAX])[:NOTED_CHARACTERS_MAX]}{more}"


class Elements:
    """How many elements one document may still have, over all its parts: counted as trees are made,
    since of many parts that are each within the bound memory would not hold the trees together.
    """

    def __init__(self, kind: str) -> None:
        self.left = elements_max(kind)

    def take(self) -> None:
        """One more; `Malformed` if it is one too many."""
        self.left -= 1
        if self.left < 0:
            refuse(Reason.TOO_MANY_ELEMENTS, "the document has too many elements")


def refuse(reason: Reason, sentence: str) -> NoReturn:
    """Raise `Malformed`."""
    raise Malformed(reason, sentence)
