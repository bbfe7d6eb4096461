"""What the destination takes in a cleaned PDF: keys, kinds of value, operators.

Kinds: i number, n name, b truth, s string, a array, d dictionary, o reference. Written from ISO
32000-2 for what pages need; not generated from, nor shared with, the source side's roles.
"""

import re

from schemas.errors import Malformed
from schemas.reasons import Reason

KEYS: dict[str, str] = {
    # pages and groups
    "Type": "n", "MediaBox": "a", "CropBox": "a", "Rotate": "i", "Contents": "o", "Resources": "d",
    "Group": "o", "S": "n", "CS": "na", "I": "b", "K": "b",
    # resources
    "Font": "d", "XObject": "d", "ExtGState": "do", "ColorSpace": "dna", "Pattern": "d",
    "Shading": "do",
    # fonts
    "Subtype": "n", "BaseFont": "n", "FirstChar": "i", "LastChar": "i", "Widths": "a",
    "FontDescriptor": "o", "Encoding": "ndo", "ToUnicode": "no", "DescendantFonts": "ao",
    "CIDSystemInfo": "od", "DW": "i", "W": "a", "DW2": "a", "W2": "a", "CIDToGIDMap": "no",
    "FontBBox": "a", "FontMatrix": "a", "FontName": "n", "Flags": "i",
    "ItalicAngle": "i", "Ascent": "i", "Descent": "i", "Leading": "i", "CapHeight": "i",
    "XHeight": "i", "StemV": "i", "StemH": "i", "AvgWidth": "i", "MaxWidth": "i",
    "MissingWidth": "i", "FontFile": "o", "FontFile2": "o", "FontFile3": "o", "Length1": "i",
    "Length2": "i", "Length3": "i", "Registry": "s", "Ordering": "s", "Supplement": "i",
    "BaseEncoding": "n", "Differences": "a",
    # graphics states and soft masks
    "LW": "i", "LC": "i", "LJ": "i", "ML": "i", "OP": "b", "op": "b", "OPM": "i", "FL": "i",
    "SM": "i", "SA": "b", "BM": "n", "SMask": "ndo", "CA": "i", "ca": "i", "AIS": "b", "TK": "b",
    "G": "o", "BC": "a",
    # pictures and forms
    "Width": "i", "Height": "i", "BitsPerComponent": "i", "ImageMask": "b", "Mask": "oa",
    "Decode": "a", "BBox": "a", "Matrix": "a",
    # patterns, shadings, functions, spaces
    "PatternType": "i", "PaintType": "i", "TilingType": "i", "XStep": "i", "YStep": "i",
    "ShadingType": "i", "Background": "a", "AntiAlias": "b", "Domain": "a", "Function": "ao",
    "Coords": "a", "Extend": "a", "BitsPerCoordinate": "i", "BitsPerFlag": "i",
    "VerticesPerRow": "i", "FunctionType": "i", "Range": "a", "Size": "a", "BitsPerSample": "i",
    "Order": "i", "Encode": "a", "C0": "a", "C1": "a", "N": "i", "Functions": "ao", "Bounds": "a",
    "WhitePoint": "a", "BlackPoint": "a", "Gamma": "ia",
}  # fmt: skip
NUMBERED = re.compile(r"[fxgscp][0-9]{1,5}")

_OPERANDS: dict[bytes, str] = {
    **dict.fromkeys(b"q Q h S s f f* B B* b b* n W W* BT ET T*".split(), ""),
    **dict.fromkeys(b"w J j M i Tc Tw Tz TL Tr Ts g G".split(), "1"),
    **dict.fromkeys(b"m l Td TD d0".split(), "11"),
    **dict.fromkeys(b"rg RG".split(), "111"),
    **dict.fromkeys(b"re v y k K".split(), "1111"),
    **dict.fromkeys(b"c cm Tm d1".split(), "111111"),
    b"gs": "g", b"Do": "x", b"sh": "s", b"Tf": "f1", b"Tj": "<", b"TJ": "[", b"d": "[1",
    b"cs": "c", b"CS": "c",
}  # fmt: skip
_COLOURS = frozenset({b"sc", b"SC", b"scn", b"SCN"})
_SPACES = frozenset({b"/DeviceGray", b"/DeviceRGB", b"/DeviceCMYK", b"/Pattern"})
_DIGITS = frozenset(b"0123456789")
_HEX = frozenset(b"0123456789abcdef")


def check_line(line: bytes) -> None:
    """One operation with its operands, or `Malformed`."""
    *operands, operator = line.split(b" ")
    if operator in _COLOURS:
        if operands and operands[-1].startswith(b"/"):
            _one(operands.pop(), "p")
        if len(operands) > 32:
            raise _wrong()
        for operand in operands:
            _one(operand, "1")
        return
    wanted = _OPERANDS.get(operator)
    if wanted is None:
        raise _wrong()
    if wanted.startswith("["):
        operands = _list(operands, wanted == "[")
        wanted = wanted[1:]
    if len(operands) != len(wanted):
        raise _wrong()
    for operand, kind in zip(operands, wanted, strict=True):
        _one(operand, kind)


def _wrong() -> Malformed:
    return Malformed(Reason.SYNTAX, "a line of content that is not in its one form")


def _list(operands: list[bytes], strings: bool) -> list[bytes]:
    """Past the list at the beginning: numbers, and for text also strings."""
    if not operands or operands[0] != b"[" or b"]" not in operands:
        raise _wrong()
    end = operands.index(b"]")
    for operand in operands[1:end]:
        _one(operand, "<" if strings and operand.startswith(b"<") else "1")
    return operands[end + 1 :]


def _one(operand: bytes, kind: str) -> None:
    if kind == "1":
        whole, point, part = operand.removeprefix(b"-").partition(b".")
        if not whole or len(whole) > 9 or not _DIGITS.issuperset(whole + part) or len(part) > 6:
            raise _wrong()
        if (point and (not part or part.endswith(b"0"))) or (whole[0] == 48 and len(whole) > 1):
            raise _wrong()
    elif kind == "<":
        inside = operand[1:-1]
        if operand[:1] + operand[-1:] != b"<>" or len(inside) % 2 or not _HEX.issuperset(inside):
            raise _wrong()
    elif kind != "c" or operand not in _SPACES:
        number = operand[2:]
        if operand[:2] != b"/" + kind.encode() or not 1 <= len(number) <= 5:
            raise _wrong()
        if not _DIGITS.issuperset(number):
            raise _wrong()
