"""Formulas that reach outside of their document: the same are refused by the code of both sides."""

from time import process_time
from typing import Any

import pytest

from filters.formats.office_formulas import formula_fault, range_fault
from filters.twins.office_reach import cells, formula
from schemas.errors import Malformed
from tests.filters.hostile.odf_forge import package as odf
from tests.filters.hostile.ooxml_forge import package
from tests.filters.test_office_rules import rebuilt

REACHING = {
    "OOXML": (
        "WEBSERVICE(A1)", "_xlfn._xlws.webservice (A1)", "WEB\u017fERV\u0131CE(A1)",
        "cmd|'/c calc'!A0",
        'T[[a"b]]&_xlfn.WEBSERVICE(E6)&T[[c"d]]', 'T[a"b]&WEBSERVICE(E6)&T[c"d]',
        "T[[a\"b]]&cmd|'/c calc'!A0&T[[c\"d]]", "T['#a]&WEBSERVICE(E6)&'Two b'!A1",
        "'x\"y'!A1&WEBSERVICE(A1)&'z\"w'!A1", "[1]S!A1", "[$a.xlsx]S!A1", "[#a.xlsx]S!A1",
        "x[a.xlsx]S!A1", "#T[x+WEBSERVICE(E6)]",
        "x[x+_xlfn.COPILOT (E6)]", "x[[a],-HYPERLINK(A1)]", "x[[a,WEBSERVICE(A1)]]",
        "#a_xlfn.WEBSERVICE(A1)",
        "x[[a.xlsx]S!A1]", "'[1]S'!A1", "'\\\\192.0.2.1\\s\\[a.xlsx]S'!A1",
        "'x.ods'#$S.A1", "T[[#All],[a\"b]]&&\"&'[a.xlsx]S'!A1~T[[#All],[a\"b]]",
        "SUM([Book.xlsx]Blätter!A1)", "\"a\"\"&\"&WEBSERVICE(1)", "T[a",
        "_xlfn.IMPORTCSV(A1)", "_xlfn.IMPORTTEXT(A1)", "_xlfn.TRANSLATE(A1)", "_xlfn.COPILOT(A1)",
        "_xlfn._xlws.DETECTLANGUAGE(A1)", "GOOGLEFINANCE(A1)", "CUBESET(A1)", "http://192.0.2.1/a",
    ),
    "OpenDocument": (
        "of:=['x.ods'#$S.A1]", "of:='x.ods'#$S.A1", "of:=[x.ods#$S.A1]", "of:=x.ods#$S.A1",
        "of:=[$'x\"y'.A1]&WEBSERVICE([.A1])&[$'x\"y'.A1]",
        "of:=[$x\"y.A1]&WEBSERVICE(1)&[$x\"y.A1]",
        "of:=[$a.xlsx]S!A1", "of:=[1]!name", "of:=COM.MICROSOFT.WEBSERVICE(1)",
        "of:=COM.SUN.STAR.SHEET.ADDIN.ANALYSIS.GETX(1)", "of:=ORG.EXAMPLE.FETCH(1)", "of:=[.A1",
        "of:={cmd|1}", "of:={1|2}+cmd|1", "of:={e|1}", "of:={TRUE|cmd}",
        "of:={#cmd|1}",
    ),
}  # fmt: skip
STAYING = {
    "OOXML": (
        "SUM(A1:B2)", "T[a]/T[b]", "T[o '#]/T[p '#]", 'T[5" pipe]*T[6" pipe]',
        "Table1[[#This Row],[Order '#]]/Table1[[#This Row],[Item '#]]", "T[@[a]:[b (EUR)]]",
        "T[User (number)]+T[Import (t)]",
        "'it''s'!A1", "'x\"y'!A1", '"[1]S!A1 | WEBSERVICE(1)"', "_xlfn.STDEV.S(A1:A2)",
        "_xlfn.ANCHORARRAY(A1)", "#REF!+One!#REF!", "SUM('a:b'!A1)", "{1,\"a\";2,\"b\"}",
        "T[[#Headers],[a]:[b]] T[[#All],[c]]", "'A|B'!A1",
    ),
    "OpenDocument": (
        "of:=SUM([.A1:.B2])", "of:=[$'My sheet'.$A$1:.B2]", "of:=[$S.A1]![.B2]", "of:=[.A1]!name",
        "of:=[.#REF!#REF!]+[#REF!.A1]", "of:=COM.MICROSOFT.STDEV.S([.A1:.A2])",
        "of:=ORG.LIBREOFFICE.WEEKNUM_EXCEL2003(1)", "of:=ORG.OPENOFFICE.EASTERSUNDAY(2026)",
        "of:=COM.MICROSOFT.IFS([.A1]=1;\"it's\")", "cell-content-is-between(\"a\",'b')",
        'of:=SUM({1;-2.5|3e5;"a|""b"})', "ooow:it isn't", "of:=[$'x\"y'.A1]",
        "of:=SUM({TRUE;FALSE|#N/A;#DIV/0!|true;1})", "of:=[$'A|B'.A1]",
    ),
}  # fmt: skip


