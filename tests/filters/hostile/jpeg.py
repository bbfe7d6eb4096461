"""JPEG files that must not pass, and sound ones with much that must not survive."""

import re
from collections.abc import Iterator
from struct import pack

from PIL import Image

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.visual import OTHERS, SIZE, SYNTAX, common, saved

PACKS = ("image",)
START, END = b"\xff\xd8", b"\xff\xd9"
BAD = ("syntax", "picture-compression")


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + pack(">H", len(body) + 2) + body


def parts(payload: bytes) -> list[bytes]:
    """The start, each segment (a scan with its data), the end."""
    found, at = [payload[:2]], 2
    while payload[at + 1] != 0xD9:
        marker, end = payload[at + 1], at + 2 + int.from_bytes(payload[at + 2 : at + 4], "big")
        if marker == 0xDA:
            after = re.compile(rb"\xff(?![\x00\xd0-\xd7])").search(payload, end)
            assert after is not None
            end = after.start()
        found.append(payload[at:end])
        at = end
    return [*found, payload[at:]]


def hostile() -> Iterator[Case]:
    good = saved("JPEG")
    yield from common(good, "jpeg", ("image/png", "image/tiff"))
    for name, payload in list(OTHERS.items())[3:]:
        yield Case(
            f"no JPEG: {name}", payload, ("type-unknown", "size-out-of-bounds", "type-not-allowed")
        )
    yield from _frames(parts(good))
    yield from _tables(parts(good))
    yield from _scans(good)


def _without(found: list[bytes], marker: int) -> list[bytes]:
    return [part for part in found if part[1] != marker]


def _with(found: list[bytes], marker: int, other: bytes) -> bytes:
    at = next(at for at, part in enumerate(found) if part[1] == marker)
    return b"".join([*found[:at], other, *found[at + 1 :]])


def _frames(found: list[bytes]) -> Iterator[Case]:
    frame = next(part for part in found if part[1] == 0xC0)
    body = frame[4:]
    for marker in (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF):
        yield Case(f"frame of kind {marker:02X}", _with(found, 0xC0, segment(marker, body)), BAD)
    for name, other, reasons in (
        ("12 bits", b"\x0c" + body[1:], BAD),
        ("no height", body[:1] + bytes(2) + body[3:], BAD),
        ("no width", body[:3] + bytes(2) + body[5:], BAD),
        ("two components", body[:5] + b"\x02" + body[6:12], BAD),
        ("five components", body[:5] + b"\x05" + body[6:] + body[6:12], BAD),
        ("components that are missing", body[:-3], BAD),
        ("one name twice", body[:9] + body[6:7] + body[10:], BAD),
        ("sampling 0", body[:7] + b"\x02" + body[8:], BAD),
        ("sampling 5", body[:7] + b"\x55" + body[8:], BAD),
        ("table 9", body[:8] + b"\x09" + body[9:], BAD),
        ("bomb: 65,500 by 65,500", b"\x08" + pack(">HH", 65_500, 65_500) + body[5:], SIZE),
        ("bomb: 60,000 wide", b"\x08" + pack(">HH", 8, 60_000) + body[5:], SIZE),
        ("bomb: 16,000 by 16,000", b"\x08" + pack(">HH", 16_000, 16_000) + body[5:], SIZE),
    ):
        yield Case(f"frame: {name}", _with(found, 0xC0, segment(0xC0, other)), reasons)
    yield Case("two frames", _with(found, 0xC0, frame + frame), SYNTAX)
    yield Case("no frame", b"".join(_without(found, 0xC0)), SYNTAX)


def _tables(found: list[bytes]) -> Iterator[Case]:
    codes = next(part for part in found if part[1] == 0xC4)[4:]
    steps = next(part for part in found if part[1] == 0xDB)[4:]
    for name, marker, other in (
        ("table of codes too full", 0xC4, codes[:1] + b"\x03" + codes[2:]),
        ("table of codes cut", 0xC4, codes[:-1]),
        ("table of codes 9", 0xC4, b"\x09" + codes[1:]),
        ("table of codes of kind 3", 0xC4, b"\x30" + codes[1:]),
        ("steps cut", 0xDB, steps[:-1]),
        ("steps of zero", 0xDB, steps[:1] + bytes(64)),
        ("steps 7", 0xDB, b"\x07" + steps[1:]),
        ("steps of kind 2", 0xDB, b"\x20" + steps[1:] + steps[1:65]),
        ("restart interval of 3 bytes", 0xDD, b"\x00\x01\x02"),
        ("number of lines", 0xDC, b"\x00\x01"),
        ("hierarchy", 0xDE, b"\x00\x01"),
        ("arithmetic conditioning", 0xCC, b"\x00\x01"),
    ):
        yield Case(
            f"tables: {name}", found[0] + segment(marker, other) + b"".join(found[1:]), SYNTAX
        )
    yield Case(
        "an Adobe colour transform 9",
        found[0] + segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x09") + b"".join(found[1:]),
        SYNTAX,
    )


