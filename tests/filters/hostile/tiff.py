"""TIFF files that must not pass, and sound ones with much that must not survive."""

import io
import zlib
from collections.abc import Iterator
from struct import pack, pack_into
from typing import Any

from PIL import Image, TiffImagePlugin

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.visual import OTHERS, SIZE, SYNTAX, common, pixels, saved

PACKS = ("image",)
UNWANTED = ("picture-compression", "syntax")
Entries = dict[int, tuple[int, list[int]]]
KINDS = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
BASE: Entries = {
    256: (3, [8]),
    257: (3, [4]),
    258: (3, [8]),
    259: (3, [1]),
    262: (3, [1]),
    273: (4, [8]),
    277: (3, [1]),
    278: (3, [4]),
    279: (4, [32]),
}
PIXELS = bytes(range(32))


def tiff(
    changes: Entries | None = None,
    pixels_of: bytes = PIXELS,
    without: tuple[int, ...] = (),
    more: bytes = b"",
    following: int = 0,
) -> bytes:
    """A grey picture of 8 by 4 with some entries changed: pixels, values, directory."""
    entries = {tag: entry for tag, entry in (BASE | (changes or {})).items() if tag not in without}
    out = bytearray(b"II*\x00" + bytes(4) + pixels_of + more)
    raws: dict[int, bytes] = {}
    for tag, (kind, values) in sorted(entries.items()):
        raw = pack(f"<{len(values)}{KINDS.get(kind, 'I')}", *values)
        if len(raw) > 4:
            out += bytes(len(out) % 2)
            raws[tag] = pack("<I", len(out))
            out += raw
        else:
            raws[tag] = raw.ljust(4, b"\x00")
    out += bytes(len(out) % 2)
    pack_into("<I", out, 4, len(out))
    out += pack("<H", len(entries))
    for tag, (kind, values) in sorted(entries.items()):
        out += pack("<HHI", tag, kind, len(values)) + raws[tag]
    return bytes(out + pack("<I", following))


def one(tag: int, value: int, kind: int = 3) -> Entries:
    return {tag: (kind, [value])}


def hostile() -> Iterator[Case]:
    for case in common(tiff(), "tiff", ("image/png", "image/webp")):
        if case.name != "one zero byte behind the picture":  # fills up a word, as TIFF has it
            yield case
    for name, payload in OTHERS.items():
        yield Case(
            f"no TIFF: {name}", payload, ("type-unknown", "size-out-of-bounds", "type-not-allowed")
        )
    yield from _directories()
    yield from _pages()
    yield from _pieces()
    yield from _bombs()


def _directories() -> Iterator[Case]:
    good = tiff()
    where = int.from_bytes(good[4:8], "little")

    def at(place: int, value: int, form: str = "I") -> bytes:
        other = bytearray(good)
        pack_into("<" + form, other, place, value)
        return bytes(other)

    after = len(good) - 4
    yield Case(
        "BigTIFF", b"II+\x00\x08\x00\x00\x00" + bytes(64), ("type-unknown", "type-not-allowed")
    )
    yield Case("big-endian mark, little-endian file", b"MM\x00*" + good[4:], SYNTAX)
    yield Case("no directory", at(4, 0), SYNTAX)
    yield Case("a directory beyond the end", at(4, 10**6), SYNTAX)
    yield Case(
        "a directory at the header", at(4, 0, "I")[:4] + b"\x01\x00\x00\x00" + good[8:], SYNTAX
    )
    yield Case("a directory of no entries", at(where, 0, "H"), SYNTAX)
    yield Case(
        "a directory of 65,535 entries", at(where, 65_535, "H"), (*SYNTAX, "too-many-elements")
    )
    yield Case("a circle of one", at(after, where), SYNTAX)
    yield Case("a next directory beyond the end", at(after, 10**6), SYNTAX)
    yield Case("a next directory within the pixels", at(after, 8), (*SYNTAX, "too-many-elements"))
    yield Case("an entry twice", at(where + 14, 256, "H"), SYNTAX)
    yield Case("a type 99", at(where + 4, 99, "H"), SYNTAX)
    yield Case("a type 0", at(where + 4, 0, "H"), SYNTAX)
    yield Case("a count of 2^32", at(where + 6, 2**32 - 1), SYNTAX)
    yield Case(
        "an inner directory in a circle",
        tiff({34665: (4, [where + 12])}),
        (*SYNTAX, "too-many-elements"),
    )
    yield Case("an inner directory beyond the end", tiff({34665: (4, [10**6])}), SYNTAX)
    yield Case("900 directories in one another", _nested(900), ("too-deep",))
    yield Case("smaller pictures beyond the end", tiff({330: (4, [10**6, 10**7])}), SYNTAX)
    yield Case("hidden bytes between", tiff(more=b"HIDDEN" * 100), ("trailing-data",))
    yield Case("a program between", tiff(more=b"\x7fELF" + bytes(range(1, 99))), ("trailing-data",))


