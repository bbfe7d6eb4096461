"""Power cuts, kills, full and failing disks at random system calls of the modules that write.

`python -m tests.campaigns.power_cuts [--seeds N] [--first S] [--only NAME]` gives each of the
edge's writers a simulated disk that forgets (diode_sim/world/disk.py) and lets it live many short
lives on it: each opens what the last one left, checks it against what was promised, goes on, and
ends at a random system call. What was said to be durable must be there, whole and in order; what
was not may be there or not, but never in part; and no life finds damage. On a failure it prints the
command that repeats it. Needs no root.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from diode_sim.chance import Chance, stream
from diode_sim.world.kernel import Killed, Process
from schemas.errors import Broken
from schemas.reasons import Reason
from tests.campaigns import writers
from tests.contracts.simulated import Simulated

DEFAULT_SEEDS = 4000
LIVES_MAX = 8
_STEPS_MAX = 140
_ROOM_BYTES_MAX = 4000
_SOFT = (Reason.DISK, Reason.LEDGER_UNWRITABLE)
_FAULTS = ("power cut",) * 5 + ("kill", "kill", "sync error", "write error", "full", "none")


class Writer(Protocol):
    """What lives: remembers over its lives what was promised, and holds the disk to it."""

    def live(self, chance: Chance) -> None:
        """Open, check, go on. Raises AssertionError when a promise was not kept."""


Make = Callable[[Simulated], Writer]
WRITERS: dict[str, Make] = {
    "journal": writers.Journal, "ledger": writers.Ledger, "queue": writers.Queue,
    "files": writers.Files, "number": writers.Number,
}  # fmt: skip


class Lives:
    """The lives of one writer on one disk, from a seed."""

    def __init__(self, make: Make, name: str, seed: int, world: Simulated) -> None:
        self._chance = Chance(stream(seed, name))
        self._world = world
        self._host = world.host()
        self._writer = make(world)
        self._room = self._host.disk.capacity_bytes

    def all(self) -> None:
        """A few lives, and at the end one without a fault, for what may be late to show."""
        for _ in range(self._chance.between(2, LIVES_MAX)):
            self._one(self._chance.choice(_FAULTS))
        self._one("power cut" if self._chance.below(2) else "none")
        self._one("none")

    def _one(self, fault: str) -> None:
        disk = self._host.disk
        left = self._chance.below(_STEPS_MAX)

        def before_step(process: Process, call: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._strike(fault, process)

        self._world.kernel.before_step = before_step
        try:
            with self._world.process(self._host):
                self._writer.live(self._chance)
                if fault == "power cut":  # it came too late: the process had ended by itself
                    disk.power_cut(self._chance)
        except Killed:
            pass
        except (Broken, OSError) as error:
            if fault not in ("sync error", "write error", "full"):
                raise
            if isinstance(error, Broken) and error.reason not in _SOFT:
                raise
        finally:
            self._world.kernel.before_step = None
            disk.fail_syncs = disk.fail_writes = 0
            disk.capacity_bytes = self._room

    def _strike(self, fault: str, process: Process) -> None:
        disk = self._host.disk
        if fault == "power cut":
            self._world.power_cut(process, self._chance)
        elif fault == "kill":
            process.doomed = True
        elif fault == "sync error":
            disk.fail_syncs = 1
        elif fault == "write error":
            disk.fail_writes = 1
        elif fault == "full":
            disk.capacity_bytes = disk.used_bytes + self._chance.below(_ROOM_BYTES_MAX)


def lives(name: str, seed: int, world: Simulated, make: Make | None = None) -> None:
    """One seed's lives of one writer, in a world that may be used again."""
    Lives(make or WRITERS[name], name, seed, world).all()


def main(arguments: Sequence[str]) -> int:
    """Run it; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.power_cuts")
    parser.add_argument("--seeds", type=int, default=DEFAULT_SEEDS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", choices=sorted(WRITERS))
    given = parser.parse_args(arguments)
    for name in [given.only] if given.only else WRITERS:
        world = Simulated()
        for seed in range(given.first, given.first + given.seeds):
            try:
                lives(name, seed, world)
            except BaseException:
                again = f"--only {name} --first {seed} --seeds 1"
                print(f"again: python -m tests.campaigns.power_cuts {again}", file=sys.stderr)
                raise
        print(f"{name}: {given.seeds} seeds, {world.kernel.steps} system calls")
    return 0


def run(arguments: Any = None) -> None:
    """The command."""
    sys.exit(main(sys.argv[1:] if arguments is None else arguments))


if __name__ == "__main__":
    run()
