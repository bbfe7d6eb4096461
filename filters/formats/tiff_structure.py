"""The structure of a TIFF file, to the last byte (TIFF 6.0, Adobe 1992, and its supplements).

Takes untrusted bytes and bounds, gives a `Structure` whose `shown` is a TIFF file of our own: a
directory a page with the tags that pixels need, and the pixels. Every byte of the file must belong
to the header, one directory, one value or one strip; gaps of a few bytes and of zeros apart.
What is beside that is refused or, if the policy says so, dropped.
"""

from dataclasses import dataclass, field
from typing import Literal

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
from filters.formats.tiff_pieces import Cut, inflates, walked
from schemas.errors import Malformed
from schemas.reasons import Reason

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGERS = {1, 3, 4}
_GAP_BYTES_MAX = 24  # Pillow leaves the header of each appended page
_ENTRIES_MAX = 512
_LEVELS_MAX = 4  # a page, its smaller picture, that one's Exif, and what Exif has inside
_DIRECTORIES = {34665: "Exif", 34853: "position", 40965: "Exif", 330: "smaller pictures"}
_NAMES = {
    700: "XMP", 33723: "IPTC", 34377: "Photoshop data", 34675: "colour profile", 270: "text",
    305: "text", 306: "text", 315: "text", 316: "text", 33432: "text", 271: "text", 272: "text",
    269: "text", 285: "text", 37724: "Photoshop data", 282: "resolution", 283: "resolution",
    296: "resolution",
}  # fmt: skip
_TURNED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
WIDTH, HEIGHT, BITS, COMPRESSION, COLOURS, FILL = 256, 257, 258, 259, 262, 266
STRIPS, SAMPLES, ROWS, STRIP_BYTES, PLANAR = 273, 277, 278, 279, 284
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES = 322, 323, 324, 325
PREDICTOR, PALETTE, EXTRA, FORMAT, ORIENTATION = 317, 320, 338, 339, 274
_SHOWN = frozenset({
    WIDTH, HEIGHT, BITS, COMPRESSION, COLOURS, FILL, STRIPS, SAMPLES, ROWS, STRIP_BYTES, PLANAR,
    292, 293, PREDICTOR, PALETTE, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, 332, EXTRA, FORMAT,
    529, 530, 531, 532,
})  # fmt: skip
JPEG, JPEG_TABLES = 7, 347
_DEFLATE = {8, 32946}
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32946, 32773}
_NONE_AND_OWN = 1
_YCBCR = 6
_TOLD = {254, 255, ORIENTATION, JPEG_TABLES}  # not shown, and nothing is lost


@dataclass(slots=True)
class _Entry:
    kind: int
    count: int
    raw: bytes


@dataclass(slots=True)
class _Page:
    entries: dict[int, _Entry] = field(default_factory=dict)
    pieces: list[tuple[int, int]] = field(default_factory=list)
    walked: list[bytes] = field(default_factory=list)  # instead of the pieces, where they are JPEG


def walk(untrusted: bytes, limits: PictureLimits) -> Structure:
    """The structure of a TIFF file."""
    return _Walk(untrusted, limits).run()


