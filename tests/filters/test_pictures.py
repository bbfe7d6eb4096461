"""Pictures beyond the contract suite: what a taken-over stage could send, and transforms."""

import zipfile
import zlib
from io import BytesIO
from struct import pack
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from filters import catalog
from filters.formats.jpeg_structure import orientation_of
from filters.formats.picture_model import MODEL_BYTES_MAX, Frame, Picture, read, write
from filters.formats.picture_structure import PictureLimits
from filters.twins.jpeg_blocks import coefficients, inverse, quantisation, turns
from filters.twins.jpeg_writer import write as write_jpeg
from schemas.cbor import CborValue, encode
from schemas.errors import Broken, Malformed
from schemas.message import Message
from schemas.policy import PAYLOAD_BYTES_MAX
from schemas.stage import Run
from schemas.verdict import Changed, Hold, Pass, Refuse
from tests.filters.conftest import changed, message
from tests.filters.hostile.visual import pixels, png_chunk, saved

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6)
LIMITS = PictureLimits()


def made(name: str, documents: dict[str, bytes] | None = None, **parameters: Any) -> Run:
    stage = catalog.load(name)
    return stage.make(stage.parameters(**parameters), documents or {})


def model(form: str = "png", mode: str = "L", planes: Any = None, **others: Any) -> Message:
    given_planes = [GREY] if planes is None else planes
    height, width = given_planes[0].shape
    samples = {"RGB": 3, "RGBA": 4, "LA": 2}.get(mode, 1)
    frame = Frame(width // samples, height, mode, given_planes, others.pop("ms", 0),
                  others.pop("palette", b""))  # fmt: skip
    return message(write(Picture(form, [frame], **others)))


def stopped(run: Run, given_message: Message) -> str:
    try:
        answer = run(given_message)
    except Malformed as error:
        return error.reason
    assert isinstance(answer, Refuse | Hold), answer
    return answer.reason


def hostile_models() -> dict[str, bytes]:
    sound: dict[str, CborValue] = {
        "picture": 1, "format": "png", "loops": 0, "dpi": 0,
        "frames": [[6, 4, "L", 0, b"", b""]],
    }  # fmt: skip
    packed = write(Picture("png", [Frame(6, 4, "L", [GREY])]))
    deflated = read_raw(packed)

    def frame(*parts: CborValue) -> bytes:
        return encode(sound | {"frames": [list(parts)]})

    def palette(colours: int) -> bytes:
        return b"".join(bytes((0, 0, at, 0)) for at in range(colours))

    good: list[CborValue] = [6, 4, "L", 0, b"", deflated]
    return {
        "no map": encode([1, 2]),
        "a key more": encode(sound | {"comment": "hidden", "frames": [good]}),
        "a key less": encode({"picture": 1, "format": "png", "frames": [good]}),
        "layout 2": encode(sound | {"picture": 2, "frames": [good]}),
        "another format": encode(sound | {"format": "svg", "frames": [good]}),
        "a mode of another format": frame(6, 4, "YCC", 0, b"", deflated),
        "no frames": encode(sound | {"frames": []}),
        "too few pixels": frame(6, 5, "L", 0, b"", deflated),
        "too many pixels": frame(6, 3, "L", 0, b"", deflated),
        "bytes behind the pixels": frame(6, 4, "L", 0, b"", deflated + b"hidden"),
        "a bomb": frame(6, 4, "L", 0, b"", zlib.compress(bytes(10**8))),
        "no deflated stream": frame(6, 4, "L", 0, b"", b"hidden"),
        "a palette that is not used": frame(6, 4, "L", 0, b"hide", deflated),
        "a palette of three bytes": frame(6, 4, "P", 0, b"abc", deflated),
        "a colour that no pixel has": frame(6, 4, "P", 0, palette(25), deflated),
        "a palette that does not ascend": frame(6, 4, "P", 0, palette(24)[::-1], deflated),
        "a colour twice": frame(6, 4, "P", 0, bytes(4) + palette(23), deflated),
        "a pixel beyond the palette": frame(6, 4, "P", 0, bytes(8), deflated),
        "times that nothing needs": frame(6, 4, "L", 77, b"", deflated),
        "loops that nothing needs": encode(sound | {"loops": 4660, "frames": [good]}),
        "a resolution that nothing needs": encode(sound | {"dpi": 300, "frames": [good]}),
        "no width": frame(0, 4, "L", 0, b"", deflated),
        "a width that is true": frame(True, 4, "L", 0, b"", deflated),
        "a width of 2^40": frame(2**40, 4, "L", 0, b"", deflated),
        "a frame of seven parts": frame(6, 4, "L", 0, b"", deflated, "hidden"),
        "bytes behind the model": packed + b"\x00",
    }


