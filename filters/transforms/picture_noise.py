"""Transform `picture_noise`: the lowest bits of samples are replaced, against hidden messages.

Takes the model of a picture in CBOR, gives it with the lowest `bits` bits of every sample replaced
by noise that only a holder of the key can know beforehand: SHAKE-256 of the key document, the
message's id and the digest of what came in. So one message always gets the same noise, as the chain
must (ADR 12). Of a palette the colours get it, not the indices; those that differ in these bits
alone become one, so that which of them a pixel has tells nothing. Their opacity stays.

A hidden message that is spread over higher bits, or over where a picture has its edges, survives.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import Field

from filters.formats.picture_model import (
    Frame,
    PictureParameters,
    Plane,
    frames,
    head,
    with_palette,
    write_frames,
)
from schemas.errors import Broken
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed

KEY_BYTES_MIN = 32
_LABEL = b"checkvalve picture noise v1"


class NoiseParameters(PictureParameters):
    """bits: how many of the lowest are replaced. key_document: 32 or more secret bytes."""

    bits: int = Field(default=1, ge=1, le=3)
    key_document: str = Field(default="noise.key", max_length=64)


def make(parameters: NoiseParameters, documents: Documents) -> Run:
    """A run that adds noise; `KeyError` without the key, `Broken` for one that is too short."""
    key = documents[parameters.key_document]
    if len(key) < KEY_BYTES_MIN:
        raise Broken(Reason.ARGUMENT, f"{parameters.key_document} has less than 32 bytes")
    limits = parameters.limits()
    mask = (1 << parameters.bits) - 1

    def noisy(packed: list[Any], seed: bytes) -> Iterator[Frame]:
        for number, frame in enumerate(frames(packed)):
            of_frame = seed + number.to_bytes(4, "big")
            if frame.mode == "P":
                yield _noisy_palette(frame, mask, of_frame)
                continue
            frame.planes = [
                _noisy(plane, mask, of_frame + bytes([at])) for at, plane in enumerate(frame.planes)
            ]
            yield frame

    def run(message: Message) -> Answer:
        picture, packed = head(message.payload, limits)
        parts = (key, message.meta.id.encode(), hashlib.sha256(message.payload).digest())
        lengths = b"".join(len(part).to_bytes(4, "big") for part in parts)
        seed = hashlib.sha256(_LABEL + lengths + b"".join(parts)).digest()
        payload = write_frames(picture, noisy(packed, seed))
        note = f"the lowest {parameters.bits} bits of each sample or colour replaced by noise"
        return Changed(Message(message.meta_bytes, payload), note)

    return run


def _noisy(plane: Plane, mask: int, seed: bytes) -> Plane:
    per_byte = 8 // mask.bit_length()
    count = -(-plane.size // per_byte)
    drawn = np.frombuffer(hashlib.shake_256(seed).digest(count), np.uint8)
    shifts = np.arange(per_byte, dtype=np.uint8) * mask.bit_length()
    noise = ((drawn[:, None] >> shifts) & mask).astype(np.uint8).ravel()[: plane.size]
    return (plane & ~np.uint8(mask)) | noise.reshape(plane.shape)


def _noisy_palette(frame: Frame, mask: int, seed: bytes) -> Frame:
    colours = np.frombuffer(frame.palette, np.uint8).reshape(-1, 4).copy()
    colours[:, :3] &= ~np.uint8(mask)
    alike, of_colour = np.unique(colours.view(">u4").ravel(), return_inverse=True)
    merged = alike.astype(">u4").view(np.uint8).reshape(-1, 4)
    seen = merged[:, 3] > 0  # what nobody sees has no colour
    merged[seen, :3] = _noisy(merged[seen, :3], mask, seed)
    return with_palette(frame, merged[of_colour])


STAGE = StageType(
    name="picture_noise",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=NoiseParameters,
    make=make,
    summary="the lowest bits of a picture's samples are replaced by keyed noise",
)
