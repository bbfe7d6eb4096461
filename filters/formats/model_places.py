"""Places in a decoded model: what rules read, and what transforms mask, change or drop.

A place is a text in one of two forms. A path, such as `contact/@phone`, `data/*/name` or
`**/remarks`, has steps separated by `/`: a name, `*` for any one step, `**` for any number of
steps; a last step with `@` is an attribute. A pointer, such as `/data/0/name`, is a JSON Pointer
(RFC 6901), for models made of maps and lists.

1. In the model of an event in Cursor-on-Target a path begins at the event: `@type`, `point/@lat`;
   any other first step is a detail. In the model of an XML document it begins at the root element.
   Names are those of the model, prefix included. Without `@` it leads to the element's content: a
   text, or a list of all that is in it where elements are; its own attributes are no part of that.
2. In the model of a JSON document it begins at the value, in the model of an event at the event.
   Steps are keys; a list on the way means each of its items. A list at the end does too, but one
   of lists and maps alone, which is one value.
3. In a table the one step is the name of a column; in a plain text it is `lines`.

Takes and gives decoded CBOR values; changes happen in place. Time is bounded by the model's size:
there is at most one `**`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from filters.formats.xml_layout import TREE_KEYS
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

PLACE_PATTERN = (
    r"(?:(?:[A-Za-z0-9_.:\-]+|\*|\*\*)/){0,15}@?(?:[A-Za-z0-9_.:\-]+|\*)|(?:/[^/]{0,128}){1,16}"
)
_PLACE = re.compile(PLACE_PATTERN)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value stands: `container[key]` is the value. is_items: a list of lists and maps."""

    container: Any
    key: Any
    is_items: bool = False

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.container[self.key]

    def put(self, value: Any) -> None:
        """Write another value there."""
        self.container[self.key] = value

    def drop(self) -> None:
        """A key of a map goes; an item of a list, whose place counts, is emptied."""
        if type(self.container) is dict:
            del self.container[self.key]
        else:
            self.put("" if type(self.value) is str else None)


class EventContent(Slot):
    """The content of an element of an event: a text, or a list of elements."""

    __slots__ = ()

    def drop(self) -> None:
        """The element stays, empty."""
        self.put("")


class XmlContent(Slot):
    """The content of an element of XML: a list, of which texts alone are one text."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """A text, or the list where elements are in it."""
        content = self.container[self.key]
        return "".join(content) if all(type(item) is str for item in content) else content

    def put(self, value: Any) -> None:
        """Write a text in place of all that is there."""
        self.container[self.key] = [value]

    def drop(self) -> None:
        """The element stays, empty."""
        self.container[self.key] = []


@dataclass(frozen=True, slots=True)
class Place:
    """A parsed place. is_pointer: steps are exact keys and numbers of items."""

    steps: tuple[str, ...]
    is_attribute: bool
    is_pointer: bool

    @classmethod
    def parse(cls, text: str) -> "Place":
        """`text` as a place; `Broken` if it is none (it comes from the policy)."""
        if _PLACE.fullmatch(text) is None or text.count("**") > 1:
            raise Broken(Reason.POLICY_MALFORMED, f"{text[:64]} is no place in a model")
        if text.startswith("/"):
            steps = [step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/")]
            return cls(tuple(steps), False, True)
        *steps, last = text.split("/")
        return cls((*steps, last.removeprefix("@")), last.startswith("@"), False)

    def slots(self, model: Any) -> list[Slot]:
        """Every slot at this place, in the model's order."""
        if type(model) is not dict:
            return []
        if "cot" in model:
            return list(self._in_elements(_cot_root(model), EventContent))
        if model.keys() == TREE_KEYS:
            return list(self._in_elements(model["root"], XmlContent))
        if model.keys() == {"csv", "header", "rows"}:
            return list(self._in_table(model))
        value = model["value"] if model.keys() == {"json", "value"} else model
        if self.is_pointer:
            return list(_pointed(value, self.steps))
        return [] if self.is_attribute else list(_keyed(value, self.steps))

    def _in_elements(self, root: Any, content: type[Slot]) -> Iterator[Slot]:
        if self.is_pointer:
            return
        leading = self.steps[:-1] if self.is_attribute else self.steps
        for element in elements(root, leading):
            if self.is_attribute:
                for name in list(element[1]):
                    if self.steps[-1] in ("*", name):
                        yield Slot(element[1], name)
            elif element[2] or content is EventContent:
                yield content(element, 2)

    def _in_table(self, model: dict[str, Any]) -> Iterator[Slot]:
        header, rows = model["header"], model["rows"]
        if type(header) is list and type(rows) is list and len(self.steps) == 1:
            for at, name in enumerate(header):
                if self.steps[0] in ("*", name):
                    yield from (
                        Slot(row, at) for row in rows if type(row) is list and at < len(row)
                    )


def _cot_root(model: dict[str, Any]) -> list[Any]:
    """The event as an element whose children are its point and its details."""
    if [type(model.get(key)) for key in ("event", "point", "detail")] != [dict, dict, list]:
        raise Malformed(Reason.MODEL_SHAPE, "not the model of a Cursor-on-Target event")
    return ["event", model["event"], [["point", model["point"], ""], *model["detail"]]]


def elements(element: Any, steps: tuple[str, ...]) -> Iterator[list[Any]]:
    """The elements that the steps lead to from an element; `Malformed` for what is none."""
    if type(element) is not list or [type(part) for part in element[:2]] != [str, dict]:
        raise Malformed(Reason.MODEL_SHAPE, "not the model of an element")
    if len(element) != 3:
        raise Malformed(Reason.MODEL_SHAPE, "not the model of an element")
    if not steps:
        yield element
        return
    first, rest = steps[0], steps[1:]
    if first == "**":
        yield from elements(element, rest)
    for child in element[2] if type(element[2]) is list else ():
        if type(child) is str:
            continue
        if first == "**":
            yield from elements(child, steps)
        elif first in ("*", child[0] if type(child) is list and child else None):
            yield from elements(child, rest)


def _keyed(value: Any, steps: tuple[str, ...]) -> Iterator[Slot]:
    """The slots that keys lead to; a list means each of its items."""
    if type(value) is list:
        for item in value:
            yield from _keyed(item, steps)
        return
    if type(value) is not dict:
        return
    first, rest = steps[0], steps[1:]
    if first == "**":
        yield from _keyed(value, rest)
        for item in list(value.values()):
            yield from _keyed(item, steps)
        return
    for key in list(value) if first == "*" else [first] if first in value else []:
        if rest:
            yield from _keyed(value[key], rest)
        elif type(value[key]) is list:
            yield from _items(value, key)
        else:
            yield Slot(value, key)


def _items(holder: Any, key: Any) -> Iterator[Slot]:
    """A slot of each item of the list, or the list's own if all that it holds is lists and maps.

    A list or map beside plain values has a slot too, or it would hide what is in it.
    """
    items = holder[key]
    if all(type(item) in (dict, list) for item in items):
        yield Slot(holder, key, is_items=True)
    else:
        yield from (Slot(items, at) for at in range(len(items)))


def _pointed(value: Any, steps: tuple[str, ...]) -> Iterator[Slot]:
    for at, step in enumerate(steps):
        key: Any = step
        if type(value) is list:
            if not step.isdecimal() or not step.isascii() or int(step) >= len(value):
                return
            key = int(step)
        elif type(value) is not dict or step not in value:
            return
        if at == len(steps) - 1:
            yield Slot(value, key)
            return
        value = value[key]
