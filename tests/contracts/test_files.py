"""Calls on files give in the simulated kernel what they give in Linux."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.worlds import Case, World, both

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
BOTH_WAYS = os.O_RDWR | os.O_CREAT


def opening(w: World) -> None:
    w.open(w.at("absent"), os.O_RDONLY)
    w.open(w.at("a"), NEW)
    w.open(w.at("a"), NEW)
    w.open(w.at("a"), os.O_RDONLY | os.O_CREAT)
    w.open(w.at("a"), os.O_RDONLY | os.O_DIRECTORY)
    w.open(w.at("a", "below"), os.O_RDONLY)
    w.open(w.at("a", "below"), NEW)
    w.open(w.at("a") + "/", os.O_RDONLY)
    w.open(w.at("absent", "below"), NEW)
    w.open(w.at("n" * 255), NEW)
    w.open(w.at("n" * 256), NEW)
    w.open(w.at("n" * 256), os.O_RDONLY)
    w.open("", os.O_RDONLY)
    w.open("", NEW)
    w.open(w.at("nul\0"), NEW)
    w.open(w.top, os.O_RDONLY | os.O_DIRECTORY)
    w.open(w.top, os.O_RDONLY)
    w.open("/", os.O_RDONLY | os.O_DIRECTORY)
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_CREAT, os.O_TRUNC, NEW):
        w.open(w.top, flags)
        w.open("/", flags)
    w.tree()


def directories(w: World) -> None:
    mode = lambda found: oct(found.st_mode)  # noqa: E731  # shown as the rights are written
    w.tell(w.os.mkdir, w.at("d"), 0o750)
    w.tell(w.os.stat, w.at("d"), show=mode)
    w.tell(w.os.mkdir, w.at("d"))
    w.tell(w.os.mkdir, w.at("absent", "d"))
    w.tell(w.os.mkdir, w.at("d") + "/e/")
    w.tell(w.os.mkdir, "")
    w.tell(w.os.mkdir, "/")
    w.open(w.at("f"), NEW, 0o604)
    w.tell(w.os.stat, w.at("f"), show=mode)
    w.tell(w.os.mkdir, w.at("f"))
    w.tell(w.os.mkdir, w.at("f", "d"))
    w.tell(w.os.chmod, w.at("f"), 0o755)
    w.tell(w.os.stat, w.at("f"), show=mode)
    w.tell(w.os.chmod, w.at("absent"), 0o755)
    w.tell(w.os.unlink, w.at("d"))
    w.tell(w.os.rmdir, w.at("d"))
    w.tell(w.os.rmdir, w.at("f"))
    w.tell(w.os.rmdir, w.at("d", "e"))
    w.tell(w.os.rmdir, w.at("d"))
    w.tell(w.os.rmdir, w.at("d"))
    w.tell(w.os.unlink, w.at("absent"))
    w.tell(w.os.unlink, w.at("f"))
    w.tell(w.os.listdir, w.top)
    w.tell(w.os.listdir, w.at("absent"))
    w.tree()


def listing(w: World) -> None:
    for name in ("b", "a", "ü", "c.journal"):
        w.path(w.at(name)).write_bytes(name.encode())
    w.tell(w.os.mkdir, w.at("d"))
    w.tell(w.os.listdir, w.top, show=sorted)
    names = lambda entries: sorted(entry.name for entry in entries)  # noqa: E731  # as above
    w.tell(w.os.scandir, w.top, show=names)
    w.tell(w.os.scandir, os.fsencode(w.top), show=names)
    w.tell(w.os.listdir, w.at("a"))
    w.tell(w.os.scandir, w.at("absent"))
    folder = w.path(w.top)
    w.tell(lambda: sorted(path.name for path in folder.glob("*.journal")))
    for name in ("a", "d", "absent"):
        path = folder / name
        w.tell(lambda path=path: (path.exists(), path.is_dir(), path.is_file()))
        w.tell(path.read_bytes)
        w.tell(w.os.path.lexists, str(path))
        w.tell(w.os.path.isdir, str(path))
    w.tell((folder / "absent").unlink)
    w.tell((folder / "absent").unlink, missing_ok=True)
    w.tell((folder / "d").mkdir)
    w.tell((folder / "d").mkdir, exist_ok=True)
    w.tell((folder / "a").mkdir, exist_ok=True)
    w.tell((folder / "p" / "q" / "r").mkdir, parents=True)
    w.tree()


def positions(w: World) -> None:
    file = w.open(w.at("a"), BOTH_WAYS)
    w.tell(w.os.write, file, b"0123456789")
    w.tell(w.os.read, file, 5)
    w.tell(w.os.lseek, file, 2, os.SEEK_SET)
    w.tell(w.os.read, file, 3)
    again = w.tell(w.os.dup, file, show=lambda number: number != file)
    other = w.open(w.at("a"), os.O_RDONLY)
    again = w.os.dup(file)
    w.tell(w.os.read, again, 2)
    w.tell(w.os.read, file, 2)
    w.tell(w.os.read, other, 2)
    w.tell(w.os.pread, file, 4, 8)
    w.tell(w.os.pread, file, 4, 10)
    w.tell(w.os.pread, file, 4, 99)
    w.tell(w.os.pread, file, 4, -1)
    w.tell(w.os.pwrite, file, b"ab", 0)
    w.tell(w.os.pwrite, file, b"z", 12)
    w.tell(w.os.pwrite, file, b"", 40)
    w.tell(w.os.pwrite, file, b"x", -1)
    w.tell(w.os.write, file, b"")
    w.tell(w.os.read, file, 99)
    w.tell(w.os.lseek, file, -2, os.SEEK_END)
    w.tell(w.os.lseek, file, -99, os.SEEK_CUR)
    w.tell(w.os.write, file, b"beyond")
    w.tell(w.os.close, file)
    w.tell(w.os.close, file)
    w.tell(w.os.read, file, 1)
    w.tell(w.os.write, file, b"1")
    w.tell(w.os.fstat, file)
    w.tell(w.os.dup, file)
    w.tell(w.os.lseek, again, 0, os.SEEK_SET)
    w.tell(w.os.read, again, 99)
    w.tree()


def rights_of_a_descriptor(w: World) -> None:
    w.path(w.at("a")).write_bytes(b"content")
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        file = w.open(w.at("a"), flags)
        w.tell(w.os.read, file, 3)
        w.tell(w.os.pread, file, 3, 0)
        w.tell(w.os.write, file, b"w")
        w.tell(w.os.pwrite, file, b"p", 1)
        w.tell(w.os.ftruncate, file, 4)
        w.tell(w.os.ftruncate, file, -1)
        w.tell(w.os.posix_fallocate, file, 0, 6)
        w.tell(w.os.posix_fallocate, file, 0, 0)
        w.tell(w.os.posix_fallocate, file, -1, 5)
        w.tell(w.os.fsync, file)
        w.tell(w.os.fdatasync, file)
        w.tell(w.call, "syncfs", file)
    folder = w.open(w.top, os.O_RDONLY | os.O_DIRECTORY)
    w.tell(w.os.read, folder, 3)
    w.tell(w.os.pread, folder, 3, 0)
    w.tell(w.os.write, folder, b"x")
    w.tell(w.os.ftruncate, folder, 0)
    w.tell(w.os.fsync, folder)
    w.tell(w.os.fdatasync, folder)
    w.tell(w.call, "syncfs", folder)
    w.tree()


def sizes(w: World) -> None:
    size = lambda found: found.st_size  # noqa: E731  # as above
    file = w.open(w.at("a"), BOTH_WAYS)
    for act in (
        lambda: w.os.pwrite(file, b"x" * 1000, 500),
        lambda: w.os.ftruncate(file, 700),
        lambda: w.os.ftruncate(file, 900),
        lambda: w.os.posix_fallocate(file, 100, 100),
        lambda: w.os.posix_fallocate(file, 800, 200),
        lambda: w.os.ftruncate(file, 0),
        lambda: w.os.posix_fallocate(file, 0, 10),
    ):
        w.tell(act)
        w.tell(w.os.fstat, file, show=size)
        w.tell(w.os.pread, file, 2000, 0)
    w.open(w.at("a"), os.O_WRONLY | os.O_TRUNC)
    w.tell(w.os.stat, w.at("a"), show=size)
    added = w.open(w.at("b"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    w.tell(w.os.write, added, b"one")
    other = w.open(w.at("b"), os.O_WRONLY)
    w.tell(w.os.pwrite, other, b"12345", 0)
    w.tell(w.os.write, added, b"two")
    w.tree()


def renaming(w: World) -> None:
    for name in ("a", "b", "c"):
        w.path(w.at(name)).write_bytes(name.encode())
    for name in ("d", "d/e", "f", "f/g", "empty"):
        w.tell(w.os.mkdir, w.at(name))
    w.path(w.at("f", "x")).write_bytes(b"x")
    for old, new in (
        ("a", "b"), ("a", "b"), ("b", "b"), ("absent", "b"), ("b", "absent/b"), ("b", "c/b"),
        ("b", "d"), ("d", "b"), ("d", "d/e/f"), ("d", "d"), ("d", "f"), ("d", "empty"),
        ("f/g", "f"), ("f/x", "f"), ("b", "empty/b"), ("empty", "d"), ("c", "n" * 256),
    ):  # fmt: skip
        w.tell(w.os.rename, w.at(old), w.at(new))
    w.tree()
    for old, new in (
        ("c", "d/b"), ("c", "c"), ("c", "new"), ("absent", "new"), ("absent", "other"), ("f", "d"),
        ("f", "moved"), ("moved", "moved/in"), ("d", "absent/d"),
    ):  # fmt: skip
        w.rename_new(w.at(old), w.at(new))
    w.tree()


def by_directory(w: World) -> None:
    w.tell(w.os.mkdir, w.at("d"))
    w.tell(w.os.mkdir, w.at("e"))
    d = w.open(w.at("d"), os.O_RDONLY | os.O_DIRECTORY)
    e = w.open(w.at("e"), os.O_RDONLY | os.O_DIRECTORY)
    file = w.open("a", NEW, dir_fd=d)
    w.tell(w.os.write, file, b"a")
    w.open(w.at("absolute"), NEW, dir_fd=d)
    w.open("absent/a", os.O_RDONLY, dir_fd=d)
    w.open("a", os.O_RDONLY, dir_fd=file)
    w.tell(w.os.rename, "a", b"b", src_dir_fd=d, dst_dir_fd=e)
    w.tell(w.os.rename, "a", "b", src_dir_fd=d, dst_dir_fd=e)
    w.tell(w.os.stat, b"b", dir_fd=e, follow_symlinks=False, show=lambda found: found.st_size)
    w.tell(w.os.stat, "a", dir_fd=d)
    w.tell(w.os.stat, "", dir_fd=d)
    w.tell(w.os.mkdir, "sub", dir_fd=e)
    w.tell(w.os.rename, w.at("e"), w.at("d", "e"))
    w.open("b", os.O_RDONLY, dir_fd=e)
    w.tell(w.os.unlink, "b", dir_fd=e)
    w.tell(w.os.unlink, "b", dir_fd=e)
    w.tell(w.os.unlink, "sub", dir_fd=e)
    w.tell(w.os.rmdir, "sub", dir_fd=e)
    w.tree()


def without_a_name(w: World) -> None:
    links = lambda found: (found.st_nlink, found.st_size)  # noqa: E731  # as above
    file = w.open(w.at("a"), BOTH_WAYS)
    w.tell(w.os.write, file, b"still here")
    w.tell(w.os.fstat, file, show=links)
    w.tell(w.os.unlink, w.at("a"))
    w.tell(w.os.fstat, file, show=links)
    w.tell(w.os.pread, file, 99, 0)
    w.tell(w.os.write, file, b", and more")
    other = w.open(w.at("a"), NEW)
    w.tell(w.os.write, other, b"another")
    w.tell(w.os.pread, file, 99, 0)
    w.path(w.at("b")).write_bytes(b"replaces")
    w.tell(w.os.rename, w.at("b"), w.at("a"))
    w.tell(w.os.fstat, other, show=links)
    w.tell(w.os.write, other, b" one")
    w.tell(w.os.fsync, other)
    w.tree()


def what_stat_tells(w: World) -> None:
    """Which of inode, times and links change with what: by this the spool tells drops apart."""
    file = w.open(w.at("a"), BOTH_WAYS)
    w.tell(w.os.mkdir, w.at("d"))
    before: list[Any] = [w.os.fstat(file), w.os.stat(w.top)]

    def look(act: Any, *args: Any) -> None:
        w.time.sleep(0.02)
        w.tell(act, *args)
        now = [w.os.fstat(file), w.os.stat(w.top)]
        for was, found in zip(before, now, strict=True):
            w.told.append(
                [
                    found.st_mtime_ns > was.st_mtime_ns, found.st_ctime_ns > was.st_ctime_ns,
                    found.st_ino == was.st_ino, found.st_dev == was.st_dev,
                ]
            )  # fmt: skip
        before[:] = now

    look(w.os.write, file, b"x")
    look(w.os.pwrite, file, b"x", 0)
    look(w.os.pwrite, file, b"", 0)
    look(w.os.pread, file, 1, 0)
    look(w.os.ftruncate, file, 1)
    look(w.os.ftruncate, file, 0)
    look(w.os.rename, w.at("a"), w.at("b"))
    look(w.os.rename, w.at("b"), w.at("d", "b"))
    look(w.os.rename, w.at("d", "b"), w.at("a"))
    look(w.os.chmod, w.at("a"), 0o600)
    look(w.os.fsync, file)
    look(w.os.unlink, w.at("a"))
    look(w.path(w.at("c")).write_bytes, b"c")
    w.told.append(stat.S_ISREG(w.os.fstat(file).st_mode))
    w.told.append(w.os.stat(w.at("c")).st_ino == w.os.fstat(file).st_ino)


def locks(w: World) -> None:
    first = w.open(w.top, os.O_RDONLY | os.O_DIRECTORY)
    second = w.open(w.top, os.O_RDONLY | os.O_DIRECTORY)
    alone = w.fcntl.LOCK_EX | w.fcntl.LOCK_NB
    w.tell(w.fcntl.flock, first, alone)
    w.tell(w.fcntl.flock, first, alone)
    w.tell(w.fcntl.flock, second, alone)
    again = w.os.dup(first)
    w.tell(w.fcntl.flock, again, alone)
    w.os.close(first)
    w.tell(w.fcntl.flock, second, alone)
    w.os.close(again)
    w.tell(w.fcntl.flock, second, alone)
    w.tell(w.fcntl.flock, second, w.fcntl.LOCK_UN)
    third = w.open(w.top, os.O_RDONLY | os.O_DIRECTORY)
    w.tell(w.fcntl.flock, third, alone)
    w.tell(w.fcntl.flock, first, alone)


ALL_SEALS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20


def sealed_memory(w: World) -> None:
    for flags in (0, os.MFD_ALLOW_SEALING, 0x8):
        descriptor = w.os.memfd_create("payload", os.MFD_CLOEXEC | flags)
        w.tell(w.os.fstat, descriptor, show=lambda found: (oct(found.st_mode), found.st_size))
        w.tell(w.fcntl.fcntl, descriptor, 1034)
        w.tell(w.os.pwrite, descriptor, b"payload", 0)
        for seals in (0x02, 0x04, 0x08, 0x20, 0x100, 0x01, 0x02):
            w.tell(w.fcntl.fcntl, descriptor, 1033, seals)
            w.tell(w.fcntl.fcntl, descriptor, 1034)
            w.tell(w.os.pwrite, descriptor, b"P", 0)
            w.tell(w.os.pwrite, descriptor, b"longer than it", 0)
            w.tell(w.os.pwrite, descriptor, b"", 0)
            w.tell(w.os.write, descriptor, b"w")
            w.tell(w.os.ftruncate, descriptor, 3)
            w.tell(w.os.ftruncate, descriptor, 30)
            w.tell(w.os.fchmod, descriptor, 0o777)
            w.tell(w.os.fchmod, descriptor, 0o600)
            w.tell(w.os.pread, descriptor, 99, 0)
    descriptor = w.os.memfd_create("payload", os.MFD_CLOEXEC | 0x8)
    w.os.pwrite(descriptor, b"payload", 0)
    w.tell(w.fcntl.fcntl, descriptor, 1033, ALL_SEALS)
    w.tell(w.fcntl.fcntl, descriptor, 1033, 0)
    w.tell(w.fcntl.fcntl, descriptor, 1034)
    file = w.open(w.at("a"), BOTH_WAYS)
    reading, writing = w.os.pipe()
    for other in (file, reading, writing):
        w.tell(w.fcntl.fcntl, other, 1034)
        w.tell(w.fcntl.fcntl, other, 1033, ALL_SEALS)
    w.tell(w.fcntl.fcntl, 999_999, 1034)


CASES: list[Case] = [
    opening, directories, listing, positions, rights_of_a_descriptor, sizes, renaming,
    by_directory, without_a_name, what_stat_tells, locks, sealed_memory,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_files_are_as_in_linux(case: Case, tmp_path: Path) -> None:
    assert both(case, tmp_path)
