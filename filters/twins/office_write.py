"""XML of office parts, written from the model's trees.

Takes a tree (name, attributes, content) and the prefixes that are known; gives text. One tree has
one XML: attributes in the tree's order, double quotes, only the namespaces that are used. No XML is
parsed and no XML library is used.
"""

import re
from collections.abc import Callable
from typing import Any

from schemas.errors import Malformed
from schemas.reasons import Reason

_SPECIAL = re.compile("[&<>\"'\t\n\r]")
_IN_ATTRIBUTE = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&apos;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_FORMULA = re.compile(r"(of|ooow|oooc):")


def attribute_text(value: str) -> str:
    """A value between the quotes of an attribute."""
    return value.translate(_IN_ATTRIBUTE) if _SPECIAL.search(value) else value


def xml(tree: Any, prefixes: dict[str, str]) -> str:
    """The element that the tree is; `Malformed` for a prefix that is not known."""
    used = _used(tree, prefixes)
    parts: list[str] = []
    _element(parts.append, tree, "".join(f' xmlns:{p}="{prefixes[p]}"' for p in sorted(used)))
    return "".join(parts)


def _used(tree: Any, prefixes: dict[str, str]) -> set[str]:
    used: set[str] = set()
    formulas = "of" in prefixes
    todo = [tree]
    while todo:
        name, attributes, content = todo.pop()
        used.add(name.partition(":")[0])
        for key, value in attributes.items():
            prefix, colon, _ = key.partition(":")
            if colon and prefix != "xml":
                used.add(prefix)
            if formulas and (found := _FORMULA.match(value)):
                used.add(found[1])
        todo.extend(child for child in content if not isinstance(child, str))
    if used - prefixes.keys():
        raise Malformed(Reason.MODEL_UNKNOWN_NAME, "a prefix that is not known here")
    return used


def _element(put: Callable[[str], None], tree: Any, declared: str = "") -> None:
    name, attributes, content = tree
    put("<" + name + declared)
    for key, value in attributes.items():
        put(f' {key}="{attribute_text(value)}"')
    if not content:
        put("/>")
        return
    put(">")
    for child in content:
        if isinstance(child, str):
            put(child.translate(_IN_TEXT))
        else:
            _element(put, child)
    put(f"</{name}>")
