"""What the modules of pictures share: a small picture, faults that every format can have."""

import io
import zlib
from collections.abc import Iterator
from struct import pack
from typing import Any

import numpy as np
from PIL import Image

from tests.filters.hostile.cases import Case

SYNTAX = ("syntax",)
CUT = ("syntax", "type-unknown", "type-not-allowed", "size-out-of-bounds")
TRAILING = ("trailing-data", "syntax")
SIZE = ("too-many-pixels", "size-out-of-bounds")
BROKEN = ("syntax", "trailing-data", "checksum", "picture-compression", "too-many-pixels")

PAYLOADS = {
    "zip": b"PK\x03\x04\x14\x00\x00\x00\x00\x00" + bytes(40) + b"PK\x05\x06" + bytes(18),
    "html": b"<html><script>alert(1)</script></html>",
    "php": b"<?php system($_GET['c']); ?>",
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
    "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
    "pe": b"MZ" + bytes(58) + b"\x40\x00\x00\x00PE\x00\x00",
    "jar": b"PK\x03\x04META-INF/MANIFEST.MF" + b"PK\x05\x06" + bytes(18),
    "javascript": b"/*\n*/=1;alert(1);//",
    "one zero byte": b"\x00",
    "a megabyte": b"A" * (1 << 20),
}
OTHERS = {
    "empty": b"",
    "one byte": b"\x89",
    "text": b"hello, world\n" * 8,
    "xml": b"<?xml version='1.0'?>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "ico": b"\x00\x00\x01\x00\x01\x00",
    "jpeg2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    "heic": b"\x00\x00\x00\x18ftypheic",
}


def pixels(width: int = 48, height: int = 40) -> Any:
    """A picture with a gradient, edges and a little noise, the same each time."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(7).integers(-9, 10, (height, width, 3))
    base = np.stack([x * 255 // width, y * 255 // height, (x // 8 + y // 8) % 2 * 200], -1)
    return (base + noise).clip(0, 255).astype(np.uint8)


def saved(form: str, mode: str = "RGB", **options: Any) -> bytes:
    """The same picture as a file of Pillow's."""
    kept = io.BytesIO()
    Image.fromarray(pixels()).convert(mode).save(kept, form, **options)
    return kept.getvalue()


def common(good: bytes, extension: str, types: tuple[str, ...] = ()) -> Iterator[Case]:
    """Cut short, with something behind, in front or instead, and declared as another type."""
    for name, payload in PAYLOADS.items():
        yield Case(f"{name} behind the picture", good + payload, TRAILING)
    yield Case("the picture twice", good + good, TRAILING)
    for part in (1, 2, 3, 4, 8, 16):
        cut = len(good) * part // 17
        yield Case(f"cut after {part}/17", good[:cut], CUT)
    yield Case("the last byte cut", good[:-1], SYNTAX)
    for name, payload in list(PAYLOADS.items())[:4]:
        yield Case(
            f"{name} before the picture", payload + good, ("type-unknown", "type-not-allowed")
        )
    for declared in ("application/pdf", "text/plain", "image/svg+xml", *types):
        yield Case(f"declared as {declared}", good, ("type-not-allowed",), declared)
    other = "GIF" if extension != "gif" else "PNG"
    yield Case(
        f"declared as {extension}, is {other}",
        saved(other),
        ("type-not-allowed",),
        f"image/{extension}",
    )


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))
