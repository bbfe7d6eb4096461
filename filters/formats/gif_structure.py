"""The structure of a GIF file, to the last byte (GIF89a specification, CompuServe 1990).

Takes untrusted bytes and bounds, gives a `Structure` whose `shown` holds screen, colour tables,
graphic controls and images, or raises `Malformed`. Comments, plain text and application blocks
are not in it; how often an animation runs is kept as a number.
"""

from filters.formats.picture_structure import (
    PictureLimits,
    Structure,
    broken,
    check_end,
    check_frames,
    check_parts,
    check_size,
    slice_of,
)
from schemas.errors import Malformed
from schemas.reasons import Reason

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_LZW_BITS_MAX = 12
_LZW_SLACK_BYTES = 4096
_NAMES = {0xFE: "comment", 0x01: "plain text", 0xFF: "application data"}


def walk(untrusted: bytes, limits: PictureLimits) -> Structure:
    """The structure of a GIF file."""
    return _Walk(untrusted, limits).run()


class _Walk:
    """One file on its way."""

    def __init__(self, untrusted: bytes, limits: PictureLimits) -> None:
        self.data, self.limits = untrusted, limits
        self.found = Structure("gif", 0, 0, frames=0, loops=1)
        self.shown: list[bytes] = []
        self.parts = 0
        self.delay_ms = 0
        self.control = False

    def run(self) -> Structure:
        head = slice_of(self.data, 0, 13, "the GIF header")
        if head[:6] not in (b"GIF87a", b"GIF89a"):
            broken("the file does not begin as GIF")
        found = self.found
        found.width, found.height = (int.from_bytes(head[at : at + 2], "little") for at in (6, 8))
        pixels = check_size(found.width, found.height, self.limits)
        at = 13 + self.table_bytes(head[10])
        self.shown.append(b"GIF89a" + slice_of(self.data, 6, at - 6, "the colour table"))
        while True:
            kind = slice_of(self.data, at, 1, "a GIF block")[0]
            at += 1
            if kind == _TRAILER:
                break
            if kind == _IMAGE:
                at = self.image(at)
                found.frames += 1
                found.all_pixels += pixels
                check_frames(found.frames, found.all_pixels, self.limits)
            elif kind == _EXTENSION:
                at = self.extension(at)
            else:
                broken("a GIF block of a kind that GIF does not have")
        if not found.frames:
            broken("the GIF file has no image")
        if self.control:
            broken("a graphic control without an image")
        check_end(self.data, at, found, self.limits)
        found.shown = b"".join(self.shown) + b"\x3b"
        return found

    def table_bytes(self, flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    def blocks(self, at: int, what: str) -> tuple[list[bytes], int]:
        """The data sub-blocks from here (section 15), and where they end."""
        found: list[bytes] = []
        while size := slice_of(self.data, at, 1, what)[0]:
            found.append(slice_of(self.data, at + 1, size, what))
            at += 1 + size
            self.parts += 1
            if self.parts > 64 * self.limits.parts_max:
                check_parts(self.parts, self.limits)
        return found, at + 1

    def extension(self, at: int) -> int:
        kind = slice_of(self.data, at, 1, "an extension")[0]
        blocks, end = self.blocks(at + 1, "an extension")
        if kind == _CONTROL:
            if len(blocks) != 1 or len(blocks[0]) != 4 or self.control:
                broken("a graphic control of a wrong shape")
            if (blocks[0][0] >> 2) & 7 > 3:
                broken("a graphic control names what GIF does not have")
            self.control = True
            self.delay_ms = 10 * int.from_bytes(blocks[0][1:3], "little")
            self.shown.append(b"\x21\xf9\x04" + blocks[0] + b"\x00")
        elif kind == _APPLICATION and blocks[:1] in ([b"NETSCAPE2.0"], [b"ANIMEXTS1.0"]):
            if len(blocks) >= 2 and len(blocks[1]) == 3 and blocks[1][0] & 7 == 1:
                again = int.from_bytes(blocks[1][1:], "little")
                self.found.loops = min(again + 1, 0xFFFF) if again else 0
        elif kind in _NAMES:
            self.found.drop(_NAMES[kind])
        else:
            broken("a GIF extension of a kind that GIF does not have")
        return end

    def image(self, at: int) -> int:
        head = slice_of(self.data, at, 9, "an image")
        left, top, width, height = (
            int.from_bytes(head[part : part + 2], "little") for part in (0, 2, 4, 6)
        )
        if left + width > self.found.width or top + height > self.found.height:
            broken("an image lies outside the GIF screen")
        if not width or not height:
            broken("an image of no width or height")
        data_at = at + 9 + self.table_bytes(head[8])
        code_bits = slice_of(self.data, data_at, 1, "an image")[0]
        if not 2 <= code_bits <= 8:
            broken("an LZW code size that GIF does not have")
        blocks, end = self.blocks(data_at + 1, "an image")
        coded = sum(map(len, blocks))
        if coded > (width * height * _LZW_BITS_MAX + 7) // 8 + _LZW_SLACK_BYTES:
            raise Malformed(Reason.TRAILING_DATA, "more coded bytes than the image has pixels")
        if not self.control:
            self.delay_ms = 0
        self.control = False
        self.found.durations_ms.append(min(self.delay_ms, 0xFFFF // 10 * 10))
        self.shown.append(b"\x2c" + slice_of(self.data, at, end - at, "an image"))
        return end
