"""Filter `office_words`: dirty-word search over every text of an office document that crosses.

Takes the office model, changes nothing. Paragraphs and cells are searched as wholes, so that a word
cut into runs is found; attributes and addresses are searched too. What is found is told by its
number in the list. See `filters.formats.word_list` for how text is compared.
"""

from typing import Any

from filters.checks.words import WordsParameters
from filters.formats.office_model import BYTES_MAX
from filters.formats.office_text import office_texts
from filters.formats.word_list import Disguises, WordList
from schemas.cbor import CborLimits, decode_recognised
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse


class OfficeWordsParameters(WordsParameters):
    """The same as of `words`."""


_LIMITS = CborLimits(bytes_max=BYTES_MAX)


def make(parameters: OfficeWordsParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    decode = frozenset(parameters.decode)
    disguises = Disguises(
        parameters.spaced, tuple(parameters.leet.items()), "references" in decode,
        "base64" in decode, "hex" in decode,
    )  # fmt: skip
    words = WordList(documents[parameters.document], disguises)
    verdict = Refuse if parameters.found == "refuse" else Hold

    def run(message: Message) -> Answer:
        # the recogniser before this stage answers for the shape
        model: Any = decode_recognised(message.payload, _LIMITS)
        held = office_texts(model)
        if parameters.names:
            meta = message.meta
            held += [meta.name, meta.type, meta.label, meta.destination]
        entry = words.search(held)
        if entry is None:
            return Pass()
        return verdict(Reason.DIRTY_WORD, f"entry {entry} of {parameters.document} was found")

    return run


STAGE = StageType(
    name="office_words",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=OfficeWordsParameters,
    make=make,
    summary="no paragraph, cell, name or address in the document holds an entry of the word list",
    rechecks=frozenset({"words"}),
)
