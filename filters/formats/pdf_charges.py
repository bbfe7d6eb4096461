"""What copying a PDF's pages may cost: bytes, items of lists, operations of content.

One thing of a file may stand in many places, and each copies it: so a file of a few kilobytes could
ask for gigabytes. Every copy is charged here before it is made. Raises `Malformed`.
"""

import zlib
from typing import Any

import numpy as np
import pikepdf

from filters.formats.pdf_steps import STRING_STEPS, steps_max, too_many
from filters.formats.pdf_structure import PdfLimits
from filters.formats.pdf_values import items_of, real
from filters.formats.picture_structure import broken
from schemas.errors import Malformed
from schemas.reasons import Reason

ITEMS_MAX = 500_000  # of all lists that are copied
CONTENT_BYTES_MAX = 50_000_000  # of one content stream, or of all of a page together
_PIECE_BYTES = 1 << 20
_LETTERS = np.isin(np.arange(256), [*range(65, 91), *range(97, 123), ord("'"), ord('"')])


class Charges:
    """What is left of the bounds of one document."""

    def __init__(self, limits: PdfLimits, steps_most: int) -> None:
        self._bytes_left = limits.inflated_bytes_max
        self._items_left = ITEMS_MAX
        self._steps_left = steps_most
        self._words = 0  # what looks like steps in all content, and where it came from
        self._looked_at: list[pikepdf.Stream] = []
        self._deflated = 0
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
        """A content stream, or a list of them, that may name one stream many times.

        What looks like operations is counted here, hundreds of times faster than they are parsed:
        far too many of them never reach the parser.
        """
        known: dict[Any, tuple[int, int]] = {}
        self._read_ahead = 0
        for each in list(given) if isinstance(given, pikepdf.Array) else [given]:
            if not isinstance(each, pikepdf.Stream):
                continue
            if each.objgen not in known:
                level = pikepdf.StreamDecodeLevel.specialized
                raw = each.get_stream_buffer(level)
                known[each.objgen] = len(raw), looks_like_steps(memoryview(raw))
                self._looked_at.append(each)
            size, words = known[each.objgen]
            self.bytes(size)
            self._look_like_steps(words)
            self._read_ahead += size
            if self._read_ahead > CONTENT_BYTES_MAX:
                raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "content of too many bytes")

    def _look_like_steps(self, words: int) -> None:
        """Charge them against what the size of all content so far allows, deflated as it crosses.

        Whatever else a file holds, its content must be as large as what it asks for. Few files have
        so many that it is deflated for this; those pay for it twice.
        """
        self._words += words
        if self._words <= steps_max(self._deflated):
            return
        for each in self._looked_at:
            raw = each.get_stream_buffer(pikepdf.StreamDecodeLevel.specialized)
            self._deflated += len(zlib.compress(raw, 1))
        self._looked_at = []
        if self._words > steps_max(self._deflated):
            raise too_many()

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


def looks_like_steps(content: memoryview) -> int:
    """Runs of letters in content, each an operator, and beginnings of strings.

    Words in strings, names and inline pictures count as well: the bound leaves room for them.
    """
    words, pairs, strings = 0, 0, 0
    last = False
    for at in range(0, len(content), _PIECE_BYTES):
        piece = np.frombuffer(content[at : at + _PIECE_BYTES], np.uint8)
        letters = _LETTERS[piece]
        words += int(np.count_nonzero(letters[1:] > letters[:-1])) + (bool(letters[0]) and not last)
        last = bool(letters[-1])
        opening = piece == ord("<")
        pairs += int(np.count_nonzero(opening[1:] & opening[:-1]))
        strings += int(np.count_nonzero(opening)) + int(np.count_nonzero(piece == ord("(")))
    return words + STRING_STEPS * max(strings - 2 * pairs, 0)
