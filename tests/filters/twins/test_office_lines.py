"""A word is found on both sides where a reader sees one, whatever stands in it that is not seen."""

from typing import Any

import pytest

from filters import catalog
from filters.formats import office_shown
from filters.formats.office_text import office_texts
from filters.twins import office_spelling
from filters.twins.office_danger import check
from filters.twins.office_lines import texts
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from tests.filters.conftest import PACKS, Chain

META = Meta(
    id="7" * 32, flow="office", sender="s", name="", accepted_s=1, label="UNCLASSIFIED"
)  # fmt: skip
PACK = PACKS / "office"
Tree = list[Any]


def el(name: str, *content: Any, **attributes: str) -> Tree:
    """An element; `_` in the name of an attribute stands for `:`."""
    return [name, {key.replace("_", ":"): value for key, value in attributes.items()}, [*content]]


def run(text: str, *properties: Tree) -> Tree:
    return el("w:r", *([el("w:rPr", *properties)] if properties else []), el("w:t", text))


def mark(kind: str) -> Tree:
    return el("w:r", el("w:fldChar", w_fldCharType=kind))


def instruction(text: str) -> Tree:
    return el("w:r", el("w:instrText", text))


def docx(*body: Tree) -> Any:
    tree = el("w:document", el("w:body", *body))
    return {"office": 1, "kind": "docx", "parts": [{"kind": "document", "links": [], "tree": tree}]}


def words(*content: Tree) -> Any:
    return docx(el("w:p", *content))


def odf(kind: str, body: str, *content: Tree, styles: tuple[Tree, ...] = ()) -> Any:
    tree = el("office:document-content", el("office:automatic-styles", *styles),
              el("office:body", el(body, *content)))  # fmt: skip
    return {"office": 1, "kind": kind, "parts": [{"kind": "content", "object": 0, "tree": tree}]}


def odt(*content: Any) -> Any:
    return odf("odt", "office:text", el("text:p", *content))


def xlsx(*content: Tree, behind: tuple[Tree, ...] = (), name: str = "a", more: Any = ()) -> Any:
    sheets = el("x:sheets", ["x:sheet", {"name": name, "sheetId": "1", "r:id": "rId1"}, []])
    data = el("x:sheetData", el("x:row", el("x:c", *content)))
    parts = [
        {"kind": "workbook", "links": [1, *range(2, 2 + len(more))],
         "tree": el("x:workbook", sheets)},
        {"kind": "worksheet", "links": [], "tree": el("x:worksheet", data, *behind)},
        *more,
    ]  # fmt: skip
    return {"office": 1, "kind": "xlsx", "parts": parts}


def styled(code: str) -> Any:
    formats = el("x:numFmts", el("x:numFmt", numFmtId="200", formatCode=code))
    tree = el("x:styleSheet", formats)
    return xlsx(more=[{"kind": "cellStyles", "links": [], "tree": tree}])


def headed(text: str) -> Any:
    return xlsx(behind=(el("x:headerFooter", el("x:oddHeader", text)),))


def anchored(*offsets: str) -> Tree:
    places = [el(f"wp:position{way}", el("wp:posOffset", offset))
              for way, offset in zip("HV", offsets, strict=True)]  # fmt: skip
    return el("w:r", el("w:drawing", el("wp:anchor", *places)))


def fraction(*numerator: str) -> Tree:
    parts = [el("m:r", el("m:t", piece)) for piece in numerator]
    below = el("m:den", el("m:r", el("m:t", "x")))
    return el("m:oMath", el("m:f", el("m:num", *parts), below))


FRAME = el("draw:frame", el("draw:text-box", el("text:p", "x")), el("svg:title", "x"))
NOTE = el("text:note", el("text:note-citation", "1"), el("text:note-body", el("text:p", "x")))
RUBY = el("w:ruby", el("w:rubyPr"), el("w:rt", run("x")), el("w:rubyBase", run("ON")))
VANISH = el("w:vanish")
CAP = el("w:pPr", el("w:framePr", w_dropCap="drop"))
UNENDED = el("w:pPr", el("w:rPr", VANISH))
NUMBER_STYLE = el("number:number-style", el("number:text", "HER"), el("number:number"),
                  el("number:text", "ON"), style_name="N1")  # fmt: skip
