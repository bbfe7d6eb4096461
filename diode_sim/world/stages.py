"""The real stages, compiled once for all simulated processes.

A stage is a pure function of its parameters, documents and message, so one that was compiled is
as good as the next, and a simulated lane starts again in no time. A message may be poison for a
named stage: the process in which that stage meets it dies, as by a fault in a parser.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from diode_sim.world.kernel import Kernel, Killed
from filters import catalog
from schemas.own_stage import OwnStage
from schemas.stage import StageType

_made: dict[tuple[str, str, tuple[tuple[str, bytes], ...]], Callable[..., Any]] = {}


class Stages:
    """Stands in for `filters.catalog`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.poison: dict[str, bytes] = {}

    entry = staticmethod(catalog.entry)

    def load(self, name: str, own: OwnStage | None = None) -> StageType:
        """The stage of this name, its compiling remembered, its poison looked for."""
        real = catalog.load(name, own)
        return replace(real, make=lambda given, documents: self._make(real, given, documents))

    def _make(self, real: StageType, given: Any, documents: Any) -> Callable[..., Any]:
        key = (real.name, given.model_dump_json(), tuple(sorted(documents.items())))
        if key not in _made:
            _made[key] = real.make(given, documents)
        run = _made[key]
        mark = self.poison.get(real.name)
        if mark is None:
            return run
        return _Poisoned(self._kernel, run, mark)


@dataclass(frozen=True, slots=True)
class _Poisoned:
    kernel: Kernel
    run: Callable[..., Any]
    mark: bytes

    def __call__(self, message: Any, *more: Any) -> Any:
        process = self.kernel.current
        if self.mark in message.payload and process is not None:
            self.kernel.kill(process)
            raise Killed
        return self.run(message, *more)
