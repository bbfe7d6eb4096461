"""A full disk in the simulated kernel gives what a full tmpfs gives: short writes, then ENOSPC."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.worlds import World, real, same, simulated

PAGE = 4096
PAGES = 16
FILE = os.O_RDWR | os.O_CREAT


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a tmpfs")
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={PAGES * PAGE},mode=700", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def until_full(w: World) -> None:
    file = w.open(w.at("a"), FILE)
    w.tell(w.os.write, file, b"x" * 10 * PAGE)
    w.tell(w.os.write, file, b"y" * 10 * PAGE)
    w.tell(w.os.write, file, b"z" * PAGE)
    w.tell(w.os.pwrite, file, b"over what is there", 3)
    w.tell(w.os.pwrite, file, b"z" * 2 * PAGE, 15 * PAGE)
    other = w.open(w.at("b"), FILE)
    w.tell(w.os.write, other, b"no room")
    w.tell(w.os.posix_fallocate, other, 0, PAGE)
    w.tell(w.os.write, other, b"")
    w.tell(w.os.fsync, other)
    w.tell(w.os.ftruncate, file, 12 * PAGE)
    w.tell(w.os.posix_fallocate, other, 0, 4 * PAGE)
    w.tell(w.os.write, other, b"b" * 5 * PAGE)
    w.tell(w.os.fstat, other, show=lambda found: found.st_size)
    w.tell(w.os.rename, w.at("b"), w.at("c"))
    w.tell(w.os.unlink, w.at("a"))
    w.tell(w.os.pwrite, other, b"no room: it is still open", 4 * PAGE)
    w.tell(w.os.close, file)
    w.tell(w.os.pwrite, other, b"b" * PAGE, 4 * PAGE)
    w.path(w.at("d")).write_bytes(b"d" * 11 * PAGE)
    w.tell(w.os.pwrite, other, b"b" * PAGE, 5 * PAGE)
    w.tell(w.os.rename, w.at("c"), w.at("d"))
    w.tell(w.os.pwrite, other, b"b" * 10 * PAGE, 5 * PAGE)
    w.path(w.at("e")).write_bytes(b"e" * PAGE)
    w.tree()


def test_a_full_disk_is_as_in_linux(small_disk: Path) -> None:
    told = same(real(until_full, small_disk), simulated(until_full, PAGES * PAGE))
    assert told.count("ENOSPC") >= 5
