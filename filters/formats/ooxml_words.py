"""Elements of Office Open XML that are not simply kept or left out, and what is done with them.

Tables of prefixed names. What is in none of them and not in the table of names is unknown.
"""

from collections.abc import Iterable

from schemas.reasons import Reason

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
X = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_O = "urn:schemas-microsoft-com:office:office"

# Namespaces of which `mc:Choice` may be taken: those whose elements the table of names has.
CHOICES = frozenset(
    {
        "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup",
    }
)


def _all(uri: str, names: str) -> Iterable[str]:
    return (f"{{{uri}}}{name}" for name in names.split())


# Their content stands in their place.
UNWRAPPED = frozenset((*_all(W, "sdt sdtContent customXml smartTag"),))
INSERTED = frozenset(_all(W, "ins moveTo"))
# Rule of the policy -> reason, and the elements that it decides on.
RULED: dict[str, tuple[str, Reason]] = {
    **dict.fromkeys(
        (
            *_all(
                W,
                "del moveFrom rPrChange pPrChange tblPrChange trPrChange tcPrChange sectPrChange "
                "tblGridChange tblPrExChange numberingChange cellIns cellDel cellMerge "
                "moveFromRangeStart moveFromRangeEnd moveToRangeStart moveToRangeEnd "
                "customXmlInsRangeStart customXmlInsRangeEnd customXmlDelRangeStart "
                "customXmlDelRangeEnd customXmlMoveFromRangeStart customXmlMoveFromRangeEnd "
                "customXmlMoveToRangeStart customXmlMoveToRangeEnd delText delInstrText",
            ),
        ),
        ("revisions", Reason.OFFICE_REVISION),
    ),
    **dict.fromkeys(
        (
            *_all(W, "commentRangeStart commentRangeEnd commentReference annotationRef"),
            *_all(X, "legacyDrawing legacyDrawingHF"),
        ),
        ("comments", Reason.OFFICE_PART),
    ),
    **dict.fromkeys(
        (
            *_all(W, "object control altChunk contentPart movie"),
            *_all(P, "oleObj controls control contentPart embed"),
            *_all(X, "oleObjects controls oleObject"),
            *_all(A, "audioCd audioFile videoFile quickTimeFile wavAudioFile snd"),
            *_all(_O, "OLEObject"),
        ),
        ("embedded", Reason.OFFICE_EMBEDDED),
    ),
    **dict.fromkeys(
        (
            *_all(W, "attachedTemplate mailMerge subDoc frameset attachedSchema"),
            *_all(X, "externalReferences webPublishItems webPublishing ddeLink oleLink"),
        ),
        ("external", Reason.OFFICE_EXTERNAL),
    ),
    **dict.fromkeys(
        (*_all(W, "entryMacro exitMacro"), *_all(X, "functionGroups")),
        ("macros", Reason.OFFICE_MACRO),
    ),
}
# Dropped as a matter of course, and not worth a refusal under any rule: what an editor keeps for
# itself, and extensions that readers of the standard must pass over.
ALWAYS_DROPPED = frozenset(
    (
        *_all(
            W,
            "rsids rsid rsidRoot proofErr permStart permEnd sdtPr sdtEndPr customXmlPr smartTagPr "
            "docVars documentProtection writeProtection embedTrueTypeFonts embedSystemFonts "
            "saveSubsetFonts embedRegular embedBold embedItalic embedBoldItalic shapeDefaults "
            "hdrShapeDefaults captions trackRevisions activeWritingStyle linkStyles "
            "doNotEmbedSmartTags schemaLibrary updateFields pict ffData fldData",
        ),
        *_all(
            X,
            "extLst fileVersion fileSharing workbookProtection sheetProtection protectedRanges "
            "customWorkbookViews customSheetViews customProperties smartTagPr smartTagTypes "
            "scenarios cellWatches oleSize pivotCaches drawingHF",
        ),
        *_all(P, "extLst timing transition custDataLst tagLst tags handoutMasterIdLst custShowLst "
              "embeddedFontLst photoAlbum modifyVerifier smartTags showPr htmlPubPr clrMru"),
        *_all(A, "extLst hlinkMouseOver hlinkHover"),
        *_all(C, "extLst externalData userShapes pivotSource pivotFmts printSettings protection "
              "autoUpdate legacyDrawingHF pivotFmt fmtId"),
    )
)  # fmt: skip
# An element that only holds others, and means nothing (or breaks a reader) when it is empty.
PRUNED = frozenset((*_all(X, "hyperlinks tableParts definedNames dataValidations"),))
FORMULAS = frozenset(
    (
        *_all(
            X, "f formula formula1 formula2 definedName calculatedColumnFormula totalsRowFormula"
        ),
        *_all(C, "f"),
    )
)
PAGE_SETUP = f"{{{X}}}pageSetup"
THRESHOLD = f"{{{X}}}cfvo"  # its value may be a formula, whatever its type
WORD_LINK = f"{{{W}}}hyperlink"
CLICK = f"{{{A}}}hlinkClick"
HYPERLINK_ELEMENTS = frozenset((WORD_LINK, CLICK, f"{{{X}}}hyperlink"))
