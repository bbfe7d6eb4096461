"""PDF beyond the contract suite: words, kept pages, what a stage that was taken over could send."""

import zlib
from typing import Any

import pytest

from filters import catalog
from filters.formats.pdf_lines import is_content
from filters.formats.pdf_model import read
from filters.formats.pdf_structure import PdfLimits
from filters.twins.pdf_tables import check_line
from schemas.cbor import decode, encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.stage import Run
from schemas.verdict import Changed, Hold, Pass, Refuse
from tests.filters.conftest import WITHIN, changed, message
from tests.filters.hostile.pdf_forge import CONTENT as SHOWN
from tests.filters.hostile.pdf_forge import good, pdf, stream

WORDS = {"words.txt": b"hello\nnight owl\n"}


def made(name: str, documents: dict[str, bytes] | None = None, **parameters: Any) -> Run:
    stage = catalog.load(name)
    return stage.made(stage.parameters(**parameters), documents or {}, WITHIN)


def stopped(run: Run, given: Message) -> str:
    try:
        answer = run(given)
    except Malformed as error:
        return error.reason
    assert isinstance(answer, Refuse | Hold), answer
    return answer.reason


def crossed(payload: bytes, **parameters: Any) -> Message:
    return changed(made("pdf_rebuild", **parameters)(message(payload))).message


def written(payload: bytes, **parameters: Any) -> Message:
    return changed(made("pdf_build")(crossed(payload, **parameters))).message


@pytest.mark.parametrize(
    "content",
    [
        SHOWN,
        b"BT /F1 12 Tf 10 50 Td [(HE) -20 (llo)] TJ ET",
        b"BT /F1 12 Tf 10 50 Td (hel) Tj 16 0 Td (lo) Tj ET",
        b"BT /F1 9 Tf 10 50 Td (say) Tj 0 -12 Td (night) Tj 0 -12 Td (owl) Tj ET",
        b"BT /F1 12 Tf 3 Tr 10 50 Td <48656C6C6F> Tj ET",
    ],
    ids=["plain", "kerned", "in two parts", "over lines", "invisible"],
)
def test_a_word_is_found_on_both_sides_however_it_is_placed(content: bytes) -> None:
    payload = pdf(good(content=content))
    assert stopped(made("pdf_words", WORDS), crossed(payload)) == "dirty-word"
    assert stopped(made("pdf_words_twin", WORDS), written(payload)) == "dirty-word"


def test_other_words_are_not_found() -> None:
    payload = pdf(good(content=b"BT /F1 12 Tf 10 50 Td (othello at night) Tj ET"))
    assert isinstance(made("pdf_words", WORDS)(crossed(payload)), Pass)
    assert isinstance(made("pdf_words_twin", WORDS)(written(payload)), Pass)


def test_pages_that_are_pictures_can_be_held_for_people() -> None:
    pages = crossed(pdf(), way="raster", dpi=72)
    assert isinstance(made("pdf_words", WORDS)(pages), Pass)
    assert isinstance(made("pdf_words", WORDS, unread="hold")(pages), Hold)


@pytest.mark.parametrize("way", ["clean", "raster"])
def test_only_the_kept_pages_cross(way: str) -> None:
    pages = b"<</Type/Pages/Kids[3 0 R 3 0 R 3 0 R 3 0 R]/Count 4>>"
    payload = pdf(good(more={2: pages}))
    kept = written(payload, way=way, dpi=72, pages_first=2, pages_last=3)
    assert b"/Count 2/" in kept.payload
    assert stopped(made("pdf_rebuild", way=way, pages_first=9), message(payload)) == "model-shape"


def test_a_page_looks_the_same_whatever_was_rendered_before_it() -> None:
    """PDFium remembers which font it took for one that is not there; found by the campaign."""

    def font(name: bytes) -> bytes:
        return pdf(good(more={5: b"<</Type/Font/Subtype/Type1/BaseFont/%s>>" % name}))

    names = (b"Lelvetica", b"Helvetica", b"Lelvetica", b"Lelvetica", b"Times-Roman", b"Lelvetica")
    shown = [crossed(font(name), way="raster", dpi=150).payload for name in names]
    assert len({page for page, name in zip(shown, names, strict=True) if name == names[0]}) == 1


