"""How an office program shows what is written in another way, in the destination's own words.

Takes an element of a built document, gives what a reader sees of its attributes and its own text
where that is something else: cells' escapes, codes of headers, formats of numbers, and the texts
that a formula joins. They are read a sign or a piece at a time; nothing is raised, time is linear.
"""

import encodings.utf_16_le  # noqa: F401  # a codec: not imported after confinement
import re
from collections.abc import Iterator
from string import hexdigits
from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HEX = frozenset(hexdigits)
_FORMULAS = _words(
    "x:f x:formula x:formula1 x:formula2 x:definedName c:f x:calculatedColumnFormula "
    "x:totalsRowFormula"
)
_FORMULA_ATTRIBUTES = ("table:formula", "text:formula", "table:expression")
_FIELDS_OF_HEADERS = frozenset("LCRPNDTZFAG")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_HEADERS = _words(
    "x:oddHeader x:oddFooter x:evenHeader x:evenFooter x:firstHeader x:firstFooter c:oddHeader "
    "c:oddFooter c:evenHeader c:evenFooter c:firstHeader c:firstFooter"
)
_STYLES = _words(
    "number:number-style number:currency-style number:percentage-style number:date-style "
    "number:time-style number:boolean-style number:text-style"
)
SPELLED = _FORMULAS | _HEADERS | _STYLES | {"c:formatCode"}
SPELLED_ATTRIBUTES = frozenset(("formatCode", *_FORMULA_ATTRIBUTES))


def spellings(element: Any) -> Iterator[str]:
    """Whatever is shown of this element alone in another way than it is written."""
    name, attributes, content = element
    for key, value in attributes.items():
        if key == "formatCode":
            yield shown_format(value)
            if "_x" in value:
                yield shown_format(plain_cell(value))
        elif key in _FORMULA_ATTRIBUTES:
            yield joined_strings(value)
    if name in _STYLES:  # what stands between the texts may show nothing
        yield _around_a_number(content)
        return
    own = _texts(element)
    for text in (own, plain_cell(own)) if "_x" in own else (own,):
        if name in _FORMULAS:
            yield joined_strings(text)
        elif name in _HEADERS:
            yield shown_header(text)
        elif name == "c:formatCode":
            yield shown_format(text)


def _around_a_number(content: Any) -> str:
    """The texts of a style of numbers; those in a number begin with the one farthest left."""
    pieces: list[str] = []
    for child in content:
        if not isinstance(child, str):
            pieces.append(_texts(child))
            inside = [one for one in child[2] if not isinstance(one, str)]
            inside.sort(key=_place, reverse=True)
            pieces += map(_texts, inside)
    return "".join(pieces)


def _place(element: Any) -> int:
    told = element[1].get("number:position", "")
    is_number = told.isascii() and told.removeprefix("-").isdigit() and len(told) < 10
    return int(told) if is_number else 0


def _texts(element: Any) -> str:
    return "".join(child for child in element[2] if isinstance(child, str))


def character(number: str) -> str:
    """What `w:sym` shows: a character, half of one, or nothing."""
    start = next((at for at, sign in enumerate(number) if sign in _HEX), len(number))
    digits = ""
    for sign in number[start:]:
        if sign not in _HEX:
            break
        digits = (digits + sign)[-4:]
    code = int(digits or "0", 16)
    if code >> 8 == 0xF0:
        code &= 0xFF
    return chr(code) if code else ""


def plain_cell(text: str) -> str:
    """A text of a sheet, `_xHHHH_` as the unit of UTF-16 that it stands for."""
    pieces = _ESCAPED.split(text)  # every second is a number
    pieces[1::2] = [chr(int(number, 16)) for number in pieces[1::2]]
    return without_halves("".join(pieces))


def without_halves(text: str) -> str:
    """The text with each pair of halves of UTF-16 as one character; a half alone is left out."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def shown_header(text: str) -> str:
    """A header of a sheet: fields and thirds apart, what chooses fonts and colours gone."""
    first, *rest = text.split("&")
    shown = [first]
    is_sign = False
    for piece in rest:
        if is_sign or not piece:
            shown.append(piece if is_sign else "&")
            is_sign = not is_sign
            continue
        shown.append(_behind_code(piece))
    return "".join(shown)


def _behind_code(piece: str) -> str:
    """What follows the code that a piece begins with, behind a blank if the code shows."""
    if piece[0] in _FIELDS_OF_HEADERS:
        return " " + piece[1:]
    if piece[0] == '"':
        return piece[1:].partition('"')[2]
    if piece[0] == "K":
        return piece[7:]
    digits = len(piece) - len(piece.lstrip("0123456789"))
    return piece[digits or 1 :]


def shown_format(code: str) -> str:
    """The signs that a format of numbers puts around a number that it does not show."""
    shown: list[str] = []
    at = 0
    while at < len(code):
        sign, after = code[at], at + 1
        if sign == '"':
            end = code.find('"', after)
            end = len(code) if end < 0 else end
            shown.append(code[after:end])
            after = end + 1
        elif sign == "[":
            end = code.find("]", after)
            end = len(code) if end < 0 else end
            if code[after : after + 1] == "$":
                shown.append(code[after + 1 : end].split("-")[0])
            after = end + 1
        elif sign in "\\_*":
            shown.append({"\\": code[after : after + 1], "_": " ", "*": ""}[sign])
            after += 1
        elif sign not in "#,":
            shown.append(sign)
        at = after
    return "".join(shown)


def joined_strings(formula: str) -> str:
    """The strings of a formula, one behind the other."""
    pieces: list[str] = []
    is_string = False
    for piece in formula.split('"'):
        if is_string:
            pieces.append(piece)
        is_string = not is_string
    return "".join(pieces)
