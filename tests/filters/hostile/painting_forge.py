"""Pages that a renderer paints, and what stands in them: pieces for tests to put together."""

import io
import struct

from PIL import Image

from tests.filters.hostile.font_forge import square
from tests.filters.hostile.pdf_forge import Objects, good, pdf, stream

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


def marks(count: int, entries: bytes) -> bytes:
    """Annotations that a renderer draws by itself."""
    one = b"<</Type/Annot/Subtype/Highlight/Rect[0 0 595 842]/C[1 0 0]/F 4%s"
    corners = b"/QuadPoints[0 0 595 0 0 842 595 842]>>"
    return b"/Annots[%s]" % ((one % entries + corners) * count)


def wide_jpeg(side: int) -> bytes:
    """A progressive JPEG that says it is a square of so many pixels."""
    held = io.BytesIO()
    Image.new("RGB", (64, 64)).save(held, "JPEG", progressive=True, subsampling=0)
    raw = held.getvalue()
    at = raw.index(b"\xff\xc2") + 5
    return raw[:at] + struct.pack(">HH", side, side) + raw[at + 4 :]


def halftone(side: int) -> bytes:
    """A JBIG2 region of nine by nine pixels, whose grid has so many cells a side (T.88, 7.4.5)."""
    pattern = b"\0\1\1" + struct.pack(">I", 1) + bytes(100)
    region = struct.pack(">IIIIB", 9, 9, 0, 0, 0) + b"\0"
    region += struct.pack(">IIIIHH", side, side, 0, 0, 0, 0) + bytes(2_000_000)
    return (
        jbig2(9, 9) + struct.pack(">IBBBI", 1, 16, 0, 1, len(pattern)) + pattern
        + struct.pack(">IBBBBI", 2, 22, 32, 1, 1, len(region)) + region
    )  # fmt: skip


def jbig2(width: int, height: int) -> bytes:
    return struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">II", width, height) + bytes(11)


def of_square_letters(side: int, count: int) -> bytes:
    """Text of a nine-point font whose letters are squares of so many thousandths of an em."""
    return of_font(b"<0001> Tj 1 0 0 1 200 200 Tm\n" * count, square(side))


def of_font(text: bytes, font: bytes, kind: bytes = b"CIDFontType2") -> bytes:
    """Text in two-byte codes of a font, its glyphs' numbers."""
    of = {
        b"CIDFontType2": (b"FontFile2", b""),
        b"CIDFontType0": (b"FontFile3", b"/Subtype/CIDFontType0C"),
    }
    key, entries = of[kind]
    whole = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[6 0 R]>>"
    inner = b"<</Type/Font/Subtype/%s/BaseFont/X/CIDToGIDMap/Identity/FontDescriptor 7 0 R" % kind
    inner += b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
    told = b"<</Type/FontDescriptor/FontName/X/Flags 4/FontBBox[0 0 9 9]/%s 8 0 R>>" % key
    content = b"BT /F1 9 Tf 200 200 Td\n" + text + b"ET"
    return page(content, o5=whole, o6=inner, o7=told, o8=stream(font, entries, True))


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
