"""The model of an XML document as a tree: for stages that look for places in it or change it.

A tree is `{"xml": 2, "prefixes": {...}, "root": element}`; an element is a list of name, attributes
(a map) and content (a list of texts and elements). Takes the decoded model of
docs/spec/xml-model.md and gives a tree, or the other way round. That the model holds to its rules
is for `xml_check` to see, before and after: what cannot be read at all raises `Malformed`.
"""

import struct
from typing import Any

from filters.formats.xml_layout import (
    END,
    FIRST_TAG,
    LAYOUT,
    LEVELS_MAX,
    NODES_MAX,
    TAGS_MAX,
    TEXT,
    prefixes_in,
    tags_in,
)
from schemas.cbor import CborValue
from schemas.errors import Malformed
from schemas.reasons import Reason


def tree(model: dict[str, Any]) -> dict[str, Any]:
    """The tree of this model, a map with `KEYS`."""
    prefixes = prefixes_in(model["prefixes"])
    tags, steps, texts = tags_in(model["tags"], prefixes), model["steps"], model["texts"]
    if type(steps) is not bytes or type(texts) is not str:
        raise Malformed(Reason.MODEL_SHAPE, "the steps are not bytes, or the texts no text")
    try:
        root = _element(tags, steps, iter(texts.split("\0")))
    except (IndexError, struct.error, StopIteration) as error:
        raise Malformed(Reason.MODEL_SHAPE, "columns that do not fit each other") from error
    return {"xml": LAYOUT, "prefixes": prefixes, "root": root}


def _element(tags: list[list[str]], steps: bytes, texts: Any) -> list[Any]:
    """The root element that the steps describe."""
    content: list[Any] = []
    outer: list[list[Any]] = []
    for (step,) in struct.iter_unpack(">H", steps):
        if step == END:
            content = outer.pop()
        elif step == TEXT:
            content.append(next(texts))
        else:
            name, *attributes = tags[step - FIRST_TAG]
            element = [name, {each: next(texts) for each in attributes}, []]
            content.append(element)
            outer.append(content)
            content = element[2]
            if len(outer) > LEVELS_MAX:
                raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
    if outer or len(content) != 1 or type(content[0]) is str:
        raise Malformed(Reason.MODEL_SHAPE, "the steps are not those of one element")
    root: list[Any] = content[0]
    return root


def model_of(document: dict[str, Any]) -> dict[str, CborValue]:
    """The model of a tree; `Malformed` for what is no tree."""
    walk = _Walk()
    walk.element(document["root"], LEVELS_MAX)
    return {
        "xml": LAYOUT,
        "prefixes": document["prefixes"],
        "tags": [list(tag) for tag in walk.tags],
        "steps": struct.pack(f">{len(walk.steps)}H", *walk.steps),
        "texts": "".join(walk.texts),
    }


class _Walk:
    """One tree on its way into columns."""

    __slots__ = ("steps", "tags", "texts")

    def __init__(self) -> None:
        self.tags: dict[tuple[str, ...], int] = {}
        self.steps: list[int] = []
        self.texts: list[str] = []

    def element(self, element: Any, levels_left: int) -> None:
        if type(element) is not list or [type(part) for part in element] != [str, dict, list]:
            raise Malformed(Reason.MODEL_SHAPE, "an element is not name, attributes and content")
        if levels_left <= 0:
            raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
        if len(self.steps) > 2 * NODES_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements and texts than their bound")
        name, attributes, content = element
        names = sorted(attributes, key=_shorter_first) if len(attributes) > 1 else attributes
        tag = self.tags.setdefault((name, *names), len(self.tags))
        if tag >= TAGS_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more kinds of tags than their bound")
        self.steps.append(FIRST_TAG + tag)
        for key in names:
            self.text(attributes[key])
        for item in content:
            if type(item) is str:
                self.steps.append(TEXT)
                self.text(item)
            else:
                self.element(item, levels_left - 1)
        self.steps.append(END)

    def text(self, text: Any) -> None:
        if type(text) is not str or "\0" in text:
            raise Malformed(Reason.MODEL_SHAPE, "a text or an attribute's value is no text")
        self.texts.append(text)
        self.texts.append("\0")


def _shorter_first(name: str) -> tuple[int, str]:
    return len(name), name
