"""What a module of hostile samples gives, and how the modules are found.

One module a format, `tests/filters/hostile/FORMAT.py`. It has

    PACKS = ("text",)                     the packs its samples are run through
    def hostile() -> Iterator[Case]       each that must not pass, with its reasons
    def sound() -> Iterator[Sound]        each sample that must pass (optional)
    def real(shared: Path) -> Iterator[Path]   the real files of this format (optional)

Samples are made by code, never stored: the same bytes at every call.
"""

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class Case:
    """A sample that must not pass.

    name      unique in its module, for people
    payload   the file's bytes
    reasons   the codes of `schemas.reasons` of which one must be given
    type      the declared media type, if the sender declares one
    label     the label in the sidecar, if there is one
    """

    name: str
    payload: bytes
    reasons: tuple[str, ...]
    type: str = ""
    label: str = ""


@dataclass(frozen=True)
class Sound:
    """A sample that must pass. `gone`: byte strings in it that must not be in what is delivered."""

    name: str
    payload: bytes
    gone: tuple[bytes, ...] = ()
    type: str = ""


@dataclass(frozen=True)
class Format:
    """A module of this folder."""

    name: str
    module: ModuleType

    @property
    def packs(self) -> tuple[str, ...]:
        """The packs that take this format."""
        packs: tuple[str, ...] = self.module.PACKS
        return packs

    def hostile(self) -> list[Case]:
        """Every sample that must not pass."""
        return list(self.module.hostile())

    def sound(self) -> list[Sound]:
        """Every made sample that must pass."""
        return list(self.module.sound()) if hasattr(self.module, "sound") else []

    def real(self, shared: Path) -> list[Path]:
        """The real files of this format below the folder of shared samples."""
        return sorted(self.module.real(shared)) if hasattr(self.module, "real") else []


def formats() -> Iterator[Format]:
    """Every format with a module here, by name."""
    for found in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = import_module(f"tests.filters.hostile.{found.name}")
        if hasattr(module, "hostile"):
            yield Format(found.name, module)