def _nested(levels: int) -> bytes:
    out = b"II*\x00" + pack("<I", 8)
    for _ in range(levels):
        out += pack("<HHHII", 1, 34665, 4, 1, len(out) + 18) + bytes(4)
    return out + pack("<HHHII", 1, 256, 4, 1, 1) + bytes(4)


def _pages() -> Iterator[Case]:
    for tag in (256, 257, 262, 273, 279):
        yield Case(f"no tag {tag}", tiff(without=(tag,)), SYNTAX)
    for name, changes, reasons in (
        ("no width", one(256, 0), SYNTAX),
        ("no height", one(257, 0), SYNTAX),
        ("a width of characters", {256: (2, [65, 66])}, SYNTAX),
        ("3 bits", one(258, 3), UNWANTED),
        ("32 bits", one(258, 32), UNWANTED),
        ("depths that differ", {258: (3, [8, 16])}, UNWANTED),
        ("no samples", one(277, 0), UNWANTED),
        ("200 samples", one(277, 200), UNWANTED),
        ("floating point", one(339, 3), UNWANTED),
        ("signed", one(339, 2), UNWANTED),
        ("colours 9", one(262, 9), UNWANTED),
        ("colours 32803", one(262, 32_803), UNWANTED),
        ("planes 3", one(284, 3), UNWANTED),
        ("old JPEG", one(259, 6), UNWANTED),
        ("compression 34712", one(259, 34_712), UNWANTED),
        ("compression 65000", one(259, 65_000), UNWANTED),
        ("compression 50001", one(259, 50_001), UNWANTED),
        ("strips of no rows", one(278, 0), SYNTAX),
        ("a strip beyond the end", one(273, 10**6, 4), SYNTAX),
        ("a strip over the header", one(273, 0, 4), SYNTAX),
        ("a strip too long", one(279, 2**31, 4), SYNTAX),
        ("a strip too short", one(279, 16, 4), (*SYNTAX, "trailing-data")),
        ("two places, one size", {273: (4, [8, 24])}, SYNTAX),
        (
            "two strips over one another",
            {273: (4, [8, 9]), 279: (4, [16, 16]), 278: (3, [2])},
            SYNTAX,
        ),
        ("one strip of two", {278: (3, [2])}, SYNTAX),
        (
            "strips and tiles",
            {322: (3, [16]), 323: (3, [16]), 324: (4, [8]), 325: (4, [32])},
            SYNTAX,
        ),
        ("LZW that is none", one(259, 5), SYNTAX),
        ("deflate that is none", one(259, 8), SYNTAX),
        ("JPEG that is none", one(259, 7), SYNTAX),
        ("fax that is none", {259: (3, [4]), 258: (3, [1])}, SYNTAX),
    ):
        yield Case(f"page: {name}", tiff(changes), reasons)


def piece_of(way: int, piece: bytes, more: Entries | None = None) -> bytes:
    """The picture of 8 by 4 as one piece that is compressed somehow."""
    sizes = {259: (3, [way]), 279: (4, [len(piece)]), 273: (4, [8])}
    return tiff(sizes | (more or {}), piece + bytes(len(piece) % 2))


def jpeg(**options: Any) -> bytes:
    kept = io.BytesIO()
    Image.frombytes("L", (8, 4), PIXELS).save(kept, "JPEG", **options)
    return kept.getvalue()


