"""Content streams of a PDF (ISO 32000-2, annex A), written anew an operation a line.

Takes content for pikepdf's parser, gives canonical text and which resources it names, or raises
`Malformed`. Each operation is written as the parser reaches it: no list of all of them is ever in
memory, which for content of a few kilobytes could take gigabytes. Kept are the operators that
paint, place and set state; marked content, compatibility marks and rendering intents are dropped.
Resources get short names in the order of their first use; inline pictures become resources. Docs:
docs/spec/pdf-model.md has the form of a line.
"""

import re
import zlib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import pikepdf

from filters.formats.pdf_matrix import check_matrix
from filters.formats.pdf_steps import STRING_STEPS
from filters.formats.picture_structure import broken

OPERANDS_MAX = 64
SHORT_NAMES_MAX = 100_000  # of one category: five digits
_LINES_KEPT = 10_000

_PLAIN = {
    0: ["q", "Q", "h", "S", "s", "f", "f*", "B", "B*", "b", "b*", "n", "W", "W*", "BT", "ET", "T*"],
    1: ["w", "J", "j", "M", "i", "Tc", "Tw", "Tz", "TL", "Tr", "Ts", "g", "G"],
    2: ["m", "l", "Td", "TD", "d0"],
    3: ["rg", "RG"],
    4: ["re", "v", "y", "k", "K"],
    6: ["c", "cm", "Tm", "d1"],
}
_COUNTS = {operator: count for count, operators in _PLAIN.items() for operator in operators}
_MATRICES = frozenset({"cm", "Tm"})
_NAMED = {"gs": "ExtGState", "Do": "XObject", "sh": "Shading"}
_DROPPED = frozenset({"BMC", "BDC", "EMC", "MP", "DP", "BX", "EX", "ri"})
_COLOURS = frozenset({"sc", "SC", "scn", "SCN"})
DEVICE_SPACES = frozenset({"/DeviceGray", "/DeviceRGB", "/DeviceCMYK", "/Pattern"})
PREFIXES = {
    "Font": "f", "XObject": "x", "ExtGState": "g", "Shading": "s", "ColorSpace": "c",
    "Pattern": "p",
}  # fmt: skip
NUMBER_MAX = 10**9

Inline = Callable[[Any], str]
"""An inline picture -> the short name under which it was put among the resources."""

Charge = Callable[[int, int], None]
"""Steps of what was read and bytes that were written -> nothing; raises beyond the bounds."""


class Names:
    """Short names for resources, by category and given name, in the order of first use."""

    def __init__(self) -> None:
        self.short: dict[tuple[str, str], str] = {}
        self._next = dict.fromkeys(PREFIXES, 0)

    def of(self, category: str, given: str) -> str:
        """The short name of a resource."""
        key = (category, given)
        if key not in self.short:
            if self._next[category] >= SHORT_NAMES_MAX:
                broken("content names too many resources")
            self.short[key] = f"{PREFIXES[category]}{self._next[category]}"
            self._next[category] += 1
        return self.short[key]


