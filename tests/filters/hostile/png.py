"""PNG files that must not pass, and sound ones with much that must not survive."""

import io
import zlib
from collections.abc import Iterator
from struct import pack

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.visual import (
    BROKEN,
    OTHERS,
    SIZE,
    SYNTAX,
    TRAILING,
    common,
    pixels,
    saved,
)
from tests.filters.hostile.visual import png_chunk as chunk

PACKS = ("image",)
NO_HEADER = ("syntax", "type-not-allowed")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = chunk(b"IEND", b"")
WIDTH, HEIGHT = 4, 3
ROWS = (b"\x00" + bytes(WIDTH)) * HEIGHT


def header(
    width: int = WIDTH, height: int = HEIGHT, rest: bytes = b"\x08\x00\x00\x00\x00"
) -> bytes:
    return chunk(b"IHDR", pack(">II", width, height) + rest)


def data(rows: bytes = ROWS) -> bytes:
    return chunk(b"IDAT", zlib.compress(rows))


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks)


def frame(sequence: int, width: int, height: int, x: int = 0, dispose: int = 0) -> bytes:
    return chunk(b"fcTL", pack(">IIIIIHHBB", sequence, width, height, x, 0, 1, 10, dispose, 0))


def hostile() -> Iterator[Case]:
    yield from common(saved("PNG"), "png", ("image/jpeg", "image/bmp"))
    for name, payload in OTHERS.items():
        yield Case(
            f"no PNG: {name}", payload, ("type-unknown", "size-out-of-bounds", "type-not-allowed")
        )
    yield from _headers()
    yield from _chunks()
    yield from _streams()
    yield from _animations()


def _headers() -> Iterator[Case]:
    size = pack(">II", WIDTH, HEIGHT)
    for name, rest in {
        "depth 3": b"\x03\x00\x00\x00\x00",
        "depth 32": b"\x20\x02\x00\x00\x00",
        "colour 1": b"\x08\x01\x00\x00\x00",
        "colour 5": b"\x08\x05\x00\x00\x00",
        "a palette of 16 bits": b"\x10\x03\x00\x00\x00",
        "compression 1": b"\x08\x00\x01\x00\x00",
        "filter 1": b"\x08\x00\x00\x01\x00",
        "interlace 2": b"\x08\x00\x00\x00\x02",
    }.items():
        yield Case(f"header: {name}", png(header(rest=rest), data(), END), SYNTAX)
    yield Case("header: no width", png(header(0), data(), END), SYNTAX)
    yield Case("header: no height", png(header(4, 0), data(), END), SYNTAX)
    yield Case("header: short", png(chunk(b"IHDR", size), data(), END), NO_HEADER)
    yield Case("header: long", png(chunk(b"IHDR", size + bytes(9)), data(), END), NO_HEADER)
    yield Case(
        "bomb: 2 thousand million pixels a side",
        png(header(2**31 - 1, 2**31 - 1), data(), END),
        SIZE,
    )
    yield Case("bomb: 100,000 by 100,000", png(header(100_000, 100_000), data(), END), SIZE)
    yield Case("bomb: one row too wide", png(header(20_000, 1), data(), END), SIZE)
    wide = zlib.compress(bytes(8_001 * 8_000), 9)
    yield Case(
        "bomb: 64 million pixels in 60 KB",
        png(header(8_000, 8_000), chunk(b"IDAT", wide), END),
        SIZE,
    )