IN_A_NUMBER = el(
    "number:number-style", el("number:text", "H"),
    el("number:number", el("number:embedded-text", "RO", number_position="1"),
       el("number:embedded-text", "E", number_position="12")),
    el("number:text", "N"), style_name="N1")  # fmt: skip
BEGIN, MIDDLE, END = mark("begin"), mark("separate"), mark("end")

SEEN = {
    "a field that shows nothing": words(
        run("HER"), BEGIN, instruction("TITLE"), MIDDLE, run("x"), END, run("ON")),
    "a simple field that shows nothing": words(
        run("HER"), el("w:fldSimple", run("x"), w_instr="TITLE"), run("ON")),
    "a title that shows nothing": odt("HER", el("text:title", "x"), "ON"),
    "a chapter that shows nothing": odt("HER", el("text:chapter", "x"), "ON"),
    "a tab that a cell does not show": odt("HER", el("text:tab"), "ON"),
    "a variable without a name": odt(
        "H", el("text:variable-set", "ER", text_display="none"), "ON"),
    "a break in a formula": words(
        el("m:oMath", el("m:r", el("m:t", "HER"), el("w:br"), el("m:t", "ON")))),
    "an index mark": words(run("HER"), BEGIN, instruction(' XE "x"'), END, run("ON")),
    "a result of a field": words(
        run("HER"), BEGIN, instruction("REF a"), MIDDLE, run("ON"), END),
    "text in an index mark": words(run("HER"), BEGIN, run(" XE x "), END, run("ON")),
    "text in an instruction": words(
        run("HER"), BEGIN, instruction("QUOTE "), run("x"), MIDDLE, run("O"), END, run("N")),
    "a field in an instruction": words(
        run("HER"), BEGIN, instruction("QUOTE "), BEGIN, instruction("PAGE"), MIDDLE, run("x"),
        END, MIDDLE, run("ON"), END),
    "a simple field in an instruction": words(
        run("HER"), BEGIN, instruction("QUOTE "), el("w:fldSimple", run("x"), w_instr="PAGE"),
        MIDDLE, run("ON"), END),
    "an instruction from the paragraph before": docx(
        el("w:p", BEGIN, instruction("QUOTE ")),
        el("w:p", run("x"), MIDDLE, run("HERON"), END)),
    "a result in a link that began before it": words(
        BEGIN, el("w:hyperlink", instruction("QUOTE "), run("x"), MIDDLE, run("HER")), run("ON"),
        END),
    "text of an instruction": words(BEGIN, run("QUOTE HER"), run("ON"), END),
    "an instruction in two runs": words(BEGIN, instruction("QUOTE HER"), instruction("ON"), END),
    "a reading above": words(run("HER"), el("w:r", RUBY)),
    "the reading above itself": words(
        el("w:r", el("w:ruby", el("w:rubyPr"), el("w:rt", run("HER"), run("ON")),
                     el("w:rubyBase", run("x"))))),
    "a hidden run": words(run("HER"), run("x", VANISH), run("ON")),
    "hidden itself": words(run("x"), run(" HERON", VANISH), run(" x")),
    "a run that the web hides": words(run("HER"), run("x", el("w:webHidden")), run("ON")),
    "a run that is not hidden": words(run("HER", el("w:vanish", w_val="0")), run("ON")),
    "a hidden run behind a fraction": words(
        fraction("a"), run("HER"), run("x", VANISH), run("ON")),
    "a tab to a place": words(run("a"), el("w:r", el("w:ptab")), run("HERON")),
    "a picture in the word": words(run("HER"), anchored("12", "34"), run("ON")),
    "a picture before it": words(anchored("12", "34"), run("HERON")),
    "a numerator": words(fraction("HER", "ON")),
    "a box of a formula": words(
        el("m:oMath", el("m:r", el("m:t", "HER")),
           el("m:box", el("m:e", el("m:r", el("m:t", "ON")))))),
    "letters by their numbers": words(
        *(el("w:r", el("w:sym", w_font="a", w_char=f"{ord(each):04X}")) for each in "HERON")),
    "signs of a font": words(
        *(el("w:r", el("w:sym", w_font="a", w_char=f"F0{ord(each):02x}")) for each in "HERON")),
    "a letter over lines": docx(el("w:p", CAP, run("H")), el("w:p", run("ERON is"))),
    "a letter over lines, behind a bookmark": docx(
        el("w:p", el("w:bookmarkStart", w_id="1", w_name="q"), CAP, run("H"),
           el("w:bookmarkEnd", w_id="1")), el("w:p", run("ERON is"))),
    "a letter over lines, behind nothing": docx(
        el("w:p", el("w:r"), CAP, run("H")), el("w:p", run("ERON is"))),
    "a hidden end": docx(*(el("w:p", UNENDED, run(each)) for each in "HERO"), el("w:p", run("N"))),
    "a reading behind a cell": xlsx(
        el("x:is", el("x:r", el("x:t", "HER")), el("x:r", el("x:t", "ON")),
           el("x:rPh", el("x:t", "x"), sb="0", eb="1"))),
    "a formula and its value": xlsx(el("x:f", "A1"), el("x:v", "HERON")),
    "an escape in a cell": xlsx(el("x:v", "HE_x0052_ON")),
    "an escape in a run": xlsx(
        el("x:is", el("x:r", el("x:t", "HE_x0052_")), el("x:r", el("x:t", "ON")))),
    "an escape in a name": xlsx(name="HE_x0052_ON"),
    "a header in bold": headed("&LHER&BON"),
    "a header with a font and a size": headed('&L&"Arial,Bold"HER&12&KFF0000ON'),
    "a format of numbers": styled('"HER"\\O"N"'),
    "an escape in a format": styled('"HE_x0022__x0022_RON"'),
    "an escape in a header": headed("HE_x0026_BRON"),
    "a format with a colour": styled('[Red]"HE"#[$RON-407]'),
    "texts of a formula": xlsx(el("x:f", '"HER"&"ON"')),
    "a note": odt("See HERON", NOTE, " here"),
    "a note in the word": odt("HER", NOTE, "ON"),
    "a frame": odt("HER", FRAME, "ON"),
    "a shape": odt("HER", el("draw:rect"), "ON"),
    "a reading above, in odt": odt(
        "HER", el("text:ruby", el("text:ruby-base", "O"), el("text:ruby-text", "x")), "N"),
    "what is not displayed": odt(
        "HER", el("text:variable-set", "x", text_name="v", text_display="none"), "ON"),
    "not displayed, yet shown": odt(
        "HER", el("text:variable-set", "x", text_name="v", text_display="none"),
        el("text:variable-get", "O", text_display="none"), "N"),
    "a formula that is not displayed": odt(
        "HER", el("text:table-formula", "x", text_display="none"), "ON"),
    "texts in a number": odf(
        "odt", "office:text", el("text:p", "x"), styles=(IN_A_NUMBER,)),
    "texts of a number's style": odf(
        "odt", "office:text", el("text:p", "x"), styles=(NUMBER_STYLE,)),
    "texts of a formula, in ods": odf(
        "ods", "office:spreadsheet",
        el("table:table", el("table:table-column"),
           el("table:table-row", el("table:table-cell", table_formula='of:="HER"&"ON"')))),
}  # fmt: skip
APART = {
    "a break": words(run("HER"), el("w:r", el("w:br")), run("ON")),
    "two paragraphs": docx(el("w:p", run("HER")), el("w:p", run("ON"))),
    "a hidden end that is none": docx(
        el("w:p", el("w:pPr", el("w:rPr", el("w:vanish", w_val="false"))), run("HER")),
        el("w:p", run("ON"))),
    "fields of a header": headed("&LHER&CON"),
    "an ampersand in a header": headed("HER&&BON"),
    "an escape that is none here": words(run("HE_x0052_ON")),
    "an escaped escape": xlsx(el("x:v", "HE_x005F_x0052_ON")),
    "a letter": odt("HER", NOTE, "xON"),
    "a frame's paragraph": odt("HER", el("draw:frame", el("draw:text-box", el("text:p", "ON")))),
}  # fmt: skip


