"""The structure of a WebP file, to the last byte (RFC 9649).

Takes untrusted bytes and bounds, gives a `Structure` whose `shown` holds the frames and what an
animation needs, or raises `Malformed`. Colour profile, Exif, XMP and unknown chunks are not in it.
"""

from collections.abc import Iterator

from filters.formats.jpeg_structure import orientation_of
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

_ANIMATED, _ALPHA = 0x02, 0x10
_NAMES = {b"ICCP": "colour profile", b"EXIF": "Exif", b"XMP ": "XMP"}


def walk(untrusted: bytes, limits: PictureLimits) -> Structure:
    """The structure of a WebP file."""
    return _Walk(untrusted, limits).run()


class _Walk:
    """One file on its way."""

    def __init__(self, untrusted: bytes, limits: PictureLimits) -> None:
        self.data, self.limits = untrusted, limits
        self.found = Structure("webp", 0, 0, frames=0)
        self.parts = 0

    def run(self) -> Structure:
        head = slice_of(self.data, 0, 12, "the WebP header")
        if head[:4] != b"RIFF" or head[8:] != b"WEBP":
            broken("the file does not begin as WebP")
        end = 8 + int.from_bytes(head[4:8], "little")
        if end % 2 or end > len(self.data):
            broken("the WebP file is not as long as it says")
        chunks = list(self.chunks(12, end))
        if not chunks:
            broken("the WebP file is empty")
        if chunks[0][0] == b"VP8X":
            shown = self.extended(chunks)
        else:
            if len(chunks) != 1:
                broken("a simple WebP file with more than one chunk")
            shown = [self.bitstream(*chunks[0], size=None)]
            self.found.frames = 1
        found = self.found
        check_frames(found.frames, found.all_pixels, self.limits)
        check_end(self.data, end, found, self.limits)
        body = b"WEBP" + b"".join(shown)
        found.shown = b"RIFF" + len(body).to_bytes(4, "little") + body
        return found

    def chunks(self, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
        while at < end:
            head = slice_of(self.data, at, 8, "a WebP chunk")
            size = int.from_bytes(head[4:], "little")
            if at + 8 + size + size % 2 > end:
                broken("a WebP chunk is longer than what holds it")
            yield head[:4], self.data[at + 8 : at + 8 + size]
            if size % 2 and self.data[at + 8 + size]:
                broken("a WebP chunk is not filled up with zero")
            at += 8 + size + size % 2
            self.parts += 1
            check_parts(self.parts, self.limits)

    def extended(self, chunks: list[tuple[bytes, bytes]]) -> list[bytes]:
        head = chunks[0][1]
        if len(head) != 10:
            broken("a VP8X chunk of a wrong length")
        size = (1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little"))
        found = self.found
        found.width, found.height = size
        pixels = check_size(*size, self.limits)
        animated = bool(head[0] & _ANIMATED)
        shown = [_chunk(b"VP8X", bytes([head[0] & (_ANIMATED | _ALPHA), 0, 0, 0]) + head[4:])]
        alpha = controlled = False
        for kind, body in chunks[1:]:
            if kind == b"ANIM" and animated and not controlled and len(body) == 6:
                controlled, found.loops = True, int.from_bytes(body[4:], "little")
                shown.append(_chunk(kind, bytes(4) + body[4:]))
            elif kind == b"ANMF" and controlled:
                shown.append(self.frame(body))
                found.frames += 1
                found.all_pixels += pixels
                check_frames(found.frames, found.all_pixels, self.limits)
            elif kind == b"ALPH" and not (animated or alpha or found.frames):
                alpha = True
                shown.append(self.alpha(body))
            elif kind in (b"VP8 ", b"VP8L") and not animated and not found.frames:
                shown.append(self.bitstream(kind, body, size))
                found.frames = 1
            elif kind in (b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"):
                broken("a WebP chunk at the wrong place")
            else:
                if kind == b"EXIF" and found.orientation == 1:
                    found.orientation = orientation_of(body.removeprefix(b"Exif\x00\x00"))
                found.drop(_NAMES.get(kind, "an unknown chunk"))
        if not found.frames:
            broken("the WebP file has no frame")
        return shown

    def frame(self, body: bytes) -> bytes:
        """One ANMF chunk (RFC 9649 section 2.7.1.1)."""
        head = slice_of(body, 0, 16, "a WebP frame")
        left, top, width, height, duration_ms = (
            int.from_bytes(head[at : at + 3], "little") for at in (0, 3, 6, 9, 12)
        )
        size = (width + 1, height + 1)
        if 2 * left + size[0] > self.found.width or 2 * top + size[1] > self.found.height:
            broken("a frame lies outside the WebP canvas")
        self.found.durations_ms.append(min(duration_ms, 0xFFFF))
        inner = _Walk(body, self.limits)
        shown: list[bytes] = []
        pixels = 0
        for kind, part in inner.chunks(16, len(body)):
            if kind == b"ALPH" and not shown:
                shown.append(self.alpha(part))
            elif kind in (b"VP8 ", b"VP8L") and not pixels:
                shown.append(self.bitstream(kind, part, size))
                pixels = 1
            elif kind in (b"ALPH", b"VP8 ", b"VP8L"):
                broken("a WebP chunk at the wrong place")
            else:
                self.found.drop("an unknown chunk")
        if not pixels:
            broken("a WebP frame has no pixels")
        return _chunk(b"ANMF", head[:15] + bytes([head[15] & 3]) + b"".join(shown))

    def alpha(self, body: bytes) -> bytes:
        if len(body) < 2 or body[0] & 3 > 1:
            broken("an ALPH chunk of a wrong shape")
        return _chunk(b"ALPH", body)

    def bitstream(self, kind: bytes, body: bytes, size: tuple[int, int] | None) -> bytes:
        """The header of VP8 (RFC 6386 section 9.1) or of VP8L (RFC 9649 section 3.4)."""
        if kind == b"VP8 ":
            head = slice_of(body, 0, 10, "a VP8 frame")
            if head[0] & 1 or head[3:6] != b"\x9d\x01\x2a":
                broken("a VP8 chunk is no key frame")
            wide, high = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (6, 8))
            own = (wide, high)
            first_part = int.from_bytes(head[:3], "little") >> 5
            if 10 + first_part > len(body):
                broken("a VP8 frame is shorter than it says")
        elif kind == b"VP8L":
            head = slice_of(body, 0, 5, "a VP8L frame")
            bits = int.from_bytes(head[1:], "little")
            if head[0] != 0x2F or bits >> 29:
                broken("a VP8L chunk of a wrong signature or version")
            own = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        else:
            broken("the WebP file does not begin with a frame")
        if size is None:
            self.found.width, self.found.height = own
            self.found.all_pixels = check_size(*own, self.limits)
        elif own != size:
            broken("a WebP frame has another size than is said of it")
        elif not self.found.all_pixels:
            self.found.all_pixels = own[0] * own[1]
        return _chunk(kind, body)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)
