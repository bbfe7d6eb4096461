"""Questions to the virus scanner and its answers, as packets (docs/spec/scanning.md)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Malformed
from schemas.scanned import (
    PIECE_BYTES_MAX,
    Said,
    Scanned,
    read_answer,
    read_piece,
    write_answer,
    write_question,
)

NUMBER = bytes(range(1, 9))


def test_the_vectors_of_the_specification() -> None:
    assert [it.hex() for it in write_question(NUMBER, b"abc", 1000)] == [
        "0102030405060708000003e801616263"
    ]
    assert write_answer(NUMBER, Scanned(Said.CLEAN, days=3)).hex() == "0102030405060708000003"
    found = write_answer(NUMBER, Scanned(Said.FOUND, "Checkvalve.Test"))
    assert found.hex() == "010203040506070801ffff436865636b76616c76652e54657374"


@pytest.mark.parametrize(
    ("size", "packets"),
    [(0, 1), (1, 1), (PIECE_BYTES_MAX, 1), (PIECE_BYTES_MAX + 1, 2), (3 * PIECE_BYTES_MAX, 3)],
)
def test_a_payload_goes_in_pieces_and_the_last_one_says_so(size: int, packets: int) -> None:
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    pieces = [read_piece(packet) for packet in write_question(NUMBER, payload, 50)]
    assert len(pieces) == packets
    assert b"".join(piece.content for piece in pieces) == payload
    assert [piece.last for piece in pieces] == [False] * (packets - 1) + [True]


@given(st.binary(max_size=40))
def test_any_other_bytes_are_malformed_or_what_would_be_written(untrusted: bytes) -> None:
    try:
        number, scanned = read_answer(untrusted)
    except Malformed:
        pass
    else:
        assert write_answer(number, scanned) == untrusted
    try:
        piece = read_piece(untrusted)
    except Malformed:
        return
    (again,) = write_question(piece.number, piece.content, piece.answer_ms_max)
    assert again[:12] + bytes([piece.last]) + again[13:] == untrusted


@pytest.mark.parametrize(
    "untrusted",
    ["", "00" * 12, "00" * 13, "00" * 8 + "00000001" + "02", "00" * 8 + "00100000" + "01"],
)
def test_a_piece_out_of_bounds_is_none(untrusted: str) -> None:
    with pytest.raises(Malformed):
        read_piece(bytes.fromhex(untrusted))


def test_what_a_scanner_says_is_printable_and_short() -> None:
    said = Scanned(Said.FOUND, "\x1b[31mé" + "x" * 200)
    _, told = read_answer(write_answer(NUMBER, said))
    assert told.words.startswith("?[31m?xxx")
    assert len(told.words) == 120
