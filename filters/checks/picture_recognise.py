"""Filter `picture_recognise`: a PNG, JPEG, GIF, TIFF, WebP or BMP file, sound to its last byte.

Takes any payload, changes nothing. The format is the one of the first bytes; its walker goes
through the whole structure without decoding a pixel (docs/filters/image.md has the rules), with
bounds on size, frames and parts that are read from the headers before anything is inflated.
"""

from typing import Literal

from pydantic import Field

from filters.formats.picture_formats import format_of, walk
from filters.formats.picture_model import PictureParameters
from filters.formats.picture_structure import PictureLimits
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Pass

Form = Literal["png", "jpeg", "gif", "tiff", "webp", "bmp"]
FORMS: tuple[Form, ...] = ("png", "jpeg", "gif", "tiff", "webp", "bmp")


class PictureFileParameters(PictureParameters):
    """What a picture file may be.

    formats    that may pass
    parts_max  chunks, segments, blocks or directory entries of a file
    scans_max  scans of a progressive JPEG
    trailing   bytes after the picture, or that no directory of a TIFF names: refused, or dropped
               when the picture is rebuilt
    """

    formats: list[Form] = Field(default=list(FORMS), min_length=1, max_length=6)
    parts_max: int = Field(default=32_768, ge=1, le=1_000_000)
    scans_max: int = Field(default=40, ge=1, le=1_000)
    trailing: Literal["refuse", "drop"] = "refuse"

    def file_limits(self) -> PictureLimits:
        """The same as the walkers take them."""
        return PictureLimits(
            self.pixels_max, self.all_pixels_max, self.side_pixels_max, self.frames_max,
            self.parts_max, self.scans_max, self.trailing == "drop",
        )  # fmt: skip

    def allowed(self, untrusted: bytes) -> None:
        """`Malformed` for a format that the policy does not name."""
        found = format_of(untrusted)
        if found not in self.formats:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, f"{found} is not allowed here")


def make(parameters: PictureFileParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but a sound picture within the bounds."""
    limits = parameters.file_limits()

    def run(message: Message) -> Answer:
        parameters.allowed(message.payload)
        found = walk(message.payload, limits)
        return Pass(f"{found.format}, {found.width} by {found.height}, {found.frames} frames")

    return run


STAGE = StageType(
    name="picture_recognise",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=PictureFileParameters,
    make=make,
    summary="the file is a sound picture to its last byte, within bounds of size and frames",
    rechecks=frozenset({"recognise"}),
)
