"""What a walker of a picture format finds, within which bounds, and the words it refuses with.

A walker takes a file's bytes, goes through its structure to the last byte without decoding a
pixel, and gives a `Structure` or raises `Malformed`. `shown` is a file of its own that holds only
what a decoder needs for the pixels: comments, metadata, profiles, thumbnails and private parts
are not in it, so the decoder never sees them.
"""

from dataclasses import dataclass, field
from typing import NoReturn

from schemas.errors import Malformed
from schemas.reasons import Reason

DROPPED_NAMES_MAX = 64


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Bounds of one file; each is the largest value still accepted.

    pixels_max        of one frame, width times height
    all_pixels_max    of all frames together
    side_pixels_max   of width and height each
    frames_max        frames or pages
    parts_max         chunks, segments, blocks or directory entries
    scans_max         scans of a JPEG: a progressive one is decoded once for each
    drop_trailing     bytes after the end of the picture are dropped instead of refused
    """

    pixels_max: int = 24_000_000
    all_pixels_max: int = 48_000_000
    side_pixels_max: int = 16_384
    frames_max: int = 256
    parts_max: int = 32_768
    scans_max: int = 40
    drop_trailing: bool = False


@dataclass(slots=True)
class Structure:
    """What stands in a file: its size, its frames, and what a decoder is shown of it.

    format       png, jpeg, gif, tiff, webp or bmp
    width, height  in pixels, of the first frame
    frames       how many frames or pages
    all_pixels   of all frames together
    shown        the bytes for the decoder
    dropped      names of what is in the file and not shown, in the order first met
    orientation  1..8, how the pixels are turned to be looked at (Exif 2.32, tag 0x0112)
    durations_ms of animated frames, one each
    loops        how often an animation is shown, 0 for ever
    halved       the colour planes have half the width and height (JPEG 4:2:0)
    colours      of a JPEG: how many components
    parts        of a JPEG: how many markers
    """

    format: str
    width: int
    height: int
    frames: int = 1
    all_pixels: int = 0
    shown: bytes = b""
    dropped: list[str] = field(default_factory=list)
    orientation: int = 1
    durations_ms: list[int] = field(default_factory=list)
    loops: int = 0
    halved: bool = False
    colours: int = 3
    parts: int = 0

    def drop(self, name: str) -> None:
        """Remember that something of this name is not shown."""
        if name not in self.dropped and len(self.dropped) < DROPPED_NAMES_MAX:
            self.dropped.append(name)


def broken(sentence: str) -> NoReturn:
    """Raise `Malformed(SYNTAX)`."""
    raise Malformed(Reason.SYNTAX, sentence)


def unwanted(sentence: str) -> NoReturn:
    """Raise `Malformed(PICTURE_COMPRESSION)`: a way to store pixels that is not taken."""
    raise Malformed(Reason.PICTURE_COMPRESSION, sentence)


def slice_of(untrusted: bytes, at: int, count: int, what: str) -> bytes:
    """`count` bytes from `at`, all of them, or `Malformed`."""
    if at < 0 or count < 0 or at + count > len(untrusted):
        broken(f"the file ends within {what}")
    return untrusted[at : at + count]


def check_size(width: int, height: int, limits: PictureLimits) -> int:
    """The pixels of one frame, or `Malformed` for an empty or too large one."""
    if width < 1 or height < 1:
        broken("the picture has no width or no height")
    if max(width, height) > limits.side_pixels_max or width * height > limits.pixels_max:
        raise Malformed(
            Reason.TOO_MANY_PIXELS, f"{width} by {height} pixels: lower it or raise the bound"
        )
    return width * height


def check_frames(frames: int, all_pixels: int, limits: PictureLimits) -> None:
    """`Malformed` for more frames, or more pixels in all of them, than the bounds."""
    if frames > limits.frames_max:
        raise Malformed(Reason.TOO_MANY_FRAMES, f"more than {limits.frames_max} frames or pages")
    if all_pixels > limits.all_pixels_max:
        raise Malformed(Reason.TOO_MANY_PIXELS, "the frames have too many pixels together")


def check_parts(count: int, limits: PictureLimits) -> None:
    """`Malformed` for a file of more parts than the bound."""
    if count > limits.parts_max:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, f"more than {limits.parts_max} parts")


def check_end(untrusted: bytes, end: int, found: Structure, limits: PictureLimits) -> None:
    """Nothing may follow the picture; by policy what follows is dropped."""
    after = len(untrusted) - end
    if after and not limits.drop_trailing:
        raise Malformed(Reason.TRAILING_DATA, f"{after} bytes follow the picture")
    if after:
        found.drop("trailing data")
