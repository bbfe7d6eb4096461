"""Pages that a renderer paints: ordinary ones, what they look like, and how long one waits.

Those that would keep it busy are in tests/filters/hostile/pdf_painting.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from filters.formats.part_chain import PartChain, PartStage
from filters.formats.pdf_rendered import NS_A_BYTE, NS_A_PIXEL, Patience
from filters.formats.picture_model import read
from filters.formats.picture_structure import PictureLimits
from filters.normalizers.archive_rebuild import ArchiveRebuildParameters, PartLine
from filters.normalizers.archive_rebuild import make_bounded as archive_within
from schemas.effort import Effort
from schemas.errors import Broken
from schemas.verdict import Changed
from tests.filters.conftest import alone, message
from tests.filters.hostile.painting_forge import (
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
    page,
    state,
    tiling,
    triangles,
)
from tests.filters.hostile.pdf_forge import stream
from tests.filters.hostile.zip_forge import Entry, zip_of
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
    "forms out of sight": lambda: page(
        b"/G gs " + b"/X Do\n" * 2_000, X + state(b"/ca .5"),
        o9=form(b"1 0 0 1 900 0 cm /X Do", GROUP, b"/XObject<</X 8 0 R>>", b"0 0 9 9"),
        o8=form(b"0 0 1 1 re f"),
    ),
    "a name that only a renderer sees": lambda: page(b"true Do", b"/XObject<</true 9 0 R>>",
                                                     o9=form(b"0 0 9 9 re f")),
    "pages of large text": lambda: page(b"BT /F1 60 Tf\n" + b"(Title)Tj 0 9 Td\n" * 900),
}  # fmt: skip


@pytest.mark.parametrize("name", _ORDINARY)
def test_an_ordinary_page_is_rendered(name: str) -> None:
    crossed(_ORDINARY[name](), way="raster", dpi=72)


def test_what_is_blended_looks_as_it_should() -> None:
    content = b".5 g 0 0 595 842 re f /G gs 1 0 0 rg 0 0 595 400 re f"
    model = crossed(page(content, state(b"/BM/Multiply")), way="raster", dpi=36).payload
    frame = read(model, PictureLimits()).frames[0]
    seen = np.concatenate(frame.planes).reshape(frame.height, frame.width, 3)
    assert seen[10, 10].tolist() == [128, 128, 128]
    assert seen[-10, 10].tolist() == [128, 0, 0]


BUSY = b"0 0 m " + b"595 842 l 9 9 l " * 70_000 + b"f"  # seconds
SOME = b"0 0 595 842 re f\n" * 150  # a tenth of a second


def test_a_policy_says_how_long_a_page_may_take_and_how_much_memory() -> None:
    run = made("pdf_rebuild", way="raster", dpi=72, paint_ms_max=50)
    assert alone(lambda: stopped(run, message(page(BUSY)))) == "effort-out-of-bounds"
    small = made("pdf_rebuild", way="raster", dpi=150, paint_bytes_max=2**24)
    assert alone(lambda: stopped(small, message(page(BUSY)))) == "effort-out-of-bounds"
    crossed(page(SOME), way="raster", dpi=72, paint_ms_max=600_000)


def test_what_a_document_may_take_grows_with_its_size_and_the_pages_that_were_painted() -> None:
    patience = Patience(Effort(1_000, 900), 2)
    left = []
    for pixels, took, kept in ((1, 300, 4), (4, 200, 116), (1_000_000, 0, 4_000_000)):
        left.append(patience.left)
        patience.took(Effort(took, kept))
        patience.painted(pixels)
    full = 1_000 + 2 * NS_A_BYTE
    second = full - 300 + NS_A_PIXEL
    assert left == [(full, 900), (second, 900), (second - 200 + 4 * NS_A_PIXEL, 800)]
    assert patience.left == (full, 800)


def test_what_pages_keep_is_counted_together() -> None:
    """Each page a large function, which PDFium keeps with the document."""
    shades = b"<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 9 9]/Function %d 0 R>>"
    samples = b"/FunctionType 0/Domain[0 1]/Range[0 1 0 1 0 1]/Size[9000000]/BitsPerSample 8"
    one = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Shading<</S "
    pages = {f"o{20 + at}": one + shades % (40 + at) + b">>>>>>" for at in range(12)}
    functions = {f"o{40 + at}": stream(bytes(27_000_000), samples, True) for at in range(12)}
    kids = b" ".join(b"%d 0 R" % (20 + at) for at in range(12))
    tree = b"<</Type/Pages/Kids[%s]/Count 12>>" % kids
    payload = page(b"/S sh", o2=tree, **pages, **functions)
    run = made("pdf_rebuild", way="raster", inflated_bytes_max=400_000_000)
    assert alone(lambda: stopped(run, message(payload))) == "effort-out-of-bounds"
    crossed(payload, way="raster", inflated_bytes_max=400_000_000, pages_last=2)


def test_a_page_that_takes_too_long_is_refused_wherever_it_stands() -> None:
    pages = b"<</Type/Pages/Kids[3 0 R 20 0 R]/Count 2>>"
    second = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 21 0 R/Resources<<>>>>"
    both = page(b"0 0 9 9 re f", o2=pages, o20=second, o21=stream(BUSY, packed=True))
    run = made("pdf_rebuild", way="raster", dpi=72)
    assert alone(lambda: stopped(run, message(both))) == "effort-out-of-bounds"
    crossed(both, way="raster", dpi=72, pages_last=1)


@pytest.mark.parametrize(("way", "works"), [
    ("clean", ["cleaning the PDF"]),
    ("raster", ["reading the PDF", "opening the PDF", "painting page 1"]),
])  # fmt: skip
def test_what_opens_a_pdf_is_held_to_bounds_in_either_way(way: str, works: list[str]) -> None:
    held: list[tuple[str, Effort]] = []

    def within(most: Effort, what: str, work: Callable[[], Any]) -> tuple[Any, Effort]:
        held.append((what, most))
        return work(), Effort(0, 0)

    archive = ArchiveRebuildParameters(parts=[PartLine(part="pdf", extensions=["pdf"], stage=[
        PartStage(use="pdf_recognise"),
        PartStage(use="pdf_rebuild", parameters={"way": way}),
    ])])  # fmt: skip
    run = archive_within(archive, {}, within)
    held.clear()  # the smallest of all was opened once
    answer = run(message(zip_of(Entry(b"a.pdf", page(SOME)))))
    assert isinstance(answer, Changed)
    assert [what for what, _ in held] == ["reading the PDF", *works]
    assert all(0 < most.cpu_ns < 10**9 and 0 < most.heap_bytes < 2**28 for _, most in held)


def test_a_stage_with_foreign_code_stands_where_it_is_held_to_bounds_alone() -> None:
    lines = [PartStage(use="pdf_recognise")]
    with pytest.raises(Broken, match="pdf_recognise cannot be a stage of this part"):
        PartChain(lines, {})
