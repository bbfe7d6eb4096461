"""The text of a cleaned PDF's model, for the search of words.

Takes the model, gives the text of each content stream twice: with a blank wherever the place
moves, and without, since programs place words, letters or whole lines. Codes become characters by
the font's ToUnicode map, else by its differences and Latin-1. Fonts of two-byte codes without such
a map cannot be read; how many there are is told.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from filters.formats.pdf_model import Document, content_numbers

MAPPED_MAX = 70_000
_SECTION = re.compile(rb"beginbf(char|range)\n(.*?)\nendbf\1", re.DOTALL)
_TOKEN = re.compile(rb"<[0-9a-f]*>|\[|\]")
_SHOWN = re.compile(rb"<([0-9a-f]*)>|-?\d+(?:\.\d+)?")
_GAP = -180  # thousandths of the font's size, from which on a gap is a blank
_GLYPHS = {
    "space": " ", "period": ".", "comma": ",", "hyphen": "-", "colon": ":", "slash": "/", "at": "@",
    "ampersand": "&", "percent": "%", "underscore": "_", "zero": "0", "one": "1", "two": "2",
    "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "germandbls": "ß", "fi": "fi", "fl": "fl", "ff": "ff", "ffi": "ffi", "ffl": "ffl",
}  # fmt: skip
_ACCENTS = ("acute", "grave", "circumflex", "dieresis", "tilde", "ring", "cedilla", "caron")


@dataclass(slots=True)
class Texts:
    """found: the texts. unread: fonts whose codes say nothing."""

    found: list[str] = field(default_factory=list)
    unread: int = 0


@dataclass(frozen=True, slots=True)
class _Font:
    width: int  # bytes a code
    characters: dict[int, str]

    def text(self, raw: bytes) -> str:
        codes = [raw[at : at + self.width] for at in range(0, len(raw), self.width)]
        numbers = [int.from_bytes(code, "big") for code in codes]
        if self.width == 1:
            return "".join(self.characters.get(number, chr(number)) for number in numbers)
        return "".join(self.characters.get(number, "\ufffd") for number in numbers)


def texts(document: Document) -> Texts:
    """Every text of the document, and names of fonts and colours."""
    out = Texts()
    fonts: dict[int, _Font] = {}
    for number in dict.fromkeys(content_numbers(document)):
        resources = _resources(document, number)
        named: dict[bytes, _Font] = {}
        for short, reference in _mapping(resources.get("Font")).items():
            at = reference["$o"]
            if at not in fonts:
                fonts[at] = _font(document, at, out)
            named[short.encode()] = fonts[at]
        out.found += _of_content(document.inflated(number), named)
    return out


def _mapping(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _resources(document: Document, content: int) -> dict[str, Any]:
    own = _mapping(document.objects[content])
    if "Resources" in own:
        return _mapping(own["Resources"])
    for item in document.objects:
        holder = _mapping(item)
        glyphs = _mapping(holder.get("CharProcs"))
        if holder.get("Contents") == {"$o": content} or {"$o": content} in glyphs.values():
            return _mapping(holder.get("Resources"))
    return {}


def _font(document: Document, number: int, out: Texts) -> _Font:
    font = _mapping(document.objects[number])
    wide = font.get("Subtype") == "Type0"
    mapping = font.get("ToUnicode")
    if type(mapping) is dict:
        return _Font(2 if wide else 1, _unicode(document.inflated(mapping["$o"])))
    if wide:
        out.unread += 1
        return _Font(2, {})
    characters: dict[int, str] = {}
    encoding = font.get("Encoding")
    code = 0
    for item in _mapping(encoding).get("Differences", []) if type(encoding) is dict else []:
        if type(item) is int:
            code = item
        else:
            characters[code] = _glyph(str(item))
            code += 1
    return _Font(1, characters)


def _glyph(name: str) -> str:
    if len(name) == 1 or name in _GLYPHS:
        return _GLYPHS.get(name, name)
    if re.fullmatch(r"uni[0-9A-F]{4}", name) and not 0xD800 <= int(name[3:], 16) <= 0xDFFF:
        return chr(int(name[3:], 16))
    return name[0] if name[1:] in _ACCENTS else "\ufffd"


def _unicode(cmap: bytes) -> dict[int, str]:
    characters: dict[int, str] = {}
    for section in _SECTION.finditer(cmap):
        tokens = _TOKEN.findall(section[2])
        at = 0
        while at + 1 < len(tokens) and len(characters) < MAPPED_MAX:
            if section[1] == b"char":
                characters[_code(tokens[at])] = _characters(tokens[at + 1])
                at += 2
            else:
                at = _range(tokens, at, characters)
    return characters


def _range(tokens: list[bytes], at: int, characters: dict[int, str]) -> int:
    """One range of a map, and where the next begins."""
    first, last = _code(tokens[at]), _code(tokens[at + 1])
    if at + 2 >= len(tokens):
        return len(tokens)
    if tokens[at + 2] == b"[":
        end = tokens.index(b"]", at) if b"]" in tokens[at:] else len(tokens)
        for code, token in enumerate(tokens[at + 3 : end], first):
            characters[code] = _characters(token)
        return end + 1
    begin = _characters(tokens[at + 2])
    for code in range(first, min(last, first + 0xFFFF) + 1):
        last_of = ord(begin[-1]) + code - first if begin else 0xFFFD
        good = last_of < 0xD800 or 0xDFFF < last_of < 0x110000
        characters[code] = begin[:-1] + (chr(last_of) if good else "\ufffd")
    return at + 3


def _code(token: bytes) -> int:
    return int(token[1:-1] or b"0", 16)


def _characters(token: bytes) -> str:
    digits = token[1:-1]
    return bytes.fromhex(digits[: len(digits) // 4 * 4].decode()).decode("utf-16-be", "replace")


def _of_content(content: bytes, fonts: dict[bytes, _Font]) -> list[str]:
    spaced: list[str] = []
    joined: list[str] = []
    font = _Font(1, {})
    for line in content.split(b"\n"):
        if line.endswith((b" Tj", b" TJ")):
            for shown in _SHOWN.finditer(line):
                if shown[1] is not None:
                    text = font.text(bytes.fromhex(shown[1].decode()))
                    spaced.append(text)
                    joined.append(text)
                elif float(shown[0]) < _GAP:
                    spaced.append(" ")
        elif line.endswith(b" Tf"):
            font = fonts.get(line[1:].split(b" ")[0], font)
        elif line.endswith((b" Td", b" TD", b" Tm", b"T*", b"ET")):
            spaced.append(" ")
    return ["".join(spaced), "".join(joined)] if joined else []
