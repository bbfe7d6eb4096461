"""Pages that a renderer paints: ordinary ones, and what they look like.

Those that would keep it busy are in tests/filters/hostile/pdf_painting.py.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from filters.formats.picture_model import read
from filters.formats.picture_structure import PictureLimits
from tests.filters.conftest import message
from tests.filters.hostile.pdf_forge import stream
from tests.filters.hostile.pdf_painting import (
    GROUP,
    MESH,
    PATTERN,
    PICTURE,
    P,
    S,
    X,
    coded,
    form,
    jpeg2000,
    of_square_letters,
    page,
    state,
    tiling,
    triangles,
)
from tests.filters.test_pdf import crossed, made, stopped

_ORDINARY: Mapping[str, Callable[[], bytes]] = {
    "shadows": lambda: page(
        b"/G gs " + b"q 1 0 0 1 20 30 cm /X Do Q\n" * 60, X + state(b"/BM/Multiply/ca .5"),
        o9=form(b"0 0 90 60 re f", GROUP, b"", b"0 0 90 60"),
    ),
    "numbers for a colour in a form": lambda: page(
        b"/X Do", X, o9=form(b"/DeviceRGB cs 1 0 0 scn 0 0 9 9 re f")
    ),
    "a plot": lambda: page(b"/G gs .5 w 0 0 m " + b"300 400 l 310 420 l " * 9_000 + b"S",
                           state(b"/CA .5")),
    "points": lambda: page(
        b"/G gs " + b"q 1 0 0 1 90 90 cm /X Do Q\n" * 9_000, X + state(b"/ca .5"),
        o9=form(b"0 0 m 2 0 2 2 0 2 c f", b"", b"", b"0 0 2 2"),
    ),
    "a mesh": lambda: page(b"40 0 0 40 0 0 cm /S sh", S, o9=stream(
        triangles(6_000), b"/ShadingType 4" + MESH.replace(b"0 595 0 842", b"0 .1 0 .1"), True)),
    "hatching": lambda: page(PATTERN + b"9 9 90 90 re f\n" * 900, P,
                             o9=tiling(b"0 0 m 2 2 l S")),
    "a JPEG 2000 picture": lambda: page(
        PICTURE + b"/X Do", X, o9=coded(jpeg2000(64, 64), b"JPXDecode")
    ),
    "pages of large text": lambda: page(b"BT /F1 60 Tf\n" + b"(Title)Tj 0 9 Td\n" * 900),
}  # fmt: skip


@pytest.mark.parametrize("name", _ORDINARY)
def test_an_ordinary_page_is_rendered(name: str) -> None:
    crossed(_ORDINARY[name](), way="raster", dpi=72)


def test_letters_count_as_large_as_they_are() -> None:
    crossed(of_square_letters(700, 20_000), way="raster", dpi=72)
    crossed(of_square_letters(32_000, 20), way="raster", dpi=72)


def test_what_is_blended_looks_as_it_should() -> None:
    content = b".5 g 0 0 595 842 re f /G gs 1 0 0 rg 0 0 595 400 re f"
    model = crossed(page(content, state(b"/BM/Multiply")), way="raster", dpi=36).payload
    frame = read(model, PictureLimits()).frames[0]
    seen = np.concatenate(frame.planes).reshape(frame.height, frame.width, 3)
    assert seen[10, 10].tolist() == [128, 128, 128]
    assert seen[-10, 10].tolist() == [128, 0, 0]


@pytest.mark.parametrize(("operand", "name"), [(b"true", b"/true"), (b"(\x80)", b"/#80")])
@pytest.mark.parametrize("operator", [b"Do", b"gs", b"sh", b"scn"])
def test_what_a_renderer_alone_takes_for_a_name_is_refused(
    operand: bytes, name: bytes, operator: bytes
) -> None:
    drawn = form(b"0 0 9 9 re f")
    payload = page(operand + b" " + operator, b"/XObject<<%s 9 0 R>>" % name, o9=drawn)
    assert stopped(made("pdf_rebuild", way="raster"), message(payload)) == "syntax"
