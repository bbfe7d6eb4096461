"""Filter `json_recognise`: the payload is one bounded, strict JSON object, before any parser.

Takes any bytes, changes nothing; see `filters.formats.json_recogniser` for what is refused.
"""

from pydantic import Field

from filters.formats.json_recogniser import JsonLimits, recognise
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class JsonRecogniseParameters(Parameters):
    """The bounds of `JsonLimits`, each with the default that it has there.

    bytes_max              the whole document
    depth_levels_max       objects and arrays in each other
    items_max              values of any kind
    string_characters_max  characters of a string
    name_characters_max    characters of a member's name
    number_characters_max  characters of a number
    array                  whether the document may be an array
    byte_order_mark        whether the file may begin with one, to be dropped
    """

    bytes_max: int = Field(default=1 << 20, ge=2, le=1 << 26)
    depth_levels_max: int = Field(default=16, ge=1, le=64)
    items_max: int = Field(default=4096, ge=1, le=1 << 20)
    string_characters_max: int = Field(default=8192, ge=1, le=1 << 22)
    name_characters_max: int = Field(default=128, ge=1, le=1024)
    number_characters_max: int = Field(default=32, ge=1, le=256)
    array: bool = False
    byte_order_mark: bool = False


def make(parameters: JsonRecogniseParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but such JSON."""
    limits = JsonLimits(**parameters.model_dump())

    def run(message: Message) -> Answer:
        recognise(message.payload, limits)
        return Pass()

    return run


STAGE = StageType(
    name="json_recognise",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=JsonRecogniseParameters,
    make=make,
    summary="the payload is one bounded, strict JSON object in UTF-8 with unique names",
    rechecks=frozenset({"recognise"}),
)
