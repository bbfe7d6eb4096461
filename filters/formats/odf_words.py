"""Elements of OpenDocument that are not simply kept or left out, and what is done with them.

Tables of names as lxml has them. What is in none of them and not in the table of names is unknown.
"""

from collections.abc import Iterable

from schemas.reasons import Reason

_NS = "urn:oasis:names:tc:opendocument:xmlns:"
OFFICE = f"{{{_NS}office:1.0}}"
TEXT = f"{{{_NS}text:1.0}}"
TABLE = f"{{{_NS}table:1.0}}"
DRAW = f"{{{_NS}drawing:1.0}}"
FORM = f"{{{_NS}form:1.0}}"
SCRIPT = f"{{{_NS}script:1.0}}"
PRESENTATION = f"{{{_NS}presentation:1.0}}"
MATH = "{http://www.w3.org/1998/Math/MathML}"
FORMULA_TEXT = f"{MATH}annotation"
FORMULA_ENCODING = "StarMath 5.0"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_DOM = "{http://www.w3.org/2001/xml-events}"


def _all(uri: str, names: str) -> Iterable[str]:
    return (uri + name for name in names.split())


RULED: dict[str, tuple[str, Reason]] = {
    **dict.fromkeys(
        (
            *_all(SCRIPT, "event-listener script"),
            *_all(OFFICE, "script"),
            *_all(PRESENTATION, "event-listener"),
            *_all(TEXT, "script execute-macro"),
        ),
        ("macros", Reason.OFFICE_MACRO),
    ),
    **dict.fromkeys(
        (
            *_all(DRAW, "object-ole applet plugin control floating-frame"),
            *_all(FORM, "form"),
            "{http://www.w3.org/2002/xforms}model",
            *_all(OFFICE, "binary-data"),
        ),
        ("embedded", Reason.OFFICE_EMBEDDED),
    ),
    **dict.fromkeys(
        (
            *_all(TEXT, "section-source dde-connection dde-connection-decl dde-connection-decls "
                  "alphabetical-index-auto-mark-file database-display database-next "
                  "database-row-select database-row-number database-name"),
            *_all(TABLE, "table-source cell-range-source dde-link dde-links database-source-sql "
                  "database-source-table database-source-query source-service"),
            *_all(OFFICE, "dde-source"),
        ),
        ("external", Reason.OFFICE_EXTERNAL),
    ),
    **dict.fromkeys(
        (
            *_all(TEXT, "tracked-changes change change-start change-end"),
            *_all(TABLE, "tracked-changes"),
        ),
        ("revisions", Reason.OFFICE_REVISION),
    ),
    **dict.fromkeys(_all(OFFICE, "annotation annotation-end"), ("comments", Reason.OFFICE_PART)),
}  # fmt: skip
# Elements of these namespaces, when the rule's own elements are not in them, are empty shells.
SHELLS = frozenset((*_all(OFFICE, "scripts event-listeners forms"),))
# Fields that show metadata: their visible text stays, the field does not.
UNWRAPPED = frozenset(
    (
        *_all(
            TEXT,
            "user-defined template-name file-name printed-by print-date print-time editing-cycles "
            "editing-duration initial-creator creator author-name author-initials creation-date "
            "creation-time modification-date modification-time description subject keywords "
            "sender-firstname sender-lastname sender-initials sender-title sender-position "
            "sender-email sender-phone-private sender-fax sender-company sender-phone-work "
            "sender-street sender-city sender-postal-code sender-country sender-state-or-province "
            "conditional-text text-input placeholder drop-down meta meta-field user-field-input",
        ),
        *_all(DRAW, "a"),
    )
)
ALWAYS_DROPPED = frozenset(
    (
        *_all(TEXT, "hidden-text hidden-paragraph"),
        *_all(TABLE, "database-ranges data-pilot-tables scenario consolidation detective desc"),
        *_all(PRESENTATION, "animations"),
        *_all(DRAW, "image-map"),
        *_all(OFFICE, "meta settings"),
        *_all(MATH, "annotation annotation-xml"),  # but the one text that draws the formula
    )
)
FORMULA_ATTRIBUTES = frozenset(
    (
        *_all(TABLE, "formula expression condition"),
        *_all(TEXT, "formula condition"),
        f"{{{_NS}style:1.0}}condition",
        "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value",
    )
)
# How the names of attributes end that hold a cell or a range of cells.
RANGE_ENDINGS = (
    "cell-address", "range-address", "cell-range", "print-ranges", "error-lower-range",
    "error-upper-range",
)  # fmt: skip
SHOWN_ADDRESS = f"{TEXT}url"  # a bibliography makes a link of it
PICTURES = frozenset(
    (
        *_all(DRAW, "image fill-image"),
        f"{{{_NS}style:1.0}}background-image",
        *_all(TEXT, "list-level-style-image"),
    )
)
OBJECT = f"{DRAW}object"
NOTES = f"{PRESENTATION}notes"
LINK = f"{TEXT}a"
# Elements whose address says where something of this document is; the others may have none.
INSIDE = frozenset((*_all(TEXT, "a table-of-content bookmark-ref index-entry-link-start"),))