def both(text: str, family: str) -> list[bool]:
    """Whether the source, and whether the destination lets a formula pass."""
    source = not formula_fault(text, is_ooxml=family == "OOXML")
    try:
        formula(text, family != "OOXML")
    except Malformed:
        return [source, False]
    return [source, True]


@pytest.mark.parametrize("family", REACHING)
def test_both_sides_refuse_what_reaches_outside(family: str) -> None:
    assert {text: both(text, family) for text in REACHING[family]} == {
        text: [False, False] for text in REACHING[family]
    }


@pytest.mark.parametrize("family", STAYING)
def test_both_sides_pass_what_stays_inside(family: str) -> None:
    assert {text: both(text, family) for text in STAYING[family]} == {
        text: [True, True] for text in STAYING[family]
    }


@pytest.mark.parametrize(
    ("text", "is_inside"),
    [
        ("$One.$A$1:.$B$2 'My sheet'.A1", True), ("#REF!.A1", True), ("", True),
        ("'file:///tmp/x.ods'#$S.A1", False), ("'x.ods'#$S.A1", False), ("x.ods#S.A1", False),
        ("file:x.A1", False), ("'a/b'.A1", False), ("'a", False),
    ],
)  # fmt: skip
def test_both_sides_know_ranges_of_other_files(text: str, is_inside: bool) -> None:
    assert (range_fault(text) == "") is is_inside
    try:
        cells(text)
    except Malformed:
        assert not is_inside
    else:
        assert is_inside


@pytest.mark.parametrize("text", ["A" * 32_000, "[" * 32_000, "'" * 32_001, "a[[" * 10_000,
                                  f"T[{'a' * 32_000}]", "{" + "#A" * 16_000])  # fmt: skip
def test_a_long_formula_is_answered_soon(text: str) -> None:
    begin = process_time()
    for family in ("OOXML", "OpenDocument"):
        assert both(text, family)[1] in (True, False)
    assert process_time() - begin < 1  # a quadratic search took several


def in_a_sheet(markup: str) -> bytes:
    return package("xlsx").inside(markup).write()


def ods(markup: str) -> bytes:
    return odf("ods").inside(markup).write()


RULE = (
    '<x:conditionalFormatting sqref="A1"><x:cfRule type="colorScale" priority="1"><x:colorScale>'
    '<x:cfvo type="formula" val="{}"/></x:colorScale></x:cfRule></x:conditionalFormatting>'
)
NAME = (
    '<table:named-expressions><table:named-range table:name="n" table:base-cell-address="{}" '
    'table:cell-range-address="{}"/></table:named-expressions>'
)


@pytest.mark.parametrize(
    "document",
    [
        in_a_sheet(RULE.format("WEBSERVICE(A1)")), in_a_sheet(RULE.format("'[1]S'!A1")),
        ods(NAME.format("$One.$A$1", "'file:///tmp/x.ods'#$S.$A$1")),
        ods(NAME.format("'file:///tmp/x.ods'#$S.$A$1", "$One.$A$1")),
    ],
)  # fmt: skip
def test_formulas_are_judged_wherever_they_stand(document: bytes) -> None:
    with pytest.raises(Malformed, match=r"refers to another file|reaches outside"):
        rebuilt(document)
    assert "$S." not in str(rebuilt(document, fields="drop"))


def test_thresholds_and_ranges_of_the_document_cross() -> None:
    for document in (in_a_sheet(RULE.format("$A$1")), ods(NAME.format("$One.$A$1", "$One.$B$2"))):
        assert "'$One.$B$2'" in str(rebuilt(document)) or "'$A$1'" in str(rebuilt(document))


def attributes(model: Any, name: str) -> dict[str, str]:
    """The attributes of the first element of this name."""
    todo = [part["tree"] for part in model["parts"]]
    while todo:
        found, held, content = todo.pop()
        if found == name:
            return dict(held)
        todo += [child for child in content if not isinstance(child, str)]
    raise AssertionError(name)


def test_the_way_a_sheet_is_printed_crosses_without_what_its_printer_kept() -> None:
    document = package("xlsx")
    sheet = "xl/worksheets/sheet1.xml"
    document.parts[sheet] = document.parts[sheet].replace(
        b"</x:worksheet>", b'<x:pageSetup orientation="landscape" r:id="rId7"/></x:worksheet>'
    )
    document.put("xl/p.bin", b"TRACE", "application/octet-stream")
    document.link(sheet, "printerSettings", "../p.bin", ident="rId7")
    assert attributes(rebuilt(document.write()), "x:pageSetup") == {"orientation": "landscape"}
