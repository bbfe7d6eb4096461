"""What a renderer draws of annotations on a page of an opened PDF (ISO 32000-2, 12.5.5).

Takes the page, gives the appearances with how they are drawn. A renderer draws some kinds without
an appearance by itself, blended with what lies beneath.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pikepdf

from filters.formats.pdf_matrix import Linear, linear_of
from filters.formats.pdf_states import box_sides, entry, list_of, number
from filters.formats.pdf_work import BLEND_NS, FILL_NS, Box, Extent, Work
from filters.formats.picture_structure import broken

_NUMBERS_A_PART = 4  # of what stands in lists of places
_PLACE_MAX = 100_000.0  # units: pages reach to 14,400 (ISO 32000-2, annex C)
_LISTS = ("/QuadPoints", "/InkList", "/Vertices", "/L")


class Appearance(NamedTuple):
    """matrix: of the form's units to the page's. box: where it is drawn."""

    form: Any
    matrix: Linear
    box: Box


def appearances(page: Any) -> Iterator[Appearance]:
    """The normal appearances of a page's annotations, in each state."""
    for each in _annotations(page):
        normal = entry(entry(each, "/AP"), "/N")
        if isinstance(normal, pikepdf.Stream):
            yield _placed(normal, each)
        elif isinstance(normal, pikepdf.Dictionary):
            yield from (_placed(state, each) for _, state in normal.items())


def drawn_anyway(page: Any) -> Work:
    """Annotations that have no appearance."""
    total = Work()
    for each in _annotations(page):
        if entry(entry(each, "/AP"), "/N") is None:
            _check_places(each)
            width, height = box_sides(entry(each, "/Rect"))
            parts = 1 + sum(_length(entry(each, key)) for key in _LISTS) // _NUMBERS_A_PART
            things = Extent(parts, parts * width * height)
            total.add(Work(steps=parts, things=things, pixels=things.weighed(FILL_NS + BLEND_NS)))
    return total


def _check_places(annotation: Any) -> None:
    """A renderer walks along some marks, however far they say that they reach."""
    for key in ("/QuadPoints", "/Rect"):
        if any(abs(place) > _PLACE_MAX for place in map(number, list_of(entry(annotation, key)))):
            broken("a mark that reaches beyond any page")


def _annotations(page: Any) -> list[Any]:
    return list_of(page.get("/Annots"))


def _placed(form: Any, annotation: Any) -> Appearance:
    """The form's box, as its matrix turns it, fills the annotation's."""
    turned = linear_of(entry(form, "/Matrix"))
    width, height = turned.size(*box_sides(entry(form, "/BBox")))
    across, up = box_sides(entry(annotation, "/Rect"))
    fitted = Linear(across / width if width else 1.0, 0.0, 0.0, up / height if height else 1.0)
    return Appearance(form, turned.then(fitted), Box(across * up, across + up))


def _length(listed: Any) -> int:
    return sum(len(item) if isinstance(item, pikepdf.Array) else 1 for item in list_of(listed))
