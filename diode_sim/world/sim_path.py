"""The `pathlib.Path` of the simulated kernel: what the guard's code does by paths."""

import io
import os
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Self

from diode_sim.world.calls import Calls

_READ_BYTES = 1 << 30


def path_class(calls: Calls) -> type:
    """The class, for these calls."""
    files = calls.files

    class SimPath(PurePosixPath):
        """A path on the calling process's host."""

        __slots__ = ()

        def exists(self) -> bool:
            """Whether something has this name."""
            return calls.exists(str(self))

        def is_dir(self) -> bool:
            """Whether it is a directory."""
            return calls.is_directory(str(self))

        def is_file(self) -> bool:
            """Whether it is a file."""
            return self.exists() and not self.is_dir()

        def stat(self) -> Any:
            """stat(2)."""
            return files.stat(str(self))

        def mkdir(self, mode: int = 0o777, parents: bool = False,
                  exist_ok: bool = False) -> None:  # fmt: skip
            """mkdir(2)."""
            try:
                files.mkdir(str(self), mode)
            except FileNotFoundError:
                if not parents:
                    raise
                type(self)(self.parent).mkdir(parents=True, exist_ok=True)
                files.mkdir(str(self), mode)
            except FileExistsError:
                if not exist_ok or not self.is_dir():
                    raise

        def unlink(self, missing_ok: bool = False) -> None:
            """unlink(2)."""
            try:
                files.unlink(str(self))
            except FileNotFoundError:
                if not missing_ok:
                    raise

        def rmdir(self) -> None:
            """rmdir(2)."""
            files.rmdir(str(self))

        def rename(self, target: Any) -> Self:
            """rename(2)."""
            files.rename(str(self), str(target))
            return type(self)(target)

        def chmod(self, mode: int) -> None:
            """chmod(2)."""
            files.chmod(str(self), mode)

        def iterdir(self) -> Any:
            """What is in it."""
            return (self / name for name in files.listdir(str(self)))

        def glob(self, pattern: str) -> Any:
            """What is in it and is named so."""
            return (each for each in self.iterdir() if fnmatchcase(each.name, pattern))

        def touch(self) -> None:
            """A file is there; an empty one if none was."""
            files.close(files.open(str(self), os.O_WRONLY | os.O_CREAT, 0o666))

        def open(self, mode: str = "rb", buffering: int = -1) -> io.BytesIO:
            """The file as it is now, for reading."""
            if mode != "rb":
                raise ValueError(f"open with {mode} is not simulated")
            return io.BytesIO(self.read_bytes())

        def read_bytes(self) -> bytes:
            """The whole file."""
            descriptor = files.open(str(self), os.O_RDONLY)
            try:
                return calls.read(descriptor, _READ_BYTES)
            finally:
                files.close(descriptor)

        def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
            """The whole file as text."""
            return self.read_bytes().decode(encoding, errors)

        def write_bytes(self, content: bytes) -> int:
            """A whole file, not synced."""
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            descriptor = files.open(str(self), flags, 0o644)
            try:
                return calls.write(descriptor, content)
            finally:
                files.close(descriptor)

        def write_text(self, text: str, encoding: str = "utf-8") -> int:
            """A whole file of text, not synced."""
            return self.write_bytes(text.encode(encoding))

    return SimPath
