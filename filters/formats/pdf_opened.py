"""A PDF file opened by pikepdf (qpdf) within bounds, and what is in it beside pages to look at.

Takes bytes that `pdf_structure.walk` has passed. qpdf may not repair what is broken, and its own
limits hold decoded streams, filters and nesting. Gives the document, or raises `Malformed`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import BytesIO
from typing import Any

import pikepdf

from filters.formats.pdf_structure import PdfLimits
from schemas.errors import Malformed
from schemas.reasons import Reason

NESTING_LEVELS_MAX = 64
CONTAINER_ITEMS_MAX = 200_000
FILTERS_MAX = 3
DIGITS_MAX = 40
OBJECTS_BYTES_MAX = 2**20  # of one stream of objects, or of one table: many times the usual
_KINDS = ("/S", "/Subtype", "/Type")
_ACTIVE = frozenset({"/JavaScript", "/Launch", "/RichMedia", "/Rendition", "/Movie", "/Sound",
                     "/SubmitForm", "/ImportData", "/Trans3D", "/3D", "/GoTo3DView",
                     "/RichMediaExecute", "/Screen"})  # fmt: skip
_EMBEDDED = frozenset({"/EmbeddedFile", "/FileAttachment", "/GoToE", "/Collection"})
_EXTERNAL = frozenset({"/GoToR", "/OPI"})
_STATES = ("/ViewState", "/PrintState", "/ExportState")
_BY_USE = frozenset({"/Zoom", "/Language", "/User"})
FOUND = {
    "active": (Reason.PDF_ACTIVE, "a script, an action that starts something, or media"),
    "embedded": (Reason.PDF_EMBEDDED, "an embedded file"),
    "forms": (Reason.PDF_FORM, "a form to fill in"),
    "external": (Reason.PDF_EXTERNAL, "a reference to another file"),
    "layers": (Reason.PDF_LAYERS, "a layer that is not shown"),
}


def set_limits(limits: PdfLimits) -> None:
    """Give qpdf its bounds; they hold for the whole process."""
    pikepdf.settings.set_qpdf_limits(
        parser_max_nesting=NESTING_LEVELS_MAX,
        parser_max_container_size=CONTAINER_ITEMS_MAX,
        max_stream_filters=FILTERS_MAX,
        flate_max_memory=limits.inflated_bytes_max // 2,
        png_max_memory=limits.inflated_bytes_max // 2,
        tiff_max_memory=limits.inflated_bytes_max // 2,
        run_length_max_memory=limits.inflated_bytes_max // 2,
        dct_max_memory=limits.inflated_bytes_max // 2,
    )


def _hold_inflating(bytes_max: int) -> None:
    pikepdf.settings.set_qpdf_limits(flate_max_memory=bytes_max, run_length_max_memory=bytes_max)


def _read_objects(pdf: pikepdf.Pdf, objects_max: int) -> None:
    """Every object, one after another: a stream of objects is read whole with its first, and takes
    the library some seventy times as much memory as it has bytes. Whoever holds this to bounds can
    look in between."""
    count = int(pdf.trailer.get("/Size", 0))
    if count > objects_max + 1:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "the PDF has too many objects")
    for number in range(1, count):
        isinstance(pdf.get_object(number, 0), pikepdf.Array)  # only now it is read
    if len(pdf.objects) > objects_max:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "the PDF has too many objects")


def _check_tree(pages: Any, pages_max: int) -> None:
    """`Malformed` for more pages than the bound, before the library makes a copy of each that is
    named twice."""
    waiting, left = [pages], pages_max
    while waiting:
        kids = waiting.pop().get("/Kids", [])
        left -= len(kids) if isinstance(kids, pikepdf.Array) else 0
        if left < -pages_max:  # nodes of the tree count too
            raise Malformed(Reason.TOO_MANY_FRAMES, "the PDF has too many pages")
        waiting += [kid for kid in kids if isinstance(kid, pikepdf.Dictionary) and "/Kids" in kid]


@contextmanager
def opened(untrusted: bytes, limits: PdfLimits) -> Iterator[pikepdf.Pdf]:
    """The document; whatever the library raises within is `Malformed`."""
    try:
        _hold_inflating(min(OBJECTS_BYTES_MAX, limits.inflated_bytes_max // 2))
        with pikepdf.open(BytesIO(untrusted), attempt_recovery=False) as pdf:
            if pdf.is_encrypted:
                raise Malformed(Reason.PDF_ENCRYPTED, "the PDF is encrypted: save it without")
            _read_objects(pdf, limits.objects_max)
            _hold_inflating(limits.inflated_bytes_max // 2)
            _check_tree(pdf.Root.get("/Pages"), limits.pages_max)
            if not 1 <= len(pdf.pages) <= limits.pages_max:
                raise Malformed(Reason.TOO_MANY_FRAMES, "the PDF has no or too many pages")
            yield pdf
    except Malformed:
        raise
    except pikepdf.PasswordError as error:
        raise Malformed(Reason.PDF_ENCRYPTED, "the PDF is encrypted: save it without") from error
    except Exception as error:  # whatever the library finds: the file is not what it must be
        raise Malformed(Reason.SYNTAX, "the PDF cannot be read") from error


def beside_pages(pdf: pikepdf.Pdf) -> set[str]:
    """Keys of `FOUND`: what the document holds that is not for looking at."""
    found: set[str] = set()
    root = pdf.Root
    form = root.get("/AcroForm")
    if isinstance(form, pikepdf.Dictionary) and (len(form.get("/Fields", [])) or "/XFA" in form):
        found.add("forms")
    if _hides_layers(root.get("/OCProperties")):
        found.add("layers")
    if "/Collection" in root or "/AF" in root:
        found.add("embedded")
    for thing in pdf.objects:
        found |= _of_object(thing, 0)
    return found


def _of_object(thing: Any, depth: int) -> set[str]:
    """What one object says of itself, and what stands in it directly."""
    if depth > NESTING_LEVELS_MAX:
        raise Malformed(Reason.TOO_DEEP, "the PDF nests deeper than its bound")
    found: set[str] = set()
    if isinstance(thing, pikepdf.Array):
        if len(thing) > CONTAINER_ITEMS_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "a list of too many items")
        for item in thing:
            _check_number(item)
            if isinstance(item, pikepdf.Array | pikepdf.Dictionary) and not item.is_indirect:
                found |= _of_object(item, depth + 1)
        return found
    if not isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
        _check_number(thing)
        return found
    if _hides(thing):
        found.add("layers")
    for key, item in thing.items():
        if key in _KINDS and isinstance(item, pikepdf.Name):
            found |= _of_kind(str(item))
        elif key in ("/JS", "/JavaScript"):
            found.add("active")
        elif key in ("/EmbeddedFiles", "/EF"):
            found.add("embedded")
        elif key == "/XFA":
            found.add("forms")
        elif key == "/F" and isinstance(thing, pikepdf.Stream):
            found.add("external")
        elif isinstance(item, pikepdf.Array | pikepdf.Dictionary) and not item.is_indirect:
            found |= _of_object(item, depth + 1)
        else:
            _check_number(item)
    return found


def _check_number(value: Any) -> None:
    """`Malformed` for one of so many digits that it takes long to make an integer of it."""
    if isinstance(value, Decimal) and value.adjusted() > DIGITS_MAX:
        raise Malformed(Reason.SYNTAX, "a number of too many digits")


def _of_kind(name: str) -> set[str]:
    kinds = {"active": _ACTIVE, "embedded": _EMBEDDED, "external": _EXTERNAL}
    return {found for found, names in kinds.items() if name in names}


def _hides_layers(properties: Any) -> bool:
    """Whether optional content is off as the file is opened (ISO 32000-2, 8.11.4)."""
    if not isinstance(properties, pikepdf.Dictionary):
        return False
    default: Any = properties.get("/D", {})
    return (
        default.get("/BaseState", "/ON") != "/ON"
        or len(default.get("/OFF", [])) > 0
        or _hides_by_use(default)
    )


def _hides_by_use(default: Any) -> bool:
    """Whether a reader shows layers by its magnification, its language or who looks."""
    kinds = 0
    for each in default.get("/AS", []):
        kinds += len(named := each.get("/Category", []))
        if kinds > CONTAINER_ITEMS_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "layers are used in too many ways")
        if any(isinstance(kind, pikepdf.Name) and str(kind) in _BY_USE for kind in named):
            return True
    return False


def _hides(thing: Any) -> bool:
    """Whether something is a rule by which shown layers hide it, or a use that turns one off."""
    if thing.get("/Type") == "/OCMD":
        return "/VE" in thing or thing.get("/P", "/AnyOn") not in ("/AnyOn", "/AllOn")
    return any(thing.get(state) == "/OFF" for state in _STATES)
