"""Pages of a kilobyte that would keep a renderer busy for minutes, or take its memory."""

import zlib
from collections.abc import Callable, Iterator, Mapping

from tests.filters.hostile.cases import Case
from tests.filters.hostile.font_forge import composites, of_subroutines
from tests.filters.hostile.painting_forge import (
    CORNER,
    GROUP,
    MESH,
    PATTERN,
    PICTURE,
    RADIAL,
    SHADES,
    WHOLE,
    P,
    S,
    X,
    coded,
    form,
    halftone,
    jbig2,
    jpeg2000,
    marks,
    of_font,
    of_square_letters,
    page,
    patches,
    picture,
    program,
    state,
    tiling,
    triangles,
    type3,
    wide_jpeg,
)
from tests.filters.hostile.pdf_forge import stream

PACKS = ("pdf_raster",)


def _blended(mode: str) -> Callable[[], bytes]:
    return lambda: page(b"/G gs .1 .2 .3 rg\n" + WHOLE * 1_000, state(b"/BM/" + mode.encode()))


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "opaque": lambda: page(WHOLE * 120_000),
    "alpha": lambda: page(b"/G gs\n" + WHOLE * 4_000, state(b"/ca .5")),
    "blended": lambda: page(b"/G gs\n" + WHOLE * 1_000, state(b"/BM/Multiply")),
    "blended in a form": lambda: page(
        b"/X Do", X, o9=form(b"/G gs\n" + WHOLE * 1_000, b"", state(b"/BM/Hue"))
    ),
    "a form inherits blending": lambda: page(
        b"/G gs /X Do", X + state(b"/BM/Hue"), o9=form(WHOLE * 1_000)
    ),
    "a form inherits alpha, turned": lambda: page(
        b".7 .7 -.7 .7 0 0 cm /G gs /X Do", X + state(b"/ca .5"), o9=form(WHOLE * 4_000)
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
        b"/S sh\n" * 9, S, o9=stream(triangles(10_000), b"/ShadingType 4" + MESH.replace(
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
         + b" EI\n") * 9),
    "marks without an appearance": lambda: page(b"", b"", marks(600, b"")),
    "a mark of many parts": lambda: page(b"", b"", (
        b"/Annots[<</Type/Annot/Subtype/Highlight/Rect[0 0 595 842]/C[1 0 0]/F 4/QuadPoints[%s]>>]"
        % (b"0 0 595 0 0 842 595 842 " * 1_500))),
    **{f"blended: {mode}": _blended(mode) for mode in (
        "Overlay", "ColorDodge", "SoftLight", "Luminosity")},
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
        b"[.01 .01] 0 d BT 1 Tr /F1 300 Tf\n" + b"(aaaa)Tj 1 0 0 1 0 0 Tm\n" * 9_000
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
    "marks with an empty appearance": lambda: page(b"", b"", marks(600, b"/AP<<>>")),
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
    "a truth for a name": lambda: page(
        b"true Do " * 40, b"/XObject<</true 9 0 R>>",
        o9=form(b"/G gs\n" + WHOLE * 600, b"", state(b"/BM/Hue")),
    ),
    "bytes for a name": lambda: page(
        b"(\\200) Do " * 40, b"/XObject<</#80 9 0 R>>",
        o9=form(b"/G gs\n" + WHOLE * 600, b"", state(b"/BM/Hue")),
    ),
    "boxes that do not hold each other": lambda: page(
        b"0 0 500 500 re W n 0 0 1 1 re f 1 1 500 500 re W n 0 0 1 1 re f\n" * 9_000
    ),
    "a box within a shape, anew": lambda: page(
        CORNER + b" W n\n" + b"q 0 0 9 9 re W n 0 0 1 1 re f Q\n" * 40_000
    ),
    "a box within letters, anew": lambda: page(
        b"BT /F1 9 Tf 7 Tr (" + b"abcdefgh" * 1_000 + b")Tj ET\n"
        + b"q 0 0 1 1 re W n 0 0 1 1 re f Q\n" * 900
    ),
    "many letters as a clip": lambda: page(
        b"BT /F1 9 Tf 7 Tr (" + b"abcdefgh" * 5_000 + b")Tj ET\n"
        + b"q 0 0 1 1 re W n 0 0 1 1 re f Q\n" * 1_000
    ),
    "tiles of a hundredth": lambda: page(
        PATTERN + WHOLE, P,
        o9=tiling(b"0 0 1 1 re f", b".01").replace(b"/XStep .01", b"/XStep .011"),
    ),
    "tiles of nothing over each other": lambda: page(
        PATTERN + WHOLE, P, o9=tiling(b"", b"200").replace(b"Step 200", b"Step .5")
    ),
    "a program in a program of pieces": lambda: page(
        b"0 0 1 1 re W n\n" + b"/S sh\n" * 3_000,
        b"/Shading<</S<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 9 9]/Function<<"
        b"/FunctionType 3/Domain[0 1]/Bounds[]/Encode[0 1]/Functions[9 0 R]>>>>>>",
        o9=program(4_000, 1),
    ),
    "tints of a named space": lambda: page(
        PICTURE + b"/X Do", X + b"/ColorSpace<</C[/DeviceN[/A/B/C/D]/DeviceRGB 8 0 R]>>",
        o8=program(4_000, 4), o9=picture(600, 600, b"/ColorSpace/C", bytes(1_440_000)),
    ),
    "tints of all that is CMYK": lambda: page(
        PICTURE + b"/X Do", X + b"/ColorSpace<</DefaultCMYK[/DeviceN[/A/B/C/D]/DeviceRGB 8 0 R]>>",
        o8=program(4_000, 4), o9=picture(600, 600, b"/ColorSpace/DeviceCMYK", bytes(1_440_000)),
    ),
    "tints in the place of a profile": lambda: page(
        PICTURE + b"/X Do", X, o8=program(4_000, 4),
        o7=stream(b"x" * 200, b"/N 4/Alternate[/DeviceN[/A/B/C/D]/DeviceRGB 8 0 R]"),
        o9=picture(600, 600, b"/ColorSpace[/ICCBased 7 0 R]", bytes(1_440_000)),
    ),
    "tints of an inline picture": lambda: page(
        PICTURE + b"BI /W 300 /H 300 /BPC 8 /CS /C ID " + bytes(360_000) + b" EI",
        b"/ColorSpace<</C[/DeviceN[/A/B/C/D]/DeviceRGB 8 0 R]>>", o8=program(4_000, 4),
    ),
    "a grid of JBIG2": lambda: page(PICTURE + b"/X Do", X, o9=stream(
        zlib.compress(halftone(30_000), 9), b"/Type/XObject/Subtype/Image/Width 9/Height 9"
        b"/BitsPerComponent 1/ColorSpace/DeviceGray/Filter[/FlateDecode/JBIG2Decode]")),
    "a picture inflated without end": lambda: page(PICTURE + b"/X Do", X, o9=stream(
        zlib.compress(bytes(99_000_000), 9), b"/Type/XObject/Subtype/Image/Width 9/Height 9"
        b"/BitsPerComponent 8/ColorSpace/DeviceGray/Filter[/FlateDecode/DCTDecode]")),
    "a progressive JPEG of much memory": lambda: page(
        PICTURE + b"/X Do", X, o9=coded(wide_jpeg(9_000), b"DCTDecode")
    ),
    "a progressive JPEG of too many pixels": lambda: page(
        PICTURE + b"/X Do", X, o9=coded(wide_jpeg(20_000), b"DCTDecode")
    ),
    "subroutines of a font": lambda: of_font(
        b"<" + b"".join(b"%04x" % code for code in range(1, 20)) + b"> Tj ",
        of_subroutines(200, 100, 9), b"CIDFontType0",
    ),
    "letters of letters of letters": lambda: of_font(b"<0001> Tj ", composites(300, 3)),
    "states of many entries": lambda: page(
        b"/G gs\n" * 200_000, state(b"".join(b"/K%d 0" % at for at in range(8_000)))
    ),
    "saved states": lambda: page(b"q " * 2_000_000),
}  # fmt: skip


_REASONS = {
    "a JPEG 2000 of its own size": "too-many-pixels",
    "a JBIG2 of its own size": "too-many-pixels",
    "JBIG2 of many regions": "too-many-pixels",
    "a progressive JPEG of too many pixels": "too-many-pixels",
    "a picture inflated without end": "size-out-of-bounds",
}


def hostile() -> Iterator[Case]:
    """Each, refused for what it takes to paint, or for the size of a picture."""
    for name, make in BOMBS.items():
        yield Case(f"bomb: {name}", make(), (_REASONS.get(name, "effort-out-of-bounds"),))