def read_raw(packed: bytes) -> bytes:
    from schemas.cbor import decode  # for this look inside alone

    value = decode(packed)
    assert isinstance(value, dict)
    entries: Any = value["frames"]
    raw: bytes = entries[0][5]
    return raw


@pytest.mark.parametrize("name", sorted(hostile_models()))
def test_both_sides_refuse_a_model_that_a_rebuild_does_not_write(name: str) -> None:
    payload = hostile_models()[name]
    assert stopped(made("pixels_recognise"), message(payload))
    assert stopped(made("picture_read"), message(payload))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "BMP"])
def test_a_written_file_with_one_byte_more_anywhere_is_not_verified(form: str) -> None:
    verify = made("picture_verify")
    crossed = changed(made("picture_rebuild")(message(saved(form)))).message
    delivered = changed(made("picture_build")(crossed)).message
    assert isinstance(verify(delivered), Pass)
    payload = delivered.payload
    for at in (2, 9, 20, len(payload) - 1, len(payload)):
        longer = Message(delivered.meta_bytes, payload[:at] + b"\x00" + payload[at:])
        assert stopped(verify, longer)
    assert stopped(verify, Message(delivered.meta_bytes, payload[:-3]))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_a_picture_that_is_a_zip_file_too_is_not_delivered(form: str) -> None:
    kept = BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("run.exe", np.random.default_rng(7).bytes(6_000))
    raw = np.frombuffer(kept.getvalue(), np.uint8)
    if form == "BMP":
        raw = np.pad(raw, (-len(raw) % 3, 0))
        image = Image.fromarray(raw.reshape(1, -1, 3)[:, :, ::-1].copy())
    else:
        image = Image.fromarray((np.cumsum(raw, dtype=np.uint8) if form == "TIFF" else raw)[None])
    delivered = changed(made("picture_build")(crossing(image, form))).message
    assert zipfile.is_zipfile(BytesIO(delivered.payload))
    assert stopped(made("picture_verify"), delivered) == "type-not-allowed"


def test_a_bitmap_that_is_a_pdf_too_is_not_delivered() -> None:
    row = np.frombuffer(b"..%PDF-1.4 1 0 obj ".ljust(60), np.uint8).reshape(1, -1, 3)
    delivered = changed(made("picture_build")(crossing(Image.fromarray(row[:, :, ::-1]), "BMP")))
    assert stopped(made("picture_verify"), delivered.message) == "type-not-allowed"


def crossing(image: Image.Image, form: str) -> Message:
    kept = BytesIO()
    image.save(kept, form)
    return changed(made("picture_rebuild")(message(kept.getvalue()))).message


def test_a_foreign_file_of_a_known_format_is_not_verified() -> None:
    for payload in (
        saved("PNG", dpi=(72, 72)),
        saved("GIF", "P"),
        saved("TIFF"),
        saved("BMP", "1"),
    ):
        assert stopped(made("picture_verify"), message(payload))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1),
    st.sampled_from([50, 75, 90, 95]), st.booleans(),
)  # fmt: skip
def test_a_written_jpeg_decodes_to_what_the_writer_calculated_and_rests(
    width: int, height: int, seed: int, quality: int, smooth: bool
) -> None:
    random = np.random.default_rng(seed)
    plane = random.integers(0, 256, (height, width), dtype=np.uint8)
    if smooth:
        plane = np.sort(np.sort(plane, axis=0), axis=1)
    table = quantisation(quality, colour=False)
    first = coefficients(plane, table, turns([plane]))
    with Image.open(BytesIO(write_jpeg(width, height, [plane], quality))) as image:
        decoded: Any = np.asarray(image)
    assert decoded.shape == plane.shape
    assert np.array_equal(coefficients(decoded, table, turns([plane])), first)
    natural = np.zeros((8, 8, 1), np.int32)
    assert int(inverse(natural)[0, 0, 0]) == 128


