"""What of a PDF crosses beside its text: no bytes that nothing reads, and the look that it had."""

import re
import zlib
from io import BytesIO

import numpy as np
import pikepdf
import pypdfium2
import pytest
from PIL import Image

from filters.formats import pdf_bodies
from filters.formats.pdf_cmap import rewritten
from filters.formats.pdf_values import encoding_name
from schemas.errors import Malformed
from schemas.verdict import Pass
from tests.filters.conftest import changed, message
from tests.filters.hostile.pdf_forge import FONT, good, pdf, stream
from tests.filters.test_pdf import made, stopped, written

HIDDEN = b"PK\x03\x04" + b"HIDDEN-PAYLOAD" * 40
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<<%s>>%s>>"
F1 = b"/Font<</F1 5 0 R>>"
SEPARATION = b"/ColorSpace<</C[/Separation/X/DeviceGray 6 0 R]>>"


def uncharged(_steps: int) -> None:
    """A bound that is never reached."""


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
    assert pdf_bodies.shading(says, whole + b"\x02abc"[: goes_on - 1], 1, uncharged) == whole
    with pytest.raises(Malformed):
        pdf_bodies.shading(says, whole + b"\x09", 1, uncharged)


def test_names_that_readers_do_not_have_stay_behind() -> None:
    font = FONT.replace(b">>", b"/Encoding/night-owl-SECRET/ToUnicode/SECRET-H>>")
    other = FONT.replace(b">>", b"/Encoding<</BaseEncoding/SECRET>>>>")
    state = b"/ExtGState<</G<</BM/SECRET>>/H<</BM/Multiply>>>>"
    content = b"/G gs /H gs BT /F1 9 Tf (x) Tj /F2 9 Tf (y) Tj ET"
    payload = of(content, b"/Font<</F1 5 0 R/F2 7 0 R>>" + state, {5: font, 7: other})
    delivered = written(payload).payload
    assert b"SECRET" not in delivered
    assert b"/BM /Normal" in delivered
    assert b"/BM /Multiply" in delivered


@pytest.mark.parametrize("name", [
    "WinAnsiEncoding", "MacRomanEncoding", "StandardEncoding", "Identity-H", "Identity-V", "H",
    "90ms-RKSJ-H", "83pv-RKSJ-H", "EUC-V", "UniJIS-UTF16-H", "UniJIS-UCS2-HW-V", "GBK-EUC-H",
    "GBKp-EUC-V", "GBK2K-H", "UniGB-UTF16-H", "B5pc-H", "HKscs-B5-H", "ETenms-B5-V", "CNS-EUC-H",
    "KSCms-UHC-HW-H", "KSCpc-EUC-H", "Adobe-Japan1-UCS2",
])  # fmt: skip
def test_names_of_encodings_that_readers_have_cross(name: str) -> None:
    assert encoding_name(pikepdf.Name("/" + name)) == name


def test_glyphs_of_different_names_stay_apart() -> None:
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 1"
        b"/LastChar 2/Widths[6 6]/Encoding<</Differences[1/Unnamed.0/#20/Unnamed.000000]>>"
        b"/CharProcs<</Unnamed.0 8 0 R/#20 9 0 R/Unnamed.000000 10 0 R>>/Resources<<>>>>"
    )
    glyphs = {8: stream(b"6 0 d0 0 0 5 5 re f"), 9: stream(b"6 0 d0"), 10: stream(b"7 0 d0")}
    given = of(b"BT /F1 9 Tf <0102> Tj ET", more={5: font} | glyphs)
    found = re.search(rb"/Differences \[([^\]]*)\]", written(given).payload)
    assert found
    assert len(set(re.findall(rb"/\S+", found[1]))) == 3


def test_a_lattice_is_cut_to_whole_vertices() -> None:
    says = {"ShadingType": 5, "BitsPerCoordinate": 16, "BitsPerComponent": 8}
    assert pdf_bodies.shading(says, bytes(17), 3, uncharged) == bytes(14)


def test_rows_of_a_character_map_have_the_shape_of_their_kind() -> None:
    rows = b"2 beginbfchar <01> <0041> <0102030405> <0042> endbfchar"
    lists = b"2 beginbfrange <01> <02> [<0041> <0042>] <03> <04> <%s> endbfrange" % (b"00" * 80)
    found = rewritten(rows + b"\n" + lists)
    assert b"1 beginbfchar\n<01> <0041>\nendbfchar" in found
    assert b"1 beginbfrange\n<01> <02> [ <0041> <0042> ]\nendbfrange" in found