def found_by(stage: str, message: Message) -> bool:
    made = catalog.load(stage)
    values = {"form": "container"} if stage == "words_twin" else {}
    search = made.make(made.parameters.model_validate(values), {"words.txt": b"heron\n"})
    return getattr(search(message), "reason", "") == "dirty-word"


@pytest.fixture(scope="module")
def destination() -> Chain:
    return Chain("office", "destination")


@pytest.mark.parametrize("name", [*SEEN, *APART])
def test_both_sides_find_a_word_where_a_reader_sees_it(name: str, destination: Chain) -> None:
    crossed = Message.make(META, encode({**SEEN, **APART}[name]))
    built = destination(crossed)
    assert not built.stage, built.sentence
    assert found_by("office_words", crossed) is (name in SEEN)
    assert found_by("words_twin", built.message) is (name in SEEN)


HIDDEN = (
    el("w:rPr", el("w:vanish", w_val="no")), el("w:rPr", el("w:vanish", w_val="False")),
    el("w:rPr", VANISH, el("w:vanish", w_val="0")), el("w:rPr", el("w:webHidden", w_val="")),
)  # fmt: skip


@pytest.mark.parametrize("content", [*([one] for one in HIDDEN), [el("w:rPr"), el("w:rPr")]])
def test_what_hides_a_run_is_told_once_and_clearly(content: list[Tree]) -> None:
    tree = el("w:document", el("w:body", el("w:p", el("w:r", *content, el("w:t", "x")))))
    with pytest.raises(Malformed, match="schema-invalid"):
        check(tree)
    document = Message.make(META, encode(words(el("w:r", *content, el("w:t", "x")))))
    stage = catalog.load("office_schema")
    tables = {name: (PACK / name).read_bytes() for name in ("ooxml-names.txt", "odf-names.txt")}
    judge = stage.make(stage.parameters.model_validate({"kinds": ["docx"]}), tables)
    with pytest.raises(Malformed, match="schema-invalid"):
        judge(document)


