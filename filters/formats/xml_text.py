"""XML from the model's columns, for the source side's own parser to validate.

Takes `Columns` whose tables are checked, gives XML without a declaration, or raises `Malformed` for
columns that do not fit each other. Names come from the table and texts are escaped, so that nothing
else of the columns becomes markup. What the destination side delivers is written by code of its own
(`filters.twins.xml_build`).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from filters.formats.xml_layout import END, FIRST_TAG, TEXT
from filters.formats.xml_model import Columns, Steps, values_of
from schemas.errors import Malformed
from schemas.reasons import Reason

Places = NDArray[np.int64]

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
    is_text = columns.steps == TEXT
    counts = np.where(is_text, 1, 2 * values_of(columns) + 1)
    step = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(step)) - (np.cumsum(counts) - counts)[step]
    is_value = is_text[step] | (place & 1 == 1)
    numbers = np.empty(len(step), np.int64)
    count = len(markup) + int(np.count_nonzero(is_value))
    numbers[is_value] = np.arange(len(markup), count)
    numbers[~is_value] = (first[step] + (place >> 1))[~is_value]
    return _joined("\0".join((*markup, _escaped(columns.texts))).encode(), count, numbers)


def _joined(pieces: bytes, count: int, numbers: Places) -> bytes:
    """The pieces of these numbers, one after another. pieces: as many as `count`, each with a zero
    after it; `ValueError` if they are not."""
    octets = np.frombuffer(pieces, np.uint8)
    ends = np.flatnonzero(octets == 0)
    if len(ends) != count:
        raise ValueError(count)
    lengths = np.diff(ends, prepend=-1) - 1
    numbers = numbers[lengths[numbers] > 0]
    lengths, lasts = lengths[numbers], ends[numbers] - 1
    places = np.cumsum(lengths)
    written = []
    begin = 0
    while begin < len(numbers):
        full = int(places[begin]) - int(lengths[begin]) + PART_BYTES
        end = max(begin + 1, int(np.searchsorted(places, full, "right")))
        written.append(_gathered(octets, lengths[begin:end], lasts[begin:end]))
        begin = end
    return b"".join(written)


def _gathered(octets: NDArray[np.uint8], lengths: Places, lasts: Places) -> bytes:
    """Runs of octets, none empty, one after another. lasts: where the last octet of each is."""
    places = np.cumsum(lengths)
    onwards = np.ones(int(places[-1]), np.int32)  # from the octet before in what is written
    onwards[0] = lasts[0] - lengths[0] + 1
    onwards[places[:-1]] = lasts[1:] - lengths[1:] + 1 - lasts[:-1]
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


def _ended(steps: Steps) -> NDArray[np.int32]:
    """Which tag each END ends: sorted by the level that begins or ends there, the two stand
    side by side."""
    begins, closing = steps >= FIRST_TAG, steps == END
    levels = np.cumsum(begins.astype(np.int8) - closing, dtype=np.int16) + closing
    marks = np.flatnonzero(steps != TEXT)
    marks = marks[np.argsort(levels[marks], kind="stable")]
    ended = np.zeros(len(steps), np.int32)
    ended[marks[1::2]] = steps[marks[0::2]]
    of_ends: Steps = ended[closing]
    return of_ends


def _escaped(texts: str) -> str:
    for character, reference in _REFERENCES:
        texts = texts.replace(character, reference)
    return texts
