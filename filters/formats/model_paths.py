"""Paths into a decoded CBOR model: find, write or drop what a policy names.

A path is a text such as `remarks`, `contact/@phone`, `@access` or `data/position/note`: a place of
`filters.formats.model_places` that leaves no step open (no `*`, no pointer).

1. Steps are separated by `/`. A last step with `@` names an attribute, other steps name children.
2. In a Cursor-on-Target model (a map with the key `cot`) a path begins at the event: `@type` is an
   attribute of the event, `point/@lat` one of its point, any other first step a detail.
3. In the model of an XML document it begins at the root element; names have their prefixes.
4. In the model of a JSON document it begins at the value. There and in any other model the steps
   are keys of nested maps; a list on the way means each of its items.
5. A table and a plain text have no paths: `Malformed`, as for a map with the key `cot` that has not
   the shape of that model.

Takes and gives decoded CBOR values; changes happen in place. Does nothing else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from filters.formats.model_places import elements
from filters.formats.xml_layout import TREE_KEYS
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

PATH_PATTERN = r"(?:[A-Za-z0-9_.:\-]+/){0,15}@?[A-Za-z0-9_.:\-]+"
_PATH = re.compile(PATH_PATTERN)
_WITHOUT_PATHS = (frozenset({"csv", "header", "rows"}), frozenset({"text", "lines"}))


@dataclass(frozen=True, slots=True)
class ModelPath:
    """A parsed path: the children's names on the way, and what stands at the end."""

    steps: tuple[str, ...]
    last: str
    is_attribute: bool

    @classmethod
    def parse(cls, text: str) -> "ModelPath":
        """`text` as a path; `Broken` if it is none (it comes from the policy)."""
        if _PATH.fullmatch(text) is None:
            raise Broken(Reason.POLICY_MALFORMED, f"{text} is no path into a model")
        *steps, last = text.split("/")
        return cls(tuple(steps), last.removeprefix("@"), last.startswith("@"))

    def read(self, model: Any) -> str | None:
        """The text at this path, or None; `Malformed` for what is no text, and for texts that
        differ: which of them is meant is not ours to say."""
        found: list[Any] = []
        for holder in self._holders(model):
            if type(holder) is dict:
                found.append(holder.get(self.last))
            else:
                found += map(_text, self._children(holder))
        return one_text(found)

    def write(self, model: Any, text: str) -> bool:
        """Write `text` wherever the path's parent exists, and into elements that are there.

        Says whether anything changed.
        """
        changed = False
        content: Any = [text] if type(model) is dict and model.keys() == TREE_KEYS else text
        for holder in self._holders(model):
            if type(holder) is dict:
                changed = changed or holder.get(self.last) != text
                holder[self.last] = text
            else:
                for child in self._children(holder):
                    changed = changed or child[2] != content
                    child[2] = content
        return changed

    def drop(self, model: Any) -> int:
        """Remove everything at this path; gives how many things that were."""
        count = 0
        for holder in self._holders(model):
            if type(holder) is dict:
                count += holder.pop(self.last, self) is not self
            elif gone := self._children(holder):
                count += len(gone)
                kept = (child for child in holder if not self._is_named(child))
                holder[:] = _joined(kept)
        if count and type(model) is dict and "cot" in model:
            _without_empty_lists(model["detail"])
        return count

    def _children(self, content: list[Any]) -> list[Any]:
        """The elements in a list of elements and texts that the last step names."""
        return [child for child in content if self._is_named(child)]

    def _is_named(self, child: Any) -> bool:
        return type(child) is list and len(child) == 3 and child[0] == self.last

    def _holders(self, model: Any) -> Iterator[Any]:
        """The maps, or of elements the lists, that hold the last step."""
        if type(model) is not dict or "cot" not in model:
            yield from self._outside_events(model)
            return
        _shape(model)
        if not self.steps:
            yield model["event"] if self.is_attribute else model["detail"]
        elif self.steps == ("point",) and self.is_attribute:
            yield model["point"]
        else:
            for element in _elements(model["detail"], self.steps):
                if self.is_attribute:
                    yield element[1]
                elif type(element[2]) is list:
                    yield element[2]

    def _outside_events(self, model: Any) -> Iterator[Any]:
        keys = model.keys() if type(model) is dict else None
        if keys in _WITHOUT_PATHS:
            raise Malformed(Reason.MODEL_SHAPE, "a path into a table or a plain text")
        if keys == TREE_KEYS:
            for element in elements(model["root"], self.steps):
                if self.is_attribute or type(element[2]) is list:
                    yield element[1] if self.is_attribute else element[2]
        else:
            yield from _maps(model["value"] if keys == {"json", "value"} else model, self.steps)


def one_text(found: Iterable[Any]) -> str | None:
    """The text that all these values are, but for None; None if there is none. Raises
    `Malformed`."""
    texts = [value for value in found if value is not None]
    if any(type(value) is not str or value != texts[0] for value in texts):
        raise Malformed(Reason.MODEL_SHAPE, "a path leads to more than one text, or to no text")
    return texts[0] if texts else None


def _text(element: list[Any]) -> Any:
    """What an element holds: its text, None if it is empty, and else a list."""
    content = element[2] if len(element) == 3 else None
    if type(content) is list and all(type(item) is str for item in content):
        return "".join(content) or None
    return content


def _joined(content: Iterable[Any]) -> list[Any]:
    """The same with one text where several stand side by side."""
    joined: list[Any] = []
    for is_text, run in groupby(content, lambda item: type(item) is str):
        items = list(run)
        joined.extend(["".join(items)] if is_text else items)
    return joined


def _shape(model: Any) -> None:
    """As much of the model's shape as a walk relies on; the recogniser checks the rest."""
    parts = [type(model.get(key)) for key in ("event", "point", "detail")]
    todo = list(model["detail"]) if parts == [dict, dict, list] else [None]
    while todo:
        child = todo.pop()
        if type(child) is not list or [type(part) for part in child[:2]] != [str, dict]:
            raise Malformed(Reason.MODEL_SHAPE, "not the model of a Cursor-on-Target event")
        if len(child) != 3:
            raise Malformed(Reason.MODEL_SHAPE, "not the model of a Cursor-on-Target event")
        if type(child[2]) is list:
            todo.extend(child[2])


def _maps(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if type(value) is list:
        for item in value:
            yield from _maps(item, steps)
    elif type(value) is dict:
        if not steps:
            yield value
        elif steps[0] in value:
            yield from _maps(value[steps[0]], steps[1:])


def _elements(children: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    for child in children if type(children) is list else ():
        if child[0] == steps[0]:
            if len(steps) == 1:
                yield child
            else:
                yield from _elements(child[2], steps[1:])


def _without_empty_lists(children: Any) -> None:
    for child in children:
        if type(child[2]) is list:
            _without_empty_lists(child[2])
            if not child[2]:
                child[2] = ""
