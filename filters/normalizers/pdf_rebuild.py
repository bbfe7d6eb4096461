"""Normalizer `pdf_rebuild`: a PDF as a model, its structure cleaned or its pages as pictures.

Takes a PDF that `pdf_recognise` has passed. `way = "clean"`: every object that pages need is built
anew by a table of roles (`filters.formats.pdf_roles`) and its content written anew an operation a
line; gives the model of docs/spec/pdf-model.md. `way = "raster"`: pages are rendered by PDFium
within bounds, without text layer; gives the model of docs/spec/picture-model.md. Sets the
metadata's `type`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pypdfium2
from pydantic import Field, model_validator

from filters.checks.pdf_recognise import SMALLEST, PdfParameters, warm_up
from filters.formats.pdf_builder import Builder
from filters.formats.pdf_decoded import check_pictures
from filters.formats.pdf_opened import FOUND, beside_pages, opened, set_limits
from filters.formats.pdf_rendered import Rendered
from filters.formats.pdf_steps import steps_max
from filters.formats.pdf_structure import PdfLimits, walk
from filters.formats.picture_model import (
    PICTURE_CBOR,
    Frame,
    Picture,
    Plane,
    is_stored_within,
    write_frames,
)
from filters.formats.picture_pixels import halved
from filters.formats.picture_pixels import warm_up as warm_up_pictures
from filters.formats.picture_structure import PictureLimits
from schemas.cbor import encode
from schemas.effort import Effort, Within, unbounded
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed

PDF_CBOR = "application/pdf+cbor"
MODEL_LAYOUT = 1
NS_A_MS = 1_000_000
NS_FIRST, NS_A_BYTE = 500_000_000, 4_000  # to clean: twice and more what is usual
HEAP_FIRST, HEAP_A_BYTE = 128 * 2**20, 32
_KEYS = frozenset({  # of a catalog (ISO 32000-2, table 29)
    "Version", "Extensions", "PageLabels", "Names", "Dests", "ViewerPreferences", "PageLayout",
    "PageMode", "Outlines", "Threads", "OpenAction", "AA", "URI", "AcroForm", "Metadata",
    "StructTreeRoot", "MarkInfo", "Lang", "SpiderInfo", "OutputIntents", "PieceInfo",
    "OCProperties", "Perms", "Legal", "Requirements", "Collection", "NeedsRendering", "DSS", "AF",
    "DPartRoot",
})  # fmt: skip
_TRAILER = {"/Info": "information", "/ID": "identifiers"}
STRIP_PIXELS = 1 << 18
LOSSLESS_BITS_A_PIXEL_MAX = 6
NOTED_CHARACTERS_MAX = 180


class PdfRebuildParameters(PdfParameters):
    """How a PDF is rebuilt.

    way          structure cleaned, or pages as pictures
    dpi          pixels an inch of rendered pages
    pages_first  the first page that is kept, from 1
    pages_last   the last page that is kept; 0 for all that follow
    paint_ms_max     milliseconds of processor time to paint a page, and 500 a megabyte of the file
    paint_bytes_max  memory to paint a page, its pixels included
    """

    way: Literal["clean", "raster"] = "clean"
    dpi: int = Field(default=150, ge=36, le=600)
    pages_first: int = Field(default=1, ge=1, le=10_000)
    pages_last: int = Field(default=0, ge=0, le=10_000)
    paint_ms_max: int = Field(default=700, ge=50, le=600_000)
    paint_bytes_max: int = Field(default=176 * 2**20, ge=2**24, le=2**34)

    @model_validator(mode="after")
    def _are_in_order(self) -> "PdfRebuildParameters":
        if self.pages_last and self.pages_last < self.pages_first:
            raise ValueError("pages_last comes before pages_first")
        return self

    def kept(self, count: int) -> range:
        """The indices of the pages that are kept; `Malformed` if there are none."""
        last = min(self.pages_last or count, count)
        if last < self.pages_first:
            raise Malformed(Reason.MODEL_SHAPE, "the PDF has none of the pages that are kept")
        return range(self.pages_first - 1, last)


def make(parameters: PdfRebuildParameters, documents: Documents) -> Run:
    """A run that rebuilds, with PDFium held to nothing."""
    return make_bounded(parameters, documents, unbounded)


def make_bounded(parameters: PdfRebuildParameters, documents: Documents, within: Within) -> Run:
    """A run that rebuilds, with PDFium held to the bounds of the parameters."""
    limits = parameters.limits()
    set_limits(limits)
    warm_up(limits)
    warm_up_pictures()
    way = partial(_clean if parameters.way == "clean" else _raster, within)
    way(SMALLEST, PdfRebuildParameters(way=parameters.way, dpi=parameters.dpi), PdfLimits())

    def run(message: Message) -> Answer:
        outside = walk(message.payload, limits)
        payload, dropped = way(message.payload, parameters, limits)
        gone = sorted({*outside.dropped, *dropped}, key=lambda each: (each not in FOUND, each))
        told = ", ".join(gone)
        note = f"rebuilt ({parameters.way}); dropped {told or 'nothing'}"
        media_type = PDF_CBOR if parameters.way == "clean" else PICTURE_CBOR
        meta = replace(message.meta, type=media_type)
        return Changed(Message.make(meta, payload), note[:NOTED_CHARACTERS_MAX])

    return run


def _clean(
    within: Within, untrusted: bytes, parameters: PdfRebuildParameters, limits: PdfLimits
) -> tuple[bytes, set[str]]:
    made, _ = within(
        _allowed(untrusted), "cleaning the PDF", lambda: _cleaned(untrusted, parameters, limits)
    )
    return made


def _allowed(untrusted: bytes) -> Effort:
    """What everything but painting may take, by the file's size."""
    size = len(untrusted)
    return Effort(NS_FIRST + NS_A_BYTE * size, HEAP_FIRST + HEAP_A_BYTE * size)


