"""Filter `pdf_words_twin`: dirty-word search over a written PDF, by another reader of its text.

Takes the file, changes nothing. The text comes out by pypdf, a PDF reader in plain Python, from a
file that `pdf_verify` has held to one form; the search is that of `words_twin`. What a picture
shows is not read.
"""

import zlib
from io import BytesIO
from typing import Literal

import pypdf
from pydantic import Field

from filters.twins import words_twin
from filters.twins.pdf_build import clean
from filters.twins.pdf_read import Clean
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse


def _smallest() -> bytes:
    """One page with one word."""
    content = b"BT\n/f0 9 Tf\n<414243> Tj\nET\n"
    font = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica"}
    page = {
        "Type": "Page", "MediaBox": [0, 0, 9, 9], "Contents": {"$o": 1},
        "Resources": {"Font": {"f0": {"$o": 0}}},
    }  # fmt: skip
    stream = {"$b": zlib.compress(content), "$n": len(content)}
    return clean(Clean([2], [font, stream, page]), 90)


class PdfWordsTwinParameters(Parameters):
    """document: the list. found: what becomes of a PDF in which an entry is found."""

    document: str = Field(default="words.txt", max_length=64)
    found: Literal["refuse", "hold"] = "refuse"


def text_of(untrusted: bytes) -> str:
    """The text of every page; `Malformed` for what pypdf cannot read."""
    try:
        reader = pypdf.PdfReader(BytesIO(untrusted), strict=False)
        return "\n".join(page.extract_text() for page in reader.pages)
    except Exception as error:  # whatever a reader raises: it cannot be searched
        raise Malformed(Reason.SYNTAX, "the text of the PDF cannot be read") from error


def make(parameters: PdfWordsTwinParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    search = words_twin.make(
        words_twin.WordsTwinParameters(
            document=parameters.document, form="text", found=parameters.found
        ),
        documents,
    )
    text_of(_smallest())

    def run(message: Message) -> Answer:
        text = text_of(message.payload)
        for each in (text, "".join(text.split("\n"))):
            raw = each.encode("utf-8", "replace")
            answer = search(Message(message.meta_bytes, raw))
            if isinstance(answer, Refuse | Hold):
                return answer
        return Pass()

    return run


STAGE = StageType(
    name="pdf_words_twin",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=PdfWordsTwinParameters,
    make=make,
    summary="no text of a written PDF holds an entry of the destination's word list",
    rechecks=frozenset({"words"}),
)
