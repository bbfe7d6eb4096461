"""The writer of JPEG within its bounds of memory and time, whatever the picture."""

import tracemalloc
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filters.twins import jpeg_blocks
from filters.twins.jpeg_writer import write

MIB = 1 << 20


def test_a_wide_picture_takes_no_more_memory_than_a_square_one() -> None:
    taken = []
    for width, height in ((1024, 2048), (16384, 128)):
        plane = np.random.default_rng(1).integers(0, 256, (height, width), dtype=np.uint8)
        tracemalloc.start()
        write(width, height, [plane], 90)
        taken.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(taken) < 120 * MIB
    assert taken[1] < 1.2 * taken[0]


def test_blocks_that_do_not_come_to_rest_take_no_more_turns_than_a_picture_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = 0
    inverse = jpeg_blocks.inverse

    def counted(dequantised: jpeg_blocks.Blocks) -> jpeg_blocks.Blocks:
        nonlocal taken
        taken += dequantised.shape[2]
        return inverse(dequantised)

    monkeypatch.setattr(jpeg_blocks, "inverse", counted)
    noise = np.random.default_rng(1).integers(0, 256, (3, 40_000), dtype=np.uint8)
    file = write(40_000, 3, [noise], 90)  # no block of three rows rests: 450,000 turns without end
    assert taken < 140_000
    taken = 0
    with Image.open(BytesIO(file)) as image:
        decoded: Any = np.asarray(image)
    assert write(40_000, 3, [decoded], 90) == file
    assert taken == 5_000
    taken = 0
    write(256, 256, [noise.ravel()[: 256 * 256].reshape(256, 256)], 90)
    assert taken < 2_000
