"""Inotify tells in the simulated kernel what it tells in Linux, and in the same order."""

import os
import select
from pathlib import Path

import pytest

from tests.contracts.worlds import Case, World, both

IN = select.POLLIN
MODIFY, ATTRIB, CLOSE_WRITE, FROM, TO = 0x2, 0x4, 0x8, 0x40, 0x80
CREATE, DELETE, DELETE_SELF, MOVE_SELF = 0x100, 0x200, 0x400, 0x800
EVERY = MODIFY | CLOSE_WRITE | FROM | TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
ONLY_DIRECTORY, EXCLUDE_UNLINKED = 0x1000000, 0x4000000


def watching_a_directory(w: World) -> None:
    w.tell(w.os.mkdir, w.at("d"))
    w.tell(w.os.mkdir, w.at("e"))
    ear = w.inotify()
    w.watch(ear, w.at("d"), EVERY | ATTRIB | ONLY_DIRECTORY | EXCLUDE_UNLINKED)
    w.watch(ear, w.at("d"), EVERY | ONLY_DIRECTORY | EXCLUDE_UNLINKED)
    w.watch(ear, w.at("absent"), EVERY)
    w.ready((ear, IN))
    w.hear(ear)
    file = w.open(w.at("d", "a" * 15), os.O_RDWR | os.O_CREAT)
    w.hear(ear)
    w.watch(ear, w.at("d", "a" * 15), EVERY | ONLY_DIRECTORY)
    for act, more in (
        (w.os.write, (file, b"x")), (w.os.pwrite, (file, b"x", 0)), (w.os.write, (file, b"")),
        (w.os.ftruncate, (file, 5)), (w.os.ftruncate, (file, 5)), (w.os.fsync, (file,)),
        (w.os.posix_fallocate, (file, 0, 9)), (w.os.posix_fallocate, (file, 0, 3)),
        (w.os.pread, (file, 5, 0)), (w.os.chmod, (w.at("d", "a" * 15), 0o600)),
        (w.os.rename, (w.at("d", "a" * 15), w.at("d", "a" * 16))),
        (w.os.write, (file, b"after the rename")),
        (w.os.rename, (w.at("d", "a" * 16), w.at("d", "a" * 16))),
        (w.os.rename, (w.at("d", "a" * 16), w.at("e", "a"))),
        (w.os.write, (file, b"elsewhere")),
        (w.os.rename, (w.at("e", "a"), w.at("d", "b"))),
        (w.os.unlink, (w.at("d", "b"),)), (w.os.write, (file, b"without a name")),
        (w.os.close, (file,)), (w.os.mkdir, (w.at("d", "sub"),)),
        (w.os.rename, (w.at("d", "sub"), w.at("d", "sub2"))),
        (w.os.rmdir, (w.at("d", "sub2"),)),
    ):  # fmt: skip
        w.tell(act, *more)
        w.hear(ear)
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_CREAT):
        w.path(w.at("d", "c")).write_bytes(b"")
        w.hear(ear)
        opened = w.open(w.at("d", "c"), flags)
        again = w.os.dup(opened)
        w.os.close(opened)
        w.hear(ear)
        w.os.close(again)
        w.hear(ear)
    w.path(w.at("e", "c")).write_bytes(b"replaces")
    w.tell(w.os.rename, w.at("e", "c"), w.at("d", "c"))
    w.hear(ear)
    w.tell(w.os.rename, w.at("d"), w.at("moved"))
    w.path(w.at("moved", "x")).write_bytes(b"x")
    w.ready((ear, IN))
    w.hear(ear)


def watching_a_file(w: World) -> None:
    ear = w.inotify()
    file = w.open(w.at("mark"), os.O_RDWR | os.O_CREAT)
    w.watch(ear, w.top, CREATE | MODIFY | EXCLUDE_UNLINKED)
    w.watch(ear, w.at("mark"), MODIFY | ATTRIB | DELETE_SELF | MOVE_SELF)
    for act, more in (
        (w.os.pwrite, (file, b"1", 0)), (w.os.pwrite, (file, b"1", 0)),
        (w.os.ftruncate, (file, 0)), (w.os.chmod, (w.at("mark"), 0o600)),
        (w.os.rename, (w.at("mark"), w.at("other"))), (w.os.unlink, (w.at("other"),)),
        (w.os.pwrite, (file, b"2", 0)), (w.os.close, (file,)),
    ):  # fmt: skip
        w.tell(act, *more)
        w.hear(ear)
    w.path(w.at("replaced")).write_bytes(b"x")
    w.path(w.at("new")).write_bytes(b"y")
    w.watch(ear, w.at("replaced"), ATTRIB | DELETE_SELF | MOVE_SELF)
    w.hear(ear)
    w.tell(w.os.rename, w.at("new"), w.at("replaced"))
    w.hear(ear)


def reading_events(w: World) -> None:
    ear = w.inotify()
    w.watch(ear, w.top, CREATE)
    for name in ("a", "b", "c"):
        w.path(w.at(name)).write_bytes(b"")
    w.tell(w.os.read, ear, 31)
    w.tell(w.os.read, ear, 64, show=len)
    w.tell(w.os.read, ear, 63, show=len)
    w.tell(w.os.read, ear, 64)
    second = w.inotify()
    w.watch(second, w.top, CREATE)
    w.os.close(ear)
    w.path(w.at("d")).write_bytes(b"")
    w.hear(second)


CASES: list[Case] = [watching_a_directory, watching_a_file, reading_events]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_events_are_as_in_linux(case: Case, tmp_path: Path) -> None:
    assert both(case, tmp_path)
