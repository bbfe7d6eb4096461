"""WebP files that must not pass, and sound ones with much that must not survive."""

import io
from collections.abc import Iterator
from struct import pack

from PIL import Image

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.visual import OTHERS, SIZE, SYNTAX, common, pixels, saved

PACKS = ("image",)
FLAGS = b"\x00\x00\x00\x00"


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + pack("<I", len(body)) + body


def canvas(flags: int = 0, width: int = 48, height: int = 40) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)


def first(payload: bytes) -> bytes:
    """The one chunk of a simple file."""
    return payload[12:]


def frame(bits: bytes, left: int = 0, width: int = 48, height: int = 40) -> bytes:
    place = b"".join(value.to_bytes(3, "little") for value in (left, 0, width - 1, height - 1, 50))
    return chunk(b"ANMF", place + b"\x00" + bits)


def hostile() -> Iterator[Case]:
    lossy, lossless = saved("WEBP"), saved("WEBP", lossless=True)
    yield from common(lossy, "webp", ("image/jpeg", "image/tiff"))
    for name, payload in OTHERS.items():
        yield Case(
            f"no WebP: {name}", payload, ("type-unknown", "size-out-of-bounds", "type-not-allowed")
        )
    bits, plain = first(lossy), first(lossless)
    anim = chunk(b"ANIM", bytes(6))
    cases: dict[str, tuple[bytes, tuple[str, ...]]] = {
        "no chunk": (webp(), (*SYNTAX, "size-out-of-bounds", "type-not-allowed")),
        "longer than the file": (lossy[:4] + pack("<I", len(lossy) + 100) + lossy[8:], SYNTAX),
        "of 4 GB": (lossy[:4] + pack("<I", 2**32 - 2) + lossy[8:], SYNTAX),
        "of odd length": (lossy[:4] + pack("<I", len(lossy) - 9) + lossy[8:], SYNTAX),
        "shorter than it is": (lossy[:4] + pack("<I", len(lossy) - 10) + lossy[8:], SYNTAX),
        "two pictures": (webp(bits, bits), SYNTAX),
        "a chunk longer than the file": (webp(b"VP8 " + pack("<I", 2**31) + bytes(8)), SYNTAX),
        "an unknown first chunk": (webp(chunk(b"EVIL", bytes(20))), SYNTAX),
        "a frame first": (webp(frame(bits)), SYNTAX),
        "a chunk filled up with a letter": (
            webp(canvas(), bits, b"XMP " + pack("<I", 1) + b"ab"),
            SYNTAX,
        ),
        "VP8: no start code": (
            webp(chunk(b"VP8 ", bits[8:11] + b"\x00\x00\x00" + bits[14:])),
            SYNTAX,
        ),
        "VP8: no key frame": (webp(chunk(b"VP8 ", bytes([bits[8] | 1]) + bits[9:])), SYNTAX),
        "VP8: short": (webp(chunk(b"VP8 ", bits[8:16])), SYNTAX),
        "VP8: a first part beyond the end": (webp(chunk(b"VP8 ", bits[8:58])), SYNTAX),
        "VP8: of no width": (webp(chunk(b"VP8 ", bits[8:14] + bytes(2) + bits[16:])), SYNTAX),
        "VP8: cut": (webp(chunk(b"VP8 ", bits[8 : len(bits) // 2])), SYNTAX),
        "VP8L: no signature": (webp(chunk(b"VP8L", b"\x00" + plain[9:])), SYNTAX),
        "VP8L: version 5": (webp(chunk(b"VP8L", plain[8:12] + b"\xbf" + plain[13:])), SYNTAX),
        "VP8L: short": (webp(chunk(b"VP8L", plain[8:11])), SYNTAX),
        "VP8L: cut": (webp(chunk(b"VP8L", plain[8:60])), SYNTAX),
        "VP8X: of 9 bytes": (webp(chunk(b"VP8X", bytes(9)), bits), SYNTAX),
        "VP8X: of another size": (webp(canvas(width=64), bits), SYNTAX),
        "VP8X: twice": (webp(canvas(), canvas(), bits), SYNTAX),
        "VP8X: no picture": (webp(canvas()), SYNTAX),
        "VP8X: two pictures": (webp(canvas(), bits, bits), SYNTAX),
        "VP8X: opacity after the picture": (
            webp(canvas(0x10), bits, chunk(b"ALPH", b"\x00x")),
            SYNTAX,
        ),
        "VP8X: opacity twice": (
            webp(canvas(0x10), chunk(b"ALPH", b"\x00x"), chunk(b"ALPH", b"\x00x"), bits),
            SYNTAX,
        ),
        "VP8X: opacity of kind 3": (webp(canvas(0x10), chunk(b"ALPH", b"\x03x"), bits), SYNTAX),
        "VP8X: opacity cut": (webp(canvas(0x10), chunk(b"ALPH", b"\x01x"), bits), SYNTAX),
        "animation: a picture beside it": (webp(canvas(2), anim, bits), SYNTAX),
        "animation: no control": (webp(canvas(2), frame(bits)), SYNTAX),
        "animation: not announced": (webp(canvas(), anim, frame(bits)), SYNTAX),
        "animation: two controls": (webp(canvas(2), anim, anim, frame(bits)), SYNTAX),
        "animation: no frames": (webp(canvas(2), anim), SYNTAX),
        "animation: outside": (webp(canvas(2), anim, frame(bits, left=1)), SYNTAX),
        "animation: another size": (webp(canvas(2), anim, frame(bits, width=32)), SYNTAX),
        "animation: no pixels": (webp(canvas(2), anim, frame(b"")), SYNTAX),
        "animation: short": (webp(canvas(2), anim, chunk(b"ANMF", bytes(9))), SYNTAX),
        "animation: two pictures in a frame": (webp(canvas(2), anim, frame(bits + bits)), SYNTAX),
        "bomb: 16 million by 16 million": (webp(canvas(0, 1 << 24, 1 << 24), bits), SIZE),
        "bomb: 16,000 by 16,000": (webp(canvas(0, 16_000, 16_000), bits), SIZE),
        "bomb: 300 frames": (webp(canvas(2), anim, frame(bits) * 300), ("too-many-frames",)),
        "bomb: 20 frames of 4 million pixels": (
            webp(canvas(2, 2_000, 2_000), anim, frame(bits) * 20),
            SIZE,
        ),
        "bomb: VP8L of 16,383 by 16,383": (
            webp(chunk(b"VP8L", b"\x2f\xfe\xbf\xff\x0f" + bytes(60))),
            SIZE,
        ),
    }
    for name, (payload, reasons) in cases.items():
        yield Case(name, payload, reasons)


def sound() -> Iterator[Sound]:
    exif = Image.Exif()
    exif[0x010E] = "HIDDEN-EXIF"
    packed = saved("WEBP", exif=exif, icc_profile=b"HIDDEN-PROFILE", xmp=b"<x>HIDDEN-XMP</x>")
    more = chunk(b"EVIL", b"HIDDEN-PRIVATE")
    packed = packed[:4] + pack("<I", len(packed) - 8 + len(more)) + packed[8:] + more
    yield Sound(
        "with all metadata",
        packed,
        (b"HIDDEN-EXIF", b"HIDDEN-PROFILE", b"HIDDEN-XMP", b"HIDDEN-PRIVATE"),
    )
    for quality in (1, 50, 100):
        yield Sound(f"quality {quality}", saved("WEBP", quality=quality))
        yield Sound(f"lossless {quality}", saved("WEBP", quality=quality, lossless=True))
    kept = io.BytesIO()
    round_one = Image.fromarray(pixels()).convert("RGBA")
    round_one.putalpha(Image.fromarray(pixels()[:, :, 0]))
    round_one.save(kept, "WEBP", quality=70)
    yield Sound("lossy with opacity", kept.getvalue())
    frames = [Image.fromarray(pixels()).rotate(20 * turn) for turn in range(4)]
    for lossless in (False, True):
        kept = io.BytesIO()
        frames[0].save(
            kept,
            "WEBP",
            save_all=True,
            append_images=frames[1:],
            duration=[50, 70, 90, 110],
            loop=3,
            lossless=lossless,
        )
        yield Sound(f"an animation, lossless {lossless}", kept.getvalue())
