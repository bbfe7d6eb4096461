"""Sizes that pictures in a PDF say of themselves: found, and found quickly whatever they hold."""

import io
import struct
from collections.abc import Callable

import pikepdf
import pytest
from PIL import Image

from filters.formats.pdf_decoded import PIXELS_A_PIXEL, check_pictures
from schemas.errors import Malformed
from tests.filters.hostile.painting_forge import halftone, jbig2, jpeg2000, wide_jpeg
from tests.filters.hostile.pdf_forge import good, pdf, stream

PIXELS = 24_000_000
MANY = 32 * 2**20  # as many bytes as may be inflated


def refused(raw: bytes, decoder: bytes, packed: bool = False) -> str:
    """Why, for a picture that the PDF says is small."""
    entries = b"/Type/XObject/Subtype/Image/Width 9/Height 9/BitsPerComponent 8"
    entries += b"" if packed else b"/Filter/" + decoder
    body = stream(raw, entries, packed)
    if packed:
        body = body.replace(b"/Filter/FlateDecode", b"/Filter[/FlateDecode/" + decoder + b"]")
    with pikepdf.open(io.BytesIO(pdf(good(more={9: body})))) as document:
        try:
            check_pictures(document, PIXELS)
        except Malformed as error:
            return str(error.reason)
    return ""


def jpeg(profile: bytes = b"", **kinds: bool) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (99, 99)).save(held, "JPEG", icc_profile=profile, **kinds)
    return held.getvalue()


@pytest.mark.parametrize("kinds", [{}, {"progressive": True}, {"optimize": True}], ids=str)
def test_a_jpeg_is_as_large_as_its_frame_says_and_not_what_stands_in_a_profile(
    kinds: dict[str, bool],
) -> None:
    frame = b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03"
    assert refused(jpeg(frame * 20_000, **kinds), b"DCTDecode") == ""
    raw = jpeg(frame * 20_000, **kinds)
    at = next(raw.rindex(start) for start in (b"\xff\xc2\0\x11\x08\0c", b"\xff\xc0\0\x11\x08\0c")
              if start in raw)  # fmt: skip
    larger = raw[: at + 5] + struct.pack(">HH", 60_000, 60_000) + raw[at + 9 :]
    assert refused(larger, b"DCTDecode") == "too-many-pixels"
    assert refused(b"junk" + larger, b"DCTDecode") == "too-many-pixels"


@pytest.mark.parametrize(
    ("raw", "decoder"),
    [
        (wide_jpeg(20_000), b"DCTDecode"),
        (jpeg2000(20_000, 20_000), b"JPXDecode"),
        (jbig2(60_000, 60_000), b"JBIG2Decode"),
        (halftone(9) + jbig2(60_000, 60_000), b"JBIG2Decode"),
    ],
    ids=["JPEG", "JPEG 2000", "JBIG2", "JBIG2 later"],
)
def test_what_a_picture_says_itself_counts(raw: bytes, decoder: bytes) -> None:
    assert refused(raw, decoder) == "too-many-pixels"
    assert refused(raw, decoder, packed=True) == "too-many-pixels"


def test_pictures_that_are_large_enough_for_a_scan_are_taken() -> None:
    side = int((PIXELS * PIXELS_A_PIXEL) ** 0.5)
    for raw, decoder in (
        (wide_jpeg(side), b"DCTDecode"),
        (jpeg2000(side, side), b"JPXDecode"),
        (jbig2(side, side), b"JBIG2Decode"),
        (b"", b"DCTDecode"),
        (b"\xff\xd8\xff", b"DCTDecode"),
        (b"\xff\x4f\xff\x51", b"JPXDecode"),
        (b"\0", b"JBIG2Decode"),
    ):
        assert refused(raw, decoder) == ""


@pytest.mark.parametrize(
    ("make", "decoder"),
    [
        (lambda: b"\xff\xd8" + b"\xff" * (MANY - 9), b"DCTDecode"),
        (lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * (MANY // 4 - 9), b"DCTDecode"),
        (lambda: b"\xff\x4f\xff\x51" * (MANY // 4 - 9), b"JPXDecode"),
        (lambda: struct.pack(">IBBBI", 1, 62, 0, 1, 0) * (MANY // 11 - 9), b"JBIG2Decode"),
    ],
    ids=["fill bytes", "comments", "codestreams", "segments"],
)
def test_parts_without_end_are_not_counted_to_the_end(
    make: Callable[[], bytes], decoder: bytes
) -> None:
    assert refused(make(), decoder, packed=True) == "too-many-elements"


def test_what_is_inflated_is_counted_together() -> None:
    head = b"/Type/XObject/Subtype/Image/Width 9/Height 9/BitsPerComponent 8"
    body = stream(bytes(20 * 2**20), head, True)
    body = body.replace(b"/Filter/FlateDecode", b"/Filter[/FlateDecode/DCTDecode]")
    with pikepdf.open(io.BytesIO(pdf(good(more={9: body})))) as document:
        check_pictures(document, PIXELS)
    with (
        pikepdf.open(io.BytesIO(pdf(good(more={9: body, 10: body})))) as document,
        pytest.raises(Malformed, match="size-out-of-bounds"),
    ):
        check_pictures(document, PIXELS)
