"""How many pixels a part has that was rebuilt: what its pictures cost, here and at the destination.

Takes the model of a part and its media type, gives a number. A picture of few bytes may have many
pixels, so that neither the bytes of a container nor the count of its parts bounds the work. The
model is the one that a stage of this process has written.
"""

from typing import Any

from filters.formats.office_model import OFFICE_CBOR
from filters.formats.picture_model import PICTURE_CBOR
from schemas.cbor import CborLimits, decode_recognised
from schemas.errors import Malformed
from schemas.reasons import Reason

_PDF_CBOR = "application/pdf+cbor"  # of `pdf_rebuild`, whose libraries are not loaded here
_LIMITS = CborLimits(bytes_max=1 << 28)


def pixels_in(model: bytes, media_type: str) -> int:
    """Width times height of all pictures and frames together; 0 for a part of another type.

    Of a PDF those that are decoded; its other samples are bounded by their bytes.
    """
    try:
        if media_type == PICTURE_CBOR:
            return _of_picture(model)
        if media_type == OFFICE_CBOR:
            images = [part for part in _read(model)["parts"] if part["kind"] == "image"]
            return sum(_of_picture(image["data"]) for image in images)
        if media_type == _PDF_CBOR:
            objects = [item for item in _read(model)["objects"] if type(item) is dict]
            return sum(_of_frame(item["$p"]) for item in objects if "$p" in item)
        return 0
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(Reason.MODEL_SHAPE, "a part is not the model it says") from error


def _read(model: bytes) -> Any:
    return decode_recognised(model, _LIMITS)


def _of_picture(model: bytes) -> int:
    return sum(_of_frame(frame) for frame in _read(model)["frames"])


def _of_frame(frame: Any) -> int:
    width, height = frame[:2]
    return int(width * height)
