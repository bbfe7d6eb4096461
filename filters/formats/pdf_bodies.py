"""What follows the dictionaries of functions, shadings and palettes: as much as they say, no more.

Takes decoded bytes and the new dictionary that they belong to, gives the bytes that cross, or
raises `Malformed`. Bytes behind the last sample would be the sender's own (ISO 32000-2, 7.10 and
8.7.4.5).
"""

import re
from collections.abc import Callable
from math import prod
from typing import Any

from filters.formats.picture_structure import broken

PROGRAM_BYTES_MAX = 65_536
INPUTS_MAX = 32
GLYPHS_MAX = 65_536
_NUMBER = re.compile(rb"-?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})")
_OPERATORS = frozenset(
    b"{ } abs add and atan bitshift ceiling copy cos cvi cvr div dup eq exch exp false floor ge gt"
    b" idiv if ifelse index le ln log lt mod mul ne neg not or pop roll round sin sqrt sub true"
    b" truncate xor".split()
)
_BITS = frozenset({1, 2, 4, 8, 12, 16, 24, 32})
_SAMPLED, PROGRAM = 0, 4
_FREE, _LATTICE, _COONS, _TENSOR = 4, 5, 6, 7
_POINTS = {_COONS: (12, 8), _TENSOR: (16, 12)}  # of a patch that begins, and of one that goes on


def function(new: dict[str, Any], raw: bytes) -> bytes:
    """Samples, or a program of the few operators that functions have."""
    kind = new.get("FunctionType")
    if kind == PROGRAM:
        words = raw.replace(b"{", b" { ").replace(b"}", b" } ").split()
        known = all(word in _OPERATORS or _NUMBER.fullmatch(word) for word in words)
        if not known or len(raw) > PROGRAM_BYTES_MAX:
            broken("a function's program with an operator that functions do not have")
        return b" ".join(words)
    sizes, bits = new.get("Size"), new.get("BitsPerSample")
    if kind != _SAMPLED or type(sizes) is not list or not 1 <= len(sizes) <= INPUTS_MAX:
        broken("a function with a stream that it has no use for")
    if any(type(size) is not int or size < 1 for size in sizes) or bits not in _BITS:
        broken("a function of samples that cannot be counted")
    return raw[: (prod(sizes) * (len(new.get("Range", [])) // 2) * bits + 7) // 8]


def shading(
    new: dict[str, Any], raw: bytes, components: int, charge: Callable[[int], None]
) -> bytes:
    """The whole vertices or patches of a mesh. components: of a colour. charge: takes steps."""
    kind = new.get("ShadingType")
    flag = 0 if kind == _LATTICE else new.get("BitsPerFlag")
    place, colour = new.get("BitsPerCoordinate"), new.get("BitsPerComponent")
    if kind not in (_FREE, _LATTICE, _COONS, _TENSOR):
        broken("a shading with a stream that it has no use for")
    if place not in _BITS or colour not in _BITS or flag not in (0, 2, 4, 8):
        broken("a mesh whose bits cannot be counted")
    colours = 1 if "Function" in new else components

    def size(points: int, corners: int) -> int:
        return int(flag + 2 * points * place + corners * colours * colour + 7) // 8

    if kind == _LATTICE:
        return raw[: len(raw) // size(1, 1) * size(1, 1)]
    if not flag:
        broken("a mesh without flags")
    if kind == _FREE:
        if raw[:: size(1, 1)].translate(None, bytes(range(3 << (8 - flag)))):
            broken("a mesh with a flag that meshes do not have")
        return raw[: len(raw) // size(1, 1) * size(1, 1)]
    whole, less = _POINTS[kind]
    return _patches(raw, flag, [size(whole, 4), *[size(less, 2)] * 3], charge)


def _patches(raw: bytes, flag: int, sizes: list[int], charge: Callable[[int], None]) -> bytes:
    """Whole patches. flag: its bits. sizes: of a patch in bytes, by its flag."""
    charge(len(raw) // min(sizes))
    at = 0
    while at < len(raw):
        found = raw[at] >> (8 - flag)
        if found >= len(sizes):
            broken("a mesh with a flag that meshes do not have")
        if at + sizes[found] > len(raw):
            break
        at += sizes[found]
    return raw[:at]


def palette(highest: int, components: int, raw: bytes) -> bytes:
    """The colours of a palette up to the highest index."""
    if not 0 <= highest <= 255:
        broken("a palette of a length that PDF does not have")
    return raw[: (highest + 1) * components]


def glyph_numbers(raw: bytes) -> bytes:
    """Glyph numbers, two bytes each."""
    return raw[: min(len(raw) // 2, GLYPHS_MAX) * 2]
