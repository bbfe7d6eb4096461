"""Transform `picture_downscale`: pictures larger than a bound are made smaller.

Takes the model of a picture in CBOR, gives it with every frame within `side_pixels_max` and
`frame_pixels_max`, in its own proportions; one that is within them already passes unchanged. Pixels
are averaged over the area that each new one covers (Pillow's box filter: integers, no overshoot).
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from filters.formats.picture_model import (
    Frame,
    Picture,
    PictureParameters,
    Plane,
    frames,
    head,
    shapes,
    with_palette,
    write_frames,
)
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed, Pass


class DownscaleParameters(PictureParameters):
    """How large a picture may be afterwards.

    to_side_pixels_max  width and height each
    to_pixels_max       width times height
    """

    to_side_pixels_max: int = Field(default=4_096, ge=1, le=65_535)
    to_pixels_max: int = Field(default=8_000_000, ge=1, le=200_000_000)


def make(parameters: DownscaleParameters, documents: Documents) -> Run:
    """A run that makes smaller what is too large."""
    limits = parameters.limits()
    Image.new("RGBA", (4, 4)).resize((2, 2), Image.Resampling.BOX)

    def size_of(width: int, height: int) -> tuple[int, int]:
        ratio = min(
            1.0,
            parameters.to_side_pixels_max / max(width, height),
            math.sqrt(parameters.to_pixels_max / (width * height)),
        )
        return max(int(width * ratio), 1), max(int(height * ratio), 1)

    def smaller(packed: list[Any]) -> Iterator[Frame]:
        for frame in frames(packed):
            size = size_of(frame.width, frame.height)
            yield frame if size == (frame.width, frame.height) else _resized(frame, *size)

    def run(message: Message) -> Answer:
        picture, packed = head(message.payload, limits)
        if all(size_of(entry[0], entry[1]) == tuple(entry[:2]) for entry in packed):
            return Pass()
        given = Picture(picture.format, [], picture.loops, picture.dpi)
        payload = write_frames(given, smaller(packed))
        width, height = size_of(packed[0][0], packed[0][1])
        note = f"made {width} by {height} pixels of {packed[0][0]} by {packed[0][1]}"
        return Changed(Message(message.meta_bytes, payload), note)

    return run


def _resized(frame: Frame, width: int, height: int) -> Frame:
    if frame.mode == "P":  # colours of a palette have no average: the middle one of each area
        rows = (np.arange(height) * 2 + 1) * frame.height // (2 * height)
        columns = (np.arange(width) * 2 + 1) * frame.width // (2 * width)
        small = replace(frame, width=width, height=height)
        small.planes = [frame.planes[0][rows][:, columns]]
        return with_palette(small, np.frombuffer(frame.palette, np.uint8).reshape(-1, 4))
    mode = "YCC" if frame.mode == "YCC420" and (width == 1 or height == 1) else frame.mode
    due = shapes(mode, width, height)
    samples = frame.planes[0].shape[1] // frame.width
    planes = [
        _scaled(plane, samples, rows, stride // samples)
        for plane, (rows, stride) in zip(frame.planes, due, strict=True)
    ]
    return Frame(width, height, mode, planes, frame.ms)


def _scaled(plane: Plane, samples: int, height: int, width: int) -> Plane:
    shaped = plane.reshape(len(plane), -1, samples)
    image = Image.fromarray(shaped[:, :, 0] if samples == 1 else shaped)
    small = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small).reshape(height, -1)


STAGE = StageType(
    name="picture_downscale",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=DownscaleParameters,
    make=make,
    summary="pictures larger than a bound are made smaller, in their own proportions",
)
