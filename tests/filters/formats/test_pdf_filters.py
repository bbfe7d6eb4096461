"""How much streams of a PDF decode to, counted before anything decodes them."""

import base64
import random
import zlib

import pikepdf
import pytest

from filters.formats.pdf_filters import run_length_bytes
from tests.filters.conftest import message
from tests.filters.hostile.pdf_forge import good, pdf, stream
from tests.filters.test_pdf import made, stopped


def test_streams_deflated_beneath_a_text_filter_are_counted() -> None:
    raw = base64.a85encode(zlib.compress(b" " * 99_000_000, 9)) + b"~>"
    body = stream(raw, b"/Filter[/ASCII85Decode/FlateDecode]")
    payload = pdf(good(more=dict.fromkeys(range(6, 9), body)))
    assert stopped(made("pdf_recognise"), message(payload)) == "size-out-of-bounds"


@pytest.mark.parametrize("seed", range(5))
def test_run_lengths_are_counted_as_they_are_decoded(seed: int) -> None:
    chance = random.Random(seed)
    runs = b"".join(
        bytes([length]) + chance.randbytes(length + 1 if length < 128 else 1)
        for length in chance.choices([*range(128), *range(129, 256)], k=200)
    )
    whole = runs + b"\x80behind the end"
    held = pikepdf.new()
    given = pikepdf.Stream(held, whole, pikepdf.Dictionary(Filter=pikepdf.Name.RunLengthDecode))
    decoded = given.get_stream_buffer(pikepdf.StreamDecodeLevel.specialized)
    assert run_length_bytes(whole, 10**9) == len(bytes(decoded))
    assert 1_000 < run_length_bytes(runs, 1_000) <= 1_128


def test_a_text_filter_beneath_a_deflated_one_is_not_taken() -> None:
    body = stream(zlib.compress(b"z" * 1_000_000 + b"~>"), b"/Filter[/FlateDecode/ASCII85Decode]")
    assert stopped(made("pdf_recognise"), message(pdf(good(more={6: body}))))
