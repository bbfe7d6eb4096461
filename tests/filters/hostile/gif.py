"""GIF files that must not pass, and sound ones with much that must not survive."""

import io
from collections.abc import Iterator
from struct import pack

from PIL import Image

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.visual import OTHERS, SIZE, SYNTAX, common, pixels, saved

PACKS = ("image",)
TABLE = bytes(range(12))
PIXELS = b"\x02\x02\x84\x51\x00"  # clear, four times the colour 0 is not needed: a tiny stream
ENDED = ("syntax", "trailing-data")


def screen(width: int = 4, height: int = 1, flags: int = 0x81, version: bytes = b"89a") -> bytes:
    return (
        b"GIF"
        + version
        + pack("<HHBBB", width, height, flags, 0, 0)
        + TABLE[: 3 << (flags & 7) + 1]
    )


def image(
    left: int = 0,
    top: int = 0,
    width: int = 4,
    height: int = 1,
    flags: int = 0,
    data: bytes = PIXELS,
) -> bytes:
    return b"\x2c" + pack("<HHHHB", left, top, width, height, flags) + data


def control(body: bytes = b"\x00\x05\x00\x00") -> bytes:
    return b"\x21\xf9" + bytes([len(body)]) + body + b"\x00"


def blocks(data: bytes) -> bytes:
    cut = [data[at : at + 255] for at in range(0, len(data), 255)]
    return b"".join(bytes([len(part)]) + part for part in cut) + b"\x00"


def hostile() -> Iterator[Case]:
    good = saved("GIF", "P")
    yield from common(good, "gif", ("image/png", "image/webp"))
    for name, payload in OTHERS.items():
        yield Case(
            f"no GIF: {name}", payload, ("type-unknown", "size-out-of-bounds", "type-not-allowed")
        )
    cases: dict[str, tuple[bytes, tuple[str, ...]]] = {
        "no width": (screen(0) + image() + b";", SYNTAX),
        "no height": (screen(4, 0) + image() + b";", SYNTAX),
        "no image": (screen() + b";", SYNTAX),
        "no end": (screen() + image(), SYNTAX),
        "version 90": (
            screen(version=b"90a") + image() + b";",
            ("type-unknown", "type-not-allowed"),
        ),
        "a table longer than the file": (screen(flags=0x87), SYNTAX),
        "image to the right of the screen": (screen() + image(left=1) + b";", SYNTAX),
        "image below the screen": (screen() + image(top=1) + b";", SYNTAX),
        "image larger than the screen": (screen() + image(width=5000) + b";", SYNTAX),
        "image of no width": (screen() + image(width=0) + b";", SYNTAX),
        "image of no height": (screen() + image(height=0) + b";", SYNTAX),
        "code size 0": (screen() + image(data=b"\x00\x01\x00\x00") + b";", SYNTAX),
        "code size 1": (screen() + image(data=b"\x01\x01\x00\x00") + b";", SYNTAX),
        "code size 9": (screen() + image(data=b"\x09\x01\x00\x00") + b";", SYNTAX),
        "code size 12": (screen() + image(data=b"\x0c\x01\x00\x00") + b";", SYNTAX),
        "code size 255": (screen() + image(data=b"\xff\x01\x00\x00") + b";", SYNTAX),
        "no pixels": (screen() + image(data=b"\x02\x00") + b";", SYNTAX),
        "pixels cut": (screen(64, 64) + image(width=64, height=64) + b";", SYNTAX),
        "codes beyond the table": (screen() + image(data=b"\x02\x02\xff\xff\x00") + b";", SYNTAX),
        "a block beyond the end": (screen() + image(data=b"\x02\xff\x00"), SYNTAX),
        "blocks without an end": (screen() + b"\x2c" + bytes(9) + b"\x02" + b"\x01x" * 50, SYNTAX),
        "an unknown block": (screen() + b"\x42" + image() + b";", SYNTAX),
        "an unknown extension": (screen() + b"\x21\x42\x01x\x00" + image() + b";", SYNTAX),
        "a control of 3 bytes": (screen() + control(bytes(3)) + image() + b";", SYNTAX),
        "a control of 5 bytes": (screen() + control(bytes(5)) + image() + b";", SYNTAX),
        "two controls": (screen() + control() + control() + image() + b";", SYNTAX),
        "a control at the end": (screen() + image() + control() + b";", SYNTAX),
        "disposal 7": (screen() + control(b"\x1c\x05\x00\x00") + image() + b";", SYNTAX),
        "an extension cut": (screen() + b"\x21\xfe\x40abc", SYNTAX),
        "only a header": (screen(), SYNTAX),
        "half a header": (screen()[:9], ("syntax", "size-out-of-bounds", "type-not-allowed")),
        "megabytes of codes for four pixels": (
            screen() + image(data=b"\x02" + blocks(b"\x84" * (2 << 20))) + b";",
            ENDED,
        ),
        "a program in the codes": (
            screen() + image(data=b"\x02" + blocks(b"\x84\x51" + b"MZ" * 8_000)) + b";",
            ENDED,
        ),
        "bomb: 65,535 by 65,535": (screen(65_535, 65_535) + image() + b";", SIZE),
        "bomb: 60,000 wide": (screen(60_000) + image() + b";", SIZE),
        "bomb: 16,000 by 16,000": (screen(16_000, 16_000) + image() + b";", SIZE),
        "bomb: 20 frames of 4 million pixels": (screen(2_000, 2_000) + image() * 20 + b";", SIZE),
        "bomb: 300 frames": (screen() + image() * 300 + b";", ("too-many-frames",)),
        "bomb: 4,000 comments of 255 bytes and no end": (
            screen() + b"\x21\xfe" + (b"\xff" + bytes(255)) * 4_000,
            SYNTAX,
        ),
    }
    for name, (payload, reasons) in cases.items():
        yield Case(name, payload, reasons)


def sound() -> Iterator[Sound]:
    yield Sound(
        "with a comment", saved("GIF", "P", comment=b"HIDDEN-COMMENT"), (b"HIDDEN-COMMENT",)
    )
    good = saved("GIF", "P")
    more = b"\x21\xff\x0bXMP DataXMP" + blocks(b"HIDDEN-XMP")
    more += (
        b"\x21\xff\x0bICCRGBG1012"
        + blocks(b"HIDDEN-PROFILE")
        + b"\x21\x01"
        + blocks(b"HIDDEN-TEXT")
    )
    yield Sound(
        "with XMP, profile and plain text",
        good[:-1] + more + b";",
        (b"HIDDEN-XMP", b"HIDDEN-PROFILE", b"HIDDEN-TEXT"),
    )
    for mode in ("1", "L", "RGBA"):
        yield Sound(f"mode {mode}", saved("GIF", mode))
    yield Sound("interlaced", saved("GIF", "P", interlace=1))
    for disposal in (0, 1, 2, 3):
        frames = [Image.fromarray(pixels()).rotate(20 * turn) for turn in range(4)]
        kept = io.BytesIO()
        frames[0].save(
            kept,
            "GIF",
            save_all=True,
            append_images=frames[1:],
            duration=[50, 70, 90, 110],
            loop=disposal,
            disposal=disposal,
        )
        yield Sound(f"an animation, disposal {disposal}", kept.getvalue())
    unused = bytearray(saved("GIF", "P", optimize=False))
    unused[13 + 750 : 13 + 762] = b"HIDDENCOLOUR"
    yield Sound("colours that no pixel has", bytes(unused))
