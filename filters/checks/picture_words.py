"""Filter `picture_words`: the model of a picture holds no text to search.

Takes the model in CBOR, changes nothing. It is held to the names that the model's definition has:
a text beside them, which could hold a word, is refused. What pixels show is not read: a policy that
must know it holds pictures for people.
"""

from typing import Literal

from filters.formats.picture_model import MODES, PLANAR, SAMPLES
from filters.formats.word_list import texts
from schemas.cbor import CborLimits, decode_recognised
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse

_KNOWN = frozenset({"picture", "format", "frames", "loops", "dpi", *MODES, *SAMPLES, *PLANAR})


class PictureWordsParameters(Parameters):
    """pictures: whether pictures pass with their pixels unread, or are held for people."""

    pictures: Literal["pass", "hold"] = "pass"


def make(parameters: PictureWordsParameters, documents: Documents) -> Run:
    """A run that refuses texts which no picture has."""

    def run(message: Message) -> Answer:
        size = len(message.payload)
        model = decode_recognised(message.payload, CborLimits(bytes_max=size))
        if not _KNOWN.issuperset(texts(model)):
            return Refuse(Reason.MODEL_UNKNOWN_NAME, "a text that the model of a picture has not")
        if parameters.pictures == "hold":
            return Hold(Reason.DIRTY_WORD, "what the pixels show has to be read by people")
        return Pass("pixels were not read for words")

    return run


STAGE = StageType(
    name="picture_words",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=PictureWordsParameters,
    make=make,
    summary="the model of a picture holds no text; what its pixels show can be held for people",
    rechecks=frozenset({"words"}),
)
