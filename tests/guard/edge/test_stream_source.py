"""What streams are read from: pipes that trickle, files that change under the reader's hands."""

import os
from pathlib import Path

import pytest

from guard.edge.naming import FileToSend, files_below
from guard.edge.stream_source import FileSource, PipeSource
from schemas.errors import Malformed

TRAILER = b"trailer"


def ready(source: PipeSource) -> bool:
    return source.ready


def test_a_pipe_is_ready_with_a_whole_piece_or_its_end() -> None:
    reading, writing = os.pipe()
    source = PipeSource(reading, TRAILER, 100)
    assert not ready(source)
    os.write(writing, b"x" * 99)
    assert not ready(source)  # who asked now would wait for the writer
    os.write(writing, b"x" * 51)
    assert ready(source)
    out = memoryview(bytearray(100))
    assert source.read_into(0, out) == 100
    assert not ready(source)
    os.close(writing)
    assert ready(source)
    assert source.read_into(100, out) == 50 + len(TRAILER)
    assert bytes(out[50:57]) == TRAILER
    os.close(reading)


def told(path: Path) -> FileToSend:
    (one,) = files_below(path)
    assert isinstance(one, FileToSend)
    return one


def read_all(source: FileSource) -> bytes:
    out = memoryview(bytearray(source.total_bytes or 0))
    return bytes(out[: source.read_into(0, out)])


def source_of(one: FileToSend, changed: list[str]) -> FileSource:
    assert one.path is not None
    return FileSource(one.path, one.size, TRAILER, one.state, lambda: changed.append(one.name))


def test_another_file_in_its_place_is_not_sent_under_its_name(tmp_path: Path) -> None:
    path, changed = tmp_path / "f", list[str]()
    path.write_bytes(b"first")
    one = told(path)
    (tmp_path / "new").write_bytes(b"second, and longer")
    (tmp_path / "new").rename(path)
    source = source_of(one, changed)
    assert read_all(source) == b""
    assert "another file" in source.wrong
    source.close()


def test_a_file_that_changes_is_told_of(tmp_path: Path) -> None:
    path, changed = tmp_path / "f", list[str]()
    path.write_bytes(b"first")
    one = told(path)
    assert read_all(source_of(one, changed)) == b"first" + TRAILER
    assert not changed
    with path.open("ab") as file:
        file.write(b" and more")
    os.utime(path, (1, 1))
    assert read_all(source_of(one, changed)) == b"first" + TRAILER
    assert changed == ["f"]


def test_what_below_a_folder_cannot_be_sent_is_told_each(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "empty").mkdir(parents=True)
    (top / "good").write_bytes(b"x")
    (top / "new\nline").write_bytes(b"x")
    (top / os.fsdecode(b"not\xffutf8")).write_bytes(b"x")
    (top / "to-file").symlink_to("good")
    (top / "to-folder").symlink_to("empty")
    os.mkfifo(top / "pipe")
    found = list(files_below(top))
    assert [one.name for one in found if isinstance(one, FileToSend)] == ["top/good"]
    refused = " ".join(one.sentence for one in found if isinstance(one, Malformed))
    for name in ("pipe", "to-file", "to-folder", "new", "not"):
        assert name in refused


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "top" / "closed"
    closed.mkdir(parents=True)
    closed.chmod(0)
    try:
        (refused,) = files_below(tmp_path / "top")
    finally:
        closed.chmod(0o700)
    assert isinstance(refused, Malformed)
    assert "closed" in refused.sentence
