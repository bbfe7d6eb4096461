"""How many things a content of a cleaned PDF paints under each soft mask and with each pattern.

Takes content as it crosses, an operation a line, and what its names mean. A renderer draws a mask
or a pattern anew for each of those things; a form that is no group hands them on to all that it
paints.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

_PAINTS = re.compile(rb"(?:^| )(?:[fFSs]|f\*|[Bb]\*?|sh|T[jJ])$", re.MULTILINE)
_LINES = re.compile(
    rb"^(?P<keep>[qQ])$|^/(?P<state>g\d{1,5}) gs$|^/(?P<form>x\d{1,5}) Do$"
    rb"|^(?:/(?P<pattern>p\d{1,5})|[^\n]*) (?P<colour>scn?|SCN?|g|rg|k|cs|G|RG|K|CS)$"
    rb"|^(?:[^\n]* )?(?P<paint>[fFSs]|f\*|[Bb]\*?|sh|T[jJ])$",
    re.MULTILINE,
)
_FORMS = re.compile(rb"^/(x\d{1,5}) Do$", re.MULTILINE)


@dataclass(slots=True)
class Names:
    """What names of a content mean.

    masks: of states that set or end a soft mask, whether they set one. things: what each form
    paints. bound: from where on it does not matter how many.
    """

    bound: int
    masks: dict[bytes, bool] = field(default_factory=dict)
    things: dict[bytes, int] = field(default_factory=dict)


def things(content: bytes, names: Names) -> int:
    """How many things a content paints."""
    drawn = sum(names.things.get(name, 1) for name in _FORMS.findall(content))
    return min(len(_PAINTS.findall(content)) + drawn, names.bound)


def under(content: bytes, names: Names) -> Mapping[bytes, int]:
    """How many things are painted with each name of a mask's state and of a pattern."""
    found = Counter[bytes]()
    mask, fill, stroke = b"", b"", b""
    kept: list[tuple[bytes, bytes, bytes]] = []
    for line in _LINES.finditer(content):
        kind, said = line.lastgroup, line[0]
        if kind == "keep":
            if said == b"q":
                kept.append((mask, fill, stroke))
            elif kept:
                mask, fill, stroke = kept.pop()
        elif kind == "state":
            name = line["state"]
            mask = (name if names.masks[name] else b"") if name in names.masks else mask
        elif kind == "colour":
            name = line["pattern"] or b""
            fill, stroke = (name, stroke) if line["colour"].islower() else (fill, name)
        else:
            count = names.things.get(line["form"], 1) if kind == "form" else 1
            for name in {mask, fill, stroke} - {b""}:
                found[name] = min(found[name] + count, names.bound)
    return found
