"""Too strict is a defect: pictures and PDFs of common programs pass, and look as they did."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageOps

from tests.filters.hostile.chains import Pack
from tests.filters.programs.visual_programs import DOCUMENTS, PICTURES, Maker

# Mean difference of samples 0..255, over all frames or pages: nothing for what is stored without
# loss; what one more encoding at quality 90 takes of a noise of 6; what rendering at 150 dots an
# inch moves of edges.
SAME, ENCODED, RASTERED = 0.0, 4.5, 8.0
PIXELS_AN_INCH = 72


@pytest.fixture(scope="module")
def image_pack() -> Pack:
    return Pack("image")


@pytest.fixture(scope="module")
def pdf_pack() -> Pack:
    return Pack("pdf")


@pytest.fixture(scope="module")
def raster_pack() -> Pack:
    return Pack("pdf_raster")


def frames(payload: bytes) -> Iterator[Any]:
    with Image.open(BytesIO(payload)) as image:
        for at in range(getattr(image, "n_frames", 1)):
            image.seek(at)
            whole = np.asarray(ImageOps.exif_transpose(image).convert("RGBA")).astype(int)
            whole[whole[:, :, 3] == 0] = 0
            yield whole


def pages(payload: bytes) -> Iterator[Any]:
    document = pypdfium2.PdfDocument(payload)
    for page in document:
        yield page.render(scale=PIXELS_AN_INCH / 72).to_numpy().astype(int)
    document.close()


def mixed(page: Any, side: int) -> Any:
    """Each square of so many pixels a side as its mean."""
    rows, columns = (size // side * side for size in page.shape[:2])
    squares = page[:rows, :columns].reshape(rows // side, side, columns // side, side, -1)
    return squares.mean(axis=(1, 3)).astype(int)


def difference(before: Iterator[Any], after: Iterator[Any]) -> float:
    found = []
    for one, other in zip(before, after, strict=True):
        rows, columns = (min(one.shape[axis], other.shape[axis]) for axis in (0, 1))
        assert max(abs(one.shape[axis] - other.shape[axis]) for axis in (0, 1)) <= 1
        found.append(float(np.abs(one[:rows, :columns] - other[:rows, :columns]).mean()))
    return max(found)


@pytest.mark.parametrize("maker", PICTURES, ids=lambda maker: maker.__name__)
def test_pictures_of_common_programs_pass_and_look_the_same(
    maker: Maker, tmp_path: Path, image_pack: Pack
) -> None:
    made = [path for path in maker(tmp_path) if path.suffix != ".pdf"]
    assert made
    wrong = []
    for path in made:
        delivered = image_pack(path.read_bytes())
        if delivered.stage:
            wrong.append((path.name, delivered.stage, delivered.reason, delivered.sentence))
            continue
        payload = delivered.message.payload
        lossy = delivered.message.meta.type == "image/jpeg"
        found = difference(frames(path.read_bytes()), frames(payload))
        again = image_pack(payload)
        if found > (ENCODED if lossy else SAME) or again.message.payload != payload:
            wrong.append((path.name, "differs", str(found), again.sentence))
    assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("maker", DOCUMENTS, ids=lambda maker: maker.__name__)
def test_documents_of_common_programs_pass_both_ways_and_look_the_same(
    maker: Maker, tmp_path: Path, pdf_pack: Pack, raster_pack: Pack
) -> None:
    made = [path for path in maker(tmp_path) if path.suffix == ".pdf"]
    assert made
    wrong = []
    for path in made:
        for pack, allowed in ((pdf_pack, ENCODED), (raster_pack, RASTERED)):
            delivered = pack(path.read_bytes())
            if delivered.stage:
                wrong.append((path.name, delivered.stage, delivered.reason, delivered.sentence))
                continue
            blur = 4 if pack is raster_pack else 1  # dots finer than a pixel are mixed anew
            found = difference(
                (mixed(page, blur) for page in pages(path.read_bytes())),
                (mixed(page, blur) for page in pages(delivered.message.payload)),
            )
            if found > allowed:
                wrong.append((path.name, "differs", str(found), ""))
    assert wrong == []