def test_a_smaller_picture_keeps_its_proportions_and_a_small_one_its_bytes() -> None:
    whole = pixels(200, 100).reshape(100, 600)
    run = made("picture_downscale", to_side_pixels_max=50)
    small = read(changed(run(model(mode="RGB", planes=[whole]))).message.payload, LIMITS).frames[0]
    assert (small.width, small.height) == (50, 25)
    assert abs(float(small.planes[0].mean()) - float(whole.mean())) < 2
    assert isinstance(run(model()), Pass)


def test_a_picture_that_is_narrow_already_is_made_lower() -> None:
    run = made("picture_downscale", to_side_pixels_max=10)
    answer = changed(run(model(planes=[np.arange(50, dtype=np.uint8)[:, None]])))
    frame = read(answer.message.payload, LIMITS).frames[0]
    assert (frame.width, frame.height) == (1, 10)
    assert answer.note == "made 1 by 10 pixels of 1 by 50"


def test_a_smaller_picture_keeps_of_its_palette_what_it_shows() -> None:
    whole = np.arange(256, dtype=np.uint8).reshape(16, 16)
    palette = b"".join(bytes((at, 7, 255 - at, 255)) for at in range(256))
    run = made("picture_downscale", to_side_pixels_max=4)
    answer = changed(run(model(mode="P", planes=[whole], palette=palette)))
    frame = read(answer.message.payload, LIMITS).frames[0]
    colours = np.frombuffer(frame.palette, np.uint8).reshape(-1, 4)
    assert len(colours) == 16
    assert np.array_equal(colours[frame.planes[0]][:, :, 0], whole[2::4, 2::4])
    assert isinstance(made("picture_read")(answer.message), Pass)


@pytest.mark.parametrize("mode", ["YCC", "YCC420"])
def test_planes_of_a_jpeg_are_made_smaller_together(mode: str) -> None:
    plane = np.full((90, 120), 77, np.uint8)
    colours = [plane, plane] if mode == "YCC" else [plane[::2, ::2], plane[::2, ::2]]
    run = made("picture_downscale", to_pixels_max=1000)
    answer = changed(run(model("jpeg", mode, [plane, *colours])))
    frame = read(answer.message.payload, LIMITS).frames[0]
    assert frame.width * frame.height <= 1000
    assert all(np.all(each == 77) for each in frame.planes)
    assert isinstance(made("picture_read")(answer.message), Pass)


def test_noise_is_the_same_for_the_same_message_and_another_for_another_key() -> None:
    whole = model(mode="RGB", planes=[pixels(64, 48).reshape(48, 192)])
    first = made("picture_noise", {"noise.key": b"k" * 32}, bits=2)
    other = made("picture_noise", {"noise.key": b"l" * 32}, bits=2)
    noisy = changed(first(whole)).message.payload
    assert changed(first(whole)).message.payload == noisy
    assert changed(other(whole)).message.payload != noisy
    before, after = (read(each, LIMITS).frames[0].planes[0] for each in (whole.payload, noisy))
    assert np.array_equal(before >> 2, after >> 2)
    assert 0.4 < float(((before ^ after) & 1).mean()) < 0.6


