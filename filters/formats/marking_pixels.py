"""A marking as pixels: black letters on a white band above and below a picture.

Takes a picture's planes as arrays and a text, gives taller planes, or raises `Malformed` where the
text cannot be drawn. The letters are our own, five by seven, so that the same label gives the same
pixels on every host and no font is parsed. Source side; pure.
"""

import unicodedata

import numpy as np
from numpy.typing import NDArray

from schemas.errors import Malformed
from schemas.reasons import Reason

Plane = NDArray[np.uint8]
"""Rows of bytes, height by stride."""

Ink = NDArray[np.bool_]
"""Rows of pixels, True where a letter is."""

GLYPH_WIDTH, GLYPH_HEIGHT = 5, 7
CHARACTERS_MAX = 512
SCALE_MAX = 16
_CELL_WIDTH, _CELL_HEIGHT = GLYPH_WIDTH + 1, GLYPH_HEIGHT + 2
_MARGIN = 2  # of a cell's pixels, around the text

# Seven rows of five pixels, each row two hexadecimal digits, the leftmost pixel 0x10.
_GLYPHS = {
    " ": "00000000000000", "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e",
    "D": "1e11111111111e", "E": "1f10101e10101f", "F": "1f10101e101010", "G": "0e11101711110f",
    "H": "1111111f111111", "I": "0e04040404040e", "J": "0702020202120c", "K": "11121418141211",
    "L": "1010101010101f", "M": "111b1515111111", "N": "11111915131111", "O": "0e11111111110e",
    "P": "1e11111e101010", "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e",
    "T": "1f040404040404", "U": "1111111111110e", "V": "11111111110a04", "W": "11111115151b11",
    "X": "11110a040a1111", "Y": "11110a04040404", "Z": "1f01020408101f", "0": "0e11131519110e",
    "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e", "4": "02060a121f0202",
    "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808", "8": "0e11110e11110e",
    "9": "0e11110f01020c", "/": "01010204081010", ",": "00000000040408", ".": "00000000000c0c",
    "-": "0000001f000000", "(": "02040808080402", ")": "08040202020408", ":": "000c0c000c0c00",
    "_": "0000000000001f", "&": "0c12140815120d", "'": "0c040800000000", "+": "0004041f040400",
}  # fmt: skip


def band(text: str, width: int) -> Ink:
    """The band of a text for a picture of this width: an even number of rows, ink where True.

    As large as fits on one line, a letter at most a 24th of the width; else on several lines.
    """
    said = _drawable(text)
    across = width - 2 * _MARGIN
    scale = min(SCALE_MAX, max(1, width // (24 * _CELL_WIDTH)))
    while scale > 1 and len(said) * _CELL_WIDTH * scale > across:
        scale -= 1
    a_line = across // (_CELL_WIDTH * scale)
    if a_line < 1:
        raise _malformed("the picture is too narrow for its marking")
    lines = _lines(said, a_line)
    height = (len(lines) * _CELL_HEIGHT + 2 * _MARGIN) * scale
    ink = np.zeros((height + height % 2, width), dtype=np.bool_)
    for number, line in enumerate(lines):
        drawn = _drawn(line, scale)
        top = (_MARGIN + number * _CELL_HEIGHT + 1) * scale
        left = (width - drawn.shape[1]) // 2
        ink[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return ink


def _lines(text: str, characters_max: int) -> list[str]:
    """The text in lines of at most so many characters, broken at blanks where there are any."""
    lines: list[str] = []
    rest = text.strip()
    while len(rest) > characters_max:
        at = rest.rfind(" ", 1, characters_max + 1)
        at = at if at > 0 else characters_max
        lines.append(rest[:at].strip())
        rest = rest[at:].strip()
    return [*lines, rest]


def between_bands(plane: Plane, above: Ink, below: Ink, dark: bytes, light: bytes) -> Plane:
    """The plane between two bands; dark, light: the bytes of a pixel with ink and without."""
    colours = np.frombuffer(light + dark, dtype=np.uint8).reshape(2, len(dark))
    drawn = [colours[ink.astype(np.intp)].reshape(len(ink), -1) for ink in (above, below)]
    return np.concatenate((drawn[0], plane, drawn[1]))


def _drawable(text: str) -> str:
    """The text in capitals, without accents, where every character can be drawn."""
    apart = unicodedata.normalize("NFKD", text.upper())
    plain = "".join(each for each in apart if not unicodedata.combining(each))
    if not 0 < len(plain) <= CHARACTERS_MAX or not set(plain) <= _GLYPHS.keys():
        raise _malformed("the marking is empty, too long, or has a character that is not drawn")
    return plain


def _drawn(line: str, scale: int) -> Ink:
    cells = np.zeros((GLYPH_HEIGHT, _CELL_WIDTH * len(line)), dtype=np.bool_)
    for number, character in enumerate(line):
        rows = bytes.fromhex(_GLYPHS[character])
        for row, bits in enumerate(rows):
            for column in range(GLYPH_WIDTH):
                cells[row, number * _CELL_WIDTH + column] = bits >> (4 - column) & 1
    return cells.repeat(scale, axis=0).repeat(scale, axis=1)


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.LABEL_INVALID, sentence)
