"""A font of a cleaned PDF as the search reads it: codes, what they stand for, how wide they are.

Takes strings of a content stream, gives their characters twice: by what the font's map to Unicode
says, and by its encoding. Either can lie; where one says nothing the other speaks.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from filters.formats.pdf_glyphs import UNKNOWN

KNOWN_MAX = 70_000
_NARROW = dict.fromkeys("ijl.,:;|!'", 0.25) | dict.fromkeys("ftIr()[] -/", 0.3)
_WIDE = dict.fromkeys("mMW@", 0.85) | dict.fromkeys("ABCDEFGHKLNOPQRSTUVXYZw", 0.68)
_TYPICAL = 0.53
_LEAST, _MOST = 0.25, 0.85
_ONE, _TWO = bytes([1]) * 256, bytes([2]) * 256
_SILENT = frozenset(map(chr, (*range(9), 11, 12, *range(14, 32), *range(127, 160)))) | {UNKNOWN, ""}
# Names of character maps (ISO 32000-2, table 116) -> how many bytes a code has by its first one,
# and the codec that reads it. Unnamed here: two bytes, of which nothing is known.
_MIXED = {
    "RKSJ": (((0x81, 0x9F), (0xE0, 0xFC)), "cp932"),
    "EUC": (((0xA1, 0xFE),), "gb18030"),
    "GBK": (((0x81, 0xFE),), "gb18030"),
    "B5": (((0x81, 0xFE),), "big5hkscs"),
    "HKscs": (((0x81, 0xFE),), "big5hkscs"),
    "KSC": (((0x81, 0xFE),), "cp949"),
}
CODECS = ("utf-16-be", "utf-32-be", "cp932", "gb18030", "big5hkscs", "cp949", "euc_jp")
_FIRST_BYTES = re.compile(rb"<([0-9a-f]{2,8})> <([0-9a-f]{2})[0-9a-f]{0,6}>")
_SPACES = re.compile(rb"begincodespacerange\n(.*?)\nendcodespacerange", re.DOTALL)

_Tables = tuple[dict[int, str], dict[int, str], list[float], set[int]]


@dataclass(slots=True)
class Font:
    """lengths: bytes of a code, by its first byte. said, drawn: characters by code, of two sources.

    widths   by code, in parts of the font's size; `usual` for others, guessed where that is None
    extremes the least and the most of these
    even     whether every code moves the place on, and none by more than most glyphs are wide
    unread   whether a code was shown of which neither source says anything
    """

    lengths: bytes = _ONE
    said: dict[int, str] = field(default_factory=dict)
    drawn: dict[int, str] = field(default_factory=dict)
    codec: str = ""
    widths: dict[int, float] = field(default_factory=dict)
    usual: float | None = None
    unread: bool = False
    extremes: tuple[float, float] = (0.0, 0.0)
    even: bool = True
    _known: dict[bytes, tuple[str, str, float]] = field(default_factory=dict)
    _by_byte: list[_Tables] = field(default_factory=list)  # one, once it is used

    def __post_init__(self) -> None:
        """Look at the widths."""
        usual = (_LEAST, _MOST) if self.usual is None else (self.usual,)
        all_widths = (*self.widths.values(), *usual)
        self.extremes = min(all_widths), max(all_widths)
        self.even = self.extremes[0] >= 0 and self.extremes[1] <= 1

    def shown(self, raw: bytes) -> tuple[str, str, float, int]:
        """A string's characters by either source, its width, and how many codes it has."""
        if self.lengths is _ONE:
            return self._shown_bytes(raw)
        found = [self._known.get(code) or self._learn(code) for code in self._codes(raw)]
        said, drawn = "".join([each[0] for each in found]), "".join([each[1] for each in found])
        return said, said if drawn == said else drawn, sum([each[2] for each in found]), len(found)

    def each(self, raw: bytes) -> list[tuple[bytes, str, str, float]]:
        """The same code by code."""
        return [(code, *(self._known.get(code) or self._learn(code))) for code in self._codes(raw)]

    def _shown_bytes(self, raw: bytes) -> tuple[str, str, float, int]:
        """The same for codes of one byte, by tables: this is what most text is."""
        if not self._by_byte:
            known = [self._learn(bytes([code]), False) for code in range(256)]
            said = {code: each[0] for code, each in enumerate(known)}
            drawn = {code: each[1] for code, each in enumerate(known)}
            drawn = said if drawn == said else drawn
            silent = {code for code, each in enumerate(known) if _says_nothing(*each[:2])}
            self._by_byte.append((said, drawn, [each[2] for each in known], silent))
        said, drawn, widths, silent = self._by_byte[0]
        self.unread = self.unread or not silent.isdisjoint(raw)
        codes = raw.decode("latin-1")
        text = codes.translate(said)
        second = text if said is drawn else codes.translate(drawn)
        return text, second, sum(map(widths.__getitem__, raw)), len(raw)

    def _codes(self, raw: bytes) -> list[bytes]:
        if self.lengths is _TWO:
            return [raw[at : at + 2] for at in range(0, len(raw), 2)]
        codes, at = [], 0
        while at < len(raw):
            codes.append(raw[at : at + self.lengths[raw[at]]])
            at += len(codes[-1])
        return codes

    def _learn(self, code: bytes, shown: bool = True) -> tuple[str, str, float]:
        number = int.from_bytes(code, "big")
        said, drawn = self.said.get(number, UNKNOWN), self.drawn.get(number, UNKNOWN)
        if self.codec:
            drawn = code.decode(self.codec, "replace")
        if shown and _says_nothing(said, drawn):
            self.unread = True
        says, draws = not _SILENT.issuperset(said), not _SILENT.issuperset(drawn)
        said, drawn = (said if says else drawn), (drawn if draws else said)
        width = self.widths.get(number, self.usual)
        if width is None:
            width = _NARROW.get(drawn) or _WIDE.get(drawn) or _TYPICAL
        if len(self._known) < KNOWN_MAX:
            self._known[code] = (said, drawn, width)
        return said, drawn, width


