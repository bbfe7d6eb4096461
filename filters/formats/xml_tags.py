"""The tags of a plainly written XML text, as arrays: found by a few passes over its bytes.

Takes the bytes of a document, gives `Tags` or None. None says nothing about the document but that
it is not written plainly, or not well: who asks then goes the careful way, a token at a time, which
knows why. Plainly written: a declaration at most, then one element; attributes in quotation marks
(`"`); no CDATA sections or instructions, and no comments within references; `>` in tags alone; no
blank before the `>` of an end tag. So programs write XML, and mostly people too.

What is given is well nested, has tags that follow XML 1.0's grammar (less what is said above) and
texts without `<` and `>`. References and characters are not looked at, nor are namespaces.
"""

import re
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from filters.formats.byte_runs import RUN_BYTES_MAX, Places, Words, distinct, eight, sequences
from filters.formats.xml_rules import NAME

Flags = NDArray[np.bool_]
Octets = NDArray[np.uint8]
Steps = NDArray[np.int8]
Levels = NDArray[np.int16]

WORTH_BYTES = 3072  # from this size on arrays are quicker than tokens: measured, 2026-11-27
LEVELS_MAX = 256
SHAPES_MAX = 16_384
QUOTES_MAX = 1 << 20
VALUES_MAX = 1024
COMMENTED_BYTES_MAX = 10_000_000  # libxml2 takes no longer comment
_NAME = NAME.encode()
_S = rb"[ \t\r\n]"
_DECLARATION = re.compile(
    rb"""<\?xml version=(["'])1\.0\1(?>(?: encoding=(["'])(?:UTF-8|utf-8)\2)?)"""
    rb"""(?>(?: standalone=(["'])(?:yes|no)\3)?) ?+\?>"""
)
_COMMENT = re.compile(rb"<!--(?>(?:[^\-]++|-(?!-))*)-->")
_SHAPE = re.compile(rb"(%b)((?>(?:%b++%b%b*+=%b*+\"\")*))%b*+" % (_NAME, _S, _NAME, _S, _S, _S))
_VALUE = re.compile(rb'"[^"]*+"')
_ATTRIBUTE = re.compile(rb"(%b)%b*+=" % (_NAME, _S))
_PADDING = bytes(RUN_BYTES_MAX + 24)
_BLANKS = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Shape:
    """A start tag less the values of its attributes.

    name        of the element, as it is written
    attributes  their names in the order in which they are written
    text        what stands after the name, every value emptied
    first       number of the first tag of this shape
    """

    name: str
    attributes: tuple[str, ...]
    text: str
    first: int


@dataclass(frozen=True, slots=True)
class Tags:
    """Every tag of a document, in order; arrays of shape (tags,) unless said.

    body        the document's bytes without its declaration and comments
    octets      the same as numbers, with some zeros at the end: shape (bytes + padding,)
    words       the same, eight bytes to a number, the first of them lowest: shape (bytes / 8,)
    begins      where `<` is
    ends        where `>` is
    steps       1 a start tag, -1 an end tag, 0 an empty element's
    levels      how many elements are open after the tag
    shape       number of the tag's shape; -1 for end tags
    shapes      in no order
    quotes      where quotation marks are in tags, an opening and a closing one in turn
    quoted      number of the tag in which each of them is: shape of `quotes`
    """

    body: bytes
    octets: Octets
    words: Words
    begins: Places
    ends: Places
    steps: Steps
    levels: Levels
    shape: Places
    shapes: list[Shape]
    quotes: Places
    quoted: Places

    def raw(self, number: int) -> bytes:
        """The tag of this number, between `<` and `>`."""
        return self.body[int(self.begins[number]) + 1 : int(self.ends[number])]


def tags_of(document: bytes, tags_max: int) -> Tags | None:
    """The tags of a document, or None; also for one with more tags than `tags_max`."""
    declared = _DECLARATION.match(document)
    body = document[declared.end() :] if declared is not None else document
    cuts: list[int] = []
    if b"!--" in body:  # found at once, where `<` is everywhere
        body, cuts = _without_comments(body)
    padded = body + _PADDING[len(body) % 8 :]
    octets, words = np.frombuffer(padded, np.uint8), np.frombuffer(padded, "<u8")
    opens, marks = octets == ord("<"), octets == ord('"')
    if np.count_nonzero(opens) > tags_max or np.count_nonzero(marks) > QUOTES_MAX:
        return None
    begins, ends = np.flatnonzero(opens), np.flatnonzero(octets == ord(">"))
    if not _alternate(begins, ends) or _is_more(body, begins, ends):
        return None
    if cuts and (np.searchsorted(begins, cuts) != np.searchsorted(ends, cuts)).any():
        return None  # what looks like a comment is within a tag
    closes, empty = octets[begins + 1] == ord("/"), octets[ends - 1] == ord("/")
    steps = np.where(closes, -1, np.where(empty, 0, 1)).astype(np.int8)
    levels = _levels(steps)
    if levels is None:
        return None
    quotes, quoted = _quotes(np.flatnonzero(marks), begins, ends)
    found = _shapes(body, words, begins, ends - (steps == 0), steps, quotes, quoted)
    if found is None:
        return None
    tags = Tags(body, octets, words, begins, ends, steps, levels, *found, quotes, quoted)
    return tags if _names_match(tags) else None


