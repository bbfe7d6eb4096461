"""The writer of JPEG within its bounds of memory and time, whatever the picture."""

import tracemalloc
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from filters.twins.jpeg_blocks import coefficients, quantisation, turns
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


def test_blocks_that_do_not_come_to_rest_take_no_more_turns_than_a_picture_has() -> None:
    table = quantisation(90, colour=False)
    noise = np.random.default_rng(1).integers(0, 256, (3, 40_000), dtype=np.uint8)
    allowed = turns([noise])
    given = allowed.left
    first = coefficients(noise, table, allowed)  # 5,000 blocks would take 450,000 turns
    assert 0 <= allowed.left < 5_000
    assert given < 140_000
    with Image.open(BytesIO(write(40_000, 3, [noise], 90))) as image:
        decoded: Any = np.asarray(image)
    again = turns([noise])
    assert np.array_equal(coefficients(decoded, table, again), first)
    assert again.left == given - 5_000


def test_a_photograph_has_turns_to_spare_and_keeps_its_details() -> None:
    y, x = np.mgrid[0:301, 0:403]
    noise = np.random.default_rng(1).normal(0, 6, y.shape)
    plane = (128 + 60 * np.sin(x / 20) + 40 * np.cos(y / 30) + noise).clip(0, 255).astype(np.uint8)
    with Image.open(BytesIO(write(403, 301, [plane], 90))) as image:
        decoded: Any = np.asarray(image).astype(int)
    assert np.abs(decoded - plane).mean() < 3
