"""A power cut between any two system calls, for code that writes by `os` alone.

The calls are really made, in a real directory. At the cut, what no sync covered is taken back: a
file has the bytes of its last sync, a directory the names of its own. Or it is all kept: both may
happen.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CALLS = (
    "open", "close", "write", "pwrite", "fsync", "fdatasync", "unlink", "rename", "ftruncate",
    "posix_fallocate", "mkdir",
)  # fmt: skip


class PowerCutError(BaseException):
    """Nothing after this call happened."""


class Disk:
    """What of some directories is safe."""

    def __init__(self, *tops: Path) -> None:
        self._tops = tops
        self._bytes: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {}
        self._pinned: list[int] = []  # so that no inode is used for another file meanwhile
        self._real = {name: getattr(os, name) for name in CALLS}
        for top in tops:
            for path in top.iterdir():
                self._sync_file(path)
            self._sync_directory(top)

    def synced(self, descriptor: int) -> None:
        """This file or directory has been synced."""
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path in self._tops:
            self._sync_directory(path)
        elif path.parent in self._tops:
            self._sync_file(path)

    def lose(self) -> None:
        """Take back what is not safe."""
        for top in self._tops:
            shutil.rmtree(top)
            top.mkdir()
            for name, inode in self._names[top].items():
                (top / name).write_bytes(self._bytes.get(inode, b""))

    def close(self) -> None:
        """Let the files go."""
        for descriptor in self._pinned:
            self._real["close"](descriptor)

    def _sync_file(self, path: Path) -> None:
        descriptor = self._real["open"](path, os.O_RDONLY)
        self._pinned.append(descriptor)
        status = os.fstat(descriptor)
        self._bytes[status.st_ino] = os.pread(descriptor, status.st_size, 0)

    def _sync_directory(self, top: Path) -> None:
        self._names[top] = {path.name: path.stat().st_ino for path in top.iterdir()}


@contextmanager
def cut_before(
    call: int, monkeypatch: pytest.MonkeyPatch, *tops: Path, lose: bool
) -> Iterator[None]:
    """Within it the power is cut before system call number `call`; the error is swallowed.

    Raises AssertionError when so many calls were not made.
    """
    disk, left = Disk(*tops), call
    made: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in CALLS}

    def act(name: str) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            if left == 0:
                raise PowerCutError
            left -= 1
            result = made[name](*arguments, **named)
            if name in ("fsync", "fdatasync"):
                disk.synced(arguments[0])
            return result

        return wrapped

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, act(name))
        try:
            yield
        except PowerCutError:
            pass
        else:
            raise AssertionError(f"there are fewer than {call} calls")
    if lose:
        disk.lose()
    disk.close()