def jpeg(entries: bytes, mode: str = "L") -> bytes:
    out = BytesIO()
    ramp = Image.linear_gradient("L").resize((64, 64)).point([value // 4 for value in range(256)])
    ramp.convert(mode).save(out, "JPEG")
    says = b"<</Type/XObject/Subtype/Image/Width 64/Height 64/BitsPerComponent 8/Filter/DCTDecode"
    raw = out.getvalue()
    return says + b"%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(raw), raw)


def pictured(entries: bytes, mode: str = "L") -> bytes:
    content = b"q 90 0 0 90 5 5 cm /X Do Q"
    return of(content, b"/XObject<</X 7 0 R>>", {7: jpeg(entries, mode)})


def on_two_pages() -> bytes:
    form = stream(
        b"/F1 30 Tf BT 10 50 Td (Word) Tj ET /G gs 0 0 50 40 re f",
        b"/Type/XObject/Subtype/Form/BBox[0 0 200 100]",
    )
    resources = b"/Font<</F1 %d 0 R>>/XObject<</X 8 0 R>>/ExtGState<</G<</ca %s>>>>"
    return pdf(good(more={
        2: b"<</Type/Pages/Kids[3 0 R 10 0 R]/Count 2>>", 4: stream(b"/X Do"), 8: form,
        3: PAGE % (resources % (5, b"1"), b""), 10: PAGE % (resources % (11, b".1"), b""),
        11: FONT.replace(b"Helvetica", b"Times-Bold"),
    }))  # fmt: skip


def with_glyphs() -> bytes:
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 65"
        b"/LastChar 66/Widths[9 9]/Encoding<</Differences[65/a*1/a*2]>>"
        b"/CharProcs<</a*1 6 0 R/a*2 7 0 R>>/Resources<<>>>>"
    )
    large, small = (stream(b"9 0 0 0 9 9 d1 0 0 %d %d re f" % (side, side)) for side in (9, 2))
    return of(b"BT /F1 50 Tf 10 30 Td (AB) Tj ET", more={5: font, 6: large, 7: small})


INK = b"/ColorSpace[/Separation/Black/DeviceGray<</FunctionType 2/Domain[0 1]/C0[1]/C1[0]/N 1>>]"
LOOKS = {
    "a grey JPEG": pictured(b"/ColorSpace/DeviceGray"),
    "a grey JPEG turned over": pictured(b"/ColorSpace/DeviceGray/Decode[1 0]"),
    "a coloured JPEG turned over": pictured(b"/ColorSpace/DeviceRGB/Decode[1 0 1 0 1 0]", "RGB"),
    "a JPEG of an ink": pictured(INK),
    "a JPEG of a palette": pictured(
        b"/ColorSpace[/Indexed/DeviceGray 255<%s>]" % bytes(range(255, -1, -1)).hex().encode()
    ),
    "a form on two pages": on_two_pages(),
    "glyphs with other names": with_glyphs(),
}


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_a_page_looks_as_it_did(name: str) -> None:
    payload = LOOKS[name]
    came, left = (pypdfium2.PdfDocument(each) for each in (payload, written(payload).payload))
    for at in range(len(came)):
        before, after = (
            np.asarray(each[at].render().to_pil().convert("L")).astype(int) for each in (came, left)
        )
        assert np.abs(before - after).max() <= 8


@pytest.mark.parametrize(
    "payload",
    [
        pictured(b"/ColorSpace/DeviceGray/Decode[0 .5]"),
        pictured(b"/ColorSpace[/Lab<</WhitePoint[.95 1 1.09]>>]", "RGB"),
        pictured(b"/ImageMask true"),
        of(b"q .0000004 0 0 .0000004 0 0 cm BT /F1 30000000 Tf 10 50 Td (Word) Tj ET Q"),
        of(b"BT .0000014 0 0 .0000014 9 9 Tm /F1 30000000 Tf (Word) Tj ET"),
    ],
    ids=["stretched samples", "another space", "a stencil", "a tiny page", "tiny text"],
)
def test_what_would_look_otherwise_is_refused(payload: bytes) -> None:
    assert stopped(made("pdf_rebuild"), message(payload)) in ("syntax", "picture-compression")


@pytest.mark.parametrize(
    "matrix", [b"0 1 -1 .00000000000000006 9 9", b"1 0 0 0 0 0", b"0 0 0 0 0 0"]
)
def test_an_ordinary_matrix_is_taken(matrix: bytes) -> None:
    made("pdf_rebuild")(message(of(b"q %s cm 0 0 9 9 re f Q" % matrix)))


GROUP = {6: b"<</Type/OCG/Name(a)>>"}
LAYERS = b"/OCProperties<</OCGs[6 0 R]/D<</ON[6 0 R]%s>>>>"
USED = b"<</Type/OCG/Name(a)/Usage<</View<</ViewState/%s>>>>>>"


@pytest.mark.parametrize(
    ("more", "default", "hides"),
    [
        ({7: b"<</Type/OCMD/OCGs[6 0 R]/P/AllOff>>"}, b"", True),
        ({7: b"<</Type/OCMD/OCGs[6 0 R]/P/AnyOff>>"}, b"", True),
        ({7: b"<</Type/OCMD/VE[/Not 6 0 R]>>"}, b"", True),
        ({6: USED % b"OFF"}, b"/AS[<</Event/View/OCGs[6 0 R]/Category[/View]>>]", True),
        ({}, b"/AS[<</Event/View/OCGs[6 0 R]/Category[/Zoom]>>]", True),
        ({7: b"<</Type/OCMD/OCGs[6 0 R]>>"}, b"", False),
        ({7: b"<</Type/OCMD/OCGs[6 0 R]/P/AllOn>>"}, b"", False),
        ({6: USED % b"ON"}, b"/AS[<</Event/View/OCGs[6 0 R]/Category[/View]>>]", False),
    ],
)
def test_layers_that_something_hides_are_found(
    more: dict[int, bytes], default: bytes, hides: bool
) -> None:
    content = b"/OC /P BDC BT /F1 12 Tf 10 50 Td (not shown) Tj ET EMC"
    resources = F1 + b"/Properties<</P 7 0 R>>"
    payload = of(content, resources, GROUP | more, catalog=LAYERS % default)
    if hides:
        assert stopped(made("pdf_recognise"), message(payload)) == "pdf-layers"
    else:
        assert isinstance(made("pdf_recognise")(message(payload)), Pass)


def test_the_verdict_has_no_words_of_the_senders() -> None:
    own = b"/!#0aACCEPTED#1b31m 1/Outlines<</Count 0>>/%s 2" % (b"x" * 200)
    answer = changed(made("pdf_rebuild")(message(pdf(good(catalog=own), b"/ID[(a)(b)]"))))
    assert answer.note == "rebuilt (clean); dropped identifiers, other entries, outlines"
