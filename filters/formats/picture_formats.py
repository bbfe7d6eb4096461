"""The picture formats: the first bytes that tell each, its walker, its media types.

Takes untrusted bytes, gives the format's `Structure` or raises `Malformed`. The name that a file
declares counts for nothing here.
"""

from collections.abc import Callable

from filters.formats import (
    bmp_structure,
    gif_structure,
    jpeg_structure,
    png_structure,
    tiff_structure,
    webp_structure,
)
from filters.formats.picture_structure import PictureLimits, Structure
from schemas.errors import Malformed
from schemas.reasons import Reason

Walker = Callable[[bytes, PictureLimits], Structure]

WALKERS: dict[str, Walker] = {
    "png": png_structure.walk,
    "jpeg": jpeg_structure.walk,
    "gif": gif_structure.walk,
    "tiff": tiff_structure.walk,
    "webp": webp_structure.walk,
    "bmp": bmp_structure.walk,
}
MEDIA_TYPES = {
    "image/png": "png", "image/apng": "png", "image/jpeg": "jpeg", "image/gif": "gif",
    "image/tiff": "tiff", "image/webp": "webp", "image/bmp": "bmp", "image/x-ms-bmp": "bmp",
}  # fmt: skip


def format_of(untrusted: bytes) -> str:
    """The format whose first bytes these are; `Malformed(TYPE_UNKNOWN)` for none."""
    head = untrusted[:16]
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return "tiff"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(b"BM"):
        return "bmp"
    raise Malformed(Reason.TYPE_UNKNOWN, "the first bytes are those of no picture format")


def walk(untrusted: bytes, limits: PictureLimits) -> Structure:
    """The structure of a picture of any of the formats."""
    return WALKERS[format_of(untrusted)](untrusted, limits)
