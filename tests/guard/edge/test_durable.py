import os
from pathlib import Path

import pytest

from guard.edge import durable


def test_create_writes_once(tmp_path: Path) -> None:
    durable.create(tmp_path / "a", b"one")
    with pytest.raises(FileExistsError):
        durable.create(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"


def test_create_follows_no_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        durable.create(tmp_path / "a", b"one")
    assert not (tmp_path / "elsewhere").exists()


def test_publish_moves_between_directories_and_never_replaces(tmp_path: Path) -> None:
    for name in ("tmp", "new"):
        durable.make_directory(tmp_path / name)
    durable.write_new(tmp_path / "tmp" / "a", b"one")
    durable.publish(tmp_path / "tmp" / "a", tmp_path / "new" / "a")
    durable.write_new(tmp_path / "tmp" / "a", b"two")
    with pytest.raises(FileExistsError):
        durable.publish(tmp_path / "tmp" / "a", tmp_path / "new" / "a")
    assert (tmp_path / "new" / "a").read_bytes() == b"one"
    assert (tmp_path / "tmp" / "a").read_bytes() == b"two"


def test_replace_leaves_one_file_also_after_an_earlier_crash(tmp_path: Path) -> None:
    (tmp_path / ".state.tmp").write_bytes(b"half")
    durable.replace(tmp_path / "state", b"one")
    durable.replace(tmp_path / "state", b"two")
    assert (tmp_path / "state").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["state"]


def test_remove_and_sync_of_a_whole_file_system(tmp_path: Path) -> None:
    durable.write_new(tmp_path / "a", b"")
    directory = os.open(tmp_path, os.O_RDONLY)
    durable.sync_filesystem(directory)
    os.close(directory)
    durable.remove(tmp_path, ["a", "was-never-there"])
    assert os.listdir(tmp_path) == []


def test_only_one_holds_a_directory(tmp_path: Path) -> None:
    held = durable.hold_alone(tmp_path)
    with pytest.raises(BlockingIOError):
        durable.hold_alone(tmp_path)
    os.close(held)
    os.close(durable.hold_alone(tmp_path))


def test_an_append_file_is_content_then_zeros_until_it_is_cut(tmp_path: Path) -> None:
    durable.create(tmp_path / "a", b"ab")
    file = durable.AppendFile(tmp_path / "a", 2, aside_bytes=100)
    file.write(b"cd")
    file.sync()
    assert (tmp_path / "a").read_bytes() == b"abcd" + bytes(100)
    file.write(b"e" * 200)
    file.cut(5)
    file.write(b"f")
    assert (tmp_path / "a").read_bytes().rstrip(b"\0") == b"abcdef"
    file.close()
