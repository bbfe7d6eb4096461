"""The bounds that opening a container keeps to, and the one purse that all its levels pay from.

Takes numbers, gives `ContainerLimits` and a `Purse`. A purse is made for one message: nested
archives share it, so that depth does not multiply what a single level may hold.
"""

from dataclasses import dataclass

from schemas.errors import Malformed
from schemas.reasons import Reason

RATIO_FREE_BYTES = 1 << 16  # what is this small may have any ratio


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """Bounds of one message with all that is inside it; each is the largest value still accepted.

    entries_max        entries of all levels together, directories included
    entry_bytes_max    one entry, opened
    total_bytes_max    all entries of all levels together, opened
    ratio_max          opened bytes for each byte that they take in their container
    name_bytes_max     an entry's name with its folders, in UTF-8
    name_levels_max    folders in a name, and the file itself
    comment_bytes_max  a comment of an archive or an entry (dropped by the rebuild)
    depth_levels_max   archives in archives: 1 is an archive without another
    """

    entries_max: int = 1024
    entry_bytes_max: int = 8 << 20
    total_bytes_max: int = 15 << 20
    ratio_max: int = 200
    name_bytes_max: int = 255
    name_levels_max: int = 16
    comment_bytes_max: int = 4096
    depth_levels_max: int = 3


class Purse:
    """What is left of the bounds while a message is being opened."""

    __slots__ = ("bytes_left", "entries_left", "limits", "pixels_left")

    def __init__(self, limits: ContainerLimits, all_pixels_max: int = 0) -> None:
        """all_pixels_max: of the pictures in all parts, where parts are rebuilt."""
        self.limits = limits
        self.pixels_left = all_pixels_max
        self.entries_left = limits.entries_max
        self.bytes_left = limits.total_bytes_max

    def entry(self) -> None:
        """One more entry, or `Malformed`."""
        self.entries_left -= 1
        if self.entries_left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more entries than the bound")

    def opened(self, size_bytes: int, packed_bytes: int) -> None:
        """So many bytes come out of so many packed ones, as the headers say, or `Malformed`."""
        if size_bytes > self.limits.entry_bytes_max:
            raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "an entry is larger than its bound")
        self.bytes_left -= size_bytes
        if self.bytes_left < 0:
            raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the entries together exceed their bound")
        if size_bytes > RATIO_FREE_BYTES and size_bytes > packed_bytes * self.limits.ratio_max:
            raise Malformed(Reason.ARCHIVE_RATIO, "an entry is packed denser than the bound")

    def pixels(self, count: int) -> None:
        """So many pixels have a part's pictures, or `Malformed`."""
        self.pixels_left -= count
        if self.pixels_left < 0:
            raise Malformed(Reason.TOO_MANY_PIXELS, "the pictures have too many pixels together")
