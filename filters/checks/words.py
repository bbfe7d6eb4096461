"""Filter `words`: dirty-word search over every text and name that the model and metadata hold.

Takes a model in deterministic CBOR, changes nothing. The name of the dropped file and what the
sender declared are searched too. What is found is told by its number in the list, never in clear:
verdicts are read by more people than the list. See `filters.formats.word_list` for how text is
compared.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from filters.formats.models import open_model
from filters.formats.word_list import Disguises, WordList, texts
from schemas.cbor import CborLimits
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse


class WordsParameters(Parameters):
    """document: the list. found: what becomes of a message in which an entry is found.

    spaced  whether letters one by one are read as a word, for entries of five and more letters
    leet    signs that stand for letters too: ASCII character -> lower-case letter
    decode  encodings that are looked behind, once
    names   whether the file's name, its type, label and destination are searched too
    """

    document: str = Field(default="words.txt", max_length=64)
    found: Literal["refuse", "hold"] = "refuse"
    spaced: bool = True
    leet: dict[str, str] = Field(default={}, max_length=64)
    decode: list[Literal["references", "base64", "hex"]] = Field(
        default=["references"], max_length=3
    )
    names: bool = True

    @model_validator(mode="after")
    def _leet_is_ascii(self) -> Self:
        for sign, letter in self.leet.items():
            if not ("!" <= sign <= "~" and len(sign) == 1 and "a" <= letter <= "z"):
                raise ValueError("leet is of single ASCII characters and lower-case letters")
        return self


_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)


def make(parameters: WordsParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    decode = frozenset(parameters.decode)
    disguises = Disguises(
        parameters.spaced, tuple(parameters.leet.items()), "references" in decode,
        "base64" in decode, "hex" in decode,
    )  # fmt: skip
    words = WordList(documents[parameters.document], disguises)
    verdict = Refuse if parameters.found == "refuse" else Hold

    def run(message: Message) -> Answer:
        held = texts(open_model(message.payload, _LIMITS))
        if parameters.names:
            meta = message.meta
            held += [meta.name, meta.type, meta.label, meta.destination]
        entry = words.search(held)
        if entry is None:
            return Pass()
        return verdict(Reason.DIRTY_WORD, f"entry {entry} of {parameters.document} was found")

    return run


STAGE = StageType(
    name="words",
    version=3,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=WordsParameters,
    make=make,
    summary="no text or name in the model or metadata holds an entry of the word list",
    rechecks=frozenset({"words"}),
)