class _Walk:
    """One file on its way; `taken` are the ranges that something has named."""

    def __init__(self, untrusted: bytes, limits: PictureLimits) -> None:
        self.data, self.limits = untrusted, limits
        self.found = Structure("tiff", 0, 0, frames=0)
        self.taken: list[tuple[int, int]] = [(0, 8)]
        self.visited: set[int] = set()
        self.parts = self.pieces_bytes = 0
        self.order: Literal["little", "big"] = "little"
        self.pages: list[_Page] = []

    def number(self, at: int, size: int) -> int:
        return int.from_bytes(slice_of(self.data, at, size, "a TIFF number"), self.order)

    def run(self) -> Structure:
        if self.data[:4] == b"MM\x00*":
            self.order = "big"
        elif self.data[:4] != b"II*\x00":
            broken("the file does not begin as TIFF")
        at = self.number(4, 4)
        while at:
            page, at = self.directory(at)
            self.page(page)
        if not self.pages:
            broken("the TIFF file has no page")
        self.account()
        self.found.shown = _written(self.data, self.pages, self.order)
        return self.found

    def directory(self, at: int, level: int = 1) -> tuple[_Page, int]:
        """One directory (TIFF 6.0 section 2) and where the next one is. level: 1 for a page's."""
        if level > _LEVELS_MAX:
            raise Malformed(Reason.TOO_DEEP, "TIFF directories in directories, deeper than 4")
        if at in self.visited:
            broken("the TIFF directories go round in a circle")
        self.visited.add(at)
        count = self.number(at, 2)
        self.parts += count + 1
        check_parts(self.parts, self.limits)
        if not 1 <= count <= _ENTRIES_MAX:
            broken("a TIFF directory of no or too many entries")
        self.taken.append((at, at + 2 + 12 * count + 4))
        page = _Page()
        for entry_at in range(at + 2, at + 2 + 12 * count, 12):
            tag, entry = self.number(entry_at, 2), self.entry(entry_at)
            if tag in page.entries:
                broken(f"a TIFF directory has tag {tag} twice")
            page.entries[tag] = entry
            if tag in _DIRECTORIES:
                self.inner(tag, entry, level + 1)
        return page, self.number(at + 2 + 12 * count, 4)

    def entry(self, at: int) -> _Entry:
        kind, count = self.number(at + 2, 2), self.number(at + 4, 4)
        if kind not in _SIZES:
            broken("a TIFF value of a type that TIFF does not have")
        size = _SIZES[kind] * count
        if size <= 4:
            return _Entry(kind, count, slice_of(self.data, at + 8, size, "a TIFF value"))
        start = self.number(at + 8, 4)
        raw = slice_of(self.data, start, size, "a TIFF value")
        self.taken.append((start, start + size))
        return _Entry(kind, count, raw)

    def inner(self, tag: int, entry: _Entry, level: int) -> None:
        """A directory inside a page: walked so that its bytes are known, and dropped."""
        self.found.drop(_DIRECTORIES[tag])
        for start in self.integers(entry):
            if tag == 330:
                self.thumbnails(start, level)
            else:
                self.directory(start, level)

    def thumbnails(self, start: int, level: int) -> None:
        while start:
            page, start = self.directory(start, level)
            self.taken += self.pieces(page)

    def integers(self, entry: _Entry) -> list[int]:
        size = _SIZES[entry.kind]
        if entry.kind not in (*_INTEGERS, 13) or entry.count > self.limits.parts_max:
            broken("a TIFF value of a wrong type or count")
        raw = entry.raw
        return [int.from_bytes(raw[at : at + size], self.order) for at in range(0, len(raw), size)]

    def one(self, page: _Page, tag: int, default: int | None = None) -> int:
        if tag not in page.entries:
            if default is None:
                broken(f"a TIFF page has no tag {tag}")
            return default
        values = self.integers(page.entries[tag])
        if not values:
            broken(f"the TIFF tag {tag} is empty")
        return values[0]

    def pieces(self, page: _Page) -> list[tuple[int, int]]:
        """Where strips or tiles begin and end."""
        tiled = TILES in page.entries
        starts_tag, sizes_tag = (TILES, TILE_BYTES) if tiled else (STRIPS, STRIP_BYTES)
        if not {starts_tag, sizes_tag} <= page.entries.keys():
            return []
        starts = self.integers(page.entries[starts_tag])
        sizes = self.integers(page.entries[sizes_tag])
        if len(starts) != len(sizes):
            broken("a TIFF page has not as many sizes as strips")
        self.parts += len(starts)
        check_parts(self.parts, self.limits)
        self.pieces_bytes += sum(sizes)
        if self.pieces_bytes > len(self.data):  # each is copied, and some are decoded, for itself
            broken("the strips of the TIFF file are longer than the file")
        for start, size in zip(starts, sizes, strict=True):
            slice_of(self.data, start, size, "a strip")
        return [(start, start + size) for start, size in zip(starts, sizes, strict=True)]

    def page(self, page: _Page) -> None:
        width, height = self.one(page, WIDTH), self.one(page, HEIGHT)
        pixels = check_size(width, height, self.limits)
        found = self.found
        if not self.pages:
            found.width, found.height = width, height
            found.orientation = self.orientation(page)
        elif self.orientation(page) != found.orientation:
            broken("TIFF pages that are turned differently")
        found.frames += 1
        found.all_pixels += pixels
        check_frames(found.frames, found.all_pixels, self.limits)
        self.samples(page)
        page.pieces = self.pieces(page)
        if len(page.pieces) != self.pieces_due(page, width, height):
            broken("a TIFF page has not as many strips or tiles as its size needs")
        self.compressed(page, width, height)
        self.taken += page.pieces
        self.pages.append(page)
        for tag in page.entries.keys() - _SHOWN - _DIRECTORIES.keys() - _TOLD:
            found.drop(_NAMES.get(tag, "other tags"))

    def orientation(self, page: _Page) -> int:
        value = self.one(page, ORIENTATION, 1)
        return value if 1 <= value <= 8 else 1

    def samples(self, page: _Page) -> None:
        samples = self.one(page, SAMPLES, 1)
        entry = page.entries.get(BITS)
        bits = set(self.integers(entry)) if entry else {1}
        formats = set(self.integers(page.entries[FORMAT])) if FORMAT in page.entries else {1}
        if not 1 <= samples <= 5 or len(bits) != 1 or not bits <= {1, 2, 4, 8, 16}:
            unwanted("a TIFF page of a depth or a number of samples that is not taken")
        if not formats <= {1, 4}:
            unwanted("a TIFF page of signed or floating-point samples")
        if self.one(page, COMPRESSION, 1) not in _COMPRESSIONS:
            unwanted("a TIFF compression that is not taken")
        if self.one(page, PLANAR, 1) not in (1, 2) or self.one(page, COLOURS) > 6:
            unwanted("a TIFF page of colours that are not taken")
        if bits == {16}:
            self.found.drop("the low byte of 16-bit samples")

    def pieces_due(self, page: _Page, width: int, height: int) -> int:
        planes = self.one(page, SAMPLES, 1) if self.one(page, PLANAR, 1) == 2 else 1
        if TILES in page.entries:
            across, down = self.one(page, TILE_WIDTH), self.one(page, TILE_HEIGHT)
            if STRIPS in page.entries or not (across and down) or across % 16 or down % 16:
                broken("TIFF tiles of a wrong size")
            if across > 2 * width + 512 or down > 2 * height + 512:
                raise Malformed(Reason.TOO_MANY_PIXELS, "TIFF tiles larger than their page")
            return -(-width // across) * -(-height // down) * planes
        rows = self.one(page, ROWS, height)
        if not rows:
            broken("TIFF strips of no rows")
        return -(-height // min(rows, height)) * planes

    def compressed(self, page: _Page, width: int, height: int) -> None:
        """What a piece must hold, by the way it is compressed."""
        way, colours = self.one(page, COMPRESSION, 1), self.one(page, COLOURS)
        if way == _NONE_AND_OWN:
            self.uncompressed(page, width, height)
        if way != JPEG and (way not in _DEFLATE or colours == _YCBCR):
            return
        planar, samples = self.one(page, PLANAR, 1) == 2, self.one(page, SAMPLES, 1)
        if planar and colours == _YCBCR:
            unwanted("a TIFF page of JPEG planes of several sizes")
        tiled = TILES in page.entries
        cut = Cut(
            self.one(page, TILE_WIDTH) if tiled else width,
            self.one(page, TILE_HEIGHT) if tiled else min(self.one(page, ROWS, height), height),
            height, tiled, 1 if planar else samples,
            self.integers(page.entries[BITS])[0] if BITS in page.entries else 1,
        )  # fmt: skip
        pieces = [self.data[start:end] for start, end in page.pieces]
        if way == JPEG:
            tables = page.entries[JPEG_TABLES].raw if JPEG_TABLES in page.entries else b""
            page.walked = walked(pieces, tables, cut, self.limits, self.found)
            return
        if self.one(page, FILL, 1) == 2:
            pieces = [piece.translate(_TURNED_BITS) for piece in pieces]
        inflates(pieces, cut, self.limits)

    def uncompressed(self, page: _Page, width: int, height: int) -> None:
        """The bytes of strips that are not compressed follow from the page's size."""
        if TILES in page.entries or self.one(page, COLOURS) == 6:
            return
        samples = self.one(page, SAMPLES, 1)
        bits = self.integers(page.entries[BITS])[0] if BITS in page.entries else 1
        planes = samples if self.one(page, PLANAR, 1) == 2 else 1
        due = (width * bits * (samples // planes) + 7) // 8 * height * planes
        has = sum(end - start for start, end in page.pieces)
        if has < due:
            broken("the strips of a TIFF page are shorter than its size needs")
        if has > due and not self.limits.drop_trailing:
            raise Malformed(Reason.TRAILING_DATA, "the strips of a TIFF page are too long")

    def account(self) -> None:
        """Every byte belongs to one thing alone, but for small gaps."""
        end = 0
        unnamed = 0
        for start, stop in sorted(set(self.taken)):
            if start < end and stop > start:
                broken("two parts of the TIFF file lie over one another")
            if start - end > _GAP_BYTES_MAX and self.data[end:start].strip(b"\x00"):
                unnamed += start - end
            end = max(end, stop)
        if unnamed and not self.limits.drop_trailing:
            raise Malformed(Reason.TRAILING_DATA, f"{unnamed} bytes that no TIFF directory names")
        if unnamed:
            self.found.drop("bytes that no directory names")
        if 0 < len(self.data) - end <= _GAP_BYTES_MAX and not self.data[end:].strip(b"\x00"):
            end = len(self.data)
        check_end(self.data, end, self.found, self.limits)


def _longs(values: list[int], order: Literal["little", "big"]) -> _Entry:
    return _Entry(4, len(values), b"".join(value.to_bytes(4, order) for value in values))


def _written(data: bytes, pages: list[_Page], order: Literal["little", "big"]) -> bytes:
    """A TIFF file of these pages, with the tags that pixels need and no others."""
    out = bytearray(b"II*\x00" if order == "little" else b"MM\x00*") + bytearray(4)
    link = 4
    for page in pages:
        starts = []
        pieces = page.walked or [data[start:stop] for start, stop in page.pieces]
        for piece in pieces:
            starts.append(len(out))
            out += piece + bytes(len(piece) % 2)
        tags = {tag: page.entries[tag] for tag in sorted(page.entries.keys() & _SHOWN)}
        where, sizes = (TILES, TILE_BYTES) if TILES in tags else (STRIPS, STRIP_BYTES)
        tags[where] = _longs(starts, order)
        tags[sizes] = _longs([len(piece) for piece in pieces], order)
        values = {}
        for tag, entry in tags.items():
            if len(entry.raw) > 4:
                values[tag] = len(out).to_bytes(4, order)
                out += entry.raw + bytes(len(entry.raw) % 2)
            else:
                values[tag] = entry.raw.ljust(4, b"\x00")
        out[link : link + 4] = len(out).to_bytes(4, order)
        out += len(tags).to_bytes(2, order)
        for tag in sorted(tags):
            entry = tags[tag]
            out += tag.to_bytes(2, order) + entry.kind.to_bytes(2, order)
            out += entry.count.to_bytes(4, order) + values[tag]
        link = len(out)
        out += bytes(4)
    return bytes(out)
