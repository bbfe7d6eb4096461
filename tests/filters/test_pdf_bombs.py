"""PDF files of a few kilobytes that ask for gigabytes or hours: refused, or of little cost."""

import random
import zlib
from collections import Counter
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from filters.formats.pdf_builder import Builder
from filters.formats.pdf_charges import Charges, looks_like_steps
from filters.formats.pdf_cmap import rewritten
from filters.formats.pdf_model import read
from filters.formats.pdf_opened import opened
from filters.formats.pdf_structure import PdfLimits
from filters.formats.pdf_under import Names, under
from filters.twins.pdf_brush import Brush
from schemas.cbor import decode, encode
from schemas.message import Message
from schemas.verdict import Pass
from tests.filters.conftest import alone, message
from tests.filters.hostile.pdf_forge import FONT, Objects, good, pdf, stream
from tests.filters.test_pdf import crossed, made, stopped

_WORDS = {"words.txt": b"zzz\n"}
_PAGE = (
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents %s"
    b"/Resources<</Font<</F1 5 0 R>>/XObject<</X 10 0 R>>%s>>>>"
)
_FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 200 100]/Resources<</Font<</F1 5 0 R>>%s>>"


class Uncharged(Charges):
    """Of a source side that looks at no content before it is parsed."""

    def content(self, given: Any) -> None:
        """Charge nothing."""


def packed(raw: bytes, entries: bytes = b"") -> bytes:
    return stream(raw, entries, True)


def mapped(cmap: bytes) -> bytes:
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>"
    return pdf(good(more={5: font, 6: packed(cmap)}))


def nested(depth: int = 8, wide: int = 10) -> bytes:
    """A form that draws a form ten times, which draws a form ten times."""
    forms: Objects = {}
    for at in range(depth - 1):
        inner = b"/XObject<</X %d 0 R>>" % (11 + at)
        forms[10 + at] = stream(b"/X Do\n" * wide, _FORM % inner)
    forms[9 + depth] = stream(b"BT /F1 12 Tf (a) Tj ET", _FORM % b"")
    return pdf(good(content=b"/X Do", more={3: _PAGE % (b"4 0 R", b"")} | forms))


def nested_in_a_glyph() -> bytes:
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 97"
        b"/LastChar 97/Widths[6]/Encoding<</Differences[97/a]>>/CharProcs<</a 7 0 R>>"
        b"/Resources<</XObject<</X 10 0 R>>>>>>"
    )
    forms: Objects = {
        10 + at: stream(b"/X Do " * 10, _FORM % (b"/XObject<</X %d 0 R>>" % (11 + at)))
        for at in range(7)
    }
    more = {5: font, 7: stream(b"6 0 d0 /X Do"), 17: stream(b"0 0 5 5 re f", _FORM % b"")}
    return pdf(good(content=b"BT /F1 12 Tf (aa) Tj ET", more=forms | more))


def drawn(
    inner: bytes, content: bytes, count: int, resources: bytes, before: bytes = b"",
    **objects: bytes,
) -> bytes:  # fmt: skip
    """A page whose content is repeated; `inner` is that of object 10."""
    more = {int(name[1:]): body for name, body in objects.items()}
    page = {3: _PAGE % (b"4 0 R", resources), 4: packed(before + content * count)}
    return pdf(good(more=page | {10: packed(inner, _FORM % b"")} | more))


def many_lists() -> bytes:
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Widths 7 0 R>>"
    fonts = dict.fromkeys(range(10, 40), font)
    named = b"".join(b"/F%d %d 0 R" % (number, number) for number in fonts)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</Font<<%s>>>>>>"
    content = b"".join(b"/F%d 9 Tf\n" % number for number in fonts)
    more = {3: page % named, 7: b"[" + b"500 " * 60_000 + b"]"}
    return pdf(good(content=content, more=more | fonts))


def one_list_in_a_list() -> bytes:
    font = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[6 0 R]>>"
    inner = b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/W[%s]>>" % (b"1 7 0 R " * 2_000)
    return pdf(good(more={5: font, 6: inner, 7: b"[" + b"500 " * 60_000 + b"]"}))


