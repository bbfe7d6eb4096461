"""The writer of JPEG within its bounds of memory and time, whatever the picture."""

import tracemalloc

import numpy as np

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
