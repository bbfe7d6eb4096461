"""A number on disk: kept, cleared, damaged."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.edge.durable_number import DurableNumber, read_number
from schemas.errors import Malformed
from schemas.reasons import Reason


@pytest.mark.parametrize("number", [0, 1, 2**32, 2**64 - 1])
def test_a_number_is_kept(tmp_path: Path, number: int) -> None:
    path = tmp_path / "number"
    assert DurableNumber(path).value is None
    first = DurableNumber(path)
    first.set(9, durable=False)
    first.set(number)
    assert (first.value, DurableNumber(path).value) == (number, number)
    assert read_number(path) == number


def test_cleared_is_none(tmp_path: Path) -> None:
    number = DurableNumber(tmp_path / "number")
    number.set(5)
    number.clear()
    assert DurableNumber(tmp_path / "number").value is None
    number.set(6)
    assert read_number(tmp_path / "number") == 6


def test_no_byte_of_it_can_be_changed_and_no_part_of_it_is_it(tmp_path: Path) -> None:
    path = tmp_path / "number"
    DurableNumber(path).set(77)
    whole = path.read_bytes()
    damaged = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    damaged += [whole[:size] for size in range(1, len(whole))] + [whole + b"\0", bytes(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(Malformed) as caught:
            DurableNumber(path)
        assert caught.value.reason == Reason.RECORD_MALFORMED
        assert read_number(path) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # written anew each time
@given(content=st.binary(max_size=20))
def test_any_content_is_a_number_or_malformed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "number").write_bytes(content)
    try:
        number = DurableNumber(tmp_path / "number")
        value = number.value
        number.close()
    except Malformed:
        value = None
    assert value is None


def test_a_number_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_number(tmp_path / "number") is None
    assert read_number(tmp_path) is None
