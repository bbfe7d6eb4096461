"""What named graphics states of an opened PDF change, as far as it makes drawing costly.

Takes the `ExtGState` resources of a content (ISO 32000-2, 8.4.5), gives what each name changes.
Where a state holds what it should not, the costlier reading is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pikepdf

from filters.formats.pdf_matrix import Linear
from filters.formats.pdf_work import BLEND_NS, MIX_NS

_PLAIN = frozenset({"/Normal", "/Compatible"})
_MIXES = frozenset({"/Hue", "/Saturation", "/Color", "/Luminosity"})  # colour with colour
NUMBER_MAX = 1e9
_ITEMS_MAX = 80


class Blending(NamedTuple):
    """How what is painted is put over what lies beneath.

    alpha: whether that may shine through. ns: of blending, a pixel. mask: the name of the state
    that set a soft mask, "" without one. mask_matrix: what held when it was set.
    """

    alpha: bool = False
    ns: float = 0.0
    mask: str = ""
    mask_matrix: Linear = Linear()


UNBLENDED = Blending()


@dataclass(frozen=True, slots=True)
class Change:
    """What a state changes; None for what it leaves. dash: the length of dash and gap together."""

    alpha: bool | None = None
    ns: float | None = None
    mask: bool | None = None
    font_size: float | None = None
    width: float | None = None
    miter: float | None = None
    dash: float | None = None


class States:
    """The graphics states of one content's resources, each read once."""

    def __init__(self, named: Any) -> None:
        self._named = named
        self._known: dict[str, Change] = {}

    def change(self, name: str) -> Change:
        """What a name changes; nothing where no state has it."""
        if name not in self._known:
            self._known[name] = _change(entry(self._named, name))
        return self._known[name]

    def blending(self, name: str, before: Blending, matrix: Linear) -> Blending:
        """How is painted after this name."""
        change = self.change(name)
        after = before
        if change.alpha is not None:
            after = after._replace(alpha=change.alpha)
        if change.ns is not None:
            after = after._replace(ns=change.ns)
        if change.mask is not None:
            mask, of = (name, matrix) if change.mask else ("", Linear())
            after = after._replace(mask=mask, mask_matrix=of)
        return after


def entry(holder: Any, key: str) -> Any:
    """What a dictionary or a stream has for a key, if it is one and has it."""
    return holder.get(key) if isinstance(holder, pikepdf.Dictionary | pikepdf.Stream) else None


def dash_of(listed: Any) -> float:
    """The length of all dashes and gaps together, 0 for a line without gaps."""
    return sum(map(abs, numbers_of(listed)))


def number(value: Any) -> float:
    """What a renderer takes for a number: 0 for what is none."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return 0.0
    return found if -NUMBER_MAX <= found <= NUMBER_MAX else NUMBER_MAX


def last_numbers(operands: Sequence[Any], count: int) -> list[float]:
    """The last operands as numbers, 0 for each that is missing."""
    if len(operands) == count:
        return [number(operand) for operand in operands]
    found = [number(operands[at]) for at in range(max(len(operands) - count, 0), len(operands))]
    return [0.0] * (count - len(found)) + found


def box_sides(box: Any) -> tuple[float, float]:
    """Width and height of a box of a file; 0 where it is none."""
    left, bottom, right, top = box_of(box)
    return abs(right - left), abs(top - bottom)


def box_of(box: Any) -> tuple[float, float, float, float]:
    """The four numbers of a box of a file; 0 where it is none."""
    sides = numbers_of(box)[:4]
    return (sides[0], sides[1], sides[2], sides[3]) if len(sides) == 4 else (0.0, 0.0, 0.0, 0.0)


def numbers_of(listed: Any) -> list[float]:
    """The first numbers of a list of a file; none where it is none."""
    return [number(each) for each in _items(listed)]


def _change(state: Any) -> Change:
    if not isinstance(state, pikepdf.Dictionary):
        return Change()
    alphas = [number(state[key]) for key in ("/ca", "/CA") if key in state]
    font, dash = _items(state.get("/Font")), _items(state.get("/D"))
    return Change(
        alpha=any(value < 1 for value in alphas) if alphas else None,
        ns=_blend_ns(state["/BM"]) if "/BM" in state else None,
        mask=isinstance(state["/SMask"], pikepdf.Dictionary) if "/SMask" in state else None,
        font_size=number(font[1]) if len(font) > 1 else None,
        width=number(state["/LW"]) if "/LW" in state else None,
        miter=number(state["/ML"]) if "/ML" in state else None,
        dash=dash_of(dash[0]) if dash else None,
    )


def _blend_ns(modes: Any) -> float:
    """Of the costliest of the modes: a renderer may take any of a list."""
    names = {str(mode) for mode in _items(modes) or [modes]}
    if names & _MIXES:
        return MIX_NS
    return 0.0 if names <= _PLAIN else BLEND_NS


def _items(value: Any) -> list[Any]:
    return list_of(value)[:_ITEMS_MAX]


def list_of(value: Any) -> list[Any]:
    """The items of an array of a file; none where it is none."""
    return list(value) if isinstance(value, pikepdf.Array) else []
