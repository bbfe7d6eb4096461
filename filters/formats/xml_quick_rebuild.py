"""From a plainly written XML document to the model's columns, by arrays.

Takes the document and what the policy lets survive, gives what `filters.normalizers.xml_rebuild`
makes of it a tag at a time, or None: then it is to do so. None comes for whatever is not written
plainly (`filters.formats.xml_tags`), and for what is told apart element by element: namespaces
declared below the root, types and spaces named in attributes, signatures, encrypted parts, blanks
written as references, lines in attributes. Tests hold it to the careful way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filters.formats.byte_runs import Places, eight
from filters.formats.xml_layout import (
    END,
    FIRST_TAG,
    LEVELS_MAX,
    NEVER_DECLARED,
    NODES_MAX,
    TEXT,
    XML_NAMESPACE,
    XSI_NAMESPACE,
)
from filters.formats.xml_model import Columns
from filters.formats.xml_names import Names, chosen, one_to_one
from filters.formats.xml_recogniser import BYTE_ORDER_MARK
from filters.formats.xml_rules import NOT_ALLOWED, REFERENCE, character, check_references
from filters.formats.xml_tags import Flags, Shape, Tags, tags_of
from schemas.errors import Malformed

_ATTRIBUTE = re.compile(r'[ \t\n]+([A-Za-z0-9._:\-]+)[ \t\n]*=[ \t\n]*"([^"]*)"')
_URI = re.compile(
    r"(?:urn:[A-Za-z0-9][A-Za-z0-9:._/\-]*|https?://[A-Za-z0-9.\-]+(?:/[A-Za-z0-9/._~\-]*)?)#?"
)
_XSI = f"{{{XSI_NAMESPACE}}}"
_LOCATIONS = frozenset({f"{_XSI}schemaLocation", f"{_XSI}noNamespaceSchemaLocation"})
_ONE_BY_ONE = frozenset({f"{_XSI}type", f"{{{XML_NAMESPACE}}}space"})
_RANKS_MAX = 1 << 20
_DROPPED = -1
_PER_TAG = 1 << 16  # places for one tag's values and the text after it
_BLANKS = b" \t\n"
_LOW_BITS, _HIGH_BITS = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x8080808080808080)
_PAST_BLANK = np.uint64(0x5F5F5F5F5F5F5F5F)  # added to seven bits above 0x20 it sets the eighth


@dataclass(frozen=True, slots=True)
class Survives:
    """What the policy lets survive.

    wished     prefix -> namespace; None: the document's own prefixes
    blanks     whether blanks alone between elements stay
    xsi        whether attributes of XML Schema instances may be there
    elsewhere  beginnings of expanded names of elements that only the careful way handles
    """

    wished: Mapping[str, str] | None
    blanks: bool
    xsi: bool
    elsewhere: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Start:
    """A shape of start tags with its names expanded.

    attributes  those that survive -> their place among those that are written
    has_hints   whether hints to schemas do not
    """

    name: str
    attributes: dict[str, int]
    has_hints: bool


class _Elsewhere(Exception):  # noqa: N818  # it is no error: the careful way knows what to do
    """This document is for the careful way."""


def columns_of(document: bytes, survives: Survives) -> tuple[Columns, bool] | None:
    """The columns of a document and whether hints to schemas were left out; or None."""
    try:
        return _columns(document.removeprefix(BYTE_ORDER_MARK), survives)
    except (_Elsewhere, Malformed, UnicodeDecodeError):
        return None


def _columns(document: bytes, survives: Survives) -> tuple[Columns, bool]:
    if b"\r" in document:
        document = document.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    tags = tags_of(document, 2 * NODES_MAX)
    if tags is None or not _is_within(tags):
        raise _Elsewhere
    _check_characters(document, tags)
    scope = _scope(tags)
    starts = _starts(tags, scope, survives)
    names = _names(list(starts.values()), scope, survives)
    table, numbers, ranks = _table(tags, starts, names)
    kept = _kept(tags, survives.blanks)
    raw, is_value = _texts(tags, ranks, kept)
    if _has_lines_in_values(raw, is_value):
        raise _Elsewhere
    texts = _resolved(raw)
    columns = Columns(names.prefixes, table, _steps(tags, numbers, kept), texts)
    return columns, any(start.has_hints for start in starts.values())


def _check_characters(document: bytes, tags: Tags) -> None:
    """That the document is UTF-8 of allowed characters, and every `&` in its body a reference."""
    text, body = document.decode(), tags.octets[: len(tags.body)]
    blanks = np.count_nonzero(body == ord("\n")) + np.count_nonzero(body == ord("\t"))
    if np.count_nonzero(body < ord(" ")) != blanks:
        raise _Elsewhere
    if not text.isascii() and NOT_ALLOWED.search(text):
        raise _Elsewhere
    if b"&" in tags.body and len(REFERENCE.findall(tags.body.decode())) != tags.body.count(b"&"):
        raise _Elsewhere


def _is_within(tags: Tags) -> bool:
    """Whether the document is certainly within the model's bounds of elements and levels."""
    opened = tags.levels + (tags.steps == 0)
    elements = int(np.count_nonzero(tags.steps >= 0))
    return 2 * elements <= NODES_MAX and int(opened.max()) <= LEVELS_MAX


