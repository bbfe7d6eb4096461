"""Pages of a PDF as PDFium paints them, within bounds of processor time and memory.

Takes the bytes of a PDF, gives a bitmap for each page that is asked for. Raises `Malformed`:
EFFORT_OUT_OF_BOUNDS for what takes too much, SYNTAX for what PDFium cannot open or paint. How long
a page will take cannot be told from its content by less than painting it: so PDFium is held to
bounds while it paints (`schemas.effort`).
"""

import ctypes
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import pypdfium2
from pypdfium2 import raw as pdfium_c

from filters.formats.picture_structure import PictureLimits, check_frames, check_size
from schemas.effort import Effort, Within
from schemas.errors import Malformed
from schemas.reasons import Reason

POINTS_AN_INCH = 72
NS_A_BYTE = 500  # of the file: a plot of 100,000 points has 2 MB, and takes half a second
NS_A_PIXEL = 60  # that was painted: three times what pages of text take
BYTES_A_PIXEL = 4
_WHITE = (255, 255, 255, 255)
_FLAGS = pdfium_c.FPDF_ANNOT | pdfium_c.FPDF_REVERSE_BYTE_ORDER
_NO_FONT_PATHS = (ctypes.POINTER(ctypes.c_char) * 1)()  # ended by a null pointer

_Made = TypeVar("_Made")


class Patience:
    """What is left for a document. Of processor time so much at first, and with each page that is
    painted a little more, but never more than at first: so no page takes more than that. Of memory
    what no page before has kept."""

    def __init__(self, most: Effort, file_bytes: int) -> None:
        self._full_ns = most.cpu_ns + NS_A_BYTE * file_bytes
        self.left = Effort(self._full_ns, most.heap_bytes)

    def took(self, taken: Effort) -> None:
        """So much was taken, and so much is kept."""
        self.left = Effort(self.left.cpu_ns - taken.cpu_ns, self.left.heap_bytes - taken.heap_bytes)

    def painted(self, pixels: int) -> None:
        """A page of so many pixels was painted, and they are given back."""
        self.left = Effort(
            min(self.left.cpu_ns + NS_A_PIXEL * pixels, self._full_ns),
            self.left.heap_bytes + BYTES_A_PIXEL * pixels,
        )


class Rendered:
    """An opened document. Closed at the end of a `with`, unless PDFium may still work on it."""

    def __init__(
        self, untrusted: bytes, dpi: int, bounds: PictureLimits, most: Effort, within: Within
    ) -> None:
        self._scale = dpi / POINTS_AN_INCH
        self._bounds = bounds
        self._patience = Patience(most, len(untrusted))
        self._within = within
        self._all_pixels = 0
        self._document = self._said("opening the PDF", lambda: _opened(untrusted))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if not (isinstance(error, Malformed) and error.reason is Reason.EFFORT_OUT_OF_BOUNDS):
            self._document.close()

    @property
    def count(self) -> int:
        """Pages."""
        return len(self._document)

    def page(self, at: int) -> pypdfium2.PdfBitmap:
        """A page, from 0, on white: four bytes a pixel, of which the first three are its colours.
        The caller closes it."""
        bitmap = self._said(f"painting page {at + 1}", lambda: self._painted(at))
        self._patience.painted(bitmap.width * bitmap.height)
        return bitmap

    def _painted(self, at: int) -> pypdfium2.PdfBitmap:
        page = self._document[at]
        width, height = (max(round(side * self._scale), 1) for side in page.get_size())
        self._all_pixels += check_size(width, height, self._bounds)
        check_frames(at + 1, self._all_pixels, self._bounds)
        # With alpha, which it needs no second look at what lies beneath for.
        bitmap = pypdfium2.PdfBitmap.new_native(width, height, pdfium_c.FPDFBitmap_BGRA, True)
        bitmap.fill_rect(_WHITE, 0, 0, width, height)
        pdfium_c.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, _FLAGS)
        page.close()
        return bitmap

    def _said(self, what: str, work: Callable[[], _Made]) -> _Made:
        try:
            made, taken = self._within(self._patience.left, what, work)
        except pypdfium2.PdfiumError as error:
            raise Malformed(Reason.SYNTAX, f"PDFium fails at {what}") from error
        self._patience.took(taken)
        return made


def _opened(untrusted: bytes) -> pypdfium2.PdfDocument:
    """By PDFium as it is after its start, and without this machine's fonts.

    It remembers which font it took for one that a document names and does not hold, and takes
    another the next time: what a page looks like would depend on the messages before it.
    """
    pdfium_c.FPDF_DestroyLibrary()
    pdfium_c.FPDF_InitLibraryWithConfig(pdfium_c.FPDF_LIBRARY_CONFIG(
        version=2, m_pUserFontPaths=_NO_FONT_PATHS, m_pIsolate=None, m_v8EmbedderSlot=0,
    ))  # fmt: skip
    return pypdfium2.PdfDocument(untrusted)
