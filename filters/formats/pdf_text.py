"""The text of a cleaned PDF's model, for the search of words.

Takes the model, gives its texts (`filters.formats.pdf_drawn`) and the names that cross with it: of
fonts, of their makers, of colours, of glyphs that no list has. Codes become characters by the
font's map to Unicode and by its encoding. What cannot be read is told: fonts of which a code was
shown that says nothing, pages that only show a picture, and whether more is drawn than is followed.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from filters.formats import pdf_font_codes as codes
from filters.formats.pdf_drawn import FOLLOWED_BYTES_MAX, Reader
from filters.formats.pdf_font_codes import Font
from filters.formats.pdf_glyphs import BY_NAME, UNKNOWN, WINDOWS, characters_of
from filters.formats.pdf_laid import matrix_of
from filters.formats.pdf_model import Document, content_numbers

MAPPED_MAX = 70_000  # steps of one map, whether or not a code comes a second time
_SECTION = re.compile(rb"beginbf(char|range)\n(.*?)\nendbf\1", re.DOTALL)
_TOKEN = re.compile(rb"<[0-9a-f]*>|\[|\]")
GLYPH_CHARACTERS_MAX = 16  # a glyph that draws more is no letter; its text is searched by itself
# Names that everybody's files have, so that they tell nothing.
_COMMON = frozenset({
    "Courier", "Courier-Bold", "Courier-BoldOblique", "Courier-Oblique", "Helvetica",
    "Helvetica-Bold", "Helvetica-BoldOblique", "Helvetica-Oblique", "Times-Roman", "Times-Bold",
    "Times-BoldItalic", "Times-Italic", "Symbol", "ZapfDingbats", "All", "None", "Black", "Cyan",
    "Magenta", "Yellow", "Adobe", "Identity", "Japan1", "Korea1", "GB1", "CNS1", "Unnamed",
    ".notdef",
})  # fmt: skip


@dataclass(slots=True)
class Texts:
    """What was found, and what was not read.

    found     the texts
    names     of fonts, colours and glyphs
    unread    fonts of which a code was shown that says nothing
    pictures  pages that show pictures and no text
    cut       whether more is drawn than was followed
    """

    found: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    unread: int = 0
    pictures: int = 0
    cut: bool = False


def texts(document: Document, followed_bytes_max: int = FOLLOWED_BYTES_MAX) -> Texts:
    """Every text of the document, and names of fonts and colours."""
    fonts: dict[int, Font] = {}
    reader = Reader(document, fonts, followed_bytes_max)
    for number, item in enumerate(document.objects):
        if type(item) is dict and item.get("Type") != "Page":
            reader.draws(number)
        if type(item) is dict and item.get("Type") == "Font":
            fonts[number] = _font(document, item, reader)
    out = Texts()
    held = _resources(document)
    numbers = list(dict.fromkeys(content_numbers(document)))
    pages = numbers[: len(document.pages)]
    for number in pages + sorted(set(numbers[len(pages) :]), reverse=True):
        if number in reader.walked and number not in pages:
            continue
        drawn = reader.read(number, held.get(number, {}))
        out.found += drawn.texts()
        out.pictures += number in pages and drawn.pictures and not drawn.is_text()
    out.names = _names(document)
    out.unread = sum(font.unread for font in fonts.values())
    out.cut = reader.cut
    return out


def _names(document: Document) -> list[str]:
    """Names that cross, but for those that everybody's files have."""
    found: dict[str, None] = {}
    for item in document.objects:
        todo: list[Any] = [item]
        while todo:
            value = todo.pop()
            if type(value) is list:
                todo += value
                spaces = value[:1] in (["Separation"], ["DeviceN"])
                given = value[1:2] if spaces else ()
                several = given[0] if given and type(given[0]) is list else given
                found |= dict.fromkeys(name for name in several if type(name) is str)
            elif type(value) is dict:
                todo += [each for key, each in value.items() if key not in ("$b", "$p")]
                found |= dict.fromkeys(_named(value))
    return [name for name in found if name not in _COMMON]


def _named(value: dict[str, Any]) -> list[str]:
    """Names that stand in one dictionary."""
    held = [value[key] for key in ("BaseFont", "FontName") if type(value.get(key)) is str]
    for key in ("Registry", "Ordering"):
        if type(value.get(key)) is bytes:
            held.append(value[key].decode("ascii", "replace"))
    glyphs = [*_mapping(value.get("CharProcs"))]
    if type(value.get("Differences")) is list:
        glyphs += [name for name in value["Differences"] if type(name) is str]
    glyphs = [name for name in glyphs if not name.startswith("Unnamed.")]
    return held + [name for name in glyphs if UNKNOWN in characters_of(name) or "." in name]


