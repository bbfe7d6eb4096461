"""How much larger than they say letters of a page are that PDFium has loaded.

Takes a page of PDFium. A font program can make a letter a thousand times as high as its size: each
would be painted over the whole page. PDFium has looked at the outlines when it knows the boxes of
texts.
"""

import ctypes
from collections.abc import Iterator
from math import hypot
from typing import Any

from pypdfium2 import raw as pdfium_c

DEPTH_LEVELS_MAX = 24
_LEAST = 1e-9


def height_of_letters(page: Any) -> float:
    """Of the highest, in sizes of its font."""
    quad, matrix, size = pdfium_c.FS_QUADPOINTSF(), pdfium_c.FS_MATRIX(), ctypes.c_float()
    most = 0.0
    for text in _texts(page.raw):
        if (
            pdfium_c.FPDFPageObj_GetRotatedBounds(text, ctypes.byref(quad))
            and pdfium_c.FPDFPageObj_GetMatrix(text, ctypes.byref(matrix))
            and pdfium_c.FPDFTextObj_GetFontSize(text, ctypes.byref(size))
        ):
            said = abs(size.value) * hypot(matrix.c, matrix.d)
            seen = hypot(quad.x4 - quad.x1, quad.y4 - quad.y1)
            most = max(most, seen / max(said, _LEAST))
    return most


def _texts(page: Any) -> Iterator[Any]:
    waiting = [(page, 0)]
    while waiting:
        holder, depth = waiting.pop()
        count, get = (
            (pdfium_c.FPDFFormObj_CountObjects, pdfium_c.FPDFFormObj_GetObject)
            if depth
            else (pdfium_c.FPDFPage_CountObjects, pdfium_c.FPDFPage_GetObject)
        )
        for at in range(count(holder)):
            thing = get(holder, at)
            kind = pdfium_c.FPDFPageObj_GetType(thing)
            if kind == pdfium_c.FPDF_PAGEOBJ_TEXT:
                yield thing
            elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < DEPTH_LEVELS_MAX:
                waiting.append((thing, depth + 1))