def test_what_the_policy_drops_is_gone_and_told() -> None:
    script = b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>"
    payload = pdf(good(catalog=script))
    assert isinstance(made("pdf_recognise", active="drop")(message(payload)), Pass)
    answer = made("pdf_rebuild", active="drop")(message(payload))
    assert isinstance(answer, Changed)
    assert "active" in answer.note
    assert b"alert" not in changed(made("pdf_build")(answer.message)).message.payload


def test_an_inline_picture_and_glyphs_become_resources() -> None:
    glyphs = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 65"
        b"/LastChar 65/Widths[9]/Encoding<</Differences[65/square]>>/CharProcs<</square 6 0 R>>"
        b"/Resources<<>>>>"
    )
    glyph = stream(
        b"9 0 0 0 9 9 d1 q 9 0 0 9 0 0 cm BI /W 2 /H 2 /IM true /D [1 0] ID \x40\x80 EI Q"
    )
    shown = good(content=b"BT /F1 9 Tf (A) Tj ET", more={5: glyphs, 6: glyph})
    model = read(crossed(pdf(shown)).payload, PdfLimits())
    contents = [model.inflated(at) for at, item in enumerate(model.objects) if "$b" in item]
    assert any(b"/x0 Do" in each for each in contents)
    assert isinstance(made("pdf_read")(crossed(pdf(shown))), Pass)


def hostile_models() -> dict[str, bytes]:
    sound: Any = decode(crossed(pdf()).payload)
    page = sound["pages"][0]

    def other(number: int, **entries: Any) -> bytes:
        objects = [dict(item) for item in sound["objects"]]
        objects[number] |= entries
        return encode(sound | {"objects": objects})

    def content(raw: bytes) -> bytes:
        number = sound["objects"][page]["Contents"]["$o"]
        return other(number, **{"$b": zlib.compress(raw), "$n": len(raw)})

    return {
        "a script": other(page, OpenAction={"S": "JavaScript", "JS": b"app.alert(1)"}),
        "an action": other(page, AA={"O": {"S": "Launch"}}),
        "annotations": other(page, Annots=[]),
        "a reference to itself": other(page, Contents={"$o": page}),
        "a reference beyond the end": other(page, Contents={"$o": 999}),
        "a page that is none": encode(sound | {"pages": [0]}),
        "a page twice": encode(sound | {"pages": [page, page]}),
        "no pages": encode(sound | {"pages": []}),
        "a key more": encode(sound | {"hidden": b"x"}),
        "an operator that is unknown": content(b"EVIL\n"),
        "an operand too few": content(b"1 2 3 re\n"),
        "two blanks": content(b"1  0 0 rg\n"),
        "a comment": content(b"q\n% hidden\nQ\n"),
        "a number with needless zeros": content(b"1.50 w\n"),
        "a string in brackets": content(b"(hidden) Tj\n"),
        "upper-case hexadecimal": content(b"<4A4B> Tj\n"),
        "no end of the last line": content(b"q"),
        "a long name of a resource": content(b"/hidden gs\n"),
        "fewer bytes than it says": other(0, **{"$b": zlib.compress(b"q\n"), "$n": 9}),
        "bytes behind a stream": other(
            sound["objects"][page]["Contents"]["$o"],
            **{"$b": zlib.compress(b"q\n") + b"x", "$n": 2},
        ),
    }


@pytest.mark.parametrize("name", sorted(hostile_models()))
def test_the_destination_refuses_a_model_that_a_rebuild_does_not_write(name: str) -> None:
    assert stopped(made("pdf_read"), message(hostile_models()[name]))


@pytest.mark.parametrize(
    "name", sorted(set(hostile_models()) - {"a script", "an action", "annotations"})
)
def test_the_source_refuses_it_too(name: str) -> None:
    assert stopped(made("document_recognise"), message(hostile_models()[name]))


@pytest.mark.parametrize(
    "line",
    [b"q", b"0.5 g", b"-1 0 0 1 20.25 3 cm", b"/f0 12 Tf", b"[ <00ff> -120.5 <41> ] TJ", b"<> Tj",
     b"[ ] 0 d",
     b"[ 3 1 ] 0.5 d", b"/c3 cs", b"/DeviceRGB CS", b"0 0 1 /p0 scn", b"1 sc", b"/x9 Do",
     b"1 2 3 re",
     b"01 w", b"1. w", b".5 w", b"1.50 w", b"--1 w", b"1234567890 w", b"<0> Tj",
     b"<AB> Tj", b"/F1 12 Tf", b"/f1 Tf", b"q q", b"", b" q", b"q ", b"/x123456 Do", b"[ <00> TJ",
     b"/DeviceN cs", b"[ <00> ] 0 d", b"1.1234567 w", b"scn", b"EI", b"BDC"],
)  # fmt: skip
def test_both_sides_take_the_same_lines(line: bytes) -> None:
    try:
        check_line(line)
        twin = True
    except Malformed:
        twin = False
    assert is_content(line + b"\n") == twin


