"""What it takes to draw shadings of an opened PDF (ISO 32000-2, 8.7.4.5).

Takes a shading of pikepdf, gives its work for all that may be seen of it. Raises `Malformed`.
"""

from typing import Any

import pikepdf

from filters.formats.pdf_bodies import PROGRAM
from filters.formats.pdf_charges import Charges
from filters.formats.pdf_meshes import COONS, FREE, LATTICE, TENSOR, covered
from filters.formats.pdf_states import entry
from filters.formats.pdf_work import (
    AXIAL_NS,
    CORNER_NS,
    HUGE,
    MESH_NS,
    PATCH_NS,
    RADIAL_NS,
    SHADE_NS,
    SHADES,
    WORD_NS,
    Extent,
    Work,
)

WORD_BYTES, WORD_STEPS = 4, 400  # of a program that is run for each pixel
_BY_PLACE, _AXIAL, _RADIAL = 1, 2, 3
_FUNCTIONS_MAX = 64
_ANYWHERE = Extent(1.0, HUGE)
_LEVEL = pikepdf.StreamDecodeLevel.specialized


def shading_work(shading: Any, charges: Charges) -> Work:
    """Of one that is drawn once."""
    kind = entry(shading, "/ShadingType")
    words, functions = _programs(shading, charges)
    shades_ns = SHADES * (SHADE_NS * functions + WORD_NS * words)  # computed before it is drawn
    if kind in (FREE, LATTICE, COONS, TENSOR) and isinstance(shading, pikepdf.Stream):
        raw = shading.get_stream_buffer(_LEVEL)
        charges.bytes(len(raw))
        shapes = covered(shading, int(kind), bytes(raw))
        ns = MESH_NS if kind in (FREE, LATTICE) else PATCH_NS
        corners = (CORNER_NS + SHADE_NS * functions + WORD_NS * words) * shapes.most
        return Work(ns=corners, things=_ANYWHERE, pixels=shapes.weighed(ns))
    if kind == _BY_PLACE:
        ns = RADIAL_NS
        return Work(WORD_STEPS * words, things=_ANYWHERE, pixels=_ANYWHERE.weighed(ns))
    ns = AXIAL_NS if kind == _AXIAL else RADIAL_NS
    return Work(ns=shades_ns, things=_ANYWHERE, pixels=_ANYWHERE.weighed(ns))


def _programs(shading: Any, charges: Charges) -> tuple[int, int]:
    """How many words the programs of a shading's functions have together; how many functions."""
    given = entry(shading, "/Function")
    functions = list(given) if isinstance(given, pikepdf.Array) else [given]
    words = 0
    for each in functions[:_FUNCTIONS_MAX]:
        if entry(each, "/FunctionType") == PROGRAM and isinstance(each, pikepdf.Stream):
            size = len(each.get_stream_buffer(_LEVEL))
            charges.bytes(size)
            words += size // WORD_BYTES
    return words, len(functions)
