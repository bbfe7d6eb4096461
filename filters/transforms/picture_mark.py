"""Transform `picture_mark`: the label's marking is drawn above and below a picture.

Takes the model of a picture in CBOR (a picture, or the pages of a PDF that was rasterised), gives
it with a white band above and below every frame and page, the marking in black letters on it. No
pixel of the picture is covered or changed. The label is the metadata's. Same input, same bytes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import Field

from filters.formats.marking_lines import Lines, by_policy, by_register
from filters.formats.marking_pixels import Ink, band, between_bands
from filters.formats.picture_model import (
    PALETTE_COLOURS_MAX,
    Frame,
    Picture,
    PictureParameters,
    Plane,
    frames,
    head,
    write_frames,
)
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed, Refuse

_INKS = {  # a pixel with ink and one without
    "L": (b"\x00", b"\xff"),
    "LA": (b"\x00\xff", b"\xff\xff"),
    "RGB": (b"\x00" * 3, b"\xff" * 3),
    "RGBA": (b"\x00\x00\x00\xff", b"\xff" * 4),
}
_BLACK, _WHITE = b"\x00\x00\x00\xff", b"\xff\xff\xff\xff"
_NO_COLOUR = b"\x80"  # of Cb and Cr


class PictureMarkParameters(PictureParameters):
    """policy_document: the policy (SPIF) that renders; "" IC-ISM. language: of the marking."""

    policy_document: str = Field(default="", max_length=128)
    language: str = Field(default="", max_length=16)


def make(parameters: PictureMarkParameters, documents: Documents) -> Run:
    """A run that marks; raises `Malformed` for a policy that is none."""
    limits = parameters.limits()
    named = parameters.policy_document
    render = by_policy(documents[named], parameters.language) if named else by_register

    def run(message: Message) -> Answer:
        meta = message.meta
        if not meta.label:
            return Refuse(Reason.LABEL_MISSING, "the message has no label to mark it by")
        lines = render(meta)
        picture, packed = head(message.payload, limits)
        given = Picture(picture.format, [], picture.loops, picture.dpi)
        payload = write_frames(given, _marked(packed, lines))
        return Changed(Message(message.meta_bytes, payload), f"marked {lines.top}"[:200])

    return run


def _marked(packed: list[Any], lines: Lines) -> Iterator[Frame]:
    for frame in frames(packed):
        top, bottom = band(lines.top, frame.width), band(lines.bottom, frame.width)
        high = frame.height + len(top) + len(bottom)
        if frame.mode == "P":
            palette, indices, dark, light = _with_ink(frame)
            planes = [between_bands(indices, top, bottom, dark, light)]
            yield Frame(frame.width, high, "P", planes, frame.ms, palette)
        elif frame.mode in _INKS:
            planes = [between_bands(frame.planes[0], top, bottom, *_INKS[frame.mode])]
            yield Frame(frame.width, high, frame.mode, planes, frame.ms)
        else:
            planes = _in_planes(frame, top, bottom)
            yield Frame(frame.width, high, frame.mode, planes, frame.ms)


def _in_planes(frame: Frame, top: Ink, bottom: Ink) -> list[Plane]:
    """Y gets the letters; Cb and Cr rows without colour, half as many where they are halved."""
    luma = between_bands(frame.planes[0], top, bottom, *_INKS["L"])
    share = 2 if frame.mode == "YCC420" else 1
    stride = frame.planes[1].shape[1]
    above, below = (np.zeros((len(ink) // share, stride), dtype=np.bool_) for ink in (top, bottom))
    chroma = [
        between_bands(each, above, below, _NO_COLOUR, _NO_COLOUR) for each in frame.planes[1:]
    ]
    return [luma, *chroma]


def _with_ink(frame: Frame) -> tuple[bytes, Plane, bytes, bytes]:
    """The palette with black and white in it, ascending; the indices in it; their two bytes."""
    old = [frame.palette[at : at + 4] for at in range(0, len(frame.palette), 4)]
    new = sorted({*old, _BLACK, _WHITE})
    if len(new) > PALETTE_COLOURS_MAX:
        raise Malformed(Reason.LABEL_INVALID, "the palette has no room for black and white letters")
    table = np.array([new.index(colour) for colour in old], dtype=np.uint8)
    dark, light = bytes([new.index(_BLACK)]), bytes([new.index(_WHITE)])
    return b"".join(new), table[frame.planes[0]], dark, light


STAGE = StageType(
    name="picture_mark",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=PictureMarkParameters,
    make=make,
    summary="the label's marking is drawn above and below a picture or page",
)
