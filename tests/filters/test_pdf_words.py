"""Words that a reader of a PDF sees, and those that cross without being seen."""

from dataclasses import replace

import pytest

from filters.formats.pdf_glyphs import UNKNOWN, characters_of
from filters.formats.pdf_model import read
from filters.formats.pdf_structure import PdfLimits
from filters.formats.pdf_text import texts
from schemas.message import Message
from schemas.verdict import Hold, Pass
from tests.filters.hostile.pdf_forge import FONT, good, pdf, stream
from tests.filters.test_pdf import crossed, made, stopped, written

WORDS = {"words.txt": b"secret\nnight owl\n"}
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica%s>>"
AT = b"BT /F1 12 Tf 10 50 Td "
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<<%s>>>>"
FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 200 100]/Resources<<%s>>"
F1 = b"/Font<</F1 5 0 R>>"
SAID = AT + b"(secret) Tj ET"
LIE = stream(
    b"begincmap 5 beginbfchar "
    + b" ".join(b"<%02x> <%04x>" % pair for pair in zip(b"secrt", b"welcm", strict=True))
    + b" endbfchar endcmap"
)
CID = (
    b"<</Type/Font/Subtype/CIDFontType2/BaseFont/Helvetica/DW 500"
    b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Japan1)/Supplement 0>>>>"
)
PICTURE = stream(
    b"a",
    b"/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8",
)
BYTES = stream(
    b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange"
    b" 1 beginbfrange <00> <ff> <0000> endbfrange endcmap"
)


def of(content: bytes, more: dict[int, bytes] | None = None, resources: bytes = F1) -> bytes:
    return pdf(good(content=content, more={3: PAGE % resources} | (more or {})))


def named(names: bytes, more: bytes = b"") -> bytes:
    """A font whose codes 1 to 6 have these names."""
    encoding = b"/Encoding<</Type/Encoding/Differences[1 %s]>>" % names
    return HELVETICA % (encoding + more)


def wide(encoding: bytes) -> bytes:
    return (
        b"<</Type/Font/Subtype/Type0/BaseFont/Helvetica/Encoding/%s/DescendantFonts[8 0 R]"
        b"/ToUnicode 6 0 R>>" % encoding
    )


def glyphs(names: bytes, procs: bytes) -> bytes:
    return (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 1"
        b"/LastChar 6/Widths[6 6 6 6 6 6]/Encoding<</Differences[1%s]>>/CharProcs<<%s>>"
        b"/Resources<</Font<</F1 7 0 R>>>>>>" % (names, procs)
    )


def letters(spelled: bytes) -> bytes:
    return b" ".join(spelled % letter for letter in b"secret")


