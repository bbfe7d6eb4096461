"""The model of an XML document in columns, as the source side knows it: docs/spec/xml-model.md.

What crosses is not nested: a table of the distinct start tags, one column of steps, one column of
texts. So a document of fifty thousand tags is judged by a few passes over arrays and not by a walk.
Takes CBOR, gives `Columns` or raises `Malformed`; `filters.formats.xml_tree` makes a tree of the
model and the model of a tree. The destination side checks the same with code of its own
(`filters.twins.xml_read`).
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filters.formats.xml_layout import (
    END,
    FIRST_TAG,
    KEYS,
    LAYOUT,
    LEVELS_MAX,
    LIMITS,
    NODES_MAX,
    TEXT,
    TEXT_BYTES_MAX,
    VALUES_MAX,
    WRITTEN_BYTES_MAX,
    prefixes_in,
    tags_in,
)
from schemas.cbor import CborValue, decode, encode
from schemas.errors import Malformed
from schemas.reasons import Reason

_PLAIN = bytes([0, 9, 10, 13, *range(0x20, 0x7F)])
_NOT_TEXT = re.compile("[^\x00\t\n\r -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")

Steps = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Columns:
    """One document.

    prefixes  prefix -> namespace
    tags      the distinct start tags in the order of their first use: name, names of attributes
    steps     END, TEXT, or FIRST_TAG + the number of a tag whose element begins; shape (n,)
    texts     values of attributes and texts in the order of the steps, a U+0000 after each
    """

    prefixes: dict[str, str]
    tags: list[list[str]]
    steps: Steps
    texts: str

    def write(self) -> bytes:
        """The model's one encoding."""
        model: dict[str, CborValue] = {
            "xml": LAYOUT,
            "prefixes": dict(self.prefixes),
            "tags": [list(tag) for tag in self.tags],
            "steps": self.steps.astype(">u2").tobytes(),
            "texts": self.texts,
        }
        return encode(model)


def read(untrusted: bytes) -> Columns:
    """The model that `untrusted` encodes, of the right shape and within bounds."""
    return shaped(decode(untrusted, LIMITS))


def shaped(model: CborValue) -> Columns:
    """The columns, if the value has the shape of the model and its bounds; else `Malformed`."""
    columns = opened(model)
    _check_steps(columns.steps, len(columns.tags))
    _check_texts(columns)
    return columns


def opened(model: CborValue) -> Columns:
    """The columns with their tables checked and their steps and texts not: those `read` has."""
    if type(model) is not dict or model.keys() != KEYS or model["xml"] is not LAYOUT:
        raise Malformed(Reason.MODEL_SHAPE, "not the layout of an XML document")
    prefixes = prefixes_in(model["prefixes"])
    tags, steps, texts = tags_in(model["tags"], prefixes), model["steps"], model["texts"]
    if type(steps) is not bytes or len(steps) % 2 or type(texts) is not str:
        raise Malformed(Reason.MODEL_SHAPE, "the steps are not bytes, or the texts no text")
    if len(steps) > 4 * NODES_MAX:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements and texts than their bound")
    return Columns(prefixes, tags, np.frombuffer(steps, ">u2").astype(np.int32), texts)


def _check_steps(steps: Steps, tags: int) -> None:
    """§1.4: one root, every element ended, tags in the order of their first use."""
    if not len(steps) or steps[0] != FIRST_TAG or int(steps.max()) >= FIRST_TAG + tags:
        raise Malformed(Reason.MODEL_SHAPE, "steps that begin with no root or name no tag")
    begins, texts, ends = steps >= FIRST_TAG, steps == TEXT, steps == END
    if len(steps) - np.count_nonzero(ends) > NODES_MAX:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements and texts than their bound")
    levels = np.cumsum(begins.astype(np.int8) - ends, dtype=np.int32)
    if levels[-1] != 0 or not levels[:-1].all() or int(levels.min()) < 0:
        raise Malformed(Reason.MODEL_SHAPE, "elements that do not end, or end twice")
    if int(levels.max()) > LEVELS_MAX:
        raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
    if (texts[1:] & texts[:-1]).any():
        raise Malformed(Reason.MODEL_SHAPE, "two texts side by side")
    used = steps[begins]
    newest = np.maximum.accumulate(used)
    if int(newest[-1]) != FIRST_TAG + tags - 1 or (newest[1:] - newest[:-1] > 1).any():
        raise Malformed(Reason.MODEL_SHAPE, "tags that are not used, or not in their order")


def values_of(columns: Columns) -> NDArray[np.int64]:
    """How many texts of the column each step takes: shape (steps,).

    `Malformed` if those are more values, or the names written out more, than their bounds.
    """
    uses = np.bincount(columns.steps, minlength=FIRST_TAG + len(columns.tags))[FIRST_TAG:]
    values = np.array([len(tag) - 1 for tag in columns.tags], np.int64)
    if int(uses @ values) > VALUES_MAX:
        raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more values of attributes than their bound")
    if int(uses @ np.array([sum(map(len, tag)) for tag in columns.tags])) > WRITTEN_BYTES_MAX:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "more names, written out, than their bound")
    return np.concatenate(([0, 1], values))[columns.steps]


def _check_texts(columns: Columns) -> None:
    """§1.5: as many texts as the steps take, within bounds, none of an element empty."""
    try:
        raw = columns.texts.encode()
    except UnicodeEncodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "text holds a lone surrogate") from error
    takes = values_of(columns)
    last = np.cumsum(takes) - 1
    ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == 0)
    if len(ends) != last[-1] + 1 or (raw and raw[-1]):
        raise Malformed(Reason.MODEL_SHAPE, "not as many texts as the steps take")
    lengths = np.diff(ends, prepend=-1) - 1
    if len(lengths) and int(lengths.max()) > TEXT_BYTES_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a text is longer than its bound")
    if not lengths[last[columns.steps == TEXT]].all():
        raise Malformed(Reason.MODEL_SHAPE, "a text of an element is empty")
    if raw.translate(None, _PLAIN) and _NOT_TEXT.search(columns.texts):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")