def many_pages_of_a_map() -> bytes:
    numbers = range(20, 220)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    pages = dict.fromkeys(numbers, _PAGE % (b"4 0 R", b""))
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>"
    more: Objects = {
        2: b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(numbers)), 5: font,
        6: packed(b"beginbfrange <0000> <d000> <0041> endbfrange"),
        10: stream(b"", _FORM % b""),
    }  # fmt: skip
    return pdf(good(content=b"BT /F1 9 Tf (a) Tj ET", more=more | pages))


_REFUSED: dict[str, Callable[[], bytes]] = {
    "more tokens of a map than its size allows": lambda: mapped(
        b"beginbfrange <00> <01> [" + b"<0041> " * 600_000 + b"] endbfrange"
    ),
    "one list in many fonts": many_lists,
    "one list in a list": one_list_in_a_list,
    "one content many times": lambda: pdf(
        good(more={3: _PAGE % (b"[" + b"4 0 R " * 1_000 + b"]", b""), 4: packed(b" " * 2_000_000)})
    ),
    "many strings": lambda: pdf(
        good(more={4: packed(b"BT /F1 9 Tf\n" + b"(ab)Tj " * 100_000)})
    ),
    "patches without size": lambda: pdf(good(content=b"/S sh", more={
        3: _PAGE.replace(b"/XObject<</X 10 0 R>>", b"/Shading<</S 6 0 R>>") % (b"4 0 R", b""),
        6: packed(b"\x40" * 3_000_000, b"/ShadingType 6/ColorSpace/DeviceGray/BitsPerCoordinate 1"
                  b"/BitsPerComponent 1/BitsPerFlag 2/Decode[0 1 0 1 0 1]"),
    })),
    "many operations": lambda: pdf(good(more={4: packed(b"q Q\n" * 500_000)})),
    "many operations that are dropped": lambda: pdf(good(more={4: packed(b"EMC " * 900_000)})),
    "many operands": lambda: pdf(good(more={4: packed(b"1 " * 900_000 + b"w")})),
    "many names": lambda: pdf(
        good(more={4: packed(b"".join(b"/a%d gs\n" % each for each in range(40_000)))})
    ),
}  # fmt: skip
_TOO_MUCH: dict[str, Callable[[], bytes]] = {
    "much text": lambda: drawn(b"", b"BT /F1 9 Tf (a) Tj ET ", 300_000, b""),
    "a long string": lambda: pdf(
        good(more={4: packed(b"BT /F1 9 Tf (" + b"ab " * 4_000_000 + b") Tj ET")})
    ),
    "forms in forms": nested,
    "forms in forms in a glyph": nested_in_a_glyph,
    "a map of one range many times": lambda: mapped(
        b"beginbfrange " + b"<0000> <ffff> <0041>\n" * 20_000 + b"endbfrange"
    ),
    "a whole map on many pages": many_pages_of_a_map,
    "a form of much text": lambda: drawn(
        b"BT /F1 9 Tf\n" + b"(a) Tj\n" * 300 + b"ET", b"/X Do\n", 9_000, b""
    ),
    "a pattern of many lines": lambda: drawn(
        b"", b"/Pattern cs /P scn 0 0 9 9 re f\n", 4_000, b"/Pattern<</P 11 0 R>>",
        o11=packed(b"0 0 1 1 re f\n" * 1_000, b"/PatternType 1/PaintType 1/TilingType 1"
                   b"/BBox[0 0 9 9]/XStep 9/YStep 9/Resources<<>>"),
    ),
    "a soft mask of many lines": lambda: drawn(
        b"0 0 1 1 re f\n" * 1_000, b"/G gs\n", 4_000,
        b"/ExtGState<</G<</SMask<</S/Alpha/G 10 0 R>>>>>>",
    ),
    "a soft mask for each of many things": lambda: drawn(
        b"0 0 1 1 re f\n" * 1_000, b"0 0 1 1 re f\n", 4_000,
        b"/ExtGState<</G<</SMask<</S/Alpha/G 10 0 R>>>>>>", before=b"/G gs\n",
    ),
    "a soft mask for all that a form paints": lambda: drawn(
        b"0 0 1 1 re f\n" * 1_000, b"/Y Do\n", 4,
        b"/ExtGState<</G<</SMask<</S/Alpha/G 10 0 R>>>>>>/XObject<</Y 11 0 R>>", before=b"/G gs\n",
        o11=packed(b"q 0 0 1 1 re f 0 0 1 1 re B (a) Tj Q\n" * 1_000, _FORM % b""),
    ),
    "a pattern for each of many things": lambda: drawn(
        b"", b"0 0 m 9 9 l S\n", 4_000, b"/Pattern<</P 11 0 R>>",
        before=b"/Pattern CS /P SCN /Pattern cs 1 scn\n",
        o11=packed(b"0 0 1 1 re f\n" * 1_000, b"/PatternType 1/PaintType 1/TilingType 1"
                   b"/BBox[0 0 9 9]/XStep 9/YStep 9/Resources<<>>"),
    ),
    "a glyph of many lines": lambda: drawn(
        b"", b"BT /T 9 Tf (AAAAAAAAAAAAAAAA) Tj ET\n", 2_000, b"/Font<</T 12 0 R>>",
        o11=packed(b"9 0 d0\n" + b"0 0 1 1 re f\n" * 1_000),
        o12=b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 65"
        b"/LastChar 65/Widths[9]/Encoding<</Differences[65/x]>>/CharProcs<</x 11 0 R>>"
        b"/Resources<<>>>>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _REFUSED)
def test_a_copy_that_would_cost_too_much_is_not_made(name: str) -> None:
    assert stopped(made("pdf_rebuild"), message(_REFUSED[name]()))


def sent(payload: bytes) -> Message:
    """The model that a rebuild without a bound of steps would send."""
    limits = PdfLimits()
    with opened(payload, limits) as document:
        builder = Builder(limits, 1 << 40)
        builder.charges = Uncharged(limits, 1 << 40)
        pages: list[Any] = [builder.page(page.obj) for page in document.pages]
    return message(encode({"pdf": 1, "pages": pages, "objects": builder.objects}))


@pytest.mark.parametrize("each", [b"q Q ", b"(ab)Tj ", b"[<6162>]TJ\n"])
def test_operations_are_counted_before_they_are_parsed(each: bytes) -> None:
    """Neither the size of the rest of the file nor that of the decoded content allows them."""
    body = b"BT /F1 9 Tf " + each * 1_000_000 + b" no operator"
    untrusted = pdf(good(more={4: packed(body), 9: stream(random.Random(1).randbytes(1_000_000))}))
    assert stopped(made("pdf_rebuild"), message(untrusted)) == "too-many-elements"


def test_what_looks_like_operations_is_counted_over_borders_of_pieces() -> None:
    assert looks_like_steps(memoryview(b"BT (abc) Tj /P <</A 1>> BDC <61>'")) == 7 + 2 * 3
    assert looks_like_steps(memoryview(b"ab " * 700_000)) == 700_000
    assert looks_like_steps(memoryview(b"a" * 3_000_000)) == 1
    assert looks_like_steps(memoryview(b"")) == 0


@pytest.mark.parametrize("name", _TOO_MUCH)
def test_more_to_draw_than_the_size_allows_crosses_on_neither_side(name: str) -> None:
    model = sent(_TOO_MUCH[name]())
    assert stopped(made("document_recognise"), model) == "too-many-elements"
    assert stopped(made("pdf_read"), model) == "too-many-elements"


@pytest.mark.parametrize("count", [1_000, 100_000, 290_000])
def test_the_destination_takes_what_the_source_lets_cross(count: int) -> None:
    sound: Any = decode(crossed(nested(3)).payload)
    objects = [dict(item) for item in sound["objects"]]
    raw = b"q\n" * count
    number = objects[sound["pages"][0]]["Contents"]["$o"]
    objects[number] |= {"$b": zlib.compress(raw), "$n": len(raw)}
    model = message(encode(sound | {"objects": objects}))
    assert isinstance(made("document_recognise")(model), Pass)
    assert isinstance(made("pdf_read")(model), Pass)


_LINES = [b"q", b"Q", b"/g1 gs", b"/g2 gs", b"/g3 gs", b"/p1 scn", b"/p2 SCN", b"0 g", b"1 0 0 RG",
          b"/c1 cs", b"f", b"0 0 1 1 re", b"S", b"B*", b"<61> Tj", b"[<61> 9 <62>] TJ", b"/s1 sh",
          b"/x1 Do", b"n"]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_both_sides_count_alike_what_is_painted_with_what(seed: int) -> None:
    """g1 sets a soft mask, g2 ends it, g3 changes neither; x1 paints five things."""
    chance = random.Random(seed)
    lines = [chance.choice(_LINES) for _ in range(400)]
    names = Names(10_000, {b"g1": True, b"g2": False}, {b"x1": 5})
    source = under(b"".join(line + b"\n" for line in lines), names)
    brush, numbers, count = Brush(), {b"g1": 1, b"p1": 2, b"p2": 3}, Counter[bytes]()
    for line in lines:
        count[line] += 1
        if line in (b"/g1 gs", b"/g2 gs"):
            brush.mask(1 if line == b"/g1 gs" else -1)
        elif line[:2] == b"/p":
            brush.hold(line, numbers[line[1:3]])
        elif line == b"/x1 Do":
            brush.paint(5)
        brush.take(line)
    sets = {b"g1": count[b"/g1 gs"], b"p1": count[b"/p1 scn"], b"p2": count[b"/p2 SCN"]}
    assert max(source.values()) > 20
    assert dict(brush.uses()) == {
        numbers[name]: max(times, source.get(name, 0)) for name, times in sets.items()
    }


def of_wide_font(widths: bytes, encoding: bytes, cmap: bytes = b"") -> bytes:
    font = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding %s/DescendantFonts[6 0 R]>>" % encoding
    inner = b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(Adobe)"
    inner += b"/Ordering(Identity)/Supplement 0>>/W[%s]>>" % widths
    content = b"BT /F1 9 Tf <0001> Tj ET"
    return pdf(good(content=content, more={5: font, 6: inner, 7: packed(cmap)}))


def one_glyph_of_many_codes() -> bytes:
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 97"
        b"/LastChar 97/Widths[6]/Encoding<</Differences[0%s]>>/CharProcs<</a 6 0 R>>"
        b"/Resources<</Font<</F1 7 0 R>>>>>>" % (b"/a" * 20_000)
    )
    glyph = packed(b"6 0 d0 BT /F1 1 Tf " + b"(a)Tj " * 1_000 + b"ET")
    return pdf(good(content=b"BT /F1 9 Tf (aa) Tj ET", more={5: font, 6: glyph, 7: FONT}))


def a_mesh_of_much() -> bytes:
    mesh = b"/ShadingType 4/ColorSpace/DeviceGray/BitsPerCoordinate 1/BitsPerComponent 1"
    mesh += b"/BitsPerFlag 2/Decode[0 1 0 1 0 1]"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<<%s>>>>"
    named = page % b"/Shading<</S 6 0 R>>"
    body = stream(bytes(50_000_000), mesh, True)
    return pdf(good(content=b"/S sh", more={3: named, 6: body}))


@pytest.mark.parametrize("payload", [
    lambda: of_wide_font(b"0 65535 5 " * 20_000, b"/Identity-H"),
    lambda: of_wide_font(
        b"", b"7 0 R", b"begincodespacerange " + b"<00><ff>" * 300_000 + b" endcodespacerange"
    ),
    one_glyph_of_many_codes,
    a_mesh_of_much,
], ids=["widths", "spaces of codes", "one glyph", "a mesh"])  # fmt: skip
def test_what_is_said_many_times_is_looked_at_once(payload: Callable[[], bytes]) -> None:
    began = process_time()
    assert isinstance(made("pdf_words", _WORDS)(crossed(payload())), Pass)
    assert process_time() - began < 5  # seconds, on a slow machine: it was ten and more


@pytest.mark.parametrize("cmap", [
    b"beginbfchar " * 80_000,
    b"beginbfrange " + b"<0000> <ffff> <0041>\n" * 30 + b"endbfrange",
    b"beginbfrange " + b"<01> <01> [<0041>]\n" * 40_000 + b"endbfrange",
], ids=["beginnings without an end", "whole ranges", "many lists"])  # fmt: skip
def test_a_map_is_written_anew_and_searched_in_time_that_grows_with_its_size(cmap: bytes) -> None:
    assert isinstance(made("pdf_words", _WORDS)(crossed(mapped(cmap))), Pass)


def test_a_section_without_an_end_takes_none_of_the_next() -> None:
    given = b"beginbfchar <01> <41> 1 beginbfrange <02> <03> <42> endbfrange endcmap"
    assert rewritten(given).split(b"\n")[1:] == [
        b"1 beginbfrange", b"<02> <03> <42>", b"endbfrange", b"endcmap end end"
    ]  # fmt: skip


def test_what_pages_share_is_held_once() -> None:
    picture = stream(bytes(300), b"/Subtype/Image/Width 10/Height 10/BitsPerComponent 8"
                     b"/ColorSpace/DeviceRGB")  # fmt: skip
    numbers = range(20, 120)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    more: Objects = {2: b"<</Type/Pages/Kids[%s]/Count 100>>" % kids, 10: picture}
    pages = dict.fromkeys(numbers, _PAGE % (b"4 0 R", b""))
    model = sent(pdf(good(content=b"BT /F1 9 Tf (a) Tj ET /X Do", more=more | pages)))
    objects: list[Any] = read(model.payload, PdfLimits()).objects
    held = [item for item in objects if isinstance(item, dict)]
    assert sum(item.get("Subtype") == "Image" for item in held) == 1
    assert sum(item.get("Type") == "Font" for item in held) == 1


def rasterised(payload: bytes) -> str:
    """Why it was refused."""
    run = made("pdf_rebuild", way="raster")
    return alone(lambda: stopped(run, message(payload)))


_DRAWN_IN_TIME = frozenset({"much text", "a long string", "a soft mask of many lines"})


@pytest.mark.parametrize(
    "name", [name for name in _TOO_MUCH if " map " not in name and name not in _DRAWN_IN_TIME]
)
def test_no_page_is_rendered_that_asks_for_too_much(name: str) -> None:
    assert rasterised(_TOO_MUCH[name]()) == "effort-out-of-bounds"


def nested_by(use: bytes, subtype: bytes = b"/Form", own: bool = True) -> bytes:
    """Forms that draw forms ten times, eight deep. use: how one draws the next, by its number."""
    objects = b" ".join(b"/X%d %d 0 R" % (number, 10 + number) for number in range(8))
    held = b"/XObject<<%s>>" % objects
    entries = b"/Type/XObject/Subtype%s/BBox[0 0 200 100]/Resources<<%s>>"
    forms: Objects = {3: (_PAGE % (b"4 0 R", b"")).replace(b"/XObject<</X 10 0 R>>", held)}
    for number in range(8):
        content = use % (number + 1) * 10 if number < 7 else b"0 0 5 5 re f "
        forms[10 + number] = stream(content, entries % (subtype, held if own else b""))
    return pdf(good(content=b"/X0 Do", more=forms))


@pytest.mark.parametrize(
    "payload",
    [
        nested_by(b"/X%d Do ", own=False),
        nested_by(b"/X%d Do ", subtype=b"(Form)"),
        nested_by(b"(X%d) Do "),
        nested_by(b"BI /W 1 /H 1 /BPC 8 /CS /G ID x EI \x01 /X%d Do \nEI Q "),
    ],
    ids=["of the page's resources", "called by a string", "drawn by a string", "in a picture"],
)
def test_what_a_renderer_alone_draws_takes_too_much_too(payload: bytes) -> None:
    assert rasterised(payload) == "effort-out-of-bounds"
