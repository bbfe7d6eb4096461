"""Deterministic CBOR: the encoder, the source side's decoder and the destination side's reader.

`cbor2` in canonical mode is the oracle of the encoding (it is not used by the product here).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.twins import cbor_reader
from schemas import cbor
from schemas.cbor import CborValue
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

VECTORS = Path(__file__).parent.parent / "vectors" / "cot" / "cbor.json"
READERS = pytest.mark.parametrize("read", [cbor.decode, cbor_reader.read], ids=["own", "twin"])
Read = Callable[[bytes], Any]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | TEXT | st.binary(max_size=300)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=30) | st.dictionaries(TEXT, inner, max_size=30)
)


@READERS
@settings(deadline=None, derandomize=True, database=None)
@given(value=VALUES)
def test_a_value_comes_back_and_has_the_canonical_encoding(read: Read, value: CborValue) -> None:
    encoded = cbor.encode(value)
    assert encoded == cbor2.dumps(value, canonical=True)
    assert read(encoded) == value


def ask(read: Read, data: bytes) -> object:
    try:
        return repr(read(data))
    except Malformed:
        return Malformed


@settings(deadline=None, derandomize=True, database=None, max_examples=400)
@given(data=st.binary(max_size=64) | st.builds(cbor.encode, VALUES), cut=st.integers(0, 200),
       put=st.binary(max_size=3))  # fmt: skip
def test_both_readers_accept_the_same_bytes_and_only_the_one_encoding(
    data: bytes, cut: int, put: bytes
) -> None:
    changed = data[:cut] + put + data[cut + len(put) :]
    own = ask(cbor.decode, changed)
    assert own == ask(cbor_reader.read, changed)
    if own is not Malformed:
        assert cbor.encode(cbor.decode(changed)) == changed


CASES = json.loads(VECTORS.read_text("utf-8"))


@READERS
@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["why"])
def test_a_refused_vector_is_refused_with_its_reason(read: Read, case: dict[str, str]) -> None:
    with pytest.raises(Malformed) as caught:
        read(bytes.fromhex(case["hex"]))
    assert caught.value.reason == case["reason"]


@READERS
@pytest.mark.parametrize("case", CASES["accepted"], ids=lambda case: case["hex"])
def test_an_accepted_vector_is_read_and_written_again(read: Read, case: dict[str, Any]) -> None:
    value = read(bytes.fromhex(case["hex"]))
    assert value == case["value"]
    assert cbor.encode(value).hex() == case["hex"]


def test_depth_items_and_sizes_are_bounded() -> None:
    deep: CborValue = []
    for _ in range(40):
        deep = [deep]
    readers: tuple[tuple[Any, Any], ...] = (
        (cbor.decode, cbor.CborLimits),
        (cbor_reader.read, cbor_reader.ReaderLimits),
    )
    for read, limits in readers:  # fmt: skip
        for data, given_limits, reason in (
            (cbor.encode(deep), limits(), Reason.TOO_DEEP),
            (cbor.encode([1] * 200), limits(items_max=100), Reason.TOO_MANY_ELEMENTS),
            (cbor.encode("a" * 200), limits(string_bytes_max=100), Reason.TEXT_TOO_LONG),
            (cbor.encode("a" * 200), limits(bytes_max=100), Reason.SIZE_OUT_OF_BOUNDS),
            (b"\x9b\x00\x00\xff\xff\xff\xff\xff\xff", limits(), Reason.SYNTAX),
        ):
            with pytest.raises(Malformed) as caught:
                read(data, given_limits)
            assert caught.value.reason == reason


def test_what_has_no_encoding_is_our_mistake_or_the_senders() -> None:
    wrong: list[Any] = [1.5, (1, 2), 2**64, {1}]
    for value in wrong:
        with pytest.raises(Broken):
            cbor.encode(value)
    with pytest.raises(Malformed) as caught:
        cbor.encode({"a": "\ud800"})
    assert caught.value.reason == Reason.ENCODING_NOT_UTF8