def disguised() -> dict[str, bytes]:
    """Pages that show the word, and how."""
    codes = AT + b"<010203040506> Tj ET"
    form = stream(b"BT 10 50 Td <010203040506> Tj ET", FORM % b"")
    forms = b"/XObject<</X 8 0 R/Y 9 0 R>>"
    two = {
        8: stream(AT + b"(sec) Tj ET", FORM % F1),
        9: stream(b"BT /F1 12 Tf 28.7 50 Td (ret) Tj ET", FORM % F1),
    }
    pattern = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 200 100]"
    mask = stream(SAID, FORM % F1 + b"/Group<</S/Transparency/CS/DeviceGray>>")
    drawn = {
        10 + at: stream(b"6 0 d0 BT /F1 9 Tf (%c) Tj ET" % c) for at, c in enumerate(b"secret")
    }
    names = b"".join(b"/g%d" % at for at in range(6))
    procs = b"".join(b"/g%d %d 0 R" % (at, 10 + at) for at in range(6))
    return {
        "glyphs by number": of(codes, {5: named(letters(b"/u%04X"))}),
        "glyphs of another look": of(codes, {5: named(letters(b"/%c.alt"))}),
        "an empty map": of(codes, {5: named(letters(b"/%c"), b"/ToUnicode 6 0 R"), 6: stream(b"")}),
        "a map that lies": of(SAID, {5: HELVETICA % b"/ToUnicode 6 0 R", 6: LIE}),
        "a font that comes back": of(
            b"/F1 12 Tf q /F2 12 Tf Q BT 10 50 Td (secret) Tj ET",
            {6: LIE, 7: HELVETICA % b"/ToUnicode 6 0 R"},
            b"/Font<</F1 5 0 R/F2 7 0 R>>",
        ),
        "a font from around": of(
            b"/F1 12 Tf /X Do", {5: named(letters(b"/%c")), 8: form}, F1 + b"/XObject<</X 8 0 R>>"
        ),
        "two forms": of(b"/X Do /Y Do", two, F1 + forms),
        "another order": of(b"BT /F1 12 Tf 28.7 50 Td (ret) Tj ET " + AT + b"(sec) Tj ET"),
        "another order, upwards": of(
            b"0 1 -1 0 99 0 cm BT /F1 12 Tf 28.7 50 Td (ret) Tj ET " + AT + b"(sec) Tj ET"
        ),
        "other text between": of(AT + b"(sec) Tj 100 -30 Td (xx) Tj -81.3 30 Td (ret) Tj ET"),
        "neighbours": of(
            AT + b"(the) Tj 20 0 Td (sec) Tj 18.7 0 Td (ret) Tj 20 0 Td (plan) Tj ET"
        ),
        "codes of one byte": of(SAID, {5: wide(b"90ms-RKSJ-H"), 6: BYTES, 8: CID}),
        "codes that are characters": of(
            AT + b"<007300650063007200650074> Tj ET",
            {5: wide(b"UniJIS-UCS2-H"), 6: stream(b""), 8: CID},
        ),
        "many forms before": of(
            b"/X Do\n" * 5001 + b"/Y Do",
            {8: stream(b"", FORM % b""), 9: stream(SAID, FORM % F1)}, F1 + forms,
        ),
        "glyphs that draw letters": of(codes, {5: glyphs(names, procs), 7: FONT} | drawn),
        "a pattern": of(
            b"/Pattern cs /P scn 0 0 200 100 re f",
            {9: stream(SAID, pattern + b"/Resources<<%s>>" % F1)},
            F1 + b"/Pattern<</P 9 0 R>>",
        ),
        "a soft mask": of(
            b"/G gs 0 0 200 100 re f", {9: mask},
            F1 + b"/ExtGState<</G<</SMask<</S/Luminosity/G 9 0 R>>>>>>",
        ),
        "a glyph of a sentence": of(
            AT + b"<01> Tj ET",
            {5: glyphs(b"/g0", b"/g0 10 0 R"), 7: FONT, 10: stream(
                b"6 0 d0 BT /F1 9 Tf (this is all very secret) Tj ET")},
        ),
        "a glyph of two pieces": of(
            AT + b"<01> Tj ET",
            {5: glyphs(b"/g0", b"/g0 10 0 R"), 7: FONT, 10: stream(
                b"6 0 d0 BT /F1 9 Tf 14 0 Td (ret) Tj -14 0 Td (sec) Tj ET")},
        ),
        "letters that go back": of(b"BT /F1 12 Tf 60 50 Td -14 Tc (terces) Tj ET"),
        "words that go back": of(b"BT /F1 12 Tf 28.7 50 Td -40 Tw (ret sec) Tj ET"),
        "widths that go back": of(
            b"BT /F1 12 Tf 60 50 Td (terces) Tj ET",
            {5: b"<</Type/Font/Subtype/TrueType/BaseFont/Arial/Encoding/WinAnsiEncoding"
                b"/FirstChar 32/LastChar 126/Widths[" + b"-600 " * 95 + b"]>>"},
        ),
        "letters within gaps": of(
            AT + b"22 Tc (st) Tj 0 Tc ET BT /F1 12 Tf 16 50 Td (ecre) Tj ET"
        ),
        "many small steps back": of(
            b"BT /F1 12 Tf 28.7 50 Td [(ret) " + b"350 " * 9 + b"(sec)] TJ ET"
        ),
        "raised text": of(
            b"BT /F1 12 Tf 28.7 150 Td -100 Ts (ret) Tj 0 Ts -18.7 -100 Td (sec) Tj ET"
        ),
        "a mirror's mirror": of(
            b"BT /F1 12 Tf -100 Tz -1 0 0 1 28.7 50 Tm (ret) Tj -1 0 0 1 10 50 Tm (sec) Tj ET"
        ),
        "a negative size": of(
            b"BT /F1 -12 Tf -1 0 0 -1 28.7 50 Tm (ret) Tj -1 0 0 -1 10 50 Tm (sec) Tj ET"
        ),
        "a blank of the page's size": of(
            b"BT /F1 900 Tf 0 60 Td ( ) Tj ET BT /F1 12 Tf 28.7 50 Td (ret) Tj ET "
            b"BT /F1 12 Tf 20 20 Td (xx) Tj ET " + AT + b"(sec) Tj ET"
        ),
        "a map of single bytes": of(
            AT + b"<010203040506> Tj ET",
            {5: HELVETICA % b"/ToUnicode 6 0 R", 6: stream(
                b"beginbfchar " + b" ".join(
                    b"<%02x> <%02x>" % pair for pair in enumerate(b"secret", 1)
                ) + b" endbfchar")},
        ),
        "a font's name": of(AT + b"(x) Tj ET", {5: FONT.replace(b"Helvetica", b"SECRET-plan")}),
        "a font's name, of two words": of(
            AT + b"(x) Tj ET", {5: FONT.replace(b"Helvetica", b"night-owl")}
        ),
        "a glyph's name": of(AT + b"<01> Tj ET", {5: named(b"/secret")}),
        "a colour's name": of(
            AT + b"/C cs 1 scn (x) Tj ET", {},
            F1 + b"/ColorSpace<</C[/Separation/SECRET/DeviceGray<</FunctionType 2/Domain[0 1]/N 1>>"
            b"]>>",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(disguised()))
def test_the_source_finds_what_a_reader_sees(name: str) -> None:
    assert stopped(made("pdf_words", WORDS), crossed(disguised()[name])) == "dirty-word"


UNSEEN_BY_THE_TWIN = {
    "a font from around", "glyphs that draw letters", "other text between",
    "another order, upwards", "a glyph of a sentence", "a glyph of two pieces",
    "letters that go back", "words that go back", "widths that go back", "letters within gaps",
    "many small steps back", "raised text", "a mirror's mirror", "a blank of the page's size",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(disguised()) - UNSEEN_BY_THE_TWIN))