def _scope(tags: Tags) -> dict[str, str]:
    """Prefix -> namespace, as the root declares them ("" the one of names without a prefix)."""
    root = tags.shapes[int(tags.shape[0])]
    if "xmlns" in root.text and np.count_nonzero(tags.shape == tags.shape[0]) > 1:
        raise _Elsewhere
    scope: dict[str, str] = {}
    for name, value in _ATTRIBUTE.findall(tags.raw(0).decode("utf-8", "replace")):
        prefix = "" if name == "xmlns" else name.removeprefix("xmlns:")
        if prefix == name:
            continue
        if _URI.fullmatch(value) is None or prefix in ("xml", "xmlns") or prefix in scope:
            raise _Elsewhere
        if value in NEVER_DECLARED:
            raise _Elsewhere
        scope[prefix] = value
    return scope


def _starts(tags: Tags, scope: Mapping[str, str], survives: Survives) -> dict[int, _Start]:
    """Number of a shape -> what it is, in the order in which the document has them first."""
    order = sorted(enumerate(tags.shapes), key=lambda shape: shape[1].first)
    return {number: _start(shape, scope, survives) for number, shape in order}


def _start(shape: Shape, scope: Mapping[str, str], survives: Survives) -> _Start:
    name = _expanded(shape.name, scope, scope.get(""))
    if name.startswith(survives.elsewhere) or shape.name.startswith("xml:"):
        raise _Elsewhere
    attributes: dict[str, int] = {}
    hints = set()
    for at, written in enumerate(shape.attributes):
        if written == "xmlns" or written.startswith("xmlns:"):
            if shape.first:
                raise _Elsewhere
            continue
        expanded = _expanded(written, scope, None)
        if expanded in _LOCATIONS and expanded not in hints:
            hints.add(expanded)
            continue
        is_refused = not survives.xsi and expanded.startswith(_XSI)
        if is_refused or expanded in attributes or expanded in _ONE_BY_ONE | hints:
            raise _Elsewhere
        attributes[expanded] = at
    if len(set(shape.attributes)) != len(shape.attributes):
        raise _Elsewhere
    return _Start(name, attributes, bool(hints))


def _expanded(name: str, scope: Mapping[str, str], default: str | None) -> str:
    """`prefix:local` as `{namespace}local`."""
    prefix, colon, local = name.rpartition(":")
    uri = default
    if colon:
        uri = XML_NAMESPACE if prefix == "xml" else scope.get(prefix)
        if uri is None:
            raise _Elsewhere
    return f"{{{uri}}}{local}" if uri else local


def _names(starts: list[_Start], scope: dict[str, str], survives: Survives) -> Names:
    if survives.wished is None:
        return one_to_one(scope, any(not start.name.startswith("{") for start in starts))
    return chosen([(start.name, list(start.attributes), None) for start in starts], survives.wished)


def _table(
    tags: Tags, starts: Mapping[int, _Start], names: Names
) -> tuple[list[list[str]], Places, Places]:
    """The model's tags; the number of each shape's; and where each of its attributes goes.

    The last has the shape (shapes, attributes at most) and _DROPPED for those that do not survive.
    """
    most = max(len(shape.attributes) for shape in tags.shapes)
    if most * len(starts) > _RANKS_MAX or most >= _PER_TAG:
        raise _Elsewhere
    table: dict[tuple[str, ...], int] = {}
    numbers = np.zeros(len(starts), np.int64)
    ranks = np.full((len(starts), most), _DROPPED, np.int64)
    for number, start in starts.items():
        attributes = {names.name(each): at for each, at in start.attributes.items()}
        ordered = sorted(attributes, key=lambda name: (len(name), name))
        ranks[number, [attributes[name] for name in ordered]] = range(len(ordered))
        tag = (names.name(start.name), *ordered)
        numbers[number] = table.setdefault(tag, len(table))
    return [list(tag) for tag in table], numbers, ranks


