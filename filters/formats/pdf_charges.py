"""What copying a PDF's pages may cost: bytes, items of lists, operations of content.

One thing of a file may stand in many places, and each copies it: so a file of a few kilobytes could
ask for gigabytes. Every copy is charged here before it is made. Raises `Malformed`.
"""

from typing import Any

import pikepdf

from filters.formats.pdf_structure import PdfLimits
from filters.formats.pdf_values import items_of, real
from filters.formats.picture_structure import broken
from schemas.errors import Malformed
from schemas.reasons import Reason

ITEMS_MAX = 500_000  # of all lists that are copied
CONTENT_BYTES_MAX = 50_000_000  # of one content stream, or of all of a page together


class Charges:
    """What is left of the bounds of one document."""

    def __init__(self, limits: PdfLimits, steps_max: int) -> None:
        self._bytes_left = limits.inflated_bytes_max
        self._items_left = ITEMS_MAX
        self._steps_left = steps_max
        self._read_ahead = 0  # of the content that is being written, bytes charged as it was read

    def bytes(self, size: int) -> None:
        """Charge decoded bytes."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the streams hold too many bytes")

    def items(self, value: Any) -> list[Any]:
        """The items of an array; `Malformed` for anything else."""
        found = items_of(value)
        self._items_left -= len(found)
        if self._items_left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "the lists hold too many items")
        return found

    def numbers(self, value: Any, count: int = 0) -> list[Any]:
        """An array of numbers, of so many if `count` is given."""
        items = self.items(value)
        if count and len(items) != count:
            broken("a list of numbers of a wrong length")
        return [real(item) for item in items]

    def content(self, given: Any) -> None:
        """A content stream, or a list of them, that may name one stream many times."""
        known: dict[Any, int] = {}
        self._read_ahead = 0
        for each in list(given) if isinstance(given, pikepdf.Array) else [given]:
            if not isinstance(each, pikepdf.Stream):
                continue
            if each.objgen not in known:
                level = pikepdf.StreamDecodeLevel.specialized
                known[each.objgen] = len(each.get_stream_buffer(level))
            size = known[each.objgen]
            self.bytes(size)
            self._read_ahead += size
            if self._read_ahead > CONTENT_BYTES_MAX:
                raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "content of too many bytes")

    def steps(self, count: int) -> None:
        """Operations of content, and tokens of character maps."""
        self._steps_left -= count
        if self._steps_left < 0:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "the PDF has too many operations")

    def written(self, operations: int, size: int) -> None:
        """Operations that were read, kept or not, and the bytes that were written of them."""
        self.steps(operations)
        self.bytes(max(size - self._read_ahead, 0))
        self._read_ahead = max(self._read_ahead - size, 0)
