"""Pixels of pictures as they cross: what nobody sees is not among them, and all else is."""

import tracemalloc
import zlib
from io import BytesIO
from struct import pack
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from filters.formats.picture_model import Frame, read
from filters.formats.picture_structure import PictureLimits
from tests.filters.conftest import changed, message
from tests.filters.hostile.visual import png_chunk
from tests.filters.test_pictures import made, stopped

LIMITS = PictureLimits()


def rebuilt(payload: bytes) -> tuple[str, list[Frame]]:
    """What is to be written, and its frames."""
    crossed = changed(made("picture_rebuild")(message(payload))).message
    picture = read(crossed.payload, LIMITS)
    return picture.format, picture.frames


def riff(kind: bytes, body: bytes) -> bytes:
    return kind + pack("<I", len(body)) + body + bytes(len(body) % 2)


def single_frame(still: bytes, width: int, height: int) -> bytes:
    """The chunks of a still WebP as the only frame of an animation."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = riff(b"ANMF", bytes(6) + size + b"\x64\x00\x00\x02" + still[12:])
    canvas = riff(b"VP8X", b"\x12\x00\x00\x00" + size)
    return riff(b"RIFF", b"WEBP" + canvas + riff(b"ANIM", bytes(6)) + frame)


def test_colours_that_nobody_sees_do_not_cross_in_an_animation_of_one_frame() -> None:
    image = Image.new("RGBA", (96, 32), (255, 255, 255, 0))
    ImageDraw.Draw(image).text((4, 8), "a hidden line", fill=(0, 0, 0, 0))
    image.paste((9, 9, 9, 255), (0, 0, 4, 4))
    kept = BytesIO()
    image.save(kept, "WEBP", lossless=True, exact=True)
    still = kept.getvalue()
    extended = still.index(b"VP8L")
    form, (frame,) = rebuilt(single_frame(still[:12] + still[extended:], 96, 32))
    assert (form, frame.mode) == ("png", "RGBA")
    crossed: Any = frame.planes[0].reshape(32, 96, 4)
    assert not crossed[crossed[:, :, 3] == 0].any()


def test_a_lossy_webp_crosses_as_a_jpeg_also_where_it_says_it_has_opacity_and_has_none() -> None:
    kept = BytesIO()
    Image.fromarray(np.full((32, 96, 3), 77, np.uint8)).save(kept, "WEBP", quality=80)
    plain = kept.getvalue()
    size = (95).to_bytes(3, "little") + (31).to_bytes(3, "little")
    for flags in (0x00, 0x10):
        canvas = riff(b"VP8X", bytes([flags, 0, 0, 0]) + size)
        form, _ = rebuilt(riff(b"RIFF", b"WEBP" + canvas + plain[12:]))
        assert form == "jpeg"
    assert rebuilt(plain)[0] == "jpeg"


def gif(frames: list[Any], **options: Any) -> bytes:
    """An animation of arrays, opaque or with opacity."""
    kept = BytesIO()
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(kept, "GIF", save_all=True, append_images=images[1:], duration=100, **options)
    return kept.getvalue()


def test_large_frames_of_an_animation_take_few_bytes_a_pixel() -> None:
    frames = [np.full((2000, 2000, 3), 9, np.uint8), np.full((2000, 2000, 3), 99, np.uint8)]
    payload = gif(frames)
    run = made("picture_rebuild")
    tracemalloc.start()
    crossed = changed(run(message(payload))).message
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 25 * 2000 * 2000
    found = read(crossed.payload, LIMITS).frames
    assert [frame.palette for frame in found] == [b"\x09\x09\x09\xff", b"\x63\x63\x63\xff"]


def test_a_frame_of_more_than_256_colours_gets_the_nearest_few() -> None:
    random = np.random.default_rng(1)
    shown = random.integers(0, 256, (64, 64, 4), dtype=np.uint8)
    still = np.zeros((64, 64, 4), np.uint8)
    still[:, :, 3] = 255
    shown[:, :, 3] = np.where(shown[:, :, 3] < 40, 0, 255)
    halves = [still, np.where(np.arange(64)[:, None, None] < 32, shown, still)]
    halves.append(np.where(np.arange(64)[:, None, None] >= 32, shown, halves[1]))
    _, frames = rebuilt(gif(halves, disposal=1))
    last = frames[-1]
    colours = np.frombuffer(last.palette, np.uint8).reshape(-1, 4)
    assert len(colours) <= 256
    got = colours[last.planes[0]].astype(int)
    opaque = shown[:, :, 3] == 255
    assert np.abs(got - shown)[opaque].mean() < 24
    assert sorted(set(np.unique(last.planes[0]))) == list(range(len(colours)))


def beside(samples: int, kinds: bytes, frames: list[tuple[bytes, int, int]]) -> bytes:
    """A PNG with an animation of frames (a pixel, rows, how they are blended) beside its image."""

    def rows(pixel: bytes, count: int) -> bytes:
        return zlib.compress((b"\x00" + pixel * 4) * count)

    head = pack(">IIBB", 4, 4, 8, kinds[0]) + bytes(3)
    parts = [b"\x89PNG\r\n\x1a\n", png_chunk(b"IHDR", head)]
    if kinds[0] == 3:
        parts.append(png_chunk(b"PLTE", bytes(range(30, 39))) + png_chunk(b"tRNS", b"\xff\x00"))
    parts.append(png_chunk(b"acTL", pack(">II", len(frames), 0)))
    parts.append(png_chunk(b"IDAT", rows(b"\x02" * (samples - 1) + kinds[1:], 4)))
    for at, (pixel, high, blend) in enumerate(frames):
        control = pack(">IIIIIHHBB", 2 * at, 4, high, 0, 0, 1, 10, 0, blend)
        parts.append(png_chunk(b"fcTL", control))
        parts.append(png_chunk(b"fdAT", pack(">I", 2 * at + 1) + rows(pixel, high)))
    return b"".join([*parts, png_chunk(b"IEND", b"")])


@pytest.mark.parametrize("count", [1, 2])
def test_the_image_beside_an_animation_is_not_of_it_and_does_not_shine_through(count: int) -> None:
    unseen = [(bytes(4), 4, 1), (b"\x09\x09\x09\xff", 2, 1)][:count]
    form, frames = rebuilt(beside(4, b"\x06\xff", unseen))
    assert (form, len(frames)) == ("png", count)
    assert not frames[0].planes[0].any()
    if count == 2:
        assert frames[1].planes[0].tobytes() == b"\x09\x09\x09\xff" * 8 + bytes(32)
    half = [(b"\x09\x09\x09\xff", 2, 1)] * count
    assert rebuilt(beside(4, b"\x06\xff", half))[1][0].planes[0][2:].sum() == 0
    of_palette = rebuilt(beside(1, b"\x03\x02", [(b"\x01", 4, 1), (b"\x00", 4, 1)][:count]))[1]
    shown = np.frombuffer(of_palette[0].palette or of_palette[0].planes[0].tobytes(), np.uint8)
    assert not shown.any()
    grey = rebuilt(beside(1, b"\x00\x02", [(b"\x07", 4, 0)] * count))[1]
    assert {int(value) for value in np.unique(grey[0].planes[0])} <= {7, 255}


def test_an_animation_that_begins_with_a_part_beside_an_opaque_image_is_refused() -> None:
    payload = beside(1, b"\x00\x02", [(b"\x07", 2, 0), (b"\x07", 4, 0)])
    assert stopped(made("picture_rebuild"), message(payload)) == "picture-compression"


@pytest.mark.parametrize("shape", [(1, 17), (8, 1), (1, 1), (2, 9)])
def test_a_narrow_lossy_webp_comes_out_the_same_when_it_goes_through_again(
    shape: tuple[int, int],
) -> None:
    build, rebuild = made("picture_build"), made("picture_rebuild")
    for seed in range(20):
        kept = BytesIO()
        noise = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        Image.fromarray(noise).save(kept, "WEBP", quality=90)
        first = changed(build(changed(rebuild(message(kept.getvalue()))).message)).message.payload
        assert changed(build(changed(rebuild(message(first))).message)).message.payload == first
