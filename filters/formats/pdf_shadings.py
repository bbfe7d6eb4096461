"""What it takes to draw shadings of an opened PDF (ISO 32000-2, 8.7.4.5).

Takes a shading of pikepdf, gives its work for all that may be seen of it. Raises `Malformed`.
"""

from typing import Any

import pikepdf

from filters.formats.pdf_charges import Charges
from filters.formats.pdf_meshes import COONS, FREE, LATTICE, TENSOR, covered
from filters.formats.pdf_programs import Programs
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

WORD_STEPS = 400  # of a program that is run for each pixel
_BY_PLACE, _AXIAL = 1, 2
_ANYWHERE = Extent(1.0, HUGE)
_LEVEL = pikepdf.StreamDecodeLevel.specialized


def shading_work(shading: Any, programs: Programs, charges: Charges) -> Work:
    """Of one that is drawn once."""
    kind = entry(shading, "/ShadingType")
    given = entry(shading, "/Function")
    functions = len(given) if isinstance(given, pikepdf.Array) else 1
    words = programs.words(given)
    tint_ns = WORD_NS * programs.tint_words(entry(shading, "/ColorSpace"))
    shade_ns = SHADE_NS * functions + WORD_NS * words + tint_ns
    if kind in (FREE, LATTICE, COONS, TENSOR) and isinstance(shading, pikepdf.Stream):
        raw = shading.get_stream_buffer(_LEVEL)
        charges.bytes(len(raw))
        shapes = covered(shading, int(kind), bytes(raw))
        ns = MESH_NS if kind in (FREE, LATTICE) else PATCH_NS
        corners_ns = (CORNER_NS + shade_ns) * shapes.most
        return Work(ns=corners_ns, things=_ANYWHERE, pixels=shapes.weighed(ns))
    if kind == _BY_PLACE:
        pixels = _ANYWHERE.weighed(RADIAL_NS * functions + WORD_NS * words + tint_ns)
        return Work(WORD_STEPS * words, things=_ANYWHERE, pixels=pixels)
    ns = AXIAL_NS if kind == _AXIAL else RADIAL_NS
    return Work(ns=SHADES * shade_ns, things=_ANYWHERE, pixels=_ANYWHERE.weighed(ns))