def number(value: Any) -> str:
    """A number in its one spelling: at most six decimals, no exponent, no trailing zeros."""
    if type(value) is bool:
        broken("a truth value where a number must be")
    try:
        exact: int | Decimal = value if isinstance(value, int) else Decimal(value)
    except (InvalidOperation, ValueError, TypeError):
        broken("no number where one must be")
    if isinstance(exact, int):
        if abs(exact) >= NUMBER_MAX:
            broken("a number is out of range")
        return str(exact)
    if not exact.is_finite() or abs(exact) >= NUMBER_MAX:
        broken("a number is out of range")
    text = f"{exact:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Writing(pikepdf.StreamParser):
    """One content stream on its way through the parser; `text` is how it crosses."""

    def __init__(self, names: Names, inline: Inline, charge: Charge) -> None:
        super().__init__()
        self._names, self._inline, self._charge = names, inline, charge
        self._operands: list[Any] = []
        self._entries: list[Any] | None = None  # of the inline picture that is being read
        self._lines: list[str] = []
        self._since = 0
        self._deflate = zlib.compressobj(1)
        self._parts: list[bytes] = []
        self._size = 0

    def handle_object(self, thing: Any, _offset: int, _length: int) -> None:
        """An operand, or the operator that ends an operation."""
        if not isinstance(thing, pikepdf.Operator):
            if len(self._operands) >= OPERANDS_MAX:
                broken("an operation of too many operands")
            self._operands.append(thing)
            return
        operands, self._operands = self._operands, []
        self._operation(str(thing), operands)
        self._since += 1
        if self._since >= _LINES_KEPT:
            self._put()

    def handle_eof(self) -> None:
        """The end; what is left of operands without an operator says nothing."""
        self._put()
        self._parts.append(self._deflate.flush())

    @property
    def text(self) -> dict[str, Any]:
        """The bytes of the text as the model holds them."""
        return {"$b": b"".join(self._parts), "$n": self._size}

    def _put(self) -> None:
        raw = "".join(self._lines).encode("ascii")
        self._size += len(raw)
        self._charge(self._since + STRING_STEPS * raw.count(b"<"), len(raw))
        self._parts.append(self._deflate.compress(raw))
        self._lines, self._since = [], 0

    def _operation(self, operator: str, operands: list[Any]) -> None:
        count = _COUNTS.get(operator)
        if count is not None:
            if len(operands) != count:
                broken(f"the operator {operator} with {len(operands)} operands")
            if operator in _MATRICES:
                check_matrix(list(operands))
            numbers = "".join(f"{number(value)} " for value in operands)
            self._lines.append(f"{numbers}{operator}\n")
        elif operator in ("BI", "ID", "EI"):
            self._picture(operator, operands)
        elif operator not in _DROPPED:
            self._lines.append(_special(operator, operands, self._names))

    def _picture(self, operator: str, operands: list[Any]) -> None:
        """An inline picture: BI, its entries, ID, its bytes, EI."""
        if operator == "ID":
            self._entries = operands
        elif operator == "EI":
            if self._entries is None or len(operands) != 1:
                broken("an inline picture without its beginning")
            image = pikepdf.PdfInlineImage(
                image_data=operands[0], image_object=tuple(self._entries)
            )
            self._entries = None
            self._lines.append(f"/{self._inline(image)} Do\n")


def text_of(given: Any, writing: Writing) -> dict[str, Any]:
    """What `writing` gives for a content stream, a list of them, or None for no content."""
    if given is None:
        writing.handle_eof()
    else:
        page = pikepdf.Dictionary(Type=pikepdf.Name.Page, Contents=given)
        pikepdf.Page(page).parse_contents(writing)
    return writing.text


def _special(operator: str, operands: list[Any], names: Names) -> str:
    if operator in _NAMED and len(operands) == 1:
        return f"/{names.of(_NAMED[operator], _name(operands[0]))} {operator}\n"
    if operator == "Tf" and len(operands) == 2:
        return f"/{names.of('Font', _name(operands[0]))} {number(operands[1])} Tf\n"
    if operator == "Tj" and len(operands) == 1:
        return f"{_string(operands[0])} Tj\n"
    if operator == "TJ" and len(operands) == 1:
        parts = [
            _string(part) if isinstance(part, pikepdf.String) else number(part)
            for part in operands[0]
        ]
        return f"[ {''.join(part + ' ' for part in parts)}] TJ\n"
    if operator == "'" and len(operands) == 1:
        return f"T*\n{_string(operands[0])} Tj\n"
    if operator == '"' and len(operands) == 3:
        first, second = number(operands[0]), number(operands[1])
        return f"{first} Tw\n{second} Tc\nT*\n{_string(operands[2])} Tj\n"
    if operator in ("cs", "CS") and len(operands) == 1:
        name = _name(operands[0])
        return (
            f"{name if name in DEVICE_SPACES else '/' + names.of('ColorSpace', name)} {operator}\n"
        )
    if operator in _COLOURS and operands:
        return _colour(operator, operands, names)
    if operator == "d" and len(operands) == 2:
        dashes = "".join(f"{number(value)} " for value in operands[0])
        return f"[ {dashes}] {number(operands[1])} d\n"
    return broken(
        f"an operator that is not taken, or its operands: {re.sub('[^A-Za-z*]', '?', operator)[:8]}"
    )


def _colour(operator: str, operands: list[Any], names: Names) -> str:
    pattern = ""
    if isinstance(operands[-1], pikepdf.Name):
        pattern = f"/{names.of('Pattern', _name(operands.pop()))} "
    if len(operands) > 32:
        broken("a colour of too many components")
    return "".join(f"{number(value)} " for value in operands) + pattern + operator + "\n"


def _name(value: Any) -> str:
    if not isinstance(value, pikepdf.Name):
        broken("no name where one must be")
    return str(value)


def _string(value: Any) -> str:
    if not isinstance(value, pikepdf.String):
        broken("no string where one must be")
    return f"<{bytes(value).hex()}>"