def test_the_destination_finds_it_too(name: str) -> None:
    assert stopped(made("pdf_words_twin", WORDS), written(disguised()[name])) == "dirty-word"


def test_the_destination_refuses_more_forms_than_it_follows() -> None:
    many = of(b"/X Do\n" * 100_001, {8: stream(b"", FORM % b"")}, b"/XObject<</X 8 0 R>>")
    assert stopped(made("pdf_words_twin", WORDS), written(many)) == "too-many-elements"


@pytest.mark.parametrize(
    ("name", "characters"),
    [("A", "A"), ("Aacute", "Á"), ("s.alt", "s"), ("f_i", "fi"), ("u0073", "s"),
     ("uni00730065", "se"), ("afii10017", "А"), ("Alphatonos", "Ά"), ("omega", "ω"),
     ("oneoldstyle", "1"), ("Asmall", "A"), ("g7", UNKNOWN), (".notdef", UNKNOWN),
     ("uniD800", UNKNOWN), ("", UNKNOWN)],
)  # fmt: skip
def test_names_of_glyphs_are_characters(name: str, characters: str) -> None:
    assert characters_of(name) == characters


@pytest.mark.parametrize(
    "payload",
    [
        of(AT + b"<0102> Tj ET", {5: named(b"/g1/g2")}),
        of(AT + b"<01> Tj ET", {5: glyphs(b"/g1", b"/g1 6 0 R"), 6: stream(b"9 0 d0"), 7: FONT}),
        of(AT + b"<0001> Tj ET", {5: wide(b"Identity-H"), 6: stream(b""), 8: CID}),
        of(b"q 99 0 0 99 0 0 cm /X Do Q", {8: PICTURE}, b"/XObject<</X 8 0 R>>"),
        of(b"/X Do " + AT + b"( ) Tj ET", {8: PICTURE}, F1 + b"/XObject<</X 8 0 R>>"),
    ],
    ids=["glyphs", "drawn glyphs", "two bytes", "a picture", "a picture and a blank"],
)
def test_what_cannot_be_read_can_be_held(payload: bytes) -> None:
    assert isinstance(made("pdf_words", WORDS)(crossed(payload)), Pass)
    assert isinstance(made("pdf_words", WORDS, unread="hold")(crossed(payload)), Hold)


def test_what_can_be_read_is_not_held() -> None:
    run = made("pdf_words", WORDS, unread="hold")
    assert run(crossed(pdf())) == Pass("")
    unshown = of(AT + b"<02> Tj ET", {5: named(b"/g1/a")})
    assert run(crossed(unshown)) == Pass("")


@pytest.mark.parametrize("way", ["clean", "raster"])
def test_the_name_of_the_file_is_searched_whatever_it_shows(way: str) -> None:
    given = crossed(of(b"0 0 9 9 re f"), way=way, dpi=72)
    named_so = Message.make(replace(given.meta, name="secret.pdf"), given.payload)
    assert stopped(made("pdf_words", WORDS), named_so) == "dirty-word"


def test_forms_that_draw_very_much_are_not_followed_for_ever() -> None:
    curves = (b"-12345.123456 " * 6 + b"c\n") * 1_000
    forms: dict[int, bytes] = {8: stream(SAID, FORM % F1)}
    forms[9] = stream(curves + b"/X Do\n", FORM % b"/XObject<</X 8 0 R>>")
    model = crossed(of(b"/X Do\n" * 270, forms, b"/XObject<</X 9 0 R>>"))
    found = texts(read(model.payload, PdfLimits()))
    assert found.cut
    assert any("secret" in text for text in found.found)
    assert isinstance(made("pdf_words", {"words.txt": b"none\n"}, unread="hold")(model), Hold)


def test_a_speck_between_lines_parts_none() -> None:
    model = crossed(of(
        b"BT /F1 12 Tf 1 0 0 1 10 50 Tm (sec) Tj /F1 .01 Tf 1 0 0 1 150 50.01 Tm (x) Tj"
        b" /F1 12 Tf 1 0 0 1 28.7 50.02 Tm (ret) Tj ET"
    ))  # fmt: skip
    assert any("secret" in text for text in texts(read(model.payload, PdfLimits())).found)