def test_noise_is_in_a_palettes_colours_and_makes_one_of_those_that_differ_in_it_alone() -> None:
    colours = np.array([(8 * at, 8 * at + low, 99, 255) for at in range(30) for low in (0, 1)])
    colours[0] = 0
    palette = colours.astype(np.uint8).tobytes()
    whole = np.arange(6000).reshape(60, 100) % 60
    given_model = model("gif", "P", planes=[whole.astype(np.uint8)], palette=palette)
    answer = changed(made("picture_noise", {"noise.key": b"k" * 32}, bits=2)(given_model))
    frame = read(answer.message.payload, LIMITS).frames[0]
    noisy = np.frombuffer(frame.palette, np.uint8).reshape(-1, 4)
    shown = noisy[frame.planes[0]]
    assert len(noisy) == 31
    assert np.array_equal(shown[:, :, :3] >> 2, colours[whole][:, :, :3] >> 2)
    assert np.array_equal(shown[:, :, 3], colours[whole][:, :, 3])
    assert bytes(4) in [bytes(colour) for colour in noisy]
    assert 0.3 < float((noisy[1:, :3] & 1).mean()) < 0.7
    assert isinstance(made("picture_read")(answer.message), Pass)


def test_a_key_that_is_too_short_is_not_taken() -> None:
    with pytest.raises(Broken, match="32 bytes"):
        made("picture_noise", {"noise.key": b"short"})


@pytest.mark.parametrize(
    ("form", "more"),
    [("JPEG", {}), ("PNG", {}), ("PNG", {"mode": "P"}), ("WEBP", {}), ("WEBP", {"lossless": True})],
)
def test_a_picture_is_turned_as_its_orientation_says(form: str, more: dict[str, Any]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    payload = saved(form, exif=exif, **more)
    turned = changed(made("picture_rebuild")(message(payload))).message
    frame = read(turned.payload, LIMITS).frames[0]
    assert (frame.width, frame.height) == (40, 48)
    assert orientation_of(b"II*\x00") == orientation_of(b"nonsense") == 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_the_one_transparent_grey_of_a_png_is_it_at_every_depth(depth: int) -> None:
    key = (1 << depth) - 2 if depth > 1 else 0
    row = int("".join(f"{value:0{depth}b}" for value in (key, key + 1) * 4), 2).to_bytes(depth)
    parts = [
        png_chunk(b"IHDR", pack(">IIBBBBB", 8, 1, depth, 0, 0, 0, 0)),
        png_chunk(b"tRNS", pack(">H", key)),
        png_chunk(b"IDAT", zlib.compress(b"\x00" + row)),
        png_chunk(b"IEND", b""),
    ]
    rebuilt = changed(made("picture_rebuild")(message(b"\x89PNG\r\n\x1a\n" + b"".join(parts))))
    frame = read(rebuilt.message.payload, LIMITS).frames[0]
    assert frame.mode == "LA"
    assert frame.planes[0].ravel().tolist()[1::2] == [0, 255] * 4


def test_what_was_dropped_is_told() -> None:
    exif = Image.Exif()
    exif[0x010E] = "hidden"
    answer = made("picture_rebuild")(message(saved("PNG", exif=exif, dpi=(72, 72))))
    assert isinstance(answer, Changed)
    assert "Exif" in answer.note
    assert "resolution" in answer.note


def test_trailing_bytes_are_dropped_where_the_policy_says_so() -> None:
    payload = saved("JPEG") + b"HIDDEN" * 20
    answer = made("picture_rebuild", trailing="drop")(message(payload))
    assert isinstance(answer, Changed)
    assert "trailing data" in answer.note
    assert stopped(made("picture_rebuild"), message(payload)) == "trailing-data"


def test_a_picture_that_takes_more_bytes_than_a_message_has_is_refused_where_it_is_rebuilt() -> (
    None
):
    assert MODEL_BYTES_MAX == PAYLOAD_BYTES_MAX
    kept = BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (2400, 2400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(kept, "PNG", compress_level=0)
    assert stopped(made("picture_rebuild"), message(kept.getvalue())) == "size-out-of-bounds"


def test_pictures_can_be_held_for_people() -> None:
    assert isinstance(made("picture_words")(model()), Pass)
    assert isinstance(made("picture_words", pictures="hold")(model()), Hold)
