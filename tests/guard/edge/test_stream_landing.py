"""Streams on disk: bounded in descriptors, whole over kills, and nothing believed after a crash."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.edge.stream_landing import Landing
from guard.link.events import Piece

BOOT, OTHER_BOOT = bytes(16), bytes(15) + b"\1"


def landing(folder: Path, boot: bytes = BOOT) -> Landing:
    return Landing(folder, boot)


def piece(sequence: int, offset: int, data: bytes, total: int = 0) -> Piece:
    return Piece(sequence, offset, memoryview(data), 0, total)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_thousands_of_streams_at_once_take_few_descriptors(tmp_path: Path) -> None:
    sink = landing(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for half in (0, 1):
        for sequence in range(1, 1001):
            sink.land(piece(sequence, half * 2, b"ab" if not half else b"cd", 5))
    sink.flush()
    assert len(os.listdir("/proc/self/fd")) - before <= 128
    for sequence in range(1, 1001):
        sink.land(piece(sequence, 4, b"e", 5))
        assert sink.complete(sequence)
    assert len(os.listdir("/proc/self/fd")) == before
    assert {(tmp_path / name).read_bytes() for name in names(tmp_path)} == {b"abcde"}
    assert len(names(tmp_path)) == 1000


def test_streams_go_on_where_a_killed_process_left_them(tmp_path: Path) -> None:
    first = landing(tmp_path)
    for sequence in range(1, 61):
        first.land(piece(sequence, 0, b"ab"))
        first.land(piece(sequence, 4, b"ef", 6))
    first.flush()
    second = landing(tmp_path)
    found, done, named = second.recover(BOOT)
    assert [one.sequence for one in found] == list(range(1, 61))
    assert all(one.missing() == [(2, 3)] for one in found)
    assert (done, named) == ([], [])
    second.land(piece(7, 2, b"cd"))
    assert second.complete(7)
    assert (tmp_path / "7.done").read_bytes() == b"abcdef"


def test_a_whole_small_stream_needs_no_map_and_is_no_stream_in_progress(tmp_path: Path) -> None:
    sink = landing(tmp_path)
    sink.land(piece(3, 0, b"small", 5))
    assert names(tmp_path) == {"3.part"}
    found, _, _ = landing(tmp_path).recover(BOOT)  # killed before it was complete
    assert not found
    assert not names(tmp_path)


def test_after_a_start_of_the_machine_only_what_has_its_name_counts(tmp_path: Path) -> None:
    sink = landing(tmp_path)
    sink.land(piece(1, 0, b"in progress", 100))
    sink.flush()
    for sequence in (2, 3):
        sink.land(piece(sequence, 0, b"done", 4))
        sink.complete(sequence)
    (tmp_path / "3.name").write_bytes(b"begun")
    (tmp_path / "4.name").write_bytes(b"named")
    assert landing(tmp_path).recover(BOOT)[1:] == ([2, 3], [4])
    assert landing(tmp_path, OTHER_BOOT).recover(BOOT) == ([], [], [4])
    assert names(tmp_path) == {"4.name"}


def test_what_else_lies_in_the_folder_does_no_harm(tmp_path: Path) -> None:
    for name in ("x.map", "x.done", "-1.map", "\u0661.done", "5.part", "6.map", "7.map.map"):
        (tmp_path / name).write_bytes(b"?")
    found, done, named = landing(tmp_path).recover(BOOT)
    assert (found, done, named) == ([], [], [])
    assert "5.part" not in names(tmp_path)


@pytest.fixture
def small_files() -> Iterator[None]:
    """A file system on which no file may be larger than 1 MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_a_stream_beyond_what_a_file_can_hold_is_refused_alone(tmp_path: Path) -> None:
    sink = landing(tmp_path)
    sink.land(piece(1, 0, b"a", 2**62 - 1))
    sink.land(piece(1, 2**61, b"b", 2**62 - 1))
    sink.land(piece(2, 0, b"good", 4))  # flushes the other
    assert sink.refused == [1]
    assert sink.complete(2)
    sink.land(piece(1, 1, b"more"))
    assert not sink.complete(1)
    assert names(tmp_path) == {"2.done"}
