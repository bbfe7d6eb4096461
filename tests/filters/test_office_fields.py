"""Fields of text documents: what a reader would follow, wherever its instruction is written."""

from html import escape
from typing import Any

import pytest

from filters.checks import office_schema
from filters.formats.office_fields import field_fault
from filters.twins.office_danger import check
from filters.twins.office_tree import parse
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.verdict import Pass
from tests.filters.hostile.ooxml_forge import ALL, package
from tests.filters.test_office_rules import META, PACK, rebuilt

URL = 'HYPERLINK "http://192.0.2.1/evil" '
DDE = "DDEAUTO cmd a b "


def run(text: str, name: str = "instrText") -> str:
    return f"<w:r><w:{name}>{escape(text)}</w:{name}></w:r>"


def mark(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def word_field(instruction: str, result: str = "") -> str:
    shown = result or run("shown", "t")
    return f"{mark('begin')}{instruction}{mark('separate')}{shown}{mark('end')}"


def box(text: str) -> str:
    wps = "http://schemas.microsoft.com/office/word/2010/wordprocessingShape"
    drawing = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
    return (
        f'<w:r><w:drawing><wp:inline xmlns:wp="{drawing}"><a:graphic><a:graphicData uri="{wps}">'
        f'<wps:wsp xmlns:wps="{wps}"><wps:txbx><w:txbxContent><w:p>{text}</w:p></w:txbxContent>'
        "</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"
    )


def docx(inside: str) -> bytes:
    return package("docx").inside(f"<w:p>{inside}</w:p>").write()


GONE = f"<w:r><w:pict>{run('QUOTE ')}</w:pict></w:r>"
NOT_TAKEN = (
    f'<mc:AlternateContent><mc:Choice Requires="a">{run("QUOTE ")}</mc:Choice>'
    "</mc:AlternateContent>"
)
DISGUISED = {
    "in the text": word_field(run(DDE, "t")),
    "in the text before an allowed one": word_field(run(DDE, "t") + run(" PAGE ")),
    "a macro in the text": word_field(run("MACROBUTTON A.B.Main press", "t")),
    "behind what is dropped": word_field(GONE + run(DDE)),
    "behind a choice that is not taken": word_field(NOT_TAKEN + run("DOCPROPERTY a")),
    "behind a text box": word_field(box(run("QUOTE ")) + run(DDE)),
    "in a text box alone": word_field(run("PAGE ") + box(word_field(run(DDE)))),
    "from the result of another": word_field(word_field(run("QUOTE "), run("DDE")) + run("AUTO a")),
    "behind the result of another": word_field(
        word_field(run('QUOTE "x"'), run("QUOTE ", "t")) + run(" " + DDE)
    ),
    "behind a simple one": word_field(
        f'<w:fldSimple w:instr="PAGE">{run("QUOTE ", "t")}</w:fldSimple>' + run(" " + DDE)
    ),
    "behind one in a simple one": word_field(
        f'<w:fldSimple w:instr="PAGE">{mark("begin")}{run("QUOTE ")}</w:fldSimple>'
        + mark("end")
        + run(" " + DDE)
    ),
    "behind a thing": word_field("<w:r><w:noBreakHyphen/></w:r>" + run(DDE)),
    "over paragraphs": word_field(run("DD") + "</w:p><w:p>" + run("E cmd a")),
    "very long": word_field(run("PAGE " + "a" * 5_000)),
    "long, of one word": f'<w:fldSimple w:instr="PAGE {"a" * 12_000}"/>',
}


@pytest.mark.parametrize("what", DISGUISED)
def test_an_instruction_is_found_wherever_a_reader_finds_it(what: str) -> None:
    with pytest.raises(Malformed, match="office-field"):
        rebuilt(docx(DISGUISED[what]))
    crossed = str(rebuilt(docx(DISGUISED[what]), fields="drop"))
    assert "cmd" not in crossed
    assert "Main" not in crossed


@pytest.mark.parametrize(
    "inside",
    [
        word_field(run(URL, "t")), word_field(GONE + run(URL)),
        word_field(run('HYPERLINK \\l "x" \\o\u2003"a http://192.0.2.1/evil"')),
        word_field(run('HYPERLINK \\l "x" "http://192.0.2.1/evil"')),
        '<w:fldSimple w:instr="HYPERLINK \\l x http://192.0.2.1/evil">' + run("shown", "t")
        + "</w:fldSimple>",
    ],
)  # fmt: skip
def test_a_field_that_is_a_link_goes_and_its_text_stays(inside: str) -> None:
    crossed = str(rebuilt(docx(inside)))
    assert "192.0.2.1" not in crossed
    assert "HYPERLINK" not in crossed
    assert "shown" in crossed


ORDINARY = {
    "a page": word_field(run(" PAGE ") + run("\\* MERGEFORMAT ")),
    "a field in a field": word_field(
        run("IF ") + word_field(run("PAGE"), run("1")) + run(' = 1 "a" "b"')
    ),
    "its result as text": word_field(
        run("IF ") + word_field(run("PAGE"), run("1", "t")) + run(' = 1 "a" "b"')
    ),
    "a drawing in a condition": word_field(run('IF 1 = 1 "') + box(run("a", "t")) + run('"')),
    "a bookmark": word_field('<w:bookmarkStart w:id="0" w:name="a"/>' + run("REF a")),
    "a place": word_field(run(' HYPERLINK \\l "_Toc1" \\o "tip" \\h \\* MERGEFORMAT ')),
    "an entry of an index": word_field(run('XE "main:sub"')),
    "in a text box": box(word_field(run("PAGE "))),
    "over paragraphs": word_field(run("TOC \\o"), run("1", "t") + "</w:p><w:p>" + run("2", "t")),
}


@pytest.mark.parametrize("what", ORDINARY)
def test_ordinary_fields_cross_whole(what: str) -> None:
    model = rebuilt(docx(ORDINARY[what]))
    assert str(model).count("fldChar") // 2 == ORDINARY[what].count("<w:fldChar")
    assert isinstance(schema(model), Pass)
    check(parse(f"<w:body {ALL}><w:p>{ORDINARY[what]}</w:p></w:body>".encode()))


def test_a_dropped_field_in_a_field_leaves_nothing_of_its_instruction() -> None:
    inner = word_field(run("DDE a") + "<w:r><w:tab/></w:r>", run("kept", "t"))
    model = rebuilt(docx(word_field(run("QUOTE ") + inner)), fields="drop")
    assert "tab" not in str(model)
    assert isinstance(schema(model), Pass)


def test_marks_that_make_no_field_go_and_the_text_stays() -> None:
    stray = mark("separate") + run("REF a") + mark("end")
    never = mark("begin") + run("PAGE ") + run("kept", "t")
    model = rebuilt(docx(stray + word_field(run("PAGE "), run("DDE a") + mark("separate")) + never))
    assert str(model).count("fldChar") // 2 == 3
    assert "DDE" not in str(model)
    assert "REF" not in str(model)
    assert "kept" in str(model)
    assert isinstance(schema(model), Pass)


def schema(model: Any) -> Any:
    stage = office_schema.STAGE
    tables = {name: (PACK / name).read_bytes() for name in ("ooxml-names.txt", "odf-names.txt")}
    parameters = stage.parameters.model_validate({"kinds": ["docx"]})
    return stage.make(parameters, tables)(Message.make(META, encode(model)))


PLACES = (
    "HYPERLINK \\l place", ' HYPERLINK  \\l "a b" ',
    'hyperlink \\l "x" \\o "a tip" \\t "_top" \\h \\n',
    'HYPERLINK \\l "x" \\* MERGEFORMAT',
)  # fmt: skip
LINKS = (
    "HYPERLINK", "HYPERLINK \\l", "HYPERLINK https://192.0.2.1", 'HYPERLINK \\l "x" "http://a"',
    'HYPERLINK \\l x"http://a"', 'HYPERLINK \\L "http://a"', 'HYPERLINK \\l "x" \\O "http://a"',
    'HYPERLINK \\l "x" \\o "a""http://a"', 'HYPERLINK \\l "x" \\o "a\\"http://a"',
    'HYPERLINK \\l "x" \\n "http://a"', 'HYPERLINK \\l "x" \\* evil', 'HYPERLINK \\l "x" \\o',
    'HYPERLINK \\l "x', 'HYPERLINK \\h "http://a" \\l "x"',
    'HYPERLINK \\l "x" \\o\u00a0"a http://a"', 'HYPERLINK \\l\u2003"a http://a"',
    'HYPERLINK \\l "x"\u2003', '\u00a0HYPERLINK \\l x', 'HYPERLINK \\l \ufffc',
    'HYPERLINK \\l "x" \\o "\ufffc"',
)  # fmt: skip


def twin(instruction: str) -> None:
    check(parse(f'<w:p {ALL}><w:fldSimple w:instr="{escape(instruction)}"/></w:p>'.encode()))


def test_both_sides_tell_a_place_from_a_link() -> None:
    for instruction in PLACES:
        assert field_fault(instruction) == "", instruction
        twin(instruction)
    for instruction in LINKS:
        assert field_fault(instruction) != "", instruction
        with pytest.raises(Malformed, match="office-external"):
            twin(instruction)


@pytest.mark.parametrize(
    "inside",
    [
        *(DISGUISED[what] for what in DISGUISED if "drop" not in what and "taken" not in what),
        word_field(run(URL)), word_field(run("DOCPROPERTY a")), run("PAGE"), mark("begin"),
        mark("begin") * 40 + mark("end") * 40, mark("other"),
        f"<w:txbxContent>{mark('begin')}{run(DDE)}</w:txbxContent>{mark('end')}",
    ],
)  # fmt: skip
def test_the_destination_refuses_them_by_its_own_list(inside: str) -> None:
    with pytest.raises(Malformed, match=r"office-field|office-external|too-deep"):
        check(parse(f"<w:body {ALL}><w:p>{inside}</w:p></w:body>".encode()))
