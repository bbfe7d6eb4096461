"""What of a PDF crosses beside its text: no bytes that nothing reads, and the look that it had."""

import re
import zlib

import pytest

from filters.formats import pdf_bodies
from filters.formats.pdf_cmap import rewritten
from schemas.errors import Malformed
from tests.filters.conftest import message
from tests.filters.hostile.pdf_forge import FONT, good, pdf, stream
from tests.filters.test_pdf import made, stopped, written

HIDDEN = b"PK\x03\x04" + b"HIDDEN-PAYLOAD" * 40
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<<%s>>%s>>"
F1 = b"/Font<</F1 5 0 R>>"
SEPARATION = b"/ColorSpace<</C[/Separation/X/DeviceGray 6 0 R]>>"


def of(content: bytes, resources: bytes = F1, more: dict[int, bytes] | None = None,
       page: bytes = b"", catalog: bytes = b"") -> bytes:  # fmt: skip
    objects = {3: PAGE % (resources, page)} | (more or {})
    return pdf(good(catalog=catalog, content=content, more=objects))


def streams(delivered: bytes) -> list[bytes]:
    found = re.findall(rb"stream\n(.*?)\nendstream", delivered, re.DOTALL)
    return [zlib.decompress(each) for each in found]


CARRIERS = {
    "behind the samples of a function": of(
        b"/C cs 1 scn 0 0 9 9 re f", SEPARATION,
        {6: stream(b"\x00\xff" + HIDDEN,
                   b"/FunctionType 0/Domain[0 1]/Range[0 1]/Size[2]/BitsPerSample 8")},
    ),
    "in a palette beyond its highest index": of(
        b"/C cs 1 sc 0 0 9 9 re f",
        b"/ColorSpace<</C[/Indexed/DeviceGray 1<%s>]>>" % HIDDEN.hex().encode(),
    ),
    "in a palette that is a stream": of(
        b"/C cs 1 sc 0 0 9 9 re f", b"/ColorSpace<</C[/Indexed/DeviceGray 1 6 0 R]>>",
        {6: stream(b"ab" + HIDDEN)},
    ),
    "in a row of a character map": pdf(good(more={
        5: FONT[:-2] + b"/ToUnicode 6 0 R>>",
        6: stream(b"1 beginnotdefrange <%s> <00> 5 endnotdefrange" % HIDDEN[4:100].hex().encode()),
    })),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_bytes_that_nothing_reads_do_not_cross(name: str) -> None:
    delivered = written(CARRIERS[name]).payload
    for mark in (b"HIDDEN-PAYLOAD", b"HIDDEN-PAYLOAD".hex().encode()):
        assert all(mark not in each for each in [delivered, *streams(delivered)])


@pytest.mark.parametrize(
    "payload",
    [
        of(b"/C cs 1 scn 0 0 9 9 re f", SEPARATION,
           {6: stream(HIDDEN, b"/FunctionType 2/Domain[0 1]/C0[0]/C1[1]/N 1")}),
        of(b"/S sh", b"/Shading<</S 6 0 R>>",
           {6: stream(HIDDEN, b"/ShadingType 2/ColorSpace/DeviceGray/Coords[0 0 9 9]"
                              b"/Function<</FunctionType 2/Domain[0 1]/N 1>>")}),
        of(b"/S sh", b"/Shading<</S 6 0 R>>",
           {6: stream(HIDDEN, b"/ShadingType 4/ColorSpace/DeviceGray/BitsPerCoordinate 8"
                              b"/BitsPerComponent 8/BitsPerFlag 8/Decode[0 9 0 9 0 1]")}),
    ],
    ids=["a function of numbers", "a shading along a line", "a mesh that is none"],
)  # fmt: skip
def test_a_stream_where_none_belongs_is_refused(payload: bytes) -> None:
    assert stopped(made("pdf_rebuild"), message(payload)) == "syntax"


@pytest.mark.parametrize(
    ("kind", "begins", "goes_on"), [(4, 4, 4), (6, 29, 19), (7, 37, 27)]
)  # bytes of a record: a flag, places and grey values
def test_a_mesh_is_cut_to_whole_records(kind: int, begins: int, goes_on: int) -> None:
    says = {"ShadingType": kind, "BitsPerFlag": 8, "BitsPerCoordinate": 8, "BitsPerComponent": 8}
    whole = bytes(begins) + b"\x01" + bytes(goes_on - 1)
    assert pdf_bodies.shading(says, whole + b"\x02abc"[: goes_on - 1], 1) == whole
    with pytest.raises(Malformed):
        pdf_bodies.shading(says, whole + b"\x09", 1)


def test_a_lattice_is_cut_to_whole_vertices() -> None:
    says = {"ShadingType": 5, "BitsPerCoordinate": 16, "BitsPerComponent": 8}
    assert pdf_bodies.shading(says, bytes(17), 3) == bytes(14)


def test_rows_of_a_character_map_have_the_shape_of_their_kind() -> None:
    rows = b"2 beginbfchar <01> <0041> <0102030405> <0042> endbfchar"
    lists = b"2 beginbfrange <01> <02> [<0041> <0042>] <03> <04> <%s> endbfrange" % (b"00" * 80)
    found = rewritten(rows + b"\n" + lists)
    assert b"1 beginbfchar\n<01> <0041>\nendbfchar" in found
    assert b"1 beginbfrange\n<01> <02> [ <0041> <0042> ]\nendbfrange" in found
