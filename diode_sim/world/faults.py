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
_DOWN_NS_MAX = 4 * SECOND_NS
_STOPPED_NS_MAX = 6 * SECOND_NS
_CLOCK_STEP_S_MAX = 86_400
_ROOM_LEFT_BYTES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One. after_steps: of its host, once armed."""

    kind: Kind
    at_ns: int
    host: str
    after_steps: int


def draw(chance: Chance, kinds: tuple[Kind, ...], count: int, from_ns: int, within_ns: int,
         ) -> list[Fault]:  # fmt: skip
    """So many faults of these kinds, in the order of their time."""
    faults = [
        Fault(
            chance.choice(kinds), from_ns + chance.below(within_ns), chance.choice(("low", "high")),
            chance.below(_STEPS_MAX),
        )
        for _ in range(count)
    ]  # fmt: skip
    return sorted(faults, key=lambda fault: fault.at_ns)


def step_fault(seed: int) -> Fault:
    """The one crash of a seed where seeds are steps: from the first system call of its host on."""
    return Fault(("power-cut", "kill")[seed // 2 % 2], 0, ("low", "high")[seed % 2], seed // 4)


class Faults:
    """Strikes: a hook of the kernel before each step."""

    def __init__(self, machines: Machines, chance: Chance, start: Callable[[Host], None]) -> None:
        """start: starts a host's side again, at once."""
        self._machines = machines
        self._kernel: Kernel = machines.kernel
        self._chance = chance
        self._start = start
        self._armed: dict[str, list[tuple[int, Fault]]] = {}
        self.pending = 0

    def plan(self, faults: list[Fault]) -> None:
        """Arm each when its time comes."""
        self.pending = len(faults)
        for fault in faults:
            self._kernel.at(fault.at_ns, partial(self._arm, fault))

    def _host(self, fault: Fault) -> Host:
        return next(host for host in self._machines.hosts if host.name == fault.host)

    def _arm(self, fault: Fault) -> None:
        host = self._host(fault)
        armed = self._armed.setdefault(host.name, [])
        armed.append((host.steps + fault.after_steps, fault))
        armed.sort(key=lambda each: each[0])

    def before_step(self, process: Process, call: str) -> None:
        """The kernel's hook."""
        armed = self._armed.get(process.host.name)
        if not armed or armed[0][0] > process.host.steps:
            return
        _, fault = armed.pop(0)
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
        before = disk.capacity_bytes
        disk.capacity_bytes = disk.used_bytes + self._chance.below(_ROOM_LEFT_BYTES_MAX)
        for_ns = self._chance.below(_STOPPED_NS_MAX)

        def empty() -> None:
            disk.capacity_bytes = before

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
