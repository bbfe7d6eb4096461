"""Filter `words`: dirty-word search over every text and name that the model holds.

Takes a model in deterministic CBOR, changes nothing. What is found is told by its number in the
list, never in clear: verdicts are read by more people than the list. See
`filters.formats.word_list` for how text is compared.
"""

from typing import Literal

from pydantic import Field

from filters.formats.word_list import WordList, texts
from schemas.cbor import decode_recognised
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse


class WordsParameters(Parameters):
    """document: the list. found: what becomes of a message in which an entry is found."""

    document: str = Field(default="words.txt", max_length=64)
    found: Literal["refuse", "hold"] = "refuse"


def make(parameters: WordsParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    words = WordList(documents[parameters.document])
    verdict = Refuse if parameters.found == "refuse" else Hold

    def run(message: Message) -> Answer:
        entry = words.search(texts(decode_recognised(message.payload)))
        if entry is None:
            return Pass()
        return verdict(Reason.DIRTY_WORD, f"entry {entry} of {parameters.document} was found")

    return run


STAGE = StageType(
    name="words",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=WordsParameters,
    make=make,
    summary="no text or name in the model holds an entry of the word list",
    rechecks=frozenset({"words"}),
)
