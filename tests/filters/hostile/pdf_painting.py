"""Pages of a kilobyte that would keep a renderer busy for minutes, or take its memory."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping

from PIL import Image

from tests.filters.hostile.cases import Case
from tests.filters.hostile.font_forge import square
from tests.filters.hostile.pdf_forge import Objects, good, pdf, stream

PACKS = ("pdf_raster",)
WHOLE = b"0 0 595 842 re f\n"
CORNER = b"0 0 m 595 842 l 300 0 l h"
GROUP = b"/Group<</S/Transparency>>"
X, P, S = b"/XObject<</X 9 0 R>>", b"/Pattern<</P 9 0 R>>", b"/Shading<</S 9 0 R>>"
PATTERN = b"/Pattern cs /P scn\n"
PICTURE = b"595 0 0 842 0 0 cm\n"
SHADES = b"/Function<</FunctionType 2/N 1/Domain[0 1]/C0[0 0 0]/C1[1 0 1]>>"
RADIAL = b"<</ShadingType 3/ColorSpace/DeviceRGB/Coords[0 0 0 595 842 900]/Extend[true true]%s>>"
MESH = (
    b"/ColorSpace/DeviceRGB/BitsPerCoordinate 16/BitsPerComponent 8/BitsPerFlag 8"
    b"/Decode[0 595 0 842 0 1 0 1 0 1]"
)


def page(content: bytes, resources: bytes = b"", entries: bytes = b"", **objects: bytes) -> bytes:
    """One page of A4. objects: by their numbers, as o9."""
    body = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]%s/Contents 4 0 R/Resources"
    body += b"<</Font<</F1 5 0 R>>%s>>>>"
    more: Objects = {3: body % (entries, resources), 4: stream(content, packed=True)}
    return pdf(good(content=b"", more=more | {int(name[1:]): o for name, o in objects.items()}))


def form(content: bytes, entries: bytes = b"", resources: bytes = b"", box: bytes = b"") -> bytes:
    head = b"/Type/XObject/Subtype/Form/BBox[%s]%s/Resources<<%s>>"
    return stream(content, head % (box or b"0 0 595 842", entries, resources), True)


def state(entries: bytes) -> bytes:
    return b"/ExtGState<</G<<%s>>>>" % entries


def tiling(content: bytes, step: bytes = b"2") -> bytes:
    entries = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 %s %s]/XStep %s"
    return stream(content, (entries + b"/YStep %s/Resources<<>>") % ((step,) * 4), True)


def picture(width: int, height: int, entries: bytes = b"", raw: bytes | None = None) -> bytes:
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8" % (width, height)
    entries = entries or b"/ColorSpace/DeviceGray"
    return stream(bytes(width * height) if raw is None else raw, head + entries, True)


def coded(raw: bytes, decoder: bytes) -> bytes:
    head = b"/Type/XObject/Subtype/Image/Width 9/Height 9/BitsPerComponent 8/ColorSpace/DeviceRGB"
    return stream(raw, head + b"/Filter/" + decoder)


def triangles(count: int) -> bytes:
    corners = ((0, 0), (65535, 0), (0, 65535))
    return b"".join(struct.pack(">BHHBBB", 0, *at, 9, 99, 0) for at in corners) * count


def patches(count: int) -> bytes:
    third, most = 21845, 65535
    round_it = [(0, 0), (0, third), (0, 2 * third), (0, most), (third, most), (2 * third, most),
                (most, most), (most, 2 * third), (most, third), (most, 0), (2 * third, 0),
                (third, 0)]  # fmt: skip
    return (b"\0" + b"".join(struct.pack(">HH", *at) for at in round_it) + bytes(12)) * count


def type3(glyph: bytes) -> dict[str, bytes]:
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 97"
    )
    font += b"/LastChar 97/Widths[6]/Encoding<</Differences[97/a]>>/CharProcs<</a 7 0 R>>"
    return {"o5": font + b"/Resources<<>>>>", "o7": stream(glyph)}


def jpeg2000(width: int, height: int) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (64, 64)).save(held, "JPEG2000")
    raw = held.getvalue()
    at = raw.index(b"\xff\x4f\xff\x51") + 8
    return raw[:at] + struct.pack(">II", width, height) + raw[at + 8 :]


def program(length: int, inputs: int) -> bytes:
    """A function that computes so long, of so many numbers to three."""
    body = b"{" + b"dup mul sqrt " * length + (b"pop}" if inputs == 4 else b"dup dup}")
    ends = b"/FunctionType 4/Domain[%s]/Range[0 1 0 1 0 1]" % (b"0 1 " * inputs)
    return stream(body, ends, True)


def scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes so many times."""
    held = io.BytesIO()
    Image.new("L", (4_000, 4_000), 128).save(held, "JPEG", progressive=True)
    raw = held.getvalue()
    at = raw.rindex(b"\xff\xda")
    return raw[:at] + raw[at:-2] * count + raw[-2:]


