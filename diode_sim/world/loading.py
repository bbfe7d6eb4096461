"""Loads the guard's own modules so that they run in the simulated kernel, unchanged.

A module of `guard.edge`, `guard.roles`, `guard.report` or `guard.supervise` is compiled from its
source as it stands and executed with another `import`: what it gets by the names of the standard
library's modules are the stand-ins, and what it gets of those packages are modules loaded the same
way. All else (`schemas`, `filters`, `guard.core`, `guard.link`) has no world in it and is the real
module. A *mutation* changes a module's text as it is loaded: so a deliberate bug is planted
without touching the source.
"""

import builtins
import importlib
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple, NoReturn

from schemas.errors import Broken
from schemas.reasons import Reason

_SIMULATED = (
    "guard.edge", "guard.roles", "guard.report", "guard.supervise", "guard.low", "guard.high",
)  # fmt: skip
_AS_THEY_ARE = (
    "guard.edge.isal",
    "guard.edge.rights",
    "guard.edge.forking",
)  # arithmetic: nothing of the world
_code: dict[tuple[str, str], CodeType] = {}


class Mutation(NamedTuple):
    """In this module, this text (which is there exactly once) becomes that."""

    module: str
    old: str
    new: str


class Loader:
    """A set of modules that share one kernel's stand-ins."""

    def __init__(
        self, stand_ins: dict[str, ModuleType], mutations: tuple[Mutation, ...] = (), *,
        more: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """more: modules beside the guard's that are loaded so, each by its full name."""
        self._modules = dict(stand_ins)
        self._mutations = mutations
        self._packages = (*_SIMULATED, *more, *(_with_it(each.module) for each in mutations))
        self._builtins = {**vars(builtins), "__import__": self._import, "open": _no_open}

    def stand_in(self, name: str, **given: Any) -> None:
        """A module of our own in the place of that name."""
        made = ModuleType(name)
        vars(made).update(given)
        self._modules[name] = made

    def load(self, name: str) -> ModuleType:
        """The module of this name, for the simulated kernel."""
        if name in self._modules:
            return self._modules[name]
        if not self._simulated(name):
            return importlib.import_module(name)
        made = ModuleType(name)
        self._modules[name] = made
        path = _source(name)
        if path is None:  # a package: its modules are asked for by name
            return made
        made.__file__ = str(path)
        vars(made)["__builtins__"] = self._builtins
        exec(self._compiled(name, path), vars(made))  # noqa: S102 - our own source
        return made

    def _simulated(self, name: str) -> bool:
        """Whether it is loaded here."""
        if name in _AS_THEY_ARE:
            return False
        return any(name == top or name.startswith(top + ".") for top in self._packages)

    def _compiled(self, name: str, path: Path) -> CodeType:
        text = path.read_text("utf-8")
        for mutation in self._mutations:
            if mutation.module == name:
                if text.count(mutation.old) != 1:
                    raise Broken(
                        Reason.ARGUMENT, f"{name} does not have this once: {mutation.old!r}"
                    )
                text = text.replace(mutation.old, mutation.new)
        key = (name, text)
        if key not in _code:
            _code[key] = compile(text, str(path), "exec")
        return _code[key]

    def _import(
        self, name: str, globals_: Any = None, locals_: Any = None,
        fromlist: Any = (), level: int = 0,
    ) -> Any:  # fmt: skip
        if name not in self._modules and not self._simulated(name):
            return builtins.__import__(name, globals_, locals_, fromlist, level)
        module = self.load(name)
        for wanted in fromlist or ():
            if not hasattr(module, wanted) and not hasattr(module, "__file__"):
                setattr(module, wanted, self.load(f"{name}.{wanted}"))
        if not fromlist and "." in name:
            raise ImportError(f"write from ... import for {name}")
        return module


def _no_open(*_: object) -> NoReturn:
    raise AssertionError("code of the edge opens files by os or pathlib")


def _with_it(module: str) -> str:
    """What is loaded anew for a mutation: the link's modules hang together, others stand alone."""
    return "guard.link" if module.startswith("guard.link.") else module


def _source(name: str) -> Path | None:
    found = find_spec(name)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(name)
    path = Path(found.origin)
    return None if path.name == "__init__.py" else path
