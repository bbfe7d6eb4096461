"""XML from the model's columns, for the source side's own parser to validate.

Takes `Columns` whose tables are checked, gives XML without a declaration (well formed if the steps
end what they begin), or raises `Malformed` for columns that do not fit each other. Names come from
the table and texts are escaped, so that nothing else of the columns becomes markup. What the
destination side delivers is written by code of its own (`filters.twins.xml_build`).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from filters.formats.xml_layout import END, FIRST_TAG, TEXT
from filters.formats.xml_model import Columns, Steps, values_of
from schemas.errors import Malformed
from schemas.reasons import Reason

Places = NDArray[np.int64]
Flags = NDArray[np.bool_]
Octets = NDArray[np.uint8]

PART_BYTES = 1 << 22  # written at once: each costs some eight bytes of memory on the way
_REFERENCES = (
    ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\t", "&#9;"), ("\n", "&#10;"),
    ("\r", "&#13;"),
)  # fmt: skip


def text_of(columns: Columns) -> bytes:
    """The document as XML in UTF-8: pieces of markup and texts, in the order of the steps."""
    try:
        return _text(columns)
    except (IndexError, ValueError) as error:
        raise Malformed(Reason.MODEL_SHAPE, "columns that do not fit each other") from error


def _text(columns: Columns) -> bytes:
    markup: list[str] = []
    begins: list[int] = []
    for tag in columns.tags:
        begins.append(len(markup))
        markup.extend(_start(tag, {}))
    root = len(markup)
    markup.extend(_start(columns.tags[0], columns.prefixes))
    ends = len(markup)
    markup.extend(f"</{tag[0]}>" for tag in columns.tags)
    first = np.array([0, 0, *begins], np.int64)[columns.steps]
    first[0] = root
    first[columns.steps == END] = ends + _ended(columns.steps) - FIRST_TAG
    numbers, count = _numbers(first, values_of(columns), columns.steps == TEXT, len(markup))
    return _joined("\0".join((*markup, _escaped(columns.texts))).encode(), count, numbers)


def _numbers(first: Places, takes: Places, is_text: Flags, markup: int) -> tuple[Places, int]:
    """Which pieces make the document, those of markup first, then the texts; how many are known.

    first: each step's first piece of markup. takes: how many texts it takes; between those of a
    start tag stand its further pieces, one after another.
    """
    counts = np.where(is_text, 1, 2 * takes + 1)
    places = np.cumsum(counts) - counts
    numbers = np.empty(int(counts.sum()), np.int64)
    is_value = np.zeros(len(numbers), np.bool_)
    numbers[places], is_value[places] = first, is_text
    longer = np.flatnonzero(counts > 1)
    more = counts[longer]
    within = np.arange(int(more.sum())) - np.repeat(np.cumsum(more) - more, more)
    at = np.repeat(places[longer], more) + within
    numbers[at] = np.repeat(first[longer], more) + (within >> 1)
    is_value[at] = within & 1
    count = markup + int(np.count_nonzero(is_value))
    numbers[is_value] = np.arange(markup, count)
    return numbers, count


def _joined(pieces: bytes, count: int, numbers: Places) -> bytes:
    """The pieces of these numbers, one after another. pieces: as many as `count`, each with a zero
    after it; `ValueError` if they are not."""
    octets = np.frombuffer(pieces, np.uint8)
    ends = np.flatnonzero(octets == 0)
    if len(ends) != count:
        raise ValueError(count)
    lengths = np.diff(ends, prepend=-1) - 1
    if not lengths.all():
        numbers = numbers[lengths[numbers] > 0]
    lengths, lasts = lengths[numbers], ends[numbers] - 1
    places = np.cumsum(lengths)
    written = []
    begin = before = 0
    while begin < len(numbers):
        end = max(begin + 1, int(np.searchsorted(places, before + PART_BYTES, "right")))
        part = slice(begin, end)
        written.append(_gathered(octets, places[part] - before, lengths[part], lasts[part]))
        begin, before = end, int(places[end - 1])
    return b"".join(written)


def _gathered(octets: Octets, places: Places, lengths: Places, lasts: Places) -> bytes:
    """Runs of octets, none empty, one after another.

    places: where the next one begins in what is written. lasts: where the last octet of each is.
    """
    onwards = np.ones(int(places[-1]), np.int32)  # from the octet before in what is written
    firsts = lasts - lengths + 1
    onwards[0] = firsts[0]
    onwards[places[:-1]] = firsts[1:] - lasts[:-1]
    return octets.take(np.cumsum(onwards, dtype=np.int32, out=onwards)).tobytes()


def _start(tag: list[str], prefixes: Mapping[str, str]) -> list[str]:
    """A start tag in pieces between which the values of its attributes belong."""
    declared = "".join(
        f' xmlns:{prefix}="{_escaped(uri)}"' if prefix else f' xmlns="{_escaped(uri)}"'
        for prefix, uri in prefixes.items()
    )
    name, *attributes = tag
    values = "".join(f' {each}="\0"' for each in attributes)
    return f"<{name}{declared}{values}>".split("\0")


def _ended(steps: Steps) -> Steps:
    """Which tag each END ends: sorted by the level that begins or ends there, the two stand
    side by side."""
    marks = steps[steps != TEXT]
    closing = marks == END
    levels = np.cumsum(1 - 2 * closing.view(np.int8), dtype=np.int16) + closing
    order = np.argsort(levels, kind="stable")
    ended = np.zeros(len(marks), np.int32)
    ended[order[1::2]] = marks[order[0::2]]
    of_ends: Steps = ended[closing]
    return of_ends


def _escaped(texts: str) -> str:
    for character, reference in _REFERENCES:
        texts = texts.replace(character, reference)
    return texts
