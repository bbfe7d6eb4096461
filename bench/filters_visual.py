"""How fast pictures are rebuilt, beside Pillow alone: `python -m bench.filters_visual`.

Each figure is the best of several runs on one core, in one process, without the sandbox. "Pillow
alone" opens the file and saves it again in its own format with its own defaults.
"""

import os
import time
from collections.abc import Callable
from io import BytesIO

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the one thread
from PIL import Image  # as above

from filters.checks.picture_recognise import PictureFileParameters  # as above
from filters.checks.pixels_recognise import PictureParameters  # as above
from filters.checks.pixels_recognise import make as pixels_recognise  # as above
from filters.normalizers.picture_rebuild import make as picture_rebuild  # as above
from filters.twins.picture_build import PictureBuildParameters  # as above
from filters.twins.picture_build import make as picture_build  # as above
from filters.twins.picture_read import PictureReadParameters  # as above
from filters.twins.picture_read import make as picture_read  # as above
from schemas.message import Message, Meta  # as above
from schemas.verdict import Changed  # as above

RUNS = 5
META = Meta(id="5" * 32, flow="bench", sender="alpha", name="x", accepted_s=1_780_000_000)


def photograph(width: int, height: int) -> Image.Image:
    """Soft shapes, edges and noise: compresses about as photographs do."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    parts = [np.sin(x / (90 + 40 * n)) * np.cos(y / (70 + 25 * n)) for n in range(3)]
    base = 128 + 90 * np.stack(parts, -1)
    base[height // 3 : height // 2, width // 4 : width // 2] = (230, 210, 40)
    noise = np.random.default_rng(3).normal(0, 4, base.shape)
    return Image.fromarray((base + noise).clip(0, 255).astype(np.uint8))


def screenshot(width: int, height: int) -> Image.Image:
    """Flat areas and lines of small strokes, as a screen has them."""
    pixels = np.full((height, width, 3), 250, np.uint8)
    pixels[:40] = (40, 60, 90)
    strokes = np.random.default_rng(4).random((height, width)) < 0.35
    rows = (np.arange(height) % 18 > 6) & (np.arange(height) > 60)
    pixels[rows[:, None] & strokes & (np.arange(width) % 9 > 2)] = (30, 30, 30)
    return Image.fromarray(pixels)


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest run."""
    found = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def saved(image: Image.Image, form: str) -> bytes:
    """The picture as a file of Pillow's."""
    kept = BytesIO()
    image.save(kept, form)
    return kept.getvalue()


def again(payload: bytes, form: str) -> bytes:
    """Pillow alone: opened and saved."""
    with Image.open(BytesIO(payload)) as image:
        return saved(image, form)


def main() -> None:
    """Measure and print a table."""
    rebuild = picture_rebuild(PictureFileParameters(), {})
    recognise = pixels_recognise(PictureParameters(), {})
    read = picture_read(PictureReadParameters(), {})
    build = picture_build(PictureBuildParameters(), {})
    print("| picture | bytes | Pillow alone | rebuild | check | read | build | rebuild / Pillow |")
    print("|---|---|---|---|---|---|---|---|")
    pictures = {"photograph": photograph(1920, 1080), "screenshot": screenshot(1920, 1080)}
    for name, image in pictures.items():
        for form in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"):
            payload = saved(image.convert("P") if form == "GIF" else image, form)
            message = Message.make(META, payload)
            alone = best(lambda p=payload, f=form: again(p, f))  # type: ignore[misc]  # bound now
            answer = rebuild(message)
            assert isinstance(answer, Changed)
            crossed = answer.message
            times = [
                best(lambda m=given, s=stage: s(m))  # type: ignore[misc]  # bound now
                for stage, given in (
                    (rebuild, message), (recognise, crossed), (read, crossed), (build, crossed),
                )
            ]  # fmt: skip
            shown = " | ".join(f"{1e3 * each:.0f} ms" for each in times)
            print(f"| {name}, {form} | {len(payload):,} | {1e3 * alone:.0f} ms | {shown}"
                  f" | {times[0] / alone:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