def _mapping(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _resources(document: Document) -> dict[int, dict[str, Any]]:
    """The resources of each content: its own, else those of the first that it belongs to."""
    held: dict[int, dict[str, Any]] = {}
    for number, item in enumerate(document.objects):
        holder = _mapping(item)
        resources = _mapping(holder.get("Resources"))
        for content in (holder.get("Contents"), *_mapping(holder.get("CharProcs")).values()):
            if type(content) is dict and "$o" in content:
                held.setdefault(content["$o"], resources)
        if "Resources" in holder:
            held[number] = resources
    return held


def _font(document: Document, font: dict[str, Any], reader: Reader) -> Font:
    said = _unicode(_bytes(document, font.get("ToUnicode")))
    if font.get("Subtype") == "Type0":
        return _wide_font(document, font, said, reader)
    scale = 0.001
    if font.get("Subtype") == "Type3":
        scale = abs(matrix_of(font.get("FontMatrix"))[0])
    widths = codes.simple_widths(font, scale)
    return Font(said=said, drawn=_encoded(document, font, reader), widths=widths)


def _bytes(document: Document, reference: Any) -> bytes:
    """The bytes of a stream that is referred to; none where there is none."""
    number = _mapping(reference).get("$o", -1)
    held = number >= 0 and "$b" in _mapping(document.objects[number])
    return document.inflated(number) if held else b""


def _encoded(document: Document, font: dict[str, Any], reader: Reader) -> dict[int, str]:
    """Characters of a font of one-byte codes by its encoding, or by what its glyphs draw."""
    encoding = font.get("Encoding")
    table = _mapping(encoding)
    base = encoding if type(encoding) is str else table.get("BaseEncoding")
    standard = base is None and font.get("Subtype") == "Type1"
    characters = dict(BY_NAME.get("StandardEncoding" if standard else str(base), WINDOWS))
    if font.get("Subtype") == "Type3":
        characters = {}
    glyphs = _mapping(font.get("CharProcs"))
    code, differences = 0, table.get("Differences")
    read: dict[str, str] = {}  # a glyph may stand for many codes
    for item in differences if type(differences) is list else ():
        if type(item) is int:
            code = item
        else:
            if item not in read:
                drawn = _drawn_glyph(glyphs.get(str(item)), font, reader)
                read[item] = drawn or characters_of(str(item))
            characters[code] = read[item]
            code += 1
    return characters


def _drawn_glyph(reference: Any, font: dict[str, Any], reader: Reader) -> str:
    """The text that a glyph draws, if that is a few letters."""
    number = _mapping(reference).get("$o", -1)
    if number < 0 or not reader.draws(number)[0]:
        return ""
    drawn = reader.read_beside(number, font.get("Resources"))
    text = "".join(piece.drawn for piece in drawn.pieces)
    return text if len(text) <= GLYPH_CHARACTERS_MAX else ""


def _wide_font(
    document: Document, font: dict[str, Any], said: dict[int, str], reader: Reader
) -> Font:
    """A font whose codes may have more than one byte."""
    encoding = font.get("Encoding")
    lengths, codec = codes.lengths_of_name(str(encoding))
    if type(encoding) is dict:
        lengths, codec = codes.lengths_of_map(_bytes(document, encoding)), ""
    below = font.get("DescendantFonts")
    number = _mapping(below[0] if type(below) is list and below else below).get("$o", -1)
    glyphs = _mapping(document.objects[number]) if number >= 0 else {}
    known = encoding in ("Identity-H", "Identity-V")
    return Font(
        lengths, said, {}, codec,
        reader.widths_of(glyphs.get("W")) if known else {},
        codes.number_of(glyphs.get("DW", 1000)) / 1000,
    )  # fmt: skip


def _unicode(cmap: bytes) -> dict[int, str]:
    characters: dict[int, str] = {}
    left = MAPPED_MAX
    for section in _SECTION.finditer(cmap):
        tokens = _TOKEN.findall(section[2])
        at = 0
        while at + 1 < len(tokens) and left > 0:
            if section[1] == b"char":
                characters[_code(tokens[at])] = _characters(tokens[at + 1])
                at, left = at + 2, left - 1
            else:
                at, left = _range(tokens, at, characters, left)
    return characters


def _range(tokens: list[bytes], at: int, characters: dict[int, str], left: int) -> tuple[int, int]:
    """One range of a map; where the next begins, and how many steps are left."""
    first, last = _code(tokens[at]), _code(tokens[at + 1])
    if at + 2 >= len(tokens):
        return len(tokens), left
    if tokens[at + 2] == b"[":
        try:
            end = tokens.index(b"]", at)
        except ValueError:
            end = len(tokens)
        inside = tokens[at + 3 : min(end, at + 3 + left)]
        for code, token in enumerate(inside, first):
            characters[code] = _characters(token)
        return end + 1, left - 1 - len(inside)
    begin = _characters(tokens[at + 2])
    codes = range(first, min(last, first + 0xFFFF, first + left - 1) + 1)
    for code in codes:
        last_of = ord(begin[-1]) + code - first if begin else 0xFFFD
        good = last_of < 0xD800 or 0xDFFF < last_of < 0x110000
        characters[code] = begin[:-1] + (chr(last_of) if good else "\ufffd")
    return at + 3, left - 1 - len(codes)


def _code(token: bytes) -> int:
    return int(token[1:-1] or b"0", 16)


def _characters(token: bytes) -> str:
    digits = token[1:-1]
    if len(digits) == 2:  # no unit of UTF-16; readers take it for the character
        return chr(int(digits, 16))
    return bytes.fromhex(digits[: len(digits) // 4 * 4].decode()).decode("utf-16-be", "replace")
