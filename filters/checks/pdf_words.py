"""Filter `pdf_words`: dirty-word search over the text of a cleaned PDF.

Takes the model in CBOR, changes nothing. What the pages draw (`filters.formats.pdf_text`) and the
names of fonts and colours go through the search of `words`, and the file's name with them. Of pages
that are pictures nothing is read; nor of a font whose codes say nothing. Both can be held for
people.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from filters.checks import words
from filters.checks.document_recognise import PICTURE_KEYS
from filters.formats.pdf_font_codes import CODECS
from filters.formats.pdf_model import read
from filters.formats.pdf_structure import PdfLimits
from filters.formats.pdf_text import Texts, texts
from schemas.cbor import CborValue, encode
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse

_PART_CHARACTERS = 100_000
_OVERLAP_CHARACTERS = 2_000


class PdfWordsParameters(Parameters):
    """How a PDF is searched.

    document  the list
    found     what becomes of a PDF in which an entry is found
    unread    what becomes of one with text or pages that cannot be read
    """

    document: str = Field(default="words.txt", max_length=64)
    found: Literal["refuse", "hold"] = "refuse"
    unread: Literal["pass", "hold"] = "pass"


def make(parameters: PdfWordsParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    search = words.make(
        words.WordsParameters(document=parameters.document, found=parameters.found), documents
    )
    for codec in CODECS:
        bytes(4).decode(codec, "replace")  # loads it before nothing more can be loaded
    limits = PdfLimits(10_000, 1_000_000, 1_000_000_000, 200_000_000, 1_000_000_000)

    def run(message: Message) -> Answer:
        if message.payload.startswith(PICTURE_KEYS):
            parts: list[CborValue] = [[""]]
            note = "pages are pictures, which were not read"
        else:
            found = texts(read(message.payload, limits))
            parts = [[*found.names, ""]]
            parts += [[part] for part in _parts(found.found)]
            note = _note(found)
        for part in parts:  # the first one always, and with it the name of the file
            answer = search(Message(message.meta_bytes, encode(part)))
            if isinstance(answer, Refuse | Hold):
                return answer
        if note and parameters.unread == "hold":
            return Hold(Reason.DIRTY_WORD, note)
        return Pass(note)

    return run


def _note(found: Texts) -> str:
    """What was not read."""
    said = [f"{found.unread} fonts could not be read"] if found.unread else []
    if found.pictures:
        said.append(f"{found.pictures} pages are pictures, which were not read")
    if found.cut:
        said.append("more is drawn than is read")
    return ", ".join(said)


def _parts(found: list[str]) -> Iterator[str]:
    """Texts in parts that overlap, so that no entry is cut."""
    for text in found:
        for at in range(0, len(text), _PART_CHARACTERS):
            yield text[max(at - _OVERLAP_CHARACTERS, 0) : at + _PART_CHARACTERS]


STAGE = StageType(
    name="pdf_words",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=PdfWordsParameters,
    make=make,
    summary="no text of a cleaned PDF holds an entry of the word list",
    rechecks=frozenset({"words"}),
)
