"""Filter `office_words`: dirty-word search over every text of an office document that crosses.

Takes the office model, changes nothing. Paragraphs and cells are searched as wholes, so that a word
cut into runs is found; attributes and addresses are searched too. What is found is told by its
number in the list. See `filters.formats.word_list` for how text is compared.
"""

from typing import Any, Literal

from pydantic import Field

from filters.formats.office_text import office_texts
from filters.formats.word_list import WordList
from schemas.cbor import decode_recognised
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse


class OfficeWordsParameters(Parameters):
    """document: the list. found: what becomes of a message in which an entry is found."""

    document: str = Field(default="words.txt", max_length=64)
    found: Literal["refuse", "hold"] = "refuse"


def make(parameters: OfficeWordsParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    words = WordList(documents[parameters.document])
    verdict = Refuse if parameters.found == "refuse" else Hold

    def run(message: Message) -> Answer:
        # the recogniser before this stage answers for the shape
        model: Any = decode_recognised(message.payload)
        try:
            entry = words.search(office_texts(model))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Malformed(Reason.MODEL_SHAPE, "not the layout of an office document") from error
        if entry is None:
            return Pass()
        return verdict(Reason.DIRTY_WORD, f"entry {entry} of {parameters.document} was found")

    return run


STAGE = StageType(
    name="office_words",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=OfficeWordsParameters,
    make=make,
    summary="no paragraph, cell, name or address in the document holds an entry of the word list",
    rechecks=frozenset({"words"}),
)
