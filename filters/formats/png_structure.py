"""The structure of a PNG file, to the last byte (PNG third edition, W3C 2025; APNG is in it).

Takes untrusted bytes and bounds, gives a `Structure` whose `shown` holds IHDR, PLTE, tRNS, the
animation's chunks and the pixels, or raises `Malformed`. Pixels are inflated once here, in pieces
and never kept, to hold them to exactly the bytes that the header announces.
"""

import zlib
from collections.abc import Iterator
from struct import error, pack, unpack

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
    unwanted,
)
from schemas.errors import Malformed
from schemas.reasons import Reason

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIECE_BYTES = 1 << 18

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_NAMES = {
    b"tEXt": "text", b"zTXt": "text", b"iTXt": "text", b"eXIf": "Exif", b"iCCP": "colour profile",
    b"tIME": "time", b"pHYs": "resolution",
}  # fmt: skip


def walk(untrusted: bytes, limits: PictureLimits) -> Structure:
    """The structure of a PNG file."""
    try:
        return _Walk(untrusted, limits).run()
    except error as fault:
        raise Malformed(Reason.SYNTAX, "a PNG chunk is shorter than it must be") from fault


class _Walk:
    """One file on its way; `pixels` checks the open stream of pixels."""

    def __init__(self, untrusted: bytes, limits: PictureLimits) -> None:
        self.data, self.limits = untrusted, limits
        self.found = Structure("png", 0, 0)
        self.shown = [SIGNATURE]
        self.seen: list[bytes] = []
        self.frames_announced = 0
        self.sequence = 0
        self.frames_begun = 0
        self.pixels: _Pixels | None = None
        self.colour, self.depth, self.interlaced = 0, 8, False

    def run(self) -> Structure:
        if not self.data.startswith(SIGNATURE):
            broken("the file has no PNG signature")
        end = 0
        for kind, body, whole, at in self.chunks():
            if not self.seen and kind != b"IHDR":
                broken("the first PNG chunk is not IHDR")
            if self.chunk(kind, body):
                self.shown.append(self.key(body) if kind == b"tRNS" else whole)
            self.seen.append(kind)
            end = at
        self.closed()
        found = self.found
        if b"IDAT" not in self.seen or self.seen[-1] != b"IEND":
            broken("the PNG file has no pixels or no end")
        if self.frames_begun != self.frames_announced:
            broken("the PNG file has another number of frames than it says")
        check_end(self.data, end, found, self.limits)
        found.shown = b"".join(self.shown)
        return found

    def chunks(self) -> Iterator[tuple[bytes, bytes, bytes, int]]:
        at = len(SIGNATURE)
        kind = b""
        count = 0
        while kind != b"IEND":
            head = slice_of(self.data, at, 8, "a PNG chunk")
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            whole = slice_of(self.data, at, length + 12, "a PNG chunk")
            if not (kind.isalpha() and kind.isascii()) or kind[2] & 32:
                broken("a PNG chunk has no valid name")
            if zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
                raise Malformed(Reason.CHECKSUM, f"the checksum of a {kind.decode()} chunk")
            at += length + 12
            count += 1
            check_parts(count, self.limits)
            yield kind, whole[8:-4], whole, at

    def chunk(self, kind: bytes, body: bytes) -> bool:
        """Check one chunk; says whether a decoder needs it."""
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"acTL", b"IEND") and kind in self.seen:
            broken(f"the PNG file has {kind.decode()} twice")
        if kind == b"IDAT":
            self.image_data(body)
        elif kind == b"IHDR":
            self.header(body)
        elif kind == b"PLTE":
            self.palette(body)
        elif kind == b"tRNS":
            return self.opacity(body)
        elif kind in (b"acTL", b"fcTL", b"fdAT"):
            self.animation(kind, body)
        elif kind == b"IEND":
            if body:
                broken("the IEND chunk is not empty")
        elif not kind[0] & 32:
            broken(f"an unknown critical PNG chunk {kind.decode()}")
        else:
            if kind == b"eXIf" and self.found.orientation == 1:
                self.found.orientation = orientation_of(body.removeprefix(b"Exif\x00\x00"))
            self.found.drop(_NAMES.get(kind, kind.decode()))
            return False
        return True

    def header(self, body: bytes) -> None:
        if len(body) != 13:
            broken("the IHDR chunk has not 13 bytes")
        width, height, depth, colour, compression, method, interlace = unpack(">IIBBBBB", body)
        if depth not in _DEPTHS.get(colour, ()) or compression or method or interlace > 1:
            broken("the IHDR chunk names what PNG does not have")
        self.found.width, self.found.height = width, height
        self.found.all_pixels = check_size(width, height, self.limits)
        self.colour, self.depth, self.interlaced = colour, depth, bool(interlace)
        if depth == 16:
            self.found.drop("the low byte of 16-bit samples")

    def palette(self, body: bytes) -> None:
        if b"IDAT" in self.seen or len(body) % 3 or not 3 <= len(body) <= 768:
            broken("a PLTE chunk of a wrong length or at the wrong place")
        if self.colour in (0, 4):
            broken("a PLTE chunk in a grey picture")

    def opacity(self, body: bytes) -> bool:
        """tRNS (PNG third edition, section 11.3.2.1): of palettes a list, else one colour."""
        if b"IDAT" in self.seen or len(body) > 256:
            broken("a tRNS chunk at the wrong place or too long")
        if self.colour in (4, 6):
            self.found.drop("tRNS")
            return False
        if self.colour != 3 and len(body) != 2 * _SAMPLES[self.colour]:
            broken("a tRNS chunk of a wrong length")
        if self.colour != 3 and self.depth == 16:
            unwanted("a transparent colour of 16 bits, which 8 bits cannot tell from others")
        return True

    def key(self, body: bytes) -> bytes:
        """tRNS for a decoder that compares it with samples of 8 bits, or of 1."""
        if self.colour != 3:
            most = (1 << self.depth) - 1
            scale = 255 // most if self.depth > 1 else 1
            values = unpack(f">{len(body) // 2}H", body)
            body = pack(f">{len(values)}H", *((value & most) * scale for value in values))
        whole = b"tRNS" + body
        return pack(">I", len(body)) + whole + pack(">I", zlib.crc32(whole))

    def image_data(self, body: bytes) -> None:
        if self.colour == 3 and b"PLTE" not in self.seen:
            broken("the PNG file has no palette")
        if b"IDAT" not in self.seen:
            self.pixels = self.stream(self.found.width, self.found.height)
        elif self.seen[-1] != b"IDAT":
            broken("the IDAT chunks do not follow one another")
        self.feed(body)

    def animation(self, kind: bytes, body: bytes) -> None:
        """acTL, fcTL, fdAT (PNG third edition, section 11.3.4)."""
        if kind == b"acTL":
            frames, plays = unpack(">II", body)
            if b"IDAT" in self.seen or not frames:
                broken("an acTL chunk at the wrong place or of no frames")
            check_frames(frames, frames * self.found.all_pixels, self.limits)
            self.frames_announced = self.found.frames = frames
            self.found.all_pixels *= frames
            self.found.loops = min(plays, 0xFFFF)
            return
        if not self.frames_announced:
            broken("a frame's chunk before acTL")
        if int.from_bytes(body[:4], "big") != self.sequence:
            broken("the chunks of the animation are not in order")
        self.sequence += 1
        if kind == b"fdAT":
            if b"IDAT" not in self.seen or self.seen[-1] not in (b"fcTL", b"fdAT"):
                broken("an fdAT chunk at the wrong place")
            self.feed(body[4:])
            return
        _, width, height, left, top, delay, per, dispose, blend = unpack(">IIIIIHHBB", body)
        size = (self.found.width, self.found.height)
        if not (width and height) or left + width > size[0] or top + height > size[1]:
            broken("a frame lies outside the picture")
        if dispose > 2 or blend > 1:
            broken("an fcTL chunk names what PNG does not have")
        if b"IDAT" not in self.seen and ((width, height) != size or self.frames_begun):
            broken("the first frame is not the whole picture")
        self.frames_begun += 1
        self.found.durations_ms.append(min(delay * 1000 // (per or 100), 0xFFFF))
        if b"IDAT" in self.seen:
            self.closed()
            self.pixels = self.stream(width, height)

    def stream(self, width: int, height: int) -> "_Pixels":
        bits = _SAMPLES[self.colour] * self.depth
        passes = ((0, 0, 1, 1),) if not self.interlaced else _ADAM7
        rows = []
        for left, top, across, down in passes:
            columns, lines = -(-(width - left) // across), -(-(height - top) // down)
            if columns > 0 and lines > 0:
                rows.append((lines, 1 + (columns * bits + 7) // 8))
        return _Pixels(rows)

    def feed(self, body: bytes) -> None:
        if self.pixels is None:
            broken("pixels before their frame")
        self.pixels.feed(body)

    def closed(self) -> None:
        if self.pixels is not None:
            self.pixels.close()
            self.pixels = None
        elif b"IEND" in self.seen and b"fcTL" in self.seen:
            broken("a frame has no pixels")


class _Pixels:
    """Holds a stream of pixels to the bytes that the header announces, and rows to their filters.

    rows  (count, bytes) of each pass, the filter's byte included
    """

    def __init__(self, rows: list[tuple[int, int]]) -> None:
        self.rows = rows
        self.inflate = zlib.decompressobj()
        self.left_bytes = sum(count * size for count, size in rows)
        self.at_pass = self.at_byte = 0

    def feed(self, body: bytes) -> None:
        while body:
            try:
                piece = self.inflate.decompress(body, PIECE_BYTES)
            except zlib.error as error:
                raise Malformed(Reason.SYNTAX, "the pixels cannot be inflated") from error
            self.left_bytes -= len(piece)
            if self.left_bytes < 0:
                raise Malformed(Reason.TOO_MANY_PIXELS, "more pixels than the header announces")
            if self.inflate.unused_data:
                raise Malformed(Reason.TRAILING_DATA, "bytes follow the compressed pixels")
            self.filters(piece)
            body = self.inflate.unconsumed_tail
            if not piece and not body:
                return

    def filters(self, piece: bytes) -> None:
        while piece:
            count, size = self.rows[self.at_pass]
            here = min(len(piece), count * size - self.at_byte)
            first = -self.at_byte % size
            if piece[first:here:size].strip(b"\x00\x01\x02\x03\x04"):
                broken("a row of pixels has a filter that PNG does not have")
            self.at_byte += here
            if self.at_byte == count * size:
                self.at_pass, self.at_byte = self.at_pass + 1, 0
            piece = piece[here:]

    def close(self) -> None:
        if self.left_bytes or not self.inflate.eof:
            broken("the pixels end too early")
