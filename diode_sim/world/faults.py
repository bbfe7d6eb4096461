"""The bad days of a simulated run: what breaks, where and when, from a seed.

A fault strikes at a system call: it is armed at some moment, for one host, and strikes so many of
that host's steps later, in whatever process is then running. So over seeds every step of every role
is the last one before a crash.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from diode_sim.chance import Chance
from diode_sim.world.kernel import SECOND_NS, Condition, Host, Kernel, Process
from diode_sim.world.machine import Machines

Kind = Literal[
    "power-cut", "kill", "kill-supervisor", "stop-process", "disk-full", "sync-error",
    "write-error", "clock-step", "restart",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
_STEPS_MAX = 900
_WRITING_STEPS_MAX = 60
_WRITING = frozenset({
    "fsync", "fdatasync", "syncfs", "pwrite", "write", "ftruncate", "rename", "unlink", "mkdir",
    "send", "sendmsg",
})  # fmt: skip
_DOWN_NS_MAX = 4 * SECOND_NS
_STOPPED_NS_MAX = 6 * SECOND_NS
_CLOCK_STEP_S_MAX = 86_400
_ROOM_LEFT_BYTES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One. after_steps: of its host, once armed; with `writing` only steps count that write."""

    kind: Kind
    at_ns: int
    host: str
    after_steps: int
    writing: bool = False


def draw(chance: Chance, kinds: tuple[Kind, ...], count: int, from_ns: int, within_ns: int,
         ) -> list[Fault]:  # fmt: skip
    """So many faults of these kinds, in the order of their time."""
    faults = []
    for _ in range(count):
        kind, host = chance.choice(kinds), chance.choice(("low", "high"))
        at_ns = from_ns + chance.below(within_ns)
        writing = chance.below(3) > 0
        steps = chance.below(_WRITING_STEPS_MAX if writing else _STEPS_MAX)
        faults.append(Fault(kind, at_ns, host, steps, writing))
    return sorted(faults, key=lambda fault: fault.at_ns)


def step_fault(seed: int) -> Fault:
    """The one crash of a seed where seeds are steps: from the first system call of its host on."""
    return Fault(("power-cut", "kill")[seed // 2 % 2], 0, ("low", "high")[seed % 2], seed // 4)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int


class Faults:
    """Strikes: a hook of the kernel before each step."""

    def __init__(self, machines: Machines, chance: Chance, start: Callable[[Host], None]) -> None:
        """start: starts a host's side again, at once."""
        self._machines = machines
        self._kernel: Kernel = machines.kernel
        self._chance = chance
        self._start = start
        self._armed: dict[str, list[_Armed]] = {}
        self.pending = 0

    def plan(self, faults: list[Fault]) -> None:
        """Arm each when its time comes."""
        self.pending = len(faults)
        for fault in faults:
            self._kernel.at(fault.at_ns, partial(self._arm, fault))

    def _arm(self, fault: Fault) -> None:
        self._armed.setdefault(fault.host, []).append(_Armed(fault, fault.after_steps))

    def before_step(self, process: Process, call: str) -> None:
        """The kernel's hook. One strikes at a time: another that is due waits for the next step."""
        armed = self._armed.get(process.host.name)
        if not armed:
            return
        for each in armed:
            each.left -= not each.fault.writing or call in _WRITING
        due = next((each for each in armed if each.left < 0), None)
        if due is None:
            return
        armed.remove(due)
        fault = due.fault
        self._kernel.say(process.host.name, f"fault: {fault.kind} at {process.name}'s {call}")
        strike = getattr(self, "_" + fault.kind.replace("-", "_"))
        strike(process)
        self.pending -= 1

    # -- one method a kind -------------------------------------------------------------------

    def _power_cut(self, process: Process) -> None:
        host = process.host
        self._machines.power_cut(host, self._chance)
        down_ns = self._chance.below(_DOWN_NS_MAX)
        self._kernel.at(self._kernel.now_ns + down_ns, lambda: self._start(host))

    def _kill(self, process: Process) -> None:
        if process.name == "supervisor":
            self._kill_supervisor(process)
        else:
            process.doomed = True

    def _kill_supervisor(self, process: Process) -> None:
        """Every process of the side goes with it; the page cache stays."""
        host = process.host
        host.up = False
        self._machines.kill_all(host)
        down_ns = self._chance.below(_DOWN_NS_MAX)
        self._kernel.at(self._kernel.now_ns + down_ns, lambda: self._start(host))

    def _stop_process(self, process: Process) -> None:
        """SIGSTOP of some process of the host; SIGCONT later."""
        others = [
            each for each in self._kernel.processes
            if each.host is process.host and each.condition is Condition.WAITING
        ]  # fmt: skip
        if not others:
            return
        stopped = self._chance.choice(others)
        self._kernel.say(process.host.name, f"stopped: {stopped.name}")
        self._kernel.stop(stopped)
        for_ns = self._chance.below(_STOPPED_NS_MAX)
        self._kernel.at(self._kernel.now_ns + for_ns, lambda: self._kernel.go_on(stopped))

    def _disk_full(self, process: Process) -> None:
        disk = process.host.disk
        disk.capacity_bytes = disk.used_bytes + self._chance.below(_ROOM_LEFT_BYTES_MAX)
        for_ns = self._chance.below(_STOPPED_NS_MAX)

        def empty() -> None:
            disk.capacity_bytes = disk.whole_bytes

        self._kernel.at(self._kernel.now_ns + for_ns, empty)

    def _sync_error(self, process: Process) -> None:
        process.host.disk.fail_syncs += 1

    def _write_error(self, process: Process) -> None:
        process.host.disk.fail_writes += 1

    def _clock_step(self, process: Process) -> None:
        step_s = self._chance.between(-_CLOCK_STEP_S_MAX, _CLOCK_STEP_S_MAX)
        process.host.wall_offset_ns += step_s * SECOND_NS

    def _restart(self, process: Process) -> None:
        """An operator stops the side in good order; it is started again."""
        for each in self._kernel.processes:
            if each.host is process.host and each.name == "supervisor":
                self._kernel.signal(each, signal.SIGTERM)
