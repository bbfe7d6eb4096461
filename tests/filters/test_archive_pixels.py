"""Pictures in archives and documents pay from one purse for their pixels, not for their bytes."""

import io
import zipfile
import zlib
from struct import pack
from typing import Any

import pytest

from filters import catalog
from filters.formats.office_model import OFFICE_CBOR
from filters.formats.part_pixels import pixels_in
from filters.formats.picture_model import PICTURE_CBOR
from schemas.cbor import CborValue, encode
from schemas.errors import Malformed
from schemas.stage import Run
from schemas.verdict import Changed
from tests.filters.conftest import message
from tests.filters.hostile.visual import png_chunk

WIDTH, HEIGHT = 2_000, 1_000
SIGNATURE = b"\x89PNG\r\n\x1a\n"
STAGES: list[dict[str, Any]] = [{"use": "picture_recognise"}, {"use": "picture_rebuild"}]


def black() -> bytes:
    """A PNG of 1 bit a pixel, some hundred bytes long."""
    rows = zlib.compress(bytes((1 + WIDTH // 8) * HEIGHT))
    head = png_chunk(b"IHDR", pack(">II", WIDTH, HEIGHT) + b"\x01\x00\x00\x00\x00")
    return SIGNATURE + head + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def archive_of(count: int) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as file:
        for at in range(count):
            file.writestr(f"{at}.png", black())
    return kept.getvalue()


def rebuild(*more: dict[str, Any]) -> Run:
    stage = catalog.load("archive_rebuild")
    line = {"part": "png", "extensions": ["png"], "stage": [*STAGES, *more]}
    parts = {"parts": [line], "all_pixels_max": 3 * WIDTH * HEIGHT}
    return stage.make(stage.parameters.model_validate(parts), {})


def test_the_pictures_of_an_archive_have_one_bound_of_pixels_together() -> None:
    assert isinstance(rebuild()(message(archive_of(3))), Changed)
    with pytest.raises(Malformed, match="too-many-pixels"):
        rebuild()(message(archive_of(4)))


def test_pixels_that_a_later_stage_takes_away_are_paid_for() -> None:
    smaller = {"use": "picture_downscale", "parameters": {"to_side_pixels_max": 16}}
    with pytest.raises(Malformed, match="too-many-pixels"):
        rebuild(smaller)(message(archive_of(4)))


def test_pictures_in_documents_count_too() -> None:
    picture = encode({"frames": [[5, 7, "L", 0, b"", b""], [2, 3, "L", 0, b"", b""]]})
    image: CborValue = {"kind": "image", "media": "png", "data": picture}
    office = encode({"office": 1, "kind": "docx", "parts": [{"kind": "main"}, image, image]})
    pdf = encode({"pdf": 1, "pages": [0], "objects": [{"$p": [5, 7, "L", 0, b"", b""]}, ["x"]]})
    assert pixels_in(picture, PICTURE_CBOR) == 41
    assert pixels_in(office, OFFICE_CBOR) == 82
    assert pixels_in(pdf, "application/pdf+cbor") == 35
    assert pixels_in(b"no model", "text/plain") == 0
    with pytest.raises(Malformed):
        pixels_in(encode({"frames": 7}), PICTURE_CBOR)
