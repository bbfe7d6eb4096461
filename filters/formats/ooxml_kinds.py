"""The parts that an Office Open XML document may have, and those that are refused by name.

Tables alone: the relationship types (by their last word) and content types of ECMA-376 and of
Microsoft's extensions, and what each means here. The destination side has its own, shorter tables.
"""

from dataclasses import dataclass

_TRANSITIONAL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_STRICT = "http://purl.oclc.org/ooxml/"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships/"
_OFFICE = "application/vnd.openxmlformats-officedocument."
MAIN = "officeDocument"


@dataclass(frozen=True, slots=True)
class PartKind:
    """A kind of part: its content type, and the root element that it must have."""

    content_type: str
    root: str


KINDS: dict[str, PartKind] = {
    "document": PartKind(_OFFICE + "wordprocessingml.document.main+xml", "w:document"),
    "styles": PartKind(_OFFICE + "wordprocessingml.styles+xml", "w:styles"),
    "settings": PartKind(_OFFICE + "wordprocessingml.settings+xml", "w:settings"),
    "fontTable": PartKind(_OFFICE + "wordprocessingml.fontTable+xml", "w:fonts"),
    "numbering": PartKind(_OFFICE + "wordprocessingml.numbering+xml", "w:numbering"),
    "footnotes": PartKind(_OFFICE + "wordprocessingml.footnotes+xml", "w:footnotes"),
    "endnotes": PartKind(_OFFICE + "wordprocessingml.endnotes+xml", "w:endnotes"),
    "header": PartKind(_OFFICE + "wordprocessingml.header+xml", "w:hdr"),
    "footer": PartKind(_OFFICE + "wordprocessingml.footer+xml", "w:ftr"),
    "theme": PartKind(_OFFICE + "theme+xml", "a:theme"),
    "chart": PartKind(_OFFICE + "drawingml.chart+xml", "c:chartSpace"),
    "workbook": PartKind(_OFFICE + "spreadsheetml.sheet.main+xml", "x:workbook"),
    "worksheet": PartKind(_OFFICE + "spreadsheetml.worksheet+xml", "x:worksheet"),
    "chartsheet": PartKind(_OFFICE + "spreadsheetml.chartsheet+xml", "x:chartsheet"),
    "cellStyles": PartKind(_OFFICE + "spreadsheetml.styles+xml", "x:styleSheet"),
    "sharedStrings": PartKind(_OFFICE + "spreadsheetml.sharedStrings+xml", "x:sst"),
    "drawing": PartKind(_OFFICE + "drawing+xml", "xdr:wsDr"),
    "table": PartKind(_OFFICE + "spreadsheetml.table+xml", "x:table"),
    "presentation": PartKind(_OFFICE + "presentationml.presentation.main+xml", "p:presentation"),
    "slide": PartKind(_OFFICE + "presentationml.slide+xml", "p:sld"),
    "slideLayout": PartKind(_OFFICE + "presentationml.slideLayout+xml", "p:sldLayout"),
    "slideMaster": PartKind(_OFFICE + "presentationml.slideMaster+xml", "p:sldMaster"),
    "notesMaster": PartKind(_OFFICE + "presentationml.notesMaster+xml", "p:notesMaster"),
    "notesSlide": PartKind(_OFFICE + "presentationml.notesSlide+xml", "p:notes"),
    "presProps": PartKind(_OFFICE + "presentationml.presProps+xml", "p:presentationPr"),
    "tableStyles": PartKind(_OFFICE + "presentationml.tableStyles+xml", "a:tblStyleLst"),
}

# Which parts a part may have, by kind: relationship -> kind of the other part.
_WORDS = ("styles", "settings", "fontTable", "numbering", "footnotes", "endnotes", "header",
          "footer", "theme", "chart")  # fmt: skip
LINKS: dict[str, dict[str, str]] = {
    "document": {name: name for name in _WORDS},
    "header": {"chart": "chart"},
    "footer": {"chart": "chart"},
    "footnotes": {"chart": "chart"},
    "endnotes": {"chart": "chart"},
    "workbook": {"worksheet": "worksheet", "chartsheet": "chartsheet", "styles": "cellStyles",
                 "sharedStrings": "sharedStrings", "theme": "theme"},
    "worksheet": {"drawing": "drawing", "table": "table"},
    "chartsheet": {"drawing": "drawing"},
    "drawing": {"chart": "chart"},
    "presentation": {name: name for name in ("slide", "slideMaster", "notesMaster", "theme",
                                             "presProps", "tableStyles")},
    "slide": {name: name for name in ("slideLayout", "notesSlide", "chart")},
    "slideLayout": {"slideMaster": "slideMaster", "chart": "chart"},
    "slideMaster": {"slideLayout": "slideLayout", "theme": "theme", "chart": "chart"},
    "notesMaster": {"theme": "theme"},
    "notesSlide": {"notesMaster": "notesMaster", "slide": "slide"},
}  # fmt: skip
NOTES = frozenset({"notesMaster", "notesSlide"})
COMMENTS = frozenset((
    "comments", "commentsExtended", "commentsIds", "commentsExtensible", "commentAuthors",
    "comment", "people", "threadedComment", "person", "vmlDrawing", "legacyDiagramText",
    "authors",
))  # fmt: skip
MACROS = frozenset((
    "vbaProject", "wordVbaData", "attachedToolbars", "xlMacrosheet", "xlIntlMacrosheet",
    "vbaProjectSignature", "vbaProjectSignatureAgile", "vbaProjectSignatureV3",
    "keyMapCustomizations", "macro", "dialogsheet", "extensibility", "userCustomization",
    "customUI", "taskpanes", "webextension", "webextensiontaskpanes",
))  # fmt: skip
EMBEDDED = frozenset((
    "oleObject", "package", "control", "activeXControlBinary", "aFChunk", "ctrlProp",
    "embeddings", "inkXml", "model3d", "webextensions", "video", "audio", "media",
))  # fmt: skip
EXTERNAL = frozenset((
    "attachedTemplate", "externalLink", "externalLinkPath", "externalLinkLongPath",
    "xlPathMissing", "xlStartup", "xlAlternateStartup", "xlLibrary", "mailMergeSource",
    "mailMergeHeaderSource", "mailMergeRecipientData", "recipientData", "connections",
    "queryTable", "subDocument", "frame", "transform", "attachedSchema", "xmlMaps",
    "volatileDependencies",
))  # fmt: skip
# Content types by which a part is refused wherever it stands, linked or not: a word in the type.
MACRO_TYPES = ("macroenabled", "vbaproject", "vbadata", "macrosheet", "dialogsheet", "keymapcustom",
               "attachedtoolbars", "webextension", "customui")  # fmt: skip
EMBEDDED_TYPES = ("oleobject", "activex", "controlproperties", "package.relationships+binary")
PICTURE = "image"
HYPERLINK = "hyperlink"


def main_kind(content_type: str) -> tuple[str, str] | None:
    """Document and kind of the main part with this content type, or None."""
    for document, kind in (("docx", "document"), ("xlsx", "workbook"), ("pptx", "presentation")):
        if KINDS[kind].content_type == content_type:
            return document, kind
    return None


def relation(type_uri: str) -> str:
    """The last word of a relationship type of Office or of the package; "" for any other type."""
    for beginning in (_TRANSITIONAL, _STRICT, _PACKAGE, "http://schemas.microsoft.com/"):
        if type_uri.startswith(beginning):
            return type_uri.rpartition("/")[2]
    return ""


def is_strict(type_uri: str) -> bool:
    """Whether the type belongs to the strict form of the standard, which is not understood here."""
    return type_uri.startswith(_STRICT)
