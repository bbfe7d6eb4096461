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
from filters.formats.pdf_work import Extent, Work
from schemas.errors import Malformed
from schemas.reasons import Reason

PARENTS_MAX = 64
NS_FIRST, NS_A_PIXEL = 3e9, 300  # what the kept pages may take, by their own pixels
NS_MOST_A_PIXEL = 200  # of all pixels that pages may have
HEIGHT_USUAL = 2.0  # of letters, in sizes of their font
_SIDES = (612.0, 792.0)  # points, of a page without a box


class Allowance:
    """What kept pages may still take of a renderer's time."""

    def __init__(self, limits: PdfLimits, pixels_a_point: float) -> None:
        self._scale = pixels_a_point
        self._ns_most = NS_MOST_A_PIXEL * limits.all_pixels_max
        self._pixels = self._ns = 0.0
        self._letters: list[Extent] = []  # of each page, in nanoseconds

    def begin(self, frame: Frame) -> None:
        """The next page, with its pixels."""
        self._pixels += frame.box.area * self._scale**2

    def look(self, work: Work) -> None:
        """`Malformed` if that is too much of the page that began."""
        self._check(self._ns + work.page_ns(self._scale))

    def end(self, work: Work, frame: Frame) -> None:
        """Take what the page that began takes."""
        self.look(work)
        self._ns += work.page_ns(self._scale)
        pixel = self._scale**2
        most, total = work.letters
        self._letters.append(Extent(most * frame.box.area * pixel, total * pixel))

    def letters(self, page: int, height: float) -> None:
        """Letters of a kept page, from 0, are so many times as high as they say."""
        if height > HEIGHT_USUAL:
            letters = self._letters[page]
            self._ns += min(letters.total * height * height, letters.most)
            self._check(self._ns)

    def _check(self, ns: float) -> None:
        if ns > min(NS_FIRST + NS_A_PIXEL * self._pixels, self._ns_most):
            sentence = "the pages paint more than their pixels allow"
            raise Malformed(Reason.TOO_MANY_ELEMENTS, sentence)


def check_drawn(
    pdf: pikepdf.Pdf, kept: Iterable[int], limits: PdfLimits, size: int, pixels_a_point: float
) -> Allowance:
    """What is left for the kept pages of a file of so many bytes.

    `Malformed` if they have more to draw than they may.
    """
    bound = steps_max(size)
    drawing = Drawing(pdf, limits, bound)
    allowance, steps = Allowance(limits, pixels_a_point), 0
    for at in kept:
        page = pdf.pages[at].obj
        frame = _frame(page)
        allowance.begin(frame)
        work = _work(drawing, page, frame, allowance.look)
        allowance.end(work, frame)
        steps += work.steps
        if steps > bound:
            raise too_many()
    return allowance


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
