"""How long the programs of an opened PDF are that turn numbers into colours.

Takes functions and colour spaces of pikepdf (ISO 32000-2, 7.10.5 and 8.6.6), gives words: a
renderer runs each of them for each colour. Raises `Malformed` for more bytes than charges allow.
"""

from typing import Any

import pikepdf

from filters.formats.pdf_bodies import PROGRAM
from filters.formats.pdf_charges import Charges
from filters.formats.pdf_states import entry

WORD_BYTES = 4
SAMPLED_WORDS = 40  # what a function by samples takes, in words of a program
_FUNCTIONS_MAX = 64
_TINTED = frozenset({"/Separation", "/DeviceN"})
_LEVEL = pikepdf.StreamDecodeLevel.specialized
_TINT = 3  # the place of the function in a colour space


class Programs:
    """Of one document, each measured once."""

    def __init__(self, pdf: pikepdf.Pdf, charges: Charges) -> None:
        self._pdf, self._charges = pdf, charges
        self._known: dict[Any, int] = {}
        self._longest = -1

    @property
    def longest(self) -> int:
        """The words of the longest program of the document."""
        if self._longest < 0:
            self._longest = max(map(self._of_one, self._pdf.objects), default=0)
        return self._longest

    def words(self, given: Any) -> int:
        """Of a function, or a list of them together."""
        functions = list(given) if isinstance(given, pikepdf.Array) else [given]
        return sum(map(self._of_one, functions[:_FUNCTIONS_MAX]))

    def tint_words(self, space: Any) -> int:
        """Of what turns a colour space's numbers into another's, 0 where nothing does."""
        if not isinstance(space, pikepdf.Array) or len(space) <= _TINT:
            return 0
        if str(space[0]) not in _TINTED:
            return 0
        return self._of_one(space[_TINT]) or SAMPLED_WORDS

    def _of_one(self, function: Any) -> int:
        if not isinstance(function, pikepdf.Stream) or entry(function, "/FunctionType") != PROGRAM:
            return 0
        if function.objgen not in self._known:
            size = len(function.get_stream_buffer(_LEVEL))
            self._charges.bytes(size)
            self._known[function.objgen] = size // WORD_BYTES
        return self._known[function.objgen]
