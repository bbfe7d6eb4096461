"""The trailer of a file's stream: the known answers, there and back, and whatever else may come."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.link.trailer import (
    END_BYTES,
    MAGIC,
    MODE_MAX,
    NAME_BYTES_MAX,
    PARTS_MAX,
    TIME_S_MAX,
    TRAILER_BYTES_MAX,
    Trailer,
    check_name,
)
from schemas.cbor import encode
from schemas.errors import Malformed

ANSWERS: Any = json.loads(
    (Path(__file__).parents[2] / "vectors" / "link" / "files.json").read_text()
)

GOOD_NAMES = ["report.txt", ".hidden", "-rf", "a b", "a\\b", "C:x", "ü", "日本/地図", "x" * 255,
              "/".join("d" * PARTS_MAX), "...", "a.checkvalve"]  # fmt: skip
BAD_NAMES = ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "a/./b", "../b", "x" * 256,
             "/".join("d" * (PARTS_MAX + 1)), "/".join(["y" * 250] * 5), ".checkvalve",
             "a/.checkvalve/b", ".checkvalve-old", "a\nb", "a\0b", "a\tb", "\x1b[2J", "a\x7f",
             "e\u0301", "a\u202eb", "a\u00a0b", "a\u200db", "\ud800", "\uf8ff",
             "\ufeffa"]  # fmt: skip

parts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
names = st.lists(parts, min_size=1, max_size=5).map("/".join)
values: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**64), 2**64 - 1), st.text(max_size=8),
    st.binary(max_size=8), st.lists(st.integers(0, 9), max_size=2),
)  # fmt: skip


def ended(content: bytes) -> bytes:
    return content + len(content).to_bytes(4, "big") + MAGIC


@pytest.mark.parametrize("answer", ANSWERS["trailers"], ids=lambda one: str(one["name"])[:20])
def test_the_known_answers(answer: dict[str, Any]) -> None:
    known, written = dict(answer), bytes.fromhex(answer["bytes"])
    del known["bytes"]
    assert Trailer(**known).write() == written
    assert Trailer.read(b"content" + written) == (Trailer(**known), len(written))


def test_the_example_of_the_specification() -> None:
    written = Trailer("report.txt", 0o644, 1_700_000_000).write()
    assert (b"hello\n" + written).hex(" ") == (
        "68 65 6c 6c 6f 0a a3 61 6d 19 01 a4 61 6e 6a 72 65 70 6f 72 74 2e 74 78 74 61 74 1a 65 53"
        " f1 00 00 00 00 1a 43 56 46 31"
    )
    assert ANSWERS["stream"]["bytes"] == (b"hello\n" + written).hex()


@given(
    content=st.binary(max_size=40),
    name=names,
    mode=st.integers(0, MODE_MAX),
    time_s=st.integers(0, TIME_S_MAX),
)
def test_what_is_written_is_read_again(content: bytes, name: str, mode: int, time_s: int) -> None:
    trailer = Trailer(unicodedata.normalize("NFC", name), mode, time_s)
    try:
        written = trailer.write()
    except Malformed:
        with pytest.raises(Malformed):
            check_name(trailer.name)
        return
    assert Trailer.read(content + written) == (trailer, len(written))


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_name_that_may_cross(name: str) -> None:
    assert Trailer.read(Trailer(name, 0, 0).write())[0].name == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_may_not_cross(name: str) -> None:
    with pytest.raises(Malformed):
        check_name(name)
    try:
        content = encode({"m": 0o644, "n": name, "t": 1})
    except Malformed:
        return  # not even CBOR can hold it
    with pytest.raises(Malformed):
        Trailer.read(ended(content))


@given(name=names)
def test_a_name_is_a_place_below_the_folder_or_malformed(name: str) -> None:
    folder = Path("/out")
    try:
        check_name(name)
    except Malformed:
        return
    place = folder / name
    assert folder in place.parents
    assert ".." not in place.parts
    assert len(name.encode()) <= NAME_BYTES_MAX
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn") for one in name)


@given(untrusted=st.binary(max_size=200))
def test_any_bytes_are_answered_or_malformed(untrusted: bytes) -> None:
    for end in (untrusted, untrusted + MAGIC, ended(untrusted)):
        try:
            trailer, size = Trailer.read(end)
        except Malformed:
            continue
        assert end.endswith(trailer.write())
        assert size == len(trailer.write())


@given(fields=st.dictionaries(st.sampled_from(["m", "n", "t", "x"]), values))
def test_any_fields_are_answered_or_malformed(fields: dict[str, Any]) -> None:
    written = ended(encode(fields))
    try:
        trailer, _ = Trailer.read(written)
    except Malformed:
        return
    assert trailer.write() == written


@pytest.mark.parametrize("field", ["m", "t"])
@pytest.mark.parametrize("value", [-1, 2**40 + 1, True, "7", None])
def test_a_number_out_of_bounds_is_malformed(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"m": 0, "n": "x", "t": 0}
    untrusted = ended(encode(fields | {field: value}))
    with pytest.raises(Malformed):
        Trailer.read(untrusted)


@given(at=st.integers(0, 33), flip=st.integers(1, 255), data=st.data())
def test_a_damaged_trailer_is_another_one_or_malformed(
    at: int, flip: int, data: st.DataObject
) -> None:
    written = bytearray(Trailer("report.txt", 0o644, 1_700_000_000).write())
    written[at % len(written)] ^= flip
    damaged = bytes(written[data.draw(st.integers(0, 5)) :])
    try:
        trailer, size = Trailer.read(damaged)
    except Malformed:
        return
    assert damaged[-size:] == trailer.write()


def test_a_length_out_of_bounds_is_malformed() -> None:
    content = encode({"m": 0, "n": "x", "t": 0})
    for length in (0, len(content) - 1, len(content) + 1, TRAILER_BYTES_MAX + 1, 2**32 - 1):
        with pytest.raises(Malformed):
            Trailer.read(content + length.to_bytes(4, "big") + MAGIC)
    padded = bytes(TRAILER_BYTES_MAX - len(content)) + content
    with pytest.raises(Malformed):
        Trailer.read(ended(padded))


def test_a_stream_shorter_than_an_end_is_malformed() -> None:
    for size in range(END_BYTES):
        with pytest.raises(Malformed):
            Trailer.read((b"\0\0\0\0" + MAGIC)[-size:] if size else b"")