def test_what_stands_in_a_picture_or_a_note_is_a_text_of_its_own() -> None:
    model = odt("a", FRAME, NOTE, "b")
    for found in (office_texts(model), texts(model["parts"][0]["tree"])):
        assert found.count("ab") == 1
        assert found.count("x") == 3
    offsets = words(anchored("4111111", "111111111"))
    for found in (office_texts(offsets), texts(offsets["parts"][0]["tree"])):
        assert {"4111111", "111111111"} <= set(found)


@pytest.mark.parametrize("sign", ['"', "[", "[$", "\\", "&", '&"', "_x", "_x00", "&K", "*", "_"])
@pytest.mark.parametrize(
    "show",
    [
        office_shown.header,
        office_shown.literals,
        office_shown.number_format,
        office_shown.symbol,
        office_shown.unescaped,
        office_spelling.character,
        office_spelling.joined_strings,
        office_spelling.plain_cell,
        office_spelling.shown_format,
        office_spelling.shown_header,
    ],
)
def test_a_long_text_of_signs_is_answered(show: Any, sign: str) -> None:
    assert isinstance(show(sign * (1_000_000 // len(sign))), str)


def test_halves_of_characters_do_not_end_the_search() -> None:
    for half in ("D835", "DC00"):
        model = words(el("w:r", el("w:sym", w_char=half)), run("a"))
        assert "a" in office_texts(model)
        assert "a" in texts(model["parts"][0]["tree"])
    for show in (office_shown.unescaped, office_spelling.plain_cell):
        assert show("_xD835__xDC00_") == "\U0001d400"
        assert show("a_xD835_") == "a"


def test_readings_together_are_bounded() -> None:
    model = words(fraction("a"), run("b" * 5_800_000), run("x", VANISH))
    with pytest.raises(Malformed, match="text-too-long"):
        office_texts(model)
    tree = words(fraction("a"), run("b" * 1_000), run("x", VANISH))["parts"][0]["tree"]
    with pytest.raises(Malformed, match="text-too-long"):
        texts(tree, characters_max=3_500)
    assert len(office_texts(words(run("b" * 5_800_000), run("x", VANISH)))) == 2


def test_what_is_no_model_is_malformed() -> None:
    for parts in ([["a"]], [{"tree": ["a", "b"]}], [{"tree": 7}], [{"links": 7}]):
        with pytest.raises(Malformed):
            office_texts({"parts": parts})
