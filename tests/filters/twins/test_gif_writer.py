"""Animations as GIF: what a viewer shows at each moment is the frame that crossed."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filters.formats.picture_model import Frame, Picture, write
from tests.filters.conftest import changed, message
from tests.filters.test_pictures import made


def frame(colours: int, see_through: bool) -> Frame:
    """32 by 32 pixels of so many colours, the first of them none if `see_through`."""
    palette = np.array([(7919 * at + 50 << 8) | 255 for at in range(colours)], ">u4")
    if see_through:
        palette[0] = 0
    plane = (np.arange(1024) * 7 % colours).astype(np.uint8).reshape(32, 32)
    return Frame(32, 32, "P", [plane], 100, np.sort(palette).tobytes())


@pytest.mark.parametrize("colours", [2, 4, 255, 256])
@pytest.mark.parametrize("first", [False, True])
def test_no_frame_shines_through_where_nobody_sees_the_next(colours: int, first: bool) -> None:
    given = [frame(colours, first), frame(3, True), frame(colours, False), frame(4, True)]
    built = changed(made("picture_build")(message(write(Picture("gif", given))))).message
    with Image.open(BytesIO(built.payload)) as image:
        for at, due in enumerate(given):
            image.seek(at)
            shown: Any = np.asarray(image.convert("RGBA"))
            colour: Any = np.frombuffer(due.palette, np.uint8).reshape(-1, 4)[due.planes[0]]
            assert np.array_equal(shown[:, :, 3], colour[:, :, 3])
            others = (shown != colour).any(axis=2).sum()
            assert others <= (4 if colours == 256 else 0)  # two of 256 colours become one
    crossed = changed(made("picture_rebuild")(message(built.payload))).message
    again = changed(made("picture_build")(message(crossed.payload))).message
    assert again.payload == built.payload
