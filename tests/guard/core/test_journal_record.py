"""Known answers of docs/spec/journal.md: the same bytes on every machine and in every version."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core import journal_record as record
from guard.edge.journal import JournalWriter
from guard.edge.segments import walk
from schemas.errors import Malformed

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "journal" / "segments.json").read_text()
)
SALT = VECTORS["salt"]


@pytest.mark.parametrize("case", VECTORS["cases"].values(), ids=VECTORS["cases"])
def test_known_segments_read_as_written_down(tmp_path: Path, case: dict[str, Any]) -> None:
    (tmp_path / f"{0:020d}.journal").write_bytes(bytes.fromhex(case["segment"]))
    (tmp_path / "mark").write_bytes(bytes.fromhex(case["mark"]))
    assert [found.payload.hex() for found in walk(tmp_path)] == case["payloads"]
    if case["opens"]:
        writer = JournalWriter.open(tmp_path)
        assert writer.next_number == len(case["payloads"])
        writer.close()
    else:
        with pytest.raises(Malformed):
            JournalWriter.open(tmp_path)


def test_the_example_is_written_as_written_down() -> None:
    case = VECTORS["cases"]["example"]
    header = record.write_record_header(0, 0, SALT, 5, (b"hel", b"lo"))
    assert (record.write_segment_header(0, SALT) + header + b"hello").hex() == case["segment"]
    assert record.write_mark(1).hex() == case["mark"]


@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_bytes_are_a_whole_record_or_not_and_nothing_else(content: bytes, number: int) -> None:
    record.read_segment_header(content, number)
    record.read_mark(content)
    record.find_synced_after(content, number, SALT)
    length = record.read_record_header(content, 0, number, SALT)
    assert length is None or length > 0


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4), st.integers(0, 2**62))
def test_what_is_written_is_read(parts: list[bytes], number: int) -> None:
    payload = b"".join(parts)
    header = record.write_record_header(number, 0, SALT, len(payload), tuple(parts))
    assert record.read_record_header(header + payload, 0, number, SALT) == len(payload)
    assert record.read_payload(memoryview(header + payload), 0, len(payload), SALT) == payload
    assert record.read_record_header(header, 0, number + 1, SALT) is None
