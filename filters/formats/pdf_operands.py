"""Operands of a PDF's content as a renderer reads them, which may be unlike what a parser does.

Takes objects of pikepdf. Raises `Malformed` for what a renderer may cut.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pikepdf

from filters.formats.picture_structure import broken

NAME_BYTES_MAX = 80  # a renderer cuts names of 255 and more, escapes and all
_WHITE = rb"\0\t\n\f\r ()<>\[\]{}/%"
_END_OF_PICTURE = re.compile(rb"EI[" + _WHITE + rb"]")
_OPERATOR = re.compile(rb"(?<![A-Za-z])(?:Do|gs|sh|scn?|SCN?|T[fjJ])(?![A-Za-z])")


def spelt(operand: Any) -> str:
    """What a renderer takes for a name, which may be a string."""
    if isinstance(operand, bool):
        broken("a truth where a name must be")  # a renderer takes its word for one
    if not isinstance(operand, pikepdf.String | pikepdf.Name):
        return ""
    if isinstance(operand, pikepdf.String) and not bytes(operand).isascii():
        broken("a string where a name must be")  # a renderer takes its bytes for one
    name = "/" + str(operand).removeprefix("/")
    if len(name.encode()) > NAME_BYTES_MAX:
        broken("a name that is too long")
    return name


def codes_of(operands: Iterable[Any]) -> Iterator[bytes]:
    """The strings that an operation shows, names and lists included."""
    for each in operands:
        if isinstance(each, pikepdf.Array):
            yield from codes_of(list(each))
        elif isinstance(each, pikepdf.String):
            yield bytes(each)
        elif isinstance(each, pikepdf.Name):
            yield spelt(each)[1:].encode()


def draws_behind_its_end(image: Any) -> bool:
    """Whether an inline picture has something that draws behind what a renderer may take for its
    end."""
    raw = bytes(image._inline_image_raw_bytes())
    ends = _END_OF_PICTURE.search(raw)
    return ends is not None and _OPERATOR.search(raw, ends.end()) is not None