def _scans(good: bytes) -> Iterator[Case]:
    found = parts(good)
    scan = found[-2]
    for name, other in (
        ("no scan", b""),
        ("of no components", segment(0xDA, b"\x00\x00\x3f\x00")),
        ("of a component that is not there", scan[:5] + b"\x09" + scan[6:]),
        ("of one component twice", scan[:7] + scan[5:6] + scan[8:]),
        ("cut header", scan[:2] + b"\x00\x06" + scan[4:8]),
        ("data without its header", scan[14:]),
    ):
        yield Case(f"scan: {name}", b"".join([*found[:-2], other, found[-1]]), SYNTAX)
    yield Case("scan: no end of the picture", good[:-2], SYNTAX)
    yield Case("scan: before the frame", found[0] + scan + b"".join(found[1:]), SYNTAX)
    yield Case("bomb: 60 scans", b"".join([*found[:-1], *[scan] * 60, END]), ("too-many-elements",))
    comments = segment(0xFE, b"x") * 33_000
    yield Case("33,000 comments", found[0] + comments + b"".join(found[1:]), ("too-many-elements",))
    yield Case(
        "only a start and an end", START + END, (*SYNTAX, "size-out-of-bounds", "type-unknown")
    )
    yield Case("fill bytes to the end", START + b"\xff" * 4096, SYNTAX)
    yield Case("a segment of length 0", START + b"\xff\xe0\x00\x00" + good[2:], SYNTAX)
    yield Case("a segment of length 1", START + b"\xff\xe0\x00\x01" + good[2:], SYNTAX)
    yield Case("a start within", good[:2] + START + good[2:], SYNTAX)
    yield Case(
        "garbage between segments", good[:2] + b"garbage" + good[2:], (*SYNTAX, "type-unknown")
    )


def sound() -> Iterator[Sound]:
    exif = Image.Exif()
    exif[0x010E] = "HIDDEN-EXIF"
    exif[0x0112] = 6
    with_all = parts(
        saved("JPEG", exif=exif, icc_profile=b"HIDDEN-PROFILE" * 9, comment=b"HIDDEN-NOTE")
    )
    more = [
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00<x>HIDDEN-XMP</x>"),
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04HIDDEN-IPTC"),
        segment(0xE5, b"HIDDEN-PRIVATE"),
    ]
    gone = (
        b"HIDDEN-EXIF",
        b"HIDDEN-PROFILE",
        b"HIDDEN-NOTE",
        b"HIDDEN-XMP",
        b"HIDDEN-IPTC",
        b"HIDDEN-PRIVATE",
    )
    yield Sound("with all metadata", b"".join([*with_all[:2], *more, *with_all[2:]]), gone)
    thumbnail = segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x01\x02" + b"HIDDEN"[:6])
    rest = parts(saved("JPEG"))
    yield Sound(
        "with a thumbnail in the header", b"".join([rest[0], thumbnail, *rest[2:]]), (b"HIDDEN",)
    )
    for mode in ("L", "CMYK"):
        yield Sound(f"mode {mode}", saved("JPEG", mode))
    for sampling in (0, 1, 2):
        yield Sound(f"colour sampling {sampling}", saved("JPEG", subsampling=sampling))
        yield Sound(
            f"progressive {sampling}", saved("JPEG", subsampling=sampling, progressive=True)
        )
    for quality in (1, 30, 95, 100):
        yield Sound(f"quality {quality}", saved("JPEG", quality=quality))
    yield Sound("restarts", saved("JPEG", restart_marker_blocks=2))
    yield Sound("kept as red, green, blue", saved("JPEG", keep_rgb=True))
