"""Normalizer `picture_build`: writes the file of a picture from its model.

Takes the model in CBOR, gives PNG, JPEG, GIF, TIFF or BMP and sets the metadata's `type`. One model
has one file for a given quality. Writers of our own over zlib and NumPy; no picture is decoded
and no library of pictures is loaded.
"""

from dataclasses import replace

from pydantic import Field

from filters.twins import gif_writer, jpeg_writer, picture_writers
from filters.twins.picture_read import Crossed, model
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

MEDIA_TYPES = {
    "png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "tiff": "image/tiff",
    "bmp": "image/bmp",
}  # fmt: skip


class PictureBuildParameters(Parameters):
    """quality: of JPEG, 1 to 100, on the scale that the common encoders use."""

    quality: int = Field(default=90, ge=1, le=100)


def file_of(crossed: Crossed, quality: int) -> bytes:
    """The file of a picture that `picture_read.model` has given."""
    if crossed.form == "png":
        return picture_writers.png(crossed)
    if crossed.form == "tiff":
        return picture_writers.tiff(crossed)
    if crossed.form == "bmp":
        return picture_writers.bmp(crossed)
    if crossed.form == "gif":
        return gif_writer.write(crossed)
    if crossed.form == "jpeg":
        frame = crossed.frames[0]
        return jpeg_writer.write(frame.width, frame.height, frame.planes(), quality)
    raise Malformed(Reason.TYPE_NOT_ALLOWED, f"{crossed.form} is written by another stage")


def make(parameters: PictureBuildParameters, documents: Documents) -> Run:
    """A run that writes the file."""

    def run(message: Message) -> Answer:
        crossed = model(message.payload)
        payload = file_of(crossed, parameters.quality)
        meta = replace(message.meta, type=MEDIA_TYPES[crossed.form])
        return Changed(Message.make(meta, payload), f"written as {crossed.form}")

    return run


STAGE = StageType(
    name="picture_build",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=PictureBuildParameters,
    make=make,
    summary="the file of a picture is written anew from its model",
)
