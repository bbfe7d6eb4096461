"""What a reader sees of a text that an office program does not show as it is written.

Escapes of cells (`_x004F_`), characters by their number, codes in headers of sheets, formats of
numbers, texts in formulas: each function takes the written form and gives the seen one, for the
word search. They take any text and raise nothing; time is linear.
"""

import encodings.utf_16_le  # noqa: F401  # a codec: not imported after confinement
import re

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_PRIVATE = range(0xF000, 0xF100)  # where fonts of symbols have their signs
_CODE = re.compile(
    r'&(?:"[^"]*"|[0-9]+|K[0-9A-Fa-f]{6}|K[0-9]{2}[+-][0-9]{3}'
    r"|(?P<apart>[LCRPNDTZFAG])|(?P<sign>&)|.)"
)
_FORMAT = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<one>.)|(?P<in_brackets>\[[^\[\]]*\])|\*.|(?P<gap>_.)|[#,]',
    re.DOTALL,
)
_CURRENCY = "[$"


def unescaped(text: str) -> str:
    """Escapes of SpreadsheetML (ECMA-376 part 1, 22.9.2.19), UTF-16 units, as their characters."""
    shown = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return whole(shown)


def whole(text: str) -> str:
    """Halves of a character of UTF-16 put together, or left out where they stand alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def symbol(number: str) -> str:
    """The character of `w:sym`, or half of one; "" if it is none."""
    found = _HEX.search(number)
    code = int(found[0][-4:], 16) if found else 0
    return chr(code - 0xF000 if code in _PRIVATE else code) if code else ""


def header(text: str) -> str:
    """Header or footer of a sheet without its codes (ECMA-376 part 1, 18.3.1.39); the codes that
    begin another of its three fields, or show a number or name, are blanks."""
    return _CODE.sub(lambda found: "&" if found["sign"] else " " if found["apart"] else "", text)


def number_format(code: str) -> str:
    """A format of numbers without quotes, conditions and what may show nothing."""
    return _FORMAT.sub(_literal, code)


def _literal(found: re.Match[str]) -> str:
    if found["gap"]:
        return " "
    bracket = found["in_brackets"] or ""
    if bracket.startswith(_CURRENCY):  # a text as well: `[$EUR-407]`
        return bracket[2:-1].partition("-")[0]
    return found["quoted"] or found["one"] or ""


def literals(formula: str) -> str:
    """The texts in a formula, joined as `&` would join them."""
    return "".join(formula.split('"')[1::2])
