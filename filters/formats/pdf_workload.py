"""How much there is to draw on pages of an opened PDF, before a renderer draws them.

Takes pages of pikepdf, raises `Malformed` for more steps than the file's size allows (a step is
what it is in `filters.formats.pdf_steps`), and for what would keep a renderer busy long
(`filters.formats.pdf_work`). Renderers keep what a form draws each time it is drawn: forms that
draw forms would take all memory there is, and end the process.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pikepdf

from filters.formats.pdf_annotations import appearances, drawn_anyway
from filters.formats.pdf_drawing import Drawing
from filters.formats.pdf_frames import Frame
from filters.formats.pdf_painted import Look
from filters.formats.pdf_states import box_sides
from filters.formats.pdf_steps import steps_max, too_many
from filters.formats.pdf_structure import PdfLimits
from filters.formats.pdf_work import Work
from schemas.errors import Malformed
from schemas.reasons import Reason

PARENTS_MAX = 64
NS_FIRST, NS_A_PIXEL = 3e9, 300  # what the kept pages may take, by their own pixels
NS_MOST_A_PIXEL = 200  # of all pixels that pages may have
_SIDES = (612.0, 792.0)  # points, of a page without a box


def check_drawn(
    pdf: pikepdf.Pdf, kept: Iterable[int], limits: PdfLimits, size: int, pixels_a_point: float
) -> None:
    """`Malformed` if the kept pages of a file of so many bytes have more to draw than they may."""
    bound = steps_max(size)
    drawing = Drawing(pdf, limits, bound)
    steps, ns, pixels = 0, 0.0, 0.0
    ns_most = NS_MOST_A_PIXEL * limits.all_pixels_max

    def look(work: Work) -> None:
        if ns + work.page_ns(pixels_a_point) > min(NS_FIRST + NS_A_PIXEL * pixels, ns_most):
            sentence = "the pages paint more than their pixels allow"
            raise Malformed(Reason.TOO_MANY_ELEMENTS, sentence)

    for at in kept:
        page = pdf.pages[at].obj
        frame = _frame(page)
        pixels += frame.box.area * pixels_a_point**2
        work = _work(drawing, page, frame, look)
        look(work)
        steps += work.steps
        ns += work.page_ns(pixels_a_point)
        if steps > bound:
            raise too_many()


def _work(drawing: Drawing, page: Any, frame: Frame, look: Look) -> Work:
    """Of a page. look: takes it as it grows."""
    resources = drawing.page_resources = _inherited(page, "/Resources")
    total = drawing.content(page.get("/Contents"), resources, page.objgen, frame, look)
    for shown in appearances(page):
        form = drawing.form(shown.form, resources, page.objgen)
        total.add(replace(form, steps=form.steps + 1).drawn(1, shown.matrix, shown.box))
    total.add(drawn_anyway(page))
    return total


def _frame(page: Any) -> Frame:
    """What is seen of a page, or more."""
    media = box_sides(_inherited(page, "/MediaBox"))
    crop = box_sides(_inherited(page, "/CropBox"))
    sides = media if all(media) else _SIDES
    if all(crop):
        sides = min(sides[0], crop[0]), min(sides[1], crop[1])
    return Frame(0.0, 0.0, *sides)


def _inherited(page: Any, key: str) -> Any:
    for _ in range(PARENTS_MAX):
        if not isinstance(page, pikepdf.Dictionary):
            break
        if key in page:
            return page[key]
        page = page.get("/Parent")
    return None