def jbig2(width: int, height: int) -> bytes:
    return struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">II", width, height) + bytes(11)


def of_square_letters(side: int, count: int) -> bytes:
    """Text of a nine-point font whose letters are squares of so many thousandths of an em."""
    font = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[6 0 R]>>"
    inner = (
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDToGIDMap/Identity/FontDescriptor 7 0 R"
    )
    inner += b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
    told = b"<</Type/FontDescriptor/FontName/X/Flags 4/FontBBox[0 0 9 9]/FontFile2 8 0 R>>"
    text = b"BT /F1 9 Tf 200 200 Td\n" + b"<0001> Tj 1 0 0 1 200 200 Tm\n" * count + b"ET"
    return page(text, o5=font, o6=inner, o7=told, o8=stream(square(side), packed=True))


def _blended(mode: str) -> Callable[[], bytes]:
    return lambda: page(b"/G gs .1 .2 .3 rg\n" + WHOLE * 1_000, state(b"/BM/" + mode.encode()))


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "opaque": lambda: page(WHOLE * 120_000),
    "alpha": lambda: page(b"/G gs\n" + WHOLE * 4_000, state(b"/ca .5")),
    "blended": lambda: page(b"/G gs\n" + WHOLE * 1_000, state(b"/BM/Multiply")),
    "one of many modes": lambda: page(b"/G gs\n" + WHOLE * 600, state(b"/BM[/Normal/Hue]")),
    "blended in a form": lambda: page(
        b"/X Do", X, o9=form(b"/G gs\n" + WHOLE * 1_000, b"", state(b"/BM/Hue"))
    ),
    "a form inherits blending": lambda: page(
        b"/G gs /X Do", X + state(b"/BM/Hue"), o9=form(WHOLE * 1_000)
    ),
    "a form inherits alpha, turned": lambda: page(
        b".7 .7 -.7 .7 0 0 cm /G gs /X Do", X + state(b"/ca .5"), o9=form(WHOLE * 4_000)
    ),
    "a form inherits a pen": lambda: page(
        b"2000 w /X Do", X, o9=form(b"0 0 m 1 1 l S\n" * 20_000)
    ),
    "a form inherits a pattern": lambda: page(
        PATTERN + b"/X Do", P + b"/XObject<</X 8 0 R>>", o8=form(WHOLE * 2_000),
        o9=tiling(b"0 0 1 1 re f"),
    ),
    "a form of one unit": lambda: page(
        b"1000 0 0 1000 0 0 cm /X Do", X,
        o9=form(b"/G gs " + b"0 0 1 1 re f\n" * 4_000, b"", state(b"/ca .5"), b"0 0 1 1"),
    ),
    "a group cut to a corner": lambda: page(
        b"/G gs " + b"/X Do\n" * 2_000, X + state(b"/ca .5"),
        o9=form(WHOLE, GROUP, b"", b"0 0 9 9"),
    ),
    "text beyond a group's box": lambda: page(
        b"/G gs " + b"/X Do\n" * 2_000, X + state(b"/ca .5"),
        o9=form(b"BT /F1 900 Tf (@@@) Tj ET", GROUP, b"/Font<</F1 5 0 R>>", b"0 0 9 9"),
    ),
    "a form in a group's corner": lambda: page(
        b"/G gs " + b"/X Do\n" * 2_000, X + state(b"/ca .5"),
        o9=form(b"1 0 0 1 900 0 cm /X Do", GROUP, b"/XObject<</X 8 0 R>>", b"0 0 9 9"),
        o8=form(b"0 0 1 1 re f"),
    ),
    "a soft mask": lambda: page(
        b"/G gs\n" + WHOLE * 2_000, state(b"/SMask<</S/Alpha/G 9 0 R>>"), o9=form(WHOLE, GROUP)
    ),
    "a soft mask of much": lambda: page(
        b"/G gs\n" + WHOLE * 200, state(b"/SMask<</S/Alpha/G 9 0 R>>"),
        o9=form(CORNER + b" f\n" + WHOLE * 600, GROUP),
    ),
    "a form inherits a soft mask": lambda: page(
        b"/G gs /X Do", X + state(b"/SMask<</S/Alpha/G 8 0 R>>"), o8=form(WHOLE, GROUP),
        o9=form(WHOLE * 2_000),
    ),
    "dashes": lambda: page(b"[.1 .1] 0 d .1 w\n" + b"0 0 m 595 842 l S\n" * 12_000),
    "a form inherits dashes": lambda: page(
        b"[.1 .1] 0 d /X Do", X, o9=form(b"0 0 m 595 842 l S\n" * 12_000)
    ),
    "spikes": lambda: page(b"1 w 10000 M\n" + b"0 0 m 595 0 l 0 .1 l S\n" * 90_000),
    "lines": lambda: page(b"0 0 m " + b"595 842 l 9 9 l " * 70_000 + b"f"),
    "clips in clips": lambda: page((CORNER + b" W n\n" + b"0 0 1 1 re f\n") * 300),
    "clips anew": lambda: page(
        b"q " + (CORNER + b" W n\n") * 30 + b"q 0 0 9 9 re W n 0 0 1 1 re f Q " * 100
        + (b"q " + CORNER + b" W n 0 0 1 1 re f Q ") * 1_000
    ),
    "letters": lambda: page(
        b"/G gs BT /F1 900 Tf\n" + b"(@@@@)Tj 1 0 0 1 0 0 Tm\n" * 1_500, state(b"/BM/Hue")
    ),
    "drawn letters": lambda: page(
        b"/G gs BT /F1 1000 Tf\n" + b"(a)Tj 1 0 0 1 0 0 Tm\n" * 2_000, state(b"/ca .5"),
        **type3(b"1 0 d0 " + b"0 0 900 900 re f " * 9),
    ),
    "letters larger than they say": lambda: of_square_letters(32_000, 20_000),
    "radial shades": lambda: page(b"/S sh\n" * 600, S, o9=RADIAL % SHADES),
    "radial shades of a pattern": lambda: page(
        PATTERN + WHOLE * 600, b"/Pattern<</P<</PatternType 2/Shading 9 0 R>>>>",
        o9=RADIAL % SHADES,
    ),
    "shades by a program": lambda: page(
        b"0 0 1 1 re W n\n" + b"/S sh\n" * 20_000,
        b"/Shading<</S<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 9 9]/Function 9 0 R>>>>",
        o9=stream(b"{" + b"dup mul sqrt " * 400 + b"dup dup}",
                  b"/FunctionType 4/Domain[0 1]/Range[0 1 0 1 0 1]"),
    ),
    "triangles": lambda: page(
        b"/S sh", S, o9=stream(triangles(10_000), b"/ShadingType 4" + MESH, True)
    ),
    "patches": lambda: page(
        b"/S sh", S, o9=stream(patches(2_000), b"/ShadingType 6" + MESH, True)
    ),
    "triangles by bits": lambda: page(
        b"/S sh", S, o9=stream(triangles(10_000), b"/ShadingType 4" + MESH.replace(
            b"Flag 8", b"Flag 2"), True)),
    "a pattern many times": lambda: page(PATTERN + WHOLE * 1_000, P, o9=tiling(b"0 0 1 1 re f")),
    "a picture many times": lambda: page(b"/X Do\n" * 1_000, X, o9=picture(3000, 3000)),
    "a picture with a mask": lambda: page(
        b"/X Do\n" * 1_000, X, o9=picture(9, 9, b"/ColorSpace/DeviceGray/SMask 8 0 R"),
        o8=picture(3000, 3000),
    ),
    "a JPEG 2000 of its own size": lambda: page(
        PICTURE + b"/X Do", X, o9=coded(jpeg2000(20_000, 20_000), b"JPXDecode")
    ),
    "a JBIG2 of its own size": lambda: page(
        PICTURE + b"/X Do", X, o9=coded(jbig2(60_000, 60_000), b"JBIG2Decode")
    ),
    "JBIG2 of many regions": lambda: page(
        PICTURE + b"/X Do", X,
        o9=coded(jbig2(10_000, 10_000) * 60, b"JBIG2Decode"),
    ),
    "inline pictures": lambda: page(
        (b"BI /W 9000 /H 9000 /BPC 8 /CS /G /F /Fl ID " + zlib.compress(bytes(81_000_000), 9)
         + b" EI\n") * 3),
    "marks without an appearance": lambda: page(b"", b"", b"/Annots[%s]" % (
        b"<</Type/Annot/Subtype/Highlight/Rect[0 0 595 842]/C[1 0 0]/F 4>>" * 1_500)),
    "a mark of many parts": lambda: page(b"", b"", (
        b"/Annots[<</Type/Annot/Subtype/Highlight/Rect[0 0 595 842]/C[1 0 0]/F 4/QuadPoints[%s]>>]"
        % (b"0 0 595 0 0 842 595 842 " * 1_500))),
    **{f"blended: {mode}": _blended(mode) for mode in (
        "Screen", "Overlay", "Darken", "Lighten", "ColorDodge", "ColorBurn", "HardLight",
        "SoftLight", "Difference", "Exclusion", "Saturation", "Color", "Luminosity")},
    "strokes": lambda: page(
        b"/G gs 900 w\n" + b"0 0 m 595 842 l S\n" * 4_000, state(b"/CA .5")
    ),
    "pictures that shine through": lambda: page(
        b"/G gs " + PICTURE + b"/X Do\n" * 4_000, X + state(b"/ca .5"), o9=picture(9, 9)
    ),
    "a stencil filled with a pattern": lambda: page(
        PATTERN + PICTURE + b"/Y Do\n" * 1_000, P + b"/XObject<</Y 8 0 R>>",
        o8=picture(8, 8, b"/ImageMask true").replace(b"Component 8", b"Component 1"),
        o9=tiling(b"0 0 1 1 re f"),
    ),
    "letters filled with a pattern": lambda: page(
        PATTERN + b"BT /F1 900 Tf\n" + b"(@)Tj 1 0 0 1 0 0 Tm\n" * 1_000, P,
        o9=tiling(b"0 0 1 1 re f"),
    ),
    "strokes with a pattern": lambda: page(
        b"/Pattern CS /P SCN 900 w\n" + b"0 0 m 595 842 l S\n" * 1_000, P,
        o9=tiling(b"0 0 1 1 re f"),
    ),
    "a pattern of shades in a pattern": lambda: page(
        PATTERN + WHOLE * 300, P, o9=stream(
            b"/S sh\n" * 9, b"/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 595 842]/XStep 595"
            b"/YStep 842/Resources<</Shading<</S 8 0 R>>>>"), o8=RADIAL % SHADES),
    "shades by place": lambda: page(
        b"/S sh\n" * 600,
        b"/Shading<</S<</ShadingType 1/ColorSpace/DeviceRGB/Matrix[595 0 0 842 0 0]/Function 9 0 R"
        b">>>>", o9=stream(b"{0}", b"/FunctionType 4/Domain[0 1 0 1]/Range[0 1 0 1 0 1]")),
    "a lattice": lambda: page(b"/S sh", S, o9=stream(
        triangles(10_000), b"/ShadingType 5/VerticesPerRow 2" + MESH, True)),
    "patches of a tensor": lambda: page(b"/S sh", S, o9=stream(
        patches(2_000), b"/ShadingType 7" + MESH, True)),
    "a mesh of a pattern": lambda: page(
        PATTERN + WHOLE * 100, b"/Pattern<</P<</PatternType 2/Shading 9 0 R>>>>",
        o9=stream(triangles(300), b"/ShadingType 4" + MESH, True)),
    "a form in a form, enlarged": lambda: page(
        b"30 0 0 30 0 0 cm /X Do", X,
        o9=form(b"30 0 0 30 0 0 cm /X Do", b"", b"/XObject<</X 8 0 R>>", b"0 0 30 30"),
        o8=form(b"/G gs " + b"0 0 1 1 re f\n" * 4_000, b"", state(b"/ca .5"), b"0 0 1 1"),
    ),
    "a form enlarged by its matrix": lambda: page(b"/X Do", X, o9=form(
        b"/G gs " + b"0 0 1 1 re f\n" * 4_000, b"/Matrix[900 0 0 900 0 0]", state(b"/ca .5"),
        b"0 0 1 1")),
    "a turned page": lambda: page(b"/G gs\n" + WHOLE * 4_000, state(b"/ca .5"), b"/Rotate 90"),
    "a cropped page": lambda: page(
        b"/G gs\n" + b"0 0 3000 3000 re f\n" * 4_000, state(b"/ca .5"), b"/CropBox[0 0 590 830]"
    ),
    "letters as thick strokes": lambda: page(
        b"2000 w BT 1 Tr /F1 9 Tf\n" + b"(aaaa)Tj 1 0 0 1 0 0 Tm\n" * 1_000
    ),
    "letters in dashes": lambda: page(
        b"[.01 .01] 0 d BT 1 Tr /F1 300 Tf\n" + b"(aaaa)Tj 1 0 0 1 0 0 Tm\n" * 1_000
    ),
    "tints by a program": lambda: page(
        b"/C cs " + b".5 sc 0 0 1 1 re f\n" * 60_000,
        b"/ColorSpace<</C[/Separation/A/DeviceRGB 8 0 R]>>", o8=program(4_000, 1),
    ),
    "a picture tinted by a program": lambda: page(
        PICTURE + b"/X Do", X, o8=program(4_000, 4),
        o9=picture(500, 500, b"/ColorSpace[/DeviceN[/A/B/C/D]/DeviceRGB 8 0 R]", bytes(1_000_000)),
    ),
    "shades by place, tinted": lambda: page(
        b"/S sh\n" * 3,
        b"/Shading<</S<</ShadingType 1/ColorSpace[/Separation/A/DeviceRGB 8 0 R]/Matrix[595 0 0 842"
        b" 0 0]/Function 9 0 R>>>>", o8=program(100, 1),
        o9=stream(b"{mul}", b"/FunctionType 4/Domain[0 1 0 1]/Range[0 1]")),
    "a mask by a program": lambda: page(
        b"/G gs\n" + b"0 0 1 1 re f\n" * 900,
        state(b"/SMask<</S/Luminosity/G 9 0 R/TR 8 0 R>>"), o8=program(4_000, 1),
        o9=form(b"0 0 1 1 re f", GROUP),
    ),
    "a JPEG of many scans": lambda: page(PICTURE + b"/X Do", X, o9=coded(scans(900), b"DCTDecode")),
    "marks with an empty appearance": lambda: page(b"", b"", b"/Annots[%s]" % (
        b"<</Type/Annot/Subtype/Highlight/Rect[0 0 595 842]/C[1 0 0]/F 4/AP<<>>>>" * 1_500)),
    "a wave without an end": lambda: page(b"", b"", (
        b"/Annots[<</Type/Annot/Subtype/Squiggly/Rect[0 0 595 842]/C[1 0 0]/F 4"
        b"/QuadPoints[0 0 90000000 0 0 842 90000000 842]>>]")),
    "marked content in marked content": lambda: page(b"/A BMC " * 20_000),
    "shades by a program of the place": lambda: page(
        b"/S sh\n" * 3,
        b"/Shading<</S<</ShadingType 1/ColorSpace/DeviceRGB/Matrix[595 0 0 842 0 0]/Function 9 0 R"
        b">>>>", o9=stream(b"{pop " + b"dup mul sqrt " * 200 + b"dup dup}",
                           b"/FunctionType 4/Domain[0 1 0 1]/Range[0 1 0 1 0 1]")),
    "a mark larger than its form": lambda: page(
        b"", b"", b"/Annots[<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/AP<</N 9 0 R>>/F 4>>]",
        o9=form(b"/G gs " + b"0 0 1 1 re f\n" * 4_000, b"", state(b"/ca .5"), b"0 0 1 1"),
    ),
}  # fmt: skip


