"""Normalizer `picture_rebuild`: a picture decoded to its pixels, as deterministic CBOR.

Takes a picture that `picture_recognise` has passed, walks it again in its own process, shows Pillow
the part of it that pixels need, and gives the model of docs/spec/picture-model.md. Metadata,
profiles, comments, thumbnails and whatever else the file held do not survive; the note says what
that was. Sets the metadata's `type`.
"""

from dataclasses import replace

from filters.checks.picture_recognise import PictureFileParameters
from filters.formats.picture_formats import walk
from filters.formats.picture_model import PICTURE_CBOR, write_frames
from filters.formats.picture_pixels import decode, warm_up
from filters.formats.picture_structure import Structure
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed

NOTED_NAMES_MAX = 8
NOTED_CHARACTERS_MAX = 160


def make(parameters: PictureFileParameters, documents: Documents) -> Run:
    """A run that rebuilds; every decoder is loaded and used once here."""
    limits = parameters.file_limits()
    warm_up()

    def run(message: Message) -> Answer:
        parameters.allowed(message.payload)
        found = walk(message.payload, limits)
        picture, frames = decode(found)
        payload = write_frames(picture, frames)
        meta = replace(message.meta, type=PICTURE_CBOR)
        return Changed(Message.make(meta, payload), _note(found, picture.format))

    return run


def _note(found: Structure, form: str) -> str:
    told = f"{found.format} of {found.frames} frames, to be written as {form}"
    if not found.dropped:
        return told
    more = len(found.dropped) - NOTED_NAMES_MAX
    names = ", ".join(ascii(name)[1:-1] for name in found.dropped[:NOTED_NAMES_MAX])
    return (
        f"{told}; dropped {names[:NOTED_CHARACTERS_MAX]}{f' and {more} more' if more > 0 else ''}"
    )


STAGE = StageType(
    name="picture_rebuild",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=PictureFileParameters,
    make=make,
    summary="a picture is decoded to its pixels, all else dropped, as CBOR",
)
