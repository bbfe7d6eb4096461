"""What the destination side builds of an office document: its own tables.

For each document: which kinds of parts, which of them a part may lead to, where they stand in the
package, and their content and relationship types (ECMA-376, ODF 1.3). Nothing else is ever written.
"""

from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ML = "application/vnd.openxmlformats-officedocument."
_WORD, _SHEET, _SHOW = _ML + "wordprocessingml.", _ML + "spreadsheetml.", _ML + "presentationml."
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
PREFIXES = {
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "wpg": "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "xdr": "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing",
}
_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
ODF_PREFIXES = {
    "chart": _OASIS + "chart:1.0",
    "dr3d": _OASIS + "dr3d:1.0",
    "draw": _OASIS + "drawing:1.0",
    "fo": _OASIS + "xsl-fo-compatible:1.0",
    "math": "http://www.w3.org/1998/Math/MathML",
    "number": _OASIS + "datastyle:1.0",
    "office": _OASIS + "office:1.0",
    "presentation": _OASIS + "presentation:1.0",
    "style": _OASIS + "style:1.0",
    "svg": _OASIS + "svg-compatible:1.0",
    "table": _OASIS + "table:1.0",
    "text": _OASIS + "text:1.0",
    "xlink": "http://www.w3.org/1999/xlink",
    # extensions of LibreOffice and OpenOffice, without which their own documents look different
    "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    "drawooo": "http://openoffice.org/2010/draw",
    "loext": "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0",
}
# Writers of OpenDocument name their functions so; the name of the namespace is in the formula.
ODF_FORMULAS = {
    "of": _OASIS + "of:1.2",
    "ooow": "http://openoffice.org/2004/writer",
    "oooc": "http://openoffice.org/2004/calc",
}
# What an element of a formula may say: nothing that is followed, run, or takes it out of sight.
FORMULA_ATTRIBUTES = _words(
    "accent accentunder align background bevelled close color columnalign columnlines "
    "columnspacing columnspan columnwidth denomalign depth dir display displaystyle edge "
    "encoding equalcolumns equalrows fence fontfamily fontsize fontstyle fontweight form "
    "frame framespacing groupalign height largeop linebreak linethickness lquote lspace "
    "mathbackground mathcolor mathsize mathvariant maxsize minsize movablelimits notation "
    "numalign open rowalign rowlines rowspacing rowspan rquote rspace scriptlevel "
    "scriptminsize scriptsizemultiplier separator separators side stretchy subscriptshift "
    "superscriptshift symmetric voffset width"
)
FORMULA_PARTS = {
    "math:mfrac": 2, "math:mroot": 2, "math:msub": 2, "math:msup": 2, "math:munder": 2,
    "math:mover": 2, "math:msubsup": 3, "math:munderover": 3,
}  # fmt: skip
FORMULA_ENCODING = "StarMath 5.0"
ODF_TYPES = {
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "odg": "application/vnd.oasis.opendocument.graphics",
    "odf": "application/vnd.oasis.opendocument.formula",
    "chart": "application/vnd.oasis.opendocument.chart",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a kind of part stands ({} is its number), its types, its root, and what it leads to."""

    path: str
    content_type: str
    relation: str
    root: str
    leads_to: frozenset[str]


def _place(path: str, content_type: str, relation: str, root: str, leads_to: str = "") -> Place:
    return Place(path, content_type, relation, root, _words(leads_to))


_CHART = _ML + "drawingml.chart+xml"
_THEME = _ML + "theme+xml"
PLACES: dict[str, dict[str, Place]] = {
    "docx": {
        "document": _place(
            "word/document.xml", _WORD + "document.main+xml", "officeDocument", "w:document",
            "styles settings fontTable numbering footnotes endnotes header footer theme chart "
            "image url",
        ),
        "styles": _place("word/styles.xml", _WORD + "styles+xml", "styles", "w:styles"),
        "settings": _place("word/settings.xml", _WORD + "settings+xml", "settings", "w:settings"),
        "fontTable": _place("word/fontTable.xml", _WORD + "fontTable+xml", "fontTable", "w:fonts"),
        "numbering": _place(
            "word/numbering.xml", _WORD + "numbering+xml", "numbering", "w:numbering", "image"
        ),
        "footnotes": _place(
            "word/footnotes.xml", _WORD + "footnotes+xml", "footnotes", "w:footnotes",
            "image chart url",
        ),
        "endnotes": _place(
            "word/endnotes.xml", _WORD + "endnotes+xml", "endnotes", "w:endnotes", "image chart url"
        ),
        "header": _place(
            "word/header{}.xml", _WORD + "header+xml", "header", "w:hdr", "image chart url"
        ),
        "footer": _place(
            "word/footer{}.xml", _WORD + "footer+xml", "footer", "w:ftr", "image chart url"
        ),
        "theme": _place("word/theme/theme{}.xml", _THEME, "theme", "a:theme", "image"),
        "chart": _place("word/charts/chart{}.xml", _CHART, "chart", "c:chartSpace", "image"),
        "image": _place("word/media/image{}", "", "image", ""),
    },
    "xlsx": {
        "workbook": _place(
            "xl/workbook.xml", _SHEET + "sheet.main+xml", "officeDocument", "x:workbook",
            "worksheet chartsheet cellStyles sharedStrings theme",
        ),
        "worksheet": _place(
            "xl/worksheets/sheet{}.xml", _SHEET + "worksheet+xml", "worksheet", "x:worksheet",
            "drawing table image url",
        ),
        "chartsheet": _place(
            "xl/chartsheets/sheet{}.xml", _SHEET + "chartsheet+xml", "chartsheet", "x:chartsheet",
            "drawing image",
        ),
        "cellStyles": _place("xl/styles.xml", _SHEET + "styles+xml", "styles", "x:styleSheet"),
        "sharedStrings": _place(
            "xl/sharedStrings.xml", _SHEET + "sharedStrings+xml", "sharedStrings", "x:sst"
        ),
        "theme": _place("xl/theme/theme{}.xml", _THEME, "theme", "a:theme", "image"),
        "drawing": _place(
            "xl/drawings/drawing{}.xml", _ML + "drawing+xml", "drawing", "xdr:wsDr",
            "chart image url",
        ),
        "chart": _place("xl/charts/chart{}.xml", _CHART, "chart", "c:chartSpace", "image"),
        "table": _place("xl/tables/table{}.xml", _SHEET + "table+xml", "table", "x:table"),
        "image": _place("xl/media/image{}", "", "image", ""),
    },
    "pptx": {
        "presentation": _place(
            "ppt/presentation.xml", _SHOW + "presentation.main+xml", "officeDocument",
            "p:presentation", "slide slideMaster notesMaster theme presProps tableStyles",
        ),
        "slide": _place(
            "ppt/slides/slide{}.xml", _SHOW + "slide+xml", "slide", "p:sld",
            "slideLayout notesSlide chart image url",
        ),
        "slideLayout": _place(
            "ppt/slideLayouts/slideLayout{}.xml", _SHOW + "slideLayout+xml", "slideLayout",
            "p:sldLayout", "slideMaster chart image url",
        ),
        "slideMaster": _place(
            "ppt/slideMasters/slideMaster{}.xml", _SHOW + "slideMaster+xml", "slideMaster",
            "p:sldMaster", "slideLayout theme chart image url",
        ),
        "notesMaster": _place(
            "ppt/notesMasters/notesMaster{}.xml", _SHOW + "notesMaster+xml", "notesMaster",
            "p:notesMaster", "theme image",
        ),
        "notesSlide": _place(
            "ppt/notesSlides/notesSlide{}.xml", _SHOW + "notesSlide+xml", "notesSlide", "p:notes",
            "notesMaster slide image url",
        ),
        "presProps": _place(
            "ppt/presProps.xml", _SHOW + "presProps+xml", "presProps", "p:presentationPr"
        ),
        "tableStyles": _place(
            "ppt/tableStyles.xml", _SHOW + "tableStyles+xml", "tableStyles", "a:tblStyleLst"
        ),
        "theme": _place("ppt/theme/theme{}.xml", _THEME, "theme", "a:theme", "image"),
        "chart": _place("ppt/charts/chart{}.xml", _CHART, "chart", "c:chartSpace", "image"),
        "image": _place("ppt/media/image{}", "", "image", ""),
    },
}  # fmt: skip
MAIN = {"docx": "document", "xlsx": "workbook", "pptx": "presentation"}
ONCE = frozenset(
    kind for places in PLACES.values() for kind, place in places.items() if "{}" not in place.path
)