def _pieces() -> Iterator[Case]:
    good = jpeg()
    frame = good.index(b"\xff\xc0")
    turned = good[: frame + 1] + b"\xc9" + good[frame + 2 :]
    wider = good[: frame + 7] + b"\x00\x10" + good[frame + 9 :]
    higher = good[: frame + 5] + b"\x00\x08" + good[frame + 7 :]
    steps = jpeg(progressive=True)
    scan = steps[steps.rindex(b"\xff\xda") : -2]
    for name, piece, reasons in (
        ("arithmetic-coded", turned, UNWANTED),
        ("bytes behind it", good + b"HIDDEN" * 9, ("trailing-data",)),
        ("wider than its strip", wider, SYNTAX),
        ("higher than its strip", higher, SYNTAX),
        ("60 scans", steps[:-2] + scan * 60 + b"\xff\xd9", ("too-many-elements",)),
        ("cut", good[:-9], SYNTAX),
    ):
        yield Case(f"JPEG: {name}", piece_of(7, piece), reasons)
    colour = saved("JPEG")
    yield Case(
        "JPEG: of other samples", piece_of(7, colour, {256: (3, [48]), 257: (3, [40])}), SYNTAX
    )
    for name, tables in (("no tables", b"HIDDEN" * 9), ("long tables", good[:2] * 4000)):
        yield Case(f"JPEG: {name}", piece_of(7, good, {347: (7, list(tables))}), SYNTAX)
    for way in (8, 32946):
        for name, piece, reasons in (
            ("more", zlib.compress(PIXELS + b"HIDDEN"), ("too-many-pixels",)),
            ("200 MB more", zlib.compress(bytes(200 << 20), 9), ("too-many-pixels",)),
            ("less", zlib.compress(PIXELS[:-1]), SYNTAX),
            ("bytes behind", zlib.compress(PIXELS) + b"HIDDEN" * 9, ("trailing-data",)),
        ):
            yield Case(f"deflate {way}: {name}", piece_of(way, piece), reasons)


def _bombs() -> Iterator[Case]:
    lines: Entries = {257: (3, [8_000]), 278: (3, [1]), 259: (3, [5])}
    lines |= {273: (4, [8] * 8_000), 279: (4, [1 << 20] * 8_000)}
    yield Case("bomb: 8,000 strips that are one of 1 MB", tiff(lines, bytes(1 << 20)), SYNTAX)
    tiles: Entries = {322: (4, [1 << 20]), 323: (4, [1 << 20]), 324: (4, [8]), 325: (4, [32])}
    yield Case("bomb: a tile of 2^40 pixels", tiff(tiles, without=(273, 279, 278)), SIZE)
    for name, width, height in (
        ("2^31 by 2^31", 2**31, 2**31),
        ("60,000 by 1", 60_000, 1),
        ("16,000 by 16,000", 16_000, 16_000),
    ):
        changes: Entries = {
            256: (4, [width]),
            257: (4, [height]),
            278: (4, [height]),
            259: (3, [8]),
        }
        yield Case(f"bomb: {name}", tiff(changes), SIZE)
    yield Case(
        "bomb: a million strips",
        tiff({273: (4, [8] * 70_000), 279: (4, [0] * 70_000)}),
        (*SYNTAX, "too-many-elements"),
    )
    frames = [Image.new("1", (8, 8))] * 300
    kept = io.BytesIO()
    frames[0].save(kept, "TIFF", save_all=True, append_images=frames[1:])
    yield Case("bomb: 300 pages", kept.getvalue(), ("too-many-frames",))
    frames = [Image.new("1", (4_000, 4_000))] * 4
    kept = io.BytesIO()
    frames[0].save(kept, "TIFF", save_all=True, append_images=frames[1:], compression="group4")
    yield Case("bomb: 4 pages of 16 million pixels", kept.getvalue(), SIZE)


def sound() -> Iterator[Sound]:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (270, 305, 315, 33432):
        tags[tag] = "HIDDEN-TEXT"
    tags[700] = b"<x>HIDDEN-XMP</x>"
    tags.tagtype[700] = 1
    tags[65_001] = "HIDDEN-PRIVATE"
    tags.tagtype[65_001] = 2
    packed = saved("TIFF", tiffinfo=tags, icc_profile=b"HIDDEN-PROFILE", dpi=(300, 300))
    yield Sound(
        "with all metadata",
        packed,
        (b"HIDDEN-TEXT", b"HIDDEN-XMP", b"HIDDEN-PRIVATE", b"HIDDEN-PROFILE"),
    )
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16"):
        yield Sound(f"mode {mode}", saved("TIFF", mode))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield Sound(f"compression {compression}", saved("TIFF", compression=compression))
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield Sound(f"compression {compression}", saved("TIFF", "1", compression=compression))
    for padding in (0, 1, 3):
        piece = zlib.compress(PIXELS) + bytes(padding)
        yield Sound(f"deflate with {padding} zeros behind", piece_of(8, piece))
    told = jpeg(comment=b"HIDDEN-COMMENT")
    yield Sound("a JPEG with a comment", piece_of(7, told), (b"HIDDEN-COMMENT",))
    for turned in range(1, 9):
        yield Sound(f"orientation {turned}", tiff(one(274, turned)))
    frames = [Image.fromarray(pixels(40 + 8 * turn)) for turn in range(4)]
    kept = io.BytesIO()
    frames[0].save(kept, "TIFF", save_all=True, append_images=frames[1:])
    yield Sound("pages of several sizes", kept.getvalue())
    yield Sound("big-endian", saved("TIFF", big_tiff=False))
