"""What pypdf reads of a written PDF: its text in several ways, and the names that stand in it.

Takes a file that `pdf_verify` has held to one form, gives texts, or raises `Malformed` where pypdf
fails or leaves something out. pypdf believes a font's map to Unicode: the file is read a second
time without the maps of fonts that have an encoding. Pieces are also put in the order of their
places. Patterns and soft masks, which pypdf passes over, are read by themselves.
"""

import logging
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pypdf
from pypdf._codecs.adobe_glyphs import adobe_glyphs
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject

from schemas.errors import Malformed
from schemas.reasons import Reason

FORMS_MAX = 100_000  # that a page draws: each mark of a plot is one
BETWEEN = "\x01"  # keeps names apart that no reader sees side by side
_NAME = rb"/([A-Za-z0-9+_.,\-]+)"
_HELD = re.compile(
    rb"/(?:BaseFont|FontName|Separation) %s|/DeviceN \[([^\]]*)\]"
    rb"|/(?:Registry|Ordering) <([0-9a-f]*)>" % _NAME
)
_GLYPHS = re.compile(rb"/(?:Differences \[([^\]]*)\]|CharProcs <<([^>]*)>>)")
_EACH = re.compile(_NAME)
_TELLS_NOTHING = re.compile(
    r"(?:Courier|Helvetica)(?:-(?:Bold)?(?:Oblique)?)?|Times-(?:Roman|Italic|Bold|BoldItalic)"
    r"|Symbol|ZapfDingbats|All|None|Black|Cyan|Magenta|Yellow|Adobe|Identity"
    r"|(?:Japan|Korea|GB|CNS)1|Unnamed(?:\.\d+)?|\.notdef"
)


class _Complaints(logging.Handler):
    """What pypdf says while it reads: that it passes over something, it only logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.left_out = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one complaint."""
        said = record.getMessage()
        self.left_out |= said.startswith(("Exceeded", "Impossible to decode"))


def shown(untrusted: bytes) -> list[str]:
    """Every reading of the text; `Malformed` where pypdf cannot read it all."""
    if not hasattr(pypdf, "apply_configuration"):  # an earlier one, that does not count forms
        return _shown(untrusted)
    with pypdf.apply_configuration(xform_maximum_invocations_per_extraction=FORMS_MAX):
        return _shown(untrusted)


def _shown(untrusted: bytes) -> list[str]:
    complaints, log = _Complaints(), logging.getLogger("pypdf")
    log.addHandler(complaints)
    log.propagate = False
    try:
        reader = pypdf.PdfReader(BytesIO(untrusted), strict=True)
        objects = [reader.get_object(number) for number in range(1, len(reader.xref[0]) + 1)]
        _plain_glyphs(objects)
        found = _readings(reader, objects)
        if _without_maps(objects):
            found += _readings(reader, objects)
    except Exception as error:  # whatever a reader raises: it cannot be searched
        raise Malformed(Reason.SYNTAX, "the text of the PDF cannot be read") from error
    finally:
        log.removeHandler(complaints)
    if complaints.left_out:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "the PDF's forms draw more than can be read")
    return list(dict.fromkeys(found))


def _readings(reader: pypdf.PdfReader, objects: list[Any]) -> list[str]:
    """As it reads; its pieces with nothing between; and these in the order of their places."""
    whole, joined, placed = [], [], []
    for content in (*reader.pages, *_beside(objects)):
        pieces = _Pieces()
        if isinstance(content, pypdf.PageObject):
            whole.append(content.extract_text(visitor_text=pieces.add))
        else:
            whole.append(reader.pages[0].extract_xform_text(content, visitor_text=pieces.add))
        joined += [text for _, _, text in pieces.held]
        placed += [text for _, _, text in sorted(pieces.held)]
    return ["\n".join(whole), "".join(joined), "".join(placed)]


class _Pieces:
    """Pieces of text as pypdf comes to them, each with its place: how far down, how far across."""

    def __init__(self) -> None:
        self.held: list[tuple[int, float, str]] = []

    def add(self, text: str, outer: Any, inner: Any, *_: Any) -> None:
        """Take one piece; `outer` and `inner` are the matrices of the page and of the text."""
        across = inner[4] * outer[0] + inner[5] * outer[2] + outer[4]
        up = inner[4] * outer[1] + inner[5] * outer[3] + outer[5]
        self.held.append((-round(max(min(up, 1e9), -1e9)), across, text.strip()))


def _beside(objects: list[Any]) -> Iterator[Any]:
    """Content that pypdf does not come to: of tiling patterns and soft masks."""
    for item in objects:
        if isinstance(item, StreamObject) and item.get("/PatternType") == 1:
            yield item
        mask = item.get("/SMask") if isinstance(item, DictionaryObject) else None
        group = mask.get_object() if mask is not None else None
        if isinstance(group, DictionaryObject) and "/G" in group:
            yield group["/G"]


def _plain_glyphs(objects: list[Any]) -> None:
    """Names of glyphs without what follows a dot, which is how they look and not what they are."""
    for item in objects:
        encoding = item.get("/Encoding") if isinstance(item, DictionaryObject) else None
        given = encoding.get("/Differences") if isinstance(encoding, DictionaryObject) else None
        if isinstance(given, ArrayObject):
            for at, name in enumerate(given):
                if isinstance(name, NameObject) and name.find(".") > 1:
                    given[at] = NameObject(name.partition(".")[0])


def _without_maps(objects: list[Any]) -> bool:
    """Take the maps away from fonts that have an encoding; whether there were any."""
    found = False
    for item in objects:
        simple = isinstance(item, DictionaryObject) and item.get("/Subtype") != "/Type0"
        if simple and item.pop("/ToUnicode", None) is not None:
            found = True
    return found


def names(verified: bytes) -> str:
    """Names of fonts, colours and glyphs that stand in the file, but for those of everybody."""
    found = []
    for one, several, text in _HELD.findall(verified):
        found += [one, *_EACH.findall(several), bytes.fromhex(text.decode())]
    for differences, glyphs in _GLYPHS.findall(verified):
        each = _EACH.findall(differences + glyphs)
        found += [name for name in each if f"/{name.decode()}" not in adobe_glyphs]
    said = dict.fromkeys(name.decode("ascii", "replace") for name in found)
    return BETWEEN.join(name for name in said if name and not _TELLS_NOTHING.fullmatch(name))
