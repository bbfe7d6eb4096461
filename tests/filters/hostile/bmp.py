"""Bitmaps that must not pass, and sound ones with what must not survive."""

from collections.abc import Iterator
from struct import pack, pack_into

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.visual import OTHERS, SIZE, SYNTAX, common, saved

PACKS = ("image",)
UNWANTED = ("picture-compression", "syntax")
END = ("trailing-data", "syntax")


def changed(payload: bytes, form: str, at: int, *values: int) -> bytes:
    other = bytearray(payload)
    pack_into("<" + form, other, at, *values)
    return bytes(other)


def hostile() -> Iterator[Case]:
    good = saved("BMP")
    indexed = saved("BMP", "P")
    yield from common(good, "bmp", ("image/png", "image/gif"))
    for name, payload in OTHERS.items():
        yield Case(
            f"no bitmap: {name}",
            payload,
            ("type-unknown", "size-out-of-bounds", "type-not-allowed"),
        )
    for header in (0, 12, 16, 39, 41, 64, 125, 2**31):
        yield Case(
            f"a header of {header} bytes",
            changed(good, "I", 14, header),
            (*UNWANTED, "type-not-allowed"),
        )
    for bits in (0, 2, 3, 12, 48, 64):
        yield Case(f"{bits} bits", changed(good, "H", 28, bits), UNWANTED)
    for compression in (4, 5, 7, 11, 12, 2**31):
        yield Case(f"compression {compression}", changed(good, "I", 30, compression), UNWANTED)
    yield Case("run lengths of 24 bits", changed(good, "I", 30, 1), UNWANTED)
    yield Case("two planes", changed(good, "H", 26, 2), UNWANTED)
    yield Case("no width", changed(good, "i", 18, 0), SYNTAX)
    yield Case("a negative width", changed(good, "i", 18, -48), SYNTAX)
    yield Case("no height", changed(good, "i", 22, 0), SYNTAX)
    yield Case("the smallest height", changed(good, "i", 22, -(2**31)), (*SIZE, "syntax"))
    yield Case("more rows than there are", changed(good, "i", 22, 41), SYNTAX)
    yield Case("more columns than there are", changed(good, "i", 18, 64), SYNTAX)
    yield Case("fewer rows than there are", changed(good, "i", 22, 20), END)
    yield Case("fewer columns than there are", changed(good, "i", 18, 8), END)
    yield Case("pixels within the header", changed(good, "I", 10, 20), SYNTAX)
    yield Case("pixels beyond the end", changed(good, "I", 10, 10**6), SYNTAX)
    yield Case(
        "pixels far behind the table",
        good[:54] + b"x" * 500 + changed(good, "I", 10, 554)[54:],
        END,
    )
    yield Case("a size that is larger", changed(good, "I", 2, len(good) + 100), SYNTAX)
    yield Case("a size that is smaller", changed(good, "I", 2, 100), SYNTAX)
    yield Case("257 colours", changed(indexed, "I", 46, 257), SYNTAX)
    yield Case("2^31 colours", changed(indexed, "I", 46, 2**31), SYNTAX)
    yield Case("100 colours of 256", changed(indexed, "I", 46, 100), (*SYNTAX, "trailing-data"))
    yield Case("run lengths of no size", changed(changed(indexed, "I", 30, 1), "I", 34, 0), SYNTAX)
    yield Case(
        "run lengths of 4 GB", changed(changed(indexed, "I", 30, 1), "I", 34, 2**32 - 1), SYNTAX
    )
    yield Case(
        "a size and nothing else",
        b"BM" + pack("<I", 100) + bytes(94),
        (*UNWANTED, "type-not-allowed"),
    )
    for name, size in {
        "2^31 by 2^31": (2**31 - 1, 2**31 - 1),
        "60,000 by 1": (60_000, 1),
        "1 by 60,000": (1, 60_000),
        "16,000 by 16,000": (16_000, 16_000),
    }.items():
        yield Case(f"bomb: {name}", changed(good, "ii", 18, *size), SIZE)
    runs = b"\xff\x00" * 40_000 + b"\x00\x01"
    bomb = indexed[:1078] + runs
    bomb = changed(
        changed(changed(bomb, "I", 2, len(bomb)), "II", 30, 1, len(runs)), "ii", 18, 16_000, 16_000
    )
    yield Case("bomb: run lengths of 256 million pixels", bomb, SIZE)


def sound() -> Iterator[Sound]:
    for mode in ("1", "L", "P", "RGBA"):
        yield Sound(f"mode {mode}", saved("BMP", mode))
    good = saved("BMP")
    gap = good[:54] + b"HIDDEN-GAP" + good[54:]
    yield Sound(
        "a gap before the pixels",
        changed(changed(gap, "I", 10, 64), "I", 2, len(gap)),
        (b"HIDDEN-GAP",),
    )
    long = pack("<I", 124) + good[18:54] + bytes(16) + b"DEBM" + bytes(48)
    long += pack("<IIII", 4, 124 + len(good) - 54, 14, 0)
    whole = good[:14] + long + good[54:] + b"HIDDEN-PROFILE"
    whole = changed(changed(whole, "I", 10, 138), "I", 2, len(whole))
    yield Sound("with a colour profile", whole, (b"HIDDEN-PROFILE",))
    reserved = changed(good, "HH", 6, 0x4948, 0x4444)
    yield Sound("reserved numbers that say something", reserved, (b"HIDD",))