CONTENTS = (
    b"q 1 0 0 1 20 30 cm /G gs /X Do Q 2 w [3 1] 0 d 0 0 m 9 9 l 1 2 3 4 5 6 c S\n",
    b"/M gs 1 0 0 rg 0 0 90 60 re f* /N gs 0 0 m 9 9 l 5 0 l h W n /S sh /Y Do\n",
    b"/Pattern cs /P scn BT /F1 12 Tf 80 Tz 1 Tr 1 0 0 1 9 9 Tm (ab) Tj [(a) 9 (b)] TJ ET f\n",
    b"/Pattern CS /P SCN 0 0 m 9 0 9 9 v 3 3 9 9 y B BT /T 9 Tf 7 Tr (aa) ' 1 2 (a) \" ET\n",
    b"BI /W 2 /H 2 /BPC 8 /CS /G ID abcd EI 0 G 1 1 1 K .5 0 0 sc q q Q W* n b* s\n",
)
"""Contents that use all that `rich` names."""


def rich(content: bytes) -> bytes:
    """A page of some content, with a form, a picture, a pattern, shades, states and fonts."""
    fonts = type3(b"1 0 d0 0 0 900 900 re f")
    mask = b"/M<</SMask<</S/Alpha/G 9 0 R>>>>/N<</SMask/None/LW 3/D[[2 1]0]/ML 4>>"
    return page(
        content, b"/ExtGState<</G<</ca .5/BM/Multiply>>%s>>/XObject<</X 9 0 R/Y 10 0 R>>/Pattern"
        b"<</P 11 0 R>>/Shading<</S 12 0 R>>/Font<</T 13 0 R/F1 5 0 R>>" % mask,
        o7=fonts["o7"], o9=form(b"/X Do 0 0 9 9 re f", GROUP, b"/XObject<</X 10 0 R>>"),
        o10=picture(9, 9), o11=tiling(b"0 0 1 1 re f"), o12=RADIAL % SHADES, o13=fonts["o5"],
    )  # fmt: skip


_REASONS = {
    "a wave without an end": ("syntax",),
    "marked content in marked content": ("too-deep",),
}


def hostile() -> Iterator[Case]:
    """Each, refused for how much it paints or decodes to, but where another reason is due."""
    for name, make in BOMBS.items():
        reasons = _REASONS.get(name, ("too-many-elements", "size-out-of-bounds"))
        yield Case(f"bomb: {name}", make(), reasons)