def _chunks() -> Iterator[Case]:
    yield Case("no header", png(data(), END), NO_HEADER)
    yield Case("no pixels", png(header(), END), SYNTAX)
    yield Case("no end", png(header(), data()), SYNTAX)
    yield Case("two headers", png(header(), header(), data(), END), SYNTAX)
    yield Case("an end that is not empty", png(header(), data(), chunk(b"IEND", b"x")), SYNTAX)
    yield Case("an unknown critical chunk", png(header(), chunk(b"EVIL", b""), data(), END), SYNTAX)
    yield Case("a reserved bit", png(header(), chunk(b"tesT", b""), data(), END), SYNTAX)
    yield Case("a name with a digit", png(header(), chunk(b"te5T", b""), data(), END), SYNTAX)
    bad = bytearray(png(header(), data(), END))
    bad[29] ^= 1
    yield Case("a wrong checksum", bytes(bad), ("checksum",))
    bad = bytearray(saved("PNG"))
    bad[len(bad) // 2] ^= 0x10
    yield Case("one bit of the pixels turned", bytes(bad), BROKEN)
    yield Case(
        "a chunk longer than the file", png(header(), pack(">I", 2**31 - 1) + b"IDAT"), SYNTAX
    )
    yield Case(
        "a chunk of 4 GB", png(header(), pack(">I", 2**32 - 1) + b"IDAT" + bytes(64)), SYNTAX
    )
    yield Case(
        "pixels in two places",
        png(header(), data(), chunk(b"tEXt", b"a\x00b"), data(), END),
        SYNTAX,
    )
    yield Case(
        "palette after the pixels", png(header(), data(), chunk(b"PLTE", bytes(3)), END), SYNTAX
    )
    yield Case(
        "palette in a grey picture", png(header(), chunk(b"PLTE", bytes(3)), data(), END), SYNTAX
    )
    indexed = header(rest=b"\x08\x03\x00\x00\x00")
    yield Case("no palette", png(indexed, data(), END), SYNTAX)
    yield Case("an odd palette", png(indexed, chunk(b"PLTE", bytes(4)), data(), END), SYNTAX)
    yield Case("a palette of 257", png(indexed, chunk(b"PLTE", bytes(771)), data(), END), SYNTAX)
    yield Case("opacity too long", png(header(), chunk(b"tRNS", bytes(300)), data(), END), SYNTAX)
    yield Case("opacity of colours in grey", png(header(), chunk(b"tRNS", bytes(6)), data(), END),
               SYNTAX)  # fmt: skip
    wide = header(rest=b"\x10\x00\x00\x00\x00")
    rows = data((b"\x00" + bytes(2 * WIDTH)) * HEIGHT)
    yield Case("a transparent grey of 16 bits", png(wide, chunk(b"tRNS", bytes(2)), rows, END),
               ("picture-compression",))  # fmt: skip
    many = b"".join(chunk(b"tEXt", b"a\x00b") for _ in range(33_000))
    yield Case("33,000 chunks", png(header(), many, data(), END), ("too-many-elements",))


def _streams() -> Iterator[Case]:
    def case(name: str, stream: bytes, reasons: tuple[str, ...]) -> Case:
        return Case(f"stream: {name}", png(header(), chunk(b"IDAT", stream), END), reasons)

    good = zlib.compress(ROWS)
    yield case("empty", b"", SYNTAX)
    yield case("no zlib", b"\x00" * 20, SYNTAX)
    yield case("cut", good[:-5], SYNTAX)
    yield case("without its checksum", good[:-4], SYNTAX)
    yield case("a wrong checksum", good[:-1] + b"\x00", SYNTAX)
    yield case("bytes behind", good + b"hidden", TRAILING)
    yield case("a second stream behind", good + good, TRAILING)
    yield case("a row too few", zlib.compress(ROWS[:-5]), SYNTAX)
    yield case("a byte too many", zlib.compress(ROWS + b"\x00"), SIZE)
    yield case("filter 5", zlib.compress(b"\x05" + ROWS[1:]), SYNTAX)
    yield case("filter 255 in the last row", zlib.compress(ROWS[:-5] + b"\xff" + bytes(4)), SYNTAX)
    yield case("bomb: 200 MB for 12 pixels", zlib.compress(bytes(200 << 20), 9), SIZE)
    yield case("a dictionary", b"\x78\xbb" + good[2:], SYNTAX)
    adam = png(header(rest=b"\x08\x00\x00\x00\x01"), data(), END)
    yield Case("stream: interlaced, rows of the other kind", adam, (*SYNTAX, *SIZE))


def _animations() -> Iterator[Case]:
    control = chunk(b"acTL", pack(">II", 2, 0))
    more = chunk(b"fdAT", pack(">I", 2) + zlib.compress(ROWS))
    good = [header(), control, frame(0, 4, 3), data(), frame(1, 4, 3), more, END]

    def case(name: str, at: int, other: bytes, reasons: tuple[str, ...] = SYNTAX) -> Case:
        return Case(f"animation: {name}", png(*good[:at], other, *good[at + 1 :]), reasons)

    yield case("3 frames said, 2 there", 1, chunk(b"acTL", pack(">II", 3, 0)))
    yield case("no frames", 1, chunk(b"acTL", pack(">II", 0, 0)))
    yield case(
        "a million frames", 1, chunk(b"acTL", pack(">II", 1_000_000, 0)), ("too-many-frames",)
    )
    yield case("out of order", 4, frame(7, 4, 3))
    yield case("outside the picture", 4, frame(1, 4, 3, x=1))
    yield case("of no width", 4, frame(1, 0, 3))
    yield case("disposal 3", 4, frame(1, 4, 3, dispose=3))
    yield case(
        "a frame's pixels too few", 5, chunk(b"fdAT", pack(">I", 2) + zlib.compress(ROWS[:5]))
    )
    yield case("frame data without a frame", 4, b"", SYNTAX)
    yield case("a short control", 4, chunk(b"fcTL", bytes(5)))
    yield case("a first frame of another size", 2, frame(0, 2, 3))
    yield case("no control at the beginning", 1, b"")


def sound() -> Iterator[Sound]:
    info = PngInfo()
    info.add_text("Comment", "HIDDEN-TEXT-ONE")
    info.add_text("Packed", "HIDDEN-TEXT-TWO " * 40, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>HIDDEN-XMP</x:xmpmeta>")
    info.add(b"prVt", b"HIDDEN-PRIVATE")
    exif = Image.Exif()
    exif[0x010E] = "HIDDEN-EXIF"
    packed = saved(
        "PNG", pnginfo=info, exif=exif, icc_profile=b"HIDDEN-PROFILE" * 9, dpi=(300, 300)
    )
    yield Sound(
        "with text, Exif, profile and a private chunk",
        packed,
        (
            b"HIDDEN-TEXT-ONE",
            b"HIDDEN-XMP",
            b"HIDDEN-PRIVATE",
            b"HIDDEN-EXIF",
            b"zTXt",
            b"iCCP",
            b"pHYs",
        ),
    )
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
        yield Sound(f"mode {mode}", saved("PNG", mode))
    for level in (0, 9):
        yield Sound(f"level {level}", saved("PNG", compress_level=level))
    hidden = Image.fromarray(pixels()).convert("RGBA")
    hidden.putalpha(0)
    kept = io.BytesIO()
    hidden.save(kept, "PNG", compress_level=0)
    yield Sound("colours that nobody sees", kept.getvalue())
    frames = [Image.fromarray(pixels()).rotate(20 * turn) for turn in range(3)]
    kept = io.BytesIO()
    frames[0].save(
        kept, "PNG", save_all=True, append_images=frames[1:], duration=[50, 70, 90], loop=2
    )
    yield Sound("an animation", kept.getvalue())
    many = b"".join(
        chunk(b"IDAT", zlib.compress(ROWS)[at : at + 1]) for at in range(len(zlib.compress(ROWS)))
    )
    yield Sound("a byte a chunk, and empty ones", png(header(), chunk(b"IDAT", b""), many, END))
