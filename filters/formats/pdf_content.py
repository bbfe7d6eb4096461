"""Content streams of a PDF (ISO 32000-2, annex A), written anew an operation a line.

Takes what pikepdf's parser gives, gives canonical text and which resources it names, or raises
`Malformed`. Kept are the operators that paint, place and set state; marked content, compatibility
marks and rendering intents are dropped. Resources get short names in the order of their first use;
inline pictures become resources. Docs: docs/spec/pdf-model.md has the form of a line.
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import pikepdf

from filters.formats.pdf_matrix import check_matrix
from filters.formats.picture_structure import broken

OPERATIONS_MAX = 2_000_000

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


class Names:
    """Short names for resources, by category and given name, in the order of first use."""

    def __init__(self) -> None:
        self.short: dict[tuple[str, str], str] = {}

    def of(self, category: str, given: str) -> str:
        """The short name of a resource."""
        key = (category, given)
        if key not in self.short:
            count = sum(1 for known in self.short if known[0] == category)
            self.short[key] = f"{PREFIXES[category]}{count}"
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


def written(instructions: list[Any], names: Names, inline: Inline) -> str:
    """The canonical text of a content stream."""
    if len(instructions) > OPERATIONS_MAX:
        broken("a content stream of too many operations")
    lines: list[str] = []
    for instruction in instructions:
        if isinstance(instruction, pikepdf.ContentStreamInlineImage):
            lines.append(f"/{inline(instruction.iimage)} Do\n")
            continue
        operator = str(instruction.operator)
        if operator in _DROPPED:
            continue
        operands = instruction.operands
        count = _COUNTS.get(operator)
        if count is not None:
            if len(operands) != count:
                broken(f"the operator {operator} with {len(operands)} operands")
            if operator in _MATRICES:
                check_matrix(list(operands))
            lines.append("".join(f"{number(value)} " for value in operands) + operator + "\n")
        else:
            lines.append(_special(operator, list(operands), names))
    return "".join(lines)


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
