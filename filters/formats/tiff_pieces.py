"""Strips and tiles of a TIFF page that are files of their own: JPEG and deflate (TIFF 6.0, TTN2).

Takes the pieces of a page and how it is cut, gives what a decoder is shown of each or raises
`Malformed`. A JPEG in a TIFF is held to what a JPEG file is held to; what is deflated inflates to
exactly the bytes that the page's size needs, and is not kept.
"""

import zlib
from dataclasses import dataclass, replace

from filters.formats import jpeg_structure
from filters.formats.picture_structure import PictureLimits, Structure, broken
from schemas.errors import Malformed
from schemas.reasons import Reason

PADDING_BYTES_MAX = 24
_INFLATED_BYTES = 1 << 18
_TABLES_BYTES_MAX = 4096  # four tables of steps and eight of codes have less than 2,800


@dataclass(frozen=True, slots=True)
class Cut:
    """How a page is cut into pieces.

    width, rows  of a piece, in pixels
    height       of the page
    tiled        the last row of pieces is as high as the others
    samples      of a pixel in one piece: 1 where each plane has its own
    bits         of a sample
    """

    width: int
    rows: int
    height: int
    tiled: bool
    samples: int
    bits: int

    def rows_due(self, at: int) -> tuple[int, int]:
        """The fewest and the most rows that piece `at` may have."""
        down = -(-self.height // self.rows)
        if self.tiled or at % down < down - 1:
            return self.rows, self.rows
        return self.height - (down - 1) * self.rows, self.rows


def walked(
    pieces: list[bytes], tables: bytes, cut: Cut, limits: PictureLimits, found: Structure
) -> list[bytes]:
    """Each piece as a JPEG file of its own, tables (tag 347) included."""
    if tables and not (
        len(tables) <= _TABLES_BYTES_MAX and tables[:2] + tables[-2:] == b"\xff\xd8\xff\xd9"
    ):
        broken("the JPEG tables of a TIFF page are none")
    shown, parts = [], 0
    for at, piece in enumerate(pieces):
        body = _unpadded(piece)
        if tables and body[:2] == b"\xff\xd8":
            body = tables[:-2] + body[2:]
        inner = jpeg_structure.walk(body, replace(limits, parts_max=limits.parts_max - parts))
        parts += inner.parts
        fewest, most = cut.rows_due(at)
        if inner.width != cut.width or not fewest <= inner.height <= most:
            broken("a JPEG in a TIFF of another size than its strip or tile")
        if inner.colours != cut.samples:
            broken("a JPEG in a TIFF of another number of components than its page has samples")
        for name in inner.dropped:
            found.drop(name)
        shown.append(inner.shown)
    return shown


def inflates(pieces: list[bytes], cut: Cut, limits: PictureLimits) -> None:
    """Return if each piece inflates to the bytes of its rows, no more and no less."""
    row_bytes = (cut.width * cut.bits * cut.samples + 7) // 8
    for at, piece in enumerate(pieces):
        fewest, most = cut.rows_due(at)
        has, behind = _inflated_bytes(piece, most * row_bytes)
        if has > most * row_bytes:
            raise Malformed(Reason.TOO_MANY_PIXELS, "a strip inflates to more than its size needs")
        if has < fewest * row_bytes:
            broken("a strip inflates to less than its size needs")
        if behind and not limits.drop_trailing:
            raise Malformed(Reason.TRAILING_DATA, "bytes follow the compressed pixels of a strip")


def _inflated_bytes(piece: bytes, most: int) -> tuple[int, bool]:
    """How many bytes it inflates to, counted to just beyond `most`, and whether more follows."""
    inflate = zlib.decompressobj()
    has, body = 0, piece
    try:
        while body and has <= most and not inflate.eof:
            has += len(inflate.decompress(body, _INFLATED_BYTES))
            body = inflate.unconsumed_tail
        if not inflate.eof and has <= most:
            has += len(inflate.flush(_INFLATED_BYTES))
    except zlib.error as error:
        raise Malformed(Reason.SYNTAX, "a strip cannot be inflated") from error
    return has, bool(_unpadded(inflate.unused_data))


def _unpadded(piece: bytes) -> bytes:
    """Without the few zeros that fill up a word or more."""
    bare = piece.rstrip(b"\x00")
    return bare if len(piece) - len(bare) <= PADDING_BYTES_MAX else piece