def _says_nothing(said: str, drawn: str) -> bool:
    return _SILENT.issuperset(said) and _SILENT.issuperset(drawn)


def lengths_of_name(name: str) -> tuple[bytes, str]:
    """How long the codes of a named character map are, and the codec for them, or ""."""
    if "UTF32" in name:
        return bytes([4]) * 256, "utf-32-be"
    if "UTF16" in name:
        return bytes(4 if 0xD8 <= first <= 0xDB else 2 for first in range(256)), "utf-16-be"
    if "UCS2" in name:
        return _TWO, "utf-16-be"
    for part, (leads, codec) in _MIXED.items():
        if part in name:
            two = {first for low, high in leads for first in range(low, high + 1)}
            japanese = part == "EUC" and not name.startswith(("GB", "KSC", "CNS"))
            return (
                bytes(2 if first in two else 1 for first in range(256)),
                "euc_jp" if japanese else "cp949" if name.startswith("KSC") else codec,
            )
    return _TWO, ""


def lengths_of_map(cmap: bytes) -> bytes:
    """How long the codes of a character map are, by their first byte."""
    begins, ends = ([[0] * 257 for _ in range(4)] for _ in range(2))
    for section in _SPACES.finditer(cmap):
        for low, high in set(_FIRST_BYTES.findall(section[1])):
            first, last = int(low[:2], 16), int(high, 16)
            begins[len(low) // 2 - 1][first] += 1
            ends[len(low) // 2 - 1][max(last + 1, first)] += 1
    lengths = bytearray(256)
    for at in (3, 2, 1, 0):  # the shortest last, for it counts
        inside = 0
        for first in range(256):
            inside += begins[at][first] - ends[at][first]
            if inside:
                lengths[first] = at + 1
    usual = max(lengths) or 2
    found = bytes(length or usual for length in lengths)
    return next((same for same in (_ONE, _TWO) if same == found), found)


def number_of(value: Any) -> float:
    """A number of the model, 0 for anything else."""
    if type(value) is dict and type(value.get("$r")) is str:
        return float(value["$r"])
    return float(value) if type(value) is int else 0.0


def simple_widths(font: dict[str, Any], scale: float) -> dict[int, float]:
    """Widths of a font of one-byte codes."""
    first, given = font.get("FirstChar"), font.get("Widths")
    if type(first) is not int or type(given) is not list:
        return {}
    return {first + at: scale * number_of(width) for at, width in enumerate(given[:256])}


def wide_widths(given: Any, widths_max: int) -> tuple[dict[int, float], int]:
    """Widths of a CID font (ISO 32000-2, 9.7.4.3) by glyph number, and how many were left.

    Each that is given counts, whether or not its glyph has one already.
    """
    widths: dict[int, float] = {}
    items = given if type(given) is list else []
    at, left = 0, widths_max
    while at + 1 < len(items) and left > 0:
        first, second = int(number_of(items[at])), items[at + 1]
        if type(second) is list:
            widths |= {first + more: number_of(w) / 1000 for more, w in enumerate(second[:left])}
            at, left = at + 2, left - 1 - len(second)
        else:
            last = min(int(number_of(second)), first + min(0xFFFF, left))
            width = number_of(items[at + 2]) / 1000 if at + 2 < len(items) else 0.0
            widths |= dict.fromkeys(range(first, last + 1), width)
            at, left = at + 3, left - 1 - max(last + 1 - first, 0)
    return widths, left