def _cleaned(
    untrusted: bytes, parameters: PdfRebuildParameters, limits: PdfLimits
) -> tuple[bytes, set[str]]:
    with opened(untrusted, limits) as pdf:
        dropped = beside_pages(pdf)
        builder = Builder(limits, steps_max(len(untrusted)))
        pages = [builder.page(pdf.pages[at].obj) for at in parameters.kept(len(pdf.pages))]
        held = {key[1:] for key in pdf.Root.keys() - {"/Type", "/Pages"}}
        dropped |= {key.lower() for key in held & _KEYS}
        dropped |= {"other entries"} if held - _KEYS else set()  # the sender's own words
        dropped |= {name for key, name in _TRAILER.items() if key in pdf.trailer}
        model: dict[str, Any] = {"pdf": MODEL_LAYOUT, "pages": pages, "objects": builder.objects}
        return encode(model), dropped | builder.dropped


def _raster(
    within: Within, untrusted: bytes, parameters: PdfRebuildParameters, limits: PdfLimits
) -> tuple[bytes, set[str]]:
    within(_allowed(untrusted), "reading the PDF", lambda: _check_pictures(untrusted, limits))
    bounds = PictureLimits(limits.pixels_max, limits.all_pixels_max, 65_535, limits.pages_max)
    most = Effort(parameters.paint_ms_max * NS_A_MS, parameters.paint_bytes_max)
    with Rendered(untrusted, parameters.dpi, bounds, most, within) as document:
        picture = Picture("pdf", [], 0, parameters.dpi)
        pages = (_frame(document.page(at)) for at in parameters.kept(document.count))
        return write_frames(picture, pages), {"everything but what is seen"}


def _check_pictures(untrusted: bytes, limits: PdfLimits) -> None:
    with opened(untrusted, limits) as pdf:
        check_pictures(pdf, limits.pixels_max)


def _frame(bitmap: pypdfium2.PdfBitmap) -> Frame:
    pixels: Plane = np.asarray(bitmap.to_numpy())[:, :, :3]
    try:
        return _smallest_frame(pixels)
    finally:
        del pixels
        bitmap.close()


def _smallest_frame(pixels: Plane) -> Frame:
    """Grey if all is grey; without loss if that is small; else as a JPEG stores it."""
    height, width = pixels.shape[:2]
    red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return Frame(width, height, "L", [np.ascontiguousarray(red)])
    exact = Frame(width, height, "RGB", [np.ascontiguousarray(pixels).reshape(height, -1)])
    if is_stored_within(exact, LOSSLESS_BITS_A_PIXEL_MAX * width * height // 8):
        return exact
    del exact
    if min(width, height) < 2:
        return Frame(width, height, "YCC", _lights(pixels, lambda plane: plane))
    return Frame(width, height, "YCC420", _lights(pixels, halved))


def _lights(pixels: Plane, colours: Callable[[Plane], Plane]) -> list[Plane]:
    """Y, Cb and Cr, the latter two through `colours`.

    By strips of rows: a whole page's samples as wide numbers take more than ten times its size.
    """
    height, width = pixels.shape[:2]
    strips: list[tuple[Plane, ...]] = []
    rows = max(STRIP_PIXELS // width // 2, 1) * 2  # even, so that halves of strips are of the whole
    for top in range(0, height, rows):
        wide = pixels[top : top + rows].astype(np.int32)
        red, green, blue = wide[:, :, 0], wide[:, :, 1], wide[:, :, 2]
        y, cb, cr = (np.clip(plane, 0, 255).astype(np.uint8) for plane in (
            (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16,
            (-11059 * red - 21709 * green + 32768 * blue + 8421375) >> 16,
            (32768 * red - 27439 * green - 5329 * blue + 8421375) >> 16,
        ))  # fmt: skip
        strips.append((y, colours(cb), colours(cr)))
    return [np.concatenate(planes) for planes in zip(*strips, strict=True)]


STAGE = StageType(
    name="pdf_rebuild",
    version=5,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=PdfRebuildParameters,
    make=make,
    summary="a PDF is built anew from what its pages need, or as pictures of its pages",
    make_bounded=make_bounded,
)
