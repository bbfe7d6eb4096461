"""What the lines of a cleaned PDF's content paint with: a soft mask, patterns of fills and strokes.

The destination's own count. Objects are known by their numbers; -1 is none.
"""

from collections import Counter
from collections.abc import Iterator

_MARKS = frozenset(b"f F f* B B* b b* S s sh Tj TJ".split())
_FILLS = frozenset(b"g rg k cs sc scn".split())
_STROKES = frozenset(b"G RG K CS SC SCN".split())
_NONE = -1


def is_mark(line: bytes) -> bool:
    """Whether a line paints something itself."""
    return line.rpartition(b" ")[2] in _MARKS


class Brush:
    """Follows one content, line by line."""

    def __init__(self) -> None:
        self._held = [_NONE, _NONE, _NONE]  # a mask, a pattern for fills, one for strokes
        self._kept: list[list[int]] = []
        self._set: Counter[int] = Counter()
        self._painted: Counter[int] = Counter()
        self._named = False  # whether the line that is next has named a pattern

    @property
    def is_held(self) -> bool:
        """Whether anything is painted with by now."""
        return max(self._held) > _NONE

    def mask(self, number: int) -> None:
        """A graphics state sets a soft mask, or ends it."""
        self._held[0] = number
        self._set[number] += 1

    def hold(self, line: bytes, number: int) -> None:
        """The line sets a pattern."""
        self._held[2 if line.endswith((b"SC", b"SCN")) else 1] = number
        self._set[number] += 1
        self._named = True

    def paint(self, things: int) -> None:
        """So many things are painted with what is held."""
        for number in {*self._held}:
            self._painted[number] += things

    def take(self, line: bytes) -> None:
        """A line, after what it names was set."""
        operator = line.rpartition(b" ")[2]
        if operator == b"q":
            self._kept.append([*self._held])
        elif operator == b"Q":
            self._held = self._kept.pop() if self._kept else self._held
        elif operator in _FILLS or operator in _STROKES:
            if not self._named:
                self._held[1 if operator in _FILLS else 2] = _NONE
            self._named = False
        elif operator in _MARKS and self.is_held:
            self.paint(1)

    def uses(self) -> Iterator[tuple[int, int]]:
        """How often each mask and pattern is drawn: once it is set, and for each thing."""
        for number in {*self._set, *self._painted} - {_NONE}:
            yield number, max(self._set[number], self._painted[number])
