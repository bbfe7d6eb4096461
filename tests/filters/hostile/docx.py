"""Hostile Word documents, and sound ones with traces that must go."""

from collections.abc import Iterator

from tests.filters.hostile import ooxml_cases
from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.ooxml_cases import EMBEDDED, EXTERNAL, MACRO
from tests.filters.hostile.ooxml_forge import package

PACKS = ("office",)
FIELD = ("office-field",)
REVISION = ("office-revision",)


def _field(*pieces: str) -> str:
    runs = "".join(f"<w:r><w:instrText>{piece}</w:instrText></w:r>" for piece in pieces)
    return (
        f'<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r>{runs}'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>seen</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    )


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    yield from ooxml_cases.attacks("docx")
    for what, pieces in {
        "DDE": ("DDE c:\\\\windows\\\\system32\\\\cmd.exe a",), "DDEAUTO": (" ddeauto  excel a ",),
        "DDE cut in two": ("DD", "E cmd a"), "DDE in capitals and small": ("dDeAuTo c a",),
        "include text": ("INCLUDETEXT &quot;\\\\\\\\192.0.2.1\\\\s\\\\a&quot;",),
        "include picture": ("INCLUDEPICTURE http://192.0.2.1/a.png",), "link": ("LINK Excel.Sheet a",),
        "import": ("IMPORT a.doc",), "macro button": ("MACROBUTTON Run click",),
        "database": ("DATABASE \\d a",), "merge": ("MERGEFIELD a",), "auto text": ("AUTOTEXT a",),
        "fill in": ("FILLIN a",), "ask": ("ASK a b",), "set": ("SET a b",), "RD": ("RD a.doc",),
        "embed": ("EMBED Package",), "user name": ("USERNAME",), "doc variable": ("DOCVARIABLE a",),
        "print": ("PRINT 27",), "unknown": ("SOMETHINGNEW a",), "control": ("CONTROL Forms.a",),
        "quote with an address": ("TITLE http://192.0.2.1/",),
    }.items():  # fmt: skip
        yield Case(f"field {what}", package("docx").inside(_field(*pieces)).write(), FIELD)
    nested = _field("IF 1=1").replace("<w:r><w:t>seen</w:t></w:r>", _field("DDE a b")[5:-6])
    yield Case("field in a field", package("docx").inside(nested).write(), FIELD)
    never = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/><w:instrText>DDE a b</w:instrText></w:r></w:p>'
    )
    yield Case("field without an end", package("docx").inside(never).write(), FIELD)
    simple = '<w:p><w:fldSimple w:instr="DDE a b"><w:r><w:t>seen</w:t></w:r></w:fldSimple></w:p>'
    yield Case("simple field", package("docx").inside(simple).write(), FIELD)
    deep = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>' * 100
    yield Case(
        "fields too deep", package("docx").inside(f"<w:p>{deep}</w:p>").write(), ("too-deep",)
    )
    for what, text, reasons in (
        ("object", "<w:p><w:r><w:object/></w:r></w:p>", EMBEDDED),
        ("control", "<w:p><w:r><w:control/></w:r></w:p>", EMBEDDED),
        ("alternative chunk", '<w:altChunk r:id="rId1"/>', EMBEDDED),
        ("sub-document", '<w:p><w:subDoc r:id="rId1"/></w:p>', EXTERNAL),
        ("deleted text", "<w:p><w:del><w:r><w:delText>secret</w:delText></w:r></w:del></w:p>", REVISION),
        ("inserted text", "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>", REVISION),
        ("moved text", "<w:p><w:moveFrom><w:r><w:t>secret</w:t></w:r></w:moveFrom></w:p>", REVISION),
        ("changed format", "<w:p><w:pPr><w:pPrChange><w:pPr/></w:pPrChange></w:pPr></w:p>", REVISION),
        ("movie", '<w:p><w:r><w:movie r:id="rId1"/></w:r></w:p>', EMBEDDED),
    ):  # fmt: skip
        yield Case(f"body with {what}", package("docx").inside(text).write(), reasons)
    for what, text, reasons in (
        ("template", '<w:attachedTemplate r:id="rId1"/>', EXTERNAL),
        ("mail merge", "<w:mailMerge/>", EXTERNAL),
        ("schema", '<w:attachedSchema w:val="http://192.0.2.1"/>', EXTERNAL),
        ("entry macro", '<w:entryMacro w:val="Run"/>', MACRO),
    ):
        made = package("docx")
        made.put("word/settings.xml", made.parts[made.main].decode().split("<w:body>")[0].replace(
            "w:document", "w:settings") + text + "</w:settings>",
            made.types[made.main].replace("document.main", "settings"))  # fmt: skip
        made.link(made.main, "settings", "settings.xml")
        yield Case(f"settings with {what}", made.write(), reasons)


def sound() -> Iterator[Sound]:
    """Samples that must pass, with what must not survive."""
    yield from ooxml_cases.ordinary("docx")
    text = (
        '<w:p w:rsidR="00TRACE1"><w:commentRangeStart w:id="1"/><w:r w:rsidRPr="00TRACE1"><w:t>kept'
        '</w:t></w:r><w:commentRangeEnd w:id="1"/><w:hyperlink r:id="rId1"><w:r><w:t>kept too</w:t>'
        "</w:r></w:hyperlink><w:proofErr/><w:sdt><w:sdtPr><w:alias w:val='TRACE2'/></w:sdtPr>"
        "<w:sdtContent><w:r><w:t>kept as well</w:t></w:r></w:sdtContent></w:sdt></w:p>"
    )
    made = package("docx").inside(text)
    made.put(
        "word/comments.xml", "<w:comments xmlns:w='urn:x'>TRACE3</w:comments>", "application/xml"
    )
    made.link(made.main, "hyperlink", "https://192.0.2.1/TRACE4", "External")
    made.link(made.main, "comments", "comments.xml")
    yield Sound("comments, revisions' ids, links", made.write(method=0), (b"TRACE",))
    yield Sound(
        "fields",
        package("docx").inside(_field(" PAGE ") + _field("TOC \\o 1-3 \\h")).write(method=0),
    )
    link = _field("HYPERLINK &quot;https://192.0.2.1/TRACE5&quot;")
    yield Sound("field that is a link", package("docx").inside(link).write(method=0), (b"TRACE5",))