def _without_comments(body: bytes) -> tuple[bytes, list[int]]:
    """The body without its comments, and where in it they were.

    One within a reference stays, and one in a very long text, and so is for the careful way.
    """
    parts = _COMMENT.split(body) if len(body) <= COMMENTED_BYTES_MAX else [body]
    if any(b";" not in part[part.rfind(b"&") :] for part in parts[:-1] if b"&" in part[-16:]):
        return body, []
    return b"".join(parts), list(accumulate(map(len, parts[:-1])))


def _alternate(begins: Places, ends: Places) -> bool:
    """Whether every `<` has its `>` before the next `<`."""
    if not len(begins) or len(begins) != len(ends):
        return False
    return bool((begins < ends).all() and (ends[:-1] < begins[1:]).all())


def _is_more(body: bytes, begins: Places, ends: Places) -> bool:
    """Whether anything but blanks stands before the first or after the last tag."""
    before, after = body[: int(begins[0])], body[int(ends[-1]) + 1 :]
    return bool(before.strip(_BLANKS) or after.strip(_BLANKS))


def _levels(steps: Steps) -> Levels | None:
    """How many elements are open after each tag; None unless one holds all the others."""
    levels = np.cumsum(steps, dtype=np.int32)
    if levels[-1] or not levels[:-1].all() or int(levels.min()) < 0:
        return None
    return levels.astype(np.int16) if int(levels.max()) <= LEVELS_MAX else None


def _quotes(quotes: Places, begins: Places, ends: Places) -> tuple[Places, Places]:
    """Which of the quotation marks are in tags, and in which tags."""
    quoted = np.searchsorted(begins, quotes) - 1
    inside = quotes < ends[quoted]
    return (quotes, quoted) if inside.all() else (quotes[inside], quoted[inside])


def _names_match(tags: Tags) -> bool:
    """Whether each end tag has the name of the start tag that it ends.

    Sorted by the level at which they begin and end, start and end tags stand side by side.
    """
    paired = np.flatnonzero(tags.steps)
    level = tags.levels[paired] + (tags.steps[paired] < 0)
    paired = paired[np.argsort(level, kind="stable")]
    opening, closing = paired[0::2], paired[1::2]
    shape, begins = tags.shape[opening], tags.begins[closing] + 2
    names = [shape.name.encode() for shape in tags.shapes]
    lengths = np.array([len(name) for name in names], np.int64)[shape]
    if not (tags.ends[closing] - begins == lengths).all():
        return False
    for at in range(0, int(lengths.max(initial=0)), 8):
        wanted = np.array(
            [int.from_bytes(name[at : at + 8], "little") for name in names], np.uint64
        )
        if (eight(tags.words, begins + at, lengths - at) != wanted[shape]).any():
            return False
    return True


def _shapes(
    body: bytes, words: Words, begins: Places, ends: Places, steps: Steps, quotes: Places,
    quoted: Places,
) -> tuple[Places, list[Shape]] | None:  # fmt: skip
    """The number of each tag's shape, and the shapes; None if one is no start tag.

    A tag is cut where its values are, and has the shape of another if all its pieces are the same.
    ends: where what counts of the tag ends.
    """
    counts = np.bincount(quoted, minlength=len(begins))
    if (counts & 1).any() or (counts[steps < 0]).any() or int(counts.max()) > 2 * VALUES_MAX:
        return None
    opens = np.flatnonzero(steps >= 0)
    values = counts[opens] // 2
    heads = np.cumsum(values + 1) - values - 1  # of each tag the number of its first piece
    piece_begins = _put(heads, begins[opens] + 1, quotes[1::2] + 1)
    piece_ends = _put(heads + values, ends[opens], quotes[0::2])
    runs = distinct(words, piece_begins, piece_ends - piece_begins)
    if runs is None:
        return None
    numbers, count = sequences(runs[0], len(runs[1]), heads, values)
    if count > SHAPES_MAX:
        return None
    shape = np.full(len(begins), -1, np.int64)
    shape[opens] = numbers
    firsts = np.zeros(count, np.int64)
    firsts[numbers[::-1]] = opens[::-1]
    known = []
    for first in firsts.tolist():
        text = _VALUE.sub(b'""', body[int(begins[first]) + 1 : int(ends[first])])
        known.append(_shape(text, first))
    shapes = [each for each in known if each is not None]
    return (shape, shapes) if len(shapes) == count else None


def _put(at: Places, some: Places, others: Places) -> Places:
    """`some` at these places of an array, `others` in the rest of it."""
    is_other = np.ones(len(some) + len(others), np.bool_)
    is_other[at] = False
    both = np.empty(len(is_other), np.int64)
    both[at], both[is_other] = some, others
    return both


def _shape(text: bytes, first: int) -> Shape | None:
    found = _SHAPE.fullmatch(text)
    if found is None or len(found[1]) > RUN_BYTES_MAX:
        return None
    attributes = tuple(each.decode() for each in _ATTRIBUTE.findall(found[2]))
    return Shape(found[1].decode(), attributes, found[2].decode(), first)