def _kept(tags: Tags, blanks: bool) -> Flags:
    """Which of the texts after each tag but the last stay: shape (tags - 1,).

    Where an element holds elements, and blanks alone beside them, the blanks go. The texts of one
    element stand side by side if they are sorted by how many elements are open around them, and
    each such row begins after a start tag.
    """
    starts = tags.ends[:-1] + 1
    lengths = tags.begins[1:] - starts
    is_there = lengths > 0
    if blanks or not len(starts):
        return is_there
    order = np.argsort(tags.levels[:-1], kind="stable")
    begins_row = (tags.steps[:-1] == 1)[order]
    rows = np.flatnonzero(begins_row)
    says = _is_more_than_blanks(tags, starts, lengths)[order]
    row_says = np.logical_or.reduceat(says, rows)
    row_drops = ~row_says & (np.diff(rows, append=len(starts)) > 1)
    drops = np.zeros(len(starts), np.bool_)
    drops[order] = row_drops[np.cumsum(begins_row) - 1]
    return is_there & ~drops


def _is_more_than_blanks(tags: Tags, starts: Places, lengths: Places) -> Flags:
    """Whether each of some texts holds anything but blanks: eight bytes at once, then the rest."""
    first = eight(tags.words, starts, lengths)
    says: Flags = (((first & _LOW_BITS) + _PAST_BLANK) | first) & _HIGH_BITS != 0
    for at in np.flatnonzero(~says & (lengths > 8)).tolist():
        begin = int(starts[at])
        says[at] = bool(tags.body[begin : begin + int(lengths[at])].strip(_BLANKS))
    return says


def _steps(tags: Tags, numbers: Places, kept: Flags) -> NDArray[np.int32]:
    """The column of steps. numbers: the table's tag for each shape."""
    opens = tags.steps >= 0
    counts = 1 + (tags.steps == 0)
    counts[:-1] += kept
    places = np.cumsum(counts) - counts
    steps = np.full(int(counts.sum()), END, np.int32)
    steps[places[opens]] = numbers[tags.shape[opens]] + FIRST_TAG
    before_text = np.flatnonzero(kept)
    steps[places[before_text] + counts[before_text] - 1] = TEXT
    return steps


def _texts(tags: Tags, ranks: Places, kept: Flags) -> tuple[bytes, Flags]:
    """The column of texts, with references as they are, and which are values of attributes."""
    owners = tags.quoted[0::2]
    places = np.arange(len(owners)) - np.searchsorted(owners, owners)
    rank = ranks[tags.shape[owners], places] if len(owners) else owners
    survives = rank != _DROPPED
    after = np.flatnonzero(kept)
    begins = np.concatenate((tags.quotes[0::2][survives] + 1, tags.ends[after] + 1))
    ends = np.concatenate((tags.quotes[1::2][survives], tags.begins[after + 1]))
    keys = np.concatenate(
        (owners[survives] * _PER_TAG + rank[survives], (after + 1) * _PER_TAG - 1)
    )
    order = np.argsort(keys, kind="stable")
    begins, ends, is_value = begins[order], ends[order], order < np.count_nonzero(survives)
    if (begins[1:] < ends[:-1]).any():  # attributes in another order than they are written in
        pairs = zip(begins.tolist(), ends.tolist(), strict=True)
        return b"".join([tags.body[begin:end] + b"\0" for begin, end in pairs]), is_value
    return _cut_out(tags, begins, ends), is_value


def _cut_out(tags: Tags, begins: Places, ends: Places) -> bytes:
    """The runs of bytes at these places, which follow each other, with a zero after each."""
    octets = tags.octets[: len(tags.body) + 2].copy()
    octets[ends] = 0
    inside = np.zeros(len(octets), np.int8)
    inside[begins] = 1
    inside[ends + 1] -= 1
    np.cumsum(inside, dtype=np.int8, out=inside)
    return octets[inside.view(np.bool_)].tobytes()


def _has_lines_in_values(texts: bytes, is_value: Flags) -> bool:
    """Whether a value of an attribute holds a tab or line feed, which are blanks there."""
    octets = np.frombuffer(texts, np.uint8)
    breaks = np.flatnonzero((octets == ord("\n")) | (octets == ord("\t")))
    if not len(breaks):
        return False
    return bool(is_value[np.searchsorted(np.flatnonzero(octets == 0), breaks)].any())


def _resolved(raw: bytes) -> str:
    """The column of texts with references resolved."""
    texts = raw.decode()
    return REFERENCE.sub(_character, texts) if "&" in texts else texts


def _character(found: re.Match[str]) -> str:
    check_references(found[0])
    resolved = character(found)
    if resolved.isspace():
        raise _Elsewhere
    return resolved
