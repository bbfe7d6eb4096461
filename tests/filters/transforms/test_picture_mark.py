"""The transform `picture_mark`: letters above and below, and every pixel of the picture kept."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.formats.marking_pixels import band
from filters.formats.picture_model import (
    MODES,
    SAMPLES,
    Frame,
    Picture,
    PictureParameters,
    read,
    shapes,
    write,
)
from filters.transforms.picture_mark import STAGE
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Run
from schemas.verdict import Answer, Refuse
from tests.filters.conftest import PACKS, changed

POLICY = (PACKS.parent / "documents" / "alliance.spif.xml").read_bytes()
LABEL = "ALLIANCE SECRET//REL TO FRA, GBR"
META = Meta(id="5" * 32, flow="f", sender="s", name="n", accepted_s=1_800_000_000)
LIMITS = PictureParameters().limits()
RUN = STAGE.make(STAGE.parameters.model_validate({"policy_document": "p"}), {"p": POLICY})
ISM = STAGE.make(STAGE.parameters.model_validate({}), {})


def answer(payload: bytes, label: str = LABEL, run: Run = RUN) -> Answer:
    try:
        return run(Message.make(replace(META, label=label), payload))
    except Malformed as error:
        return Refuse(error.reason, error.sentence)


def picture(form: str, mode: str, width: int, height: int, seed: int = 1) -> Picture:
    chance = np.random.default_rng(seed)
    top = 4 if mode == "P" else 256
    planes = [chance.integers(0, top, size, dtype=np.uint8) for size in shapes(mode, width, height)]
    palette = b"\x00\x00\x10\xff\x10\x20\x30\xff\x40\x50\x60\xff\xf0\xf0\xf0\xff"
    frame = Frame(width, height, mode, planes, 0, palette if mode == "P" else b"")
    return Picture(form, [frame], 0, 72 if form == "pdf" else 0)


@pytest.mark.parametrize(
    ("form", "mode"), [(form, mode) for form, modes in MODES.items() for mode in sorted(modes)]
)
@given(width=st.integers(12, 90), height=st.integers(1, 40))
def test_every_pixel_is_kept_between_two_bands(
    form: str, mode: str, width: int, height: int
) -> None:
    given_ = picture(form, mode, width, height)
    found = read(changed(answer(write(given_))).message.payload, LIMITS)
    before, after = given_.frames[0], found.frames[0]
    ink = band(LABEL, width)
    assert (after.width, after.height) == (width, height + 2 * len(ink))
    assert (found.format, after.mode) == (form, mode)
    assert [plane.shape for plane in after.planes] == shapes(mode, width, after.height)
    for number, (old, new) in enumerate(zip(before.planes, after.planes, strict=True)):
        rows = len(ink) // 2 if mode == "YCC420" and number else len(ink)
        kept = new[rows : len(new) - rows]
        if mode == "P":
            colours = [np.frombuffer(it.palette, np.uint8).reshape(-1, 4) for it in (before, after)]
            assert (colours[0][old] == colours[1][kept]).all()
        else:
            assert (old == kept).all()


def test_the_letters_are_there() -> None:
    given_ = picture("png", "L", 400, 10)
    found = read(changed(answer(write(given_))).message.payload, LIMITS).frames[0].planes[0]
    ink = band(LABEL, 400)
    for rows in (found[: len(ink)], found[-len(ink) :]):
        assert ((rows == 0) == ink).all()
        assert ((rows == 255) == ~ink).all()
    assert 300 < int(ink.sum()) < ink.size / 4


def test_the_same_letters_for_ic_ism_and_other_languages() -> None:
    for label, run in (
        ("SECRET//NOFORN", ISM),
        ("ALLIANCE TOP SECRET//BALTIC", STAGE.make(
            STAGE.parameters.model_validate({"policy_document": "p", "language": "fr"}),
            {"p": POLICY},
        )),
    ):  # fmt: skip
        note = changed(answer(write(picture("png", "L", 200, 5)), label, run)).note
        assert note.startswith("marked ")
    assert (band("TRÈS SECRET", 200) == band("TRES SECRET", 200)).all()


def test_what_cannot_be_marked() -> None:
    full = picture("png", "P", 50, 6)
    frame = full.frames[0]
    frame.palette = b"".join(bytes((9, 9, number, 255)) for number in range(256))
    frame.planes = [np.arange(300, dtype=np.uint16).astype(np.uint8).reshape(6, 50)]
    for payload, label, reason in (
        (write(picture("png", "L", 20, 5)), "", Reason.LABEL_MISSING),
        (write(picture("png", "L", 20, 5)), "ALLIANCE ODD", Reason.LABEL_UNKNOWN),
        (write(picture("png", "L", 8, 5)), LABEL, Reason.LABEL_INVALID),
        (write(full), LABEL, Reason.LABEL_INVALID),
        (b"", LABEL, None),
    ):
        found = answer(payload, label)
        assert isinstance(found, Refuse)
        assert reason is None or found.reason is reason, found.sentence


@given(st.text(max_size=40), st.integers(1, 300))
def test_a_band_is_drawn_or_malformed(text: str, width: int) -> None:
    try:
        ink = band(text, width)
    except Malformed:
        return
    assert ink.shape[1] == width
    assert len(ink) % 2 == 0


def test_a_narrow_picture_has_its_marking_on_several_lines() -> None:
    one, two, many = (len(band("ALLIANCE SECRET", width)) for width in (100, 60, 12))
    assert one < two < many
    assert (band("ALLIANCE SECRET", 60)[:11] == band("ALLIANCE", 60)[:11]).all()


def test_every_mode_has_its_ink() -> None:
    assert SAMPLES.keys() - {"P"} <= {"L", "LA", "RGB", "RGBA"}