def test_a_written_file_with_one_byte_more_anywhere_is_not_verified() -> None:
    verify = made("pdf_verify")
    delivered = written(pdf())
    assert isinstance(verify(delivered), Pass)
    for at in (0, 15, 60, len(delivered.payload) // 2, len(delivered.payload)):
        longer = delivered.payload[:at] + b" " + delivered.payload[at:]
        assert stopped(verify, Message(delivered.meta_bytes, longer))
    assert stopped(verify, message(pdf()))


def test_an_encoding_that_is_a_map_in_the_file_is_taken_by_both_sides() -> None:
    cmap = stream(b"begincodespacerange <0000> <ffff> endcodespacerange endcmap", b"/Type/CMap")
    font = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding 7 0 R/DescendantFonts[8 0 R]>>"
    inner = b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X>>"
    model = crossed(pdf(good(more={5: font, 7: cmap, 8: inner})))
    assert isinstance(made("document_recognise")(model), Pass)
    assert isinstance(made("pdf_read")(model), Pass)


def test_an_object_that_is_only_a_reference_or_a_map_that_is_no_stream_is_not_taken() -> None:
    sound: Any = decode(crossed(pdf()).payload)
    page = sound["pages"][0]
    for more in ({"$o": 0}, {"$r": "0.5"}):
        shifted = encode(sound | {"objects": [*sound["objects"], more]})
        assert stopped(made("document_recognise"), message(shifted))
        assert stopped(made("pdf_read"), message(shifted))
    fonts = [at for at, item in enumerate(sound["objects"]) if item.get("Type") == "Font"]
    objects = [*sound["objects"][:page], {"Type": "Font", "Encoding": {"$o": fonts[0]}}]
    moved = sound | {"objects": [*objects, sound["objects"][page]], "pages": [page + 1]}
    assert stopped(made("pdf_read"), message(encode(moved)))


GLYPHS = (
    b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 65"
    b"/LastChar 65/Widths[9]/Encoding<</Differences[65/%s]>>/CharProcs<</%s 6 0 R>>"
    b"/Resources<<>>>>"
)


@pytest.mark.parametrize("name", [b"A", b"S", b"I", b"K", b"W", b"N", b"Type", b"Info", b"URI"])
def test_glyphs_and_fonts_may_be_called_like_keys(name: bytes) -> None:
    glyph = stream(b"9 0 0 0 9 9 d1 0 0 5 5 re f")
    by_name = b"<</Type/Font/Subtype/Type1/BaseFont/%s/Encoding<</Differences[65/%s]>>>>"
    for font in (GLYPHS % (name, name), by_name % (name, name)):
        model = crossed(pdf(good(content=b"BT /F1 9 Tf (A) Tj ET", more={5: font, 6: glyph})))
        assert isinstance(made("document_recognise")(model), Pass)
        assert isinstance(made("pdf_read")(model), Pass)
        delivered = changed(made("pdf_build")(model)).message
        assert isinstance(made("pdf_verify")(delivered), Pass)


@pytest.mark.parametrize("put", [b"/AA 3 0 R ", b"/A <<>>   ", b"/S /Launch", b"/JS [<00>]"])
def test_a_name_by_which_a_page_does_something_is_not_verified(put: bytes) -> None:
    delivered = written(pdf(good(b"/Rotate 90")))
    was = b"/Rotate 90"
    assert delivered.payload.count(was) == 1
    assert len(was) == len(put)
    other = delivered.payload.replace(was, put)
    assert stopped(made("pdf_verify"), Message(delivered.meta_bytes, other)) == "pdf-active"


def test_a_page_with_a_group_passes() -> None:
    for group in (b"/Group<</S/Transparency/CS/DeviceRGB/I true>>", b"/Group 6 0 R"):
        more = {6: b"<</S/Transparency/CS/DeviceRGB/I true>>"}
        model = crossed(pdf(good(group, more=more)))
        assert isinstance(made("pdf_read")(model), Pass)
        delivered = changed(made("pdf_build")(model)).message
        assert isinstance(made("pdf_verify")(delivered), Pass)
        assert b"/Transparency" in delivered.payload
