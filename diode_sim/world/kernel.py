"""A kernel in memory: processes that take turns, a clock that moves when they do.

Each process is a greenlet that runs the real code of a role until a system call; there the kernel
counts a step, moves the clock by what such a call costs, and lets another process go on if chance
says so or the call has to wait. When nobody can go on, the clock jumps to the next thing that is
due: a time-out, a datagram, a fault. So nothing sleeps, and all follows from the seed.

A process may be killed at any step. Its code then gets `Killed` at that very call, and whatever it
still does on the way out (a `finally`) has no effect on anything: as after SIGKILL.
"""

import errno
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import greenlet

from diode_sim.chance import Chance, stream
from diode_sim.trace import Trace
from diode_sim.world.disk import Disk
from diode_sim.world.inodes import failure

SECOND_NS = 1_000_000_000
_DEFAULT_NS = 2_000
_COST_NS = {"fsync": 400_000, "fdatasync": 250_000, "syncfs": 600_000, "exec": 20_000_000}
_SWITCH_ONE_IN = 6
_FIRST_PID = 100


class Killed(BaseException):
    """This process is no more: raised out of each of its system calls."""


class Condition(Enum):
    """What a process is doing."""

    READY = "ready"
    WAITING = "waiting"
    STOPPED = "stopped"
    ENDED = "ended"


class Open(Protocol):
    """What a descriptor stands for."""

    holders: int
    waiters: "dict[Process, None]"

    def events(self) -> int:
        """poll(2)'s events that are true now."""

    def closed(self) -> None:
        """The last descriptor of it was closed."""


@dataclass(slots=True, eq=False)
class Host:
    """A machine: its disk, its wall clock, its processes' steps."""

    name: str
    disk: Disk
    wall_offset_ns: int
    steps: int = 0
    up: bool = True


@dataclass(slots=True, eq=False)
class Process:
    """One process of a host."""

    host: Host
    name: str
    pid: int
    parent: "Process | None"
    run: Callable[[], int]
    greenlet: "greenlet.greenlet"
    descriptors: dict[int, Open] = field(default_factory=dict)
    condition: Condition = Condition.READY
    exit_code: int | None = None
    handlers: dict[int, Callable[..., object]] = field(default_factory=dict)
    pending: list[int] = field(default_factory=list)
    doomed: bool = False
    wait: int = 0
    end_is_open: "list[Open]" = field(default_factory=list)
    on_end: list[Callable[[], None]] = field(default_factory=list)


class Kernel:
    """The one kernel of a simulated world; its hosts are told apart by what they are given."""

    def __init__(self, seed: int, trace: Trace) -> None:
        self.now_ns = SECOND_NS
        self.steps = 0
        self.current: Process | None = None
        self.processes: list[Process] = []
        self.before_step: Callable[[Process, str], None] | None = None
        self.after_call: Callable[[Process, str, object], None] | None = None
        self._chance = Chance(stream(seed, "schedule"))
        self.entropy = Chance(stream(seed, "entropy"))
        self._ready: list[Process] = []
        self._dying: list[Process] = []
        self._due: list[tuple[int, int, Process | None, int, Callable[[], None] | None]] = []
        self._order = 0
        self._pids = _FIRST_PID
        self._main = greenlet.getcurrent()
        self._trace = trace

    # -- the trace ---------------------------------------------------------------------------

    def say(self, who: str, what: str) -> None:
        """One line of the trace."""
        self._trace.say(self.now_ns, who, what)

    # -- processes ---------------------------------------------------------------------------

    def start(
        self, host: Host, name: str, run: Callable[[], int], descriptors: dict[int, Open],
        parent: Process | None = None,
    ) -> Process:  # fmt: skip
        """A new process with these descriptors; it runs when its turn comes."""
        self._pids += 1
        process = Process(
            host, name, self._pids, parent, run, greenlet.greenlet(self._body, self._main)
        )
        for number, opened in descriptors.items():
            opened.holders += 1
            process.descriptors[number] = opened
        self.processes.append(process)
        self._ready.append(process)
        return process

    def _body(self, process: Process) -> None:
        try:
            code = process.run()
        except Killed:
            code = -9
        self._end(process, code)

    def kill(self, process: Process) -> None:
        """SIGKILL: it does nothing from now on; its descriptors are closed, its children too."""
        if process.condition is Condition.ENDED:
            return
        process.doomed = True
        if process is self.current:
            return  # its system call, or the one that it makes next, raises `Killed`
        self.say(f"{process.host.name}/{process.name}", "killed")
        self._end(process, -9)
        if process.greenlet:
            self._dying.append(process)

    def _bury(self) -> None:
        """Let the code of who was killed run out: each of its system calls raises `Killed`."""
        while self._dying:
            process = self._dying.pop()
            self.current = process
            process.greenlet.throw(Killed)
            self.current = None

    def _end(self, process: Process, code: int) -> None:
        if process.condition is Condition.ENDED:
            return
        process.doomed = True
        process.condition = Condition.ENDED
        process.exit_code = code
        process.wait += 1
        self.processes.remove(process)
        if process in self._ready:
            self._ready.remove(process)
        self.say(f"{process.host.name}/{process.name}", f"ended {code}")
        descriptors, process.descriptors = process.descriptors, {}
        for opened in descriptors.values():
            self.drop(opened)
        for opened in process.end_is_open:
            self.wake(opened.waiters)
        for child in [each for each in self.processes if each.parent is process]:
            self.kill(child)
        for act in process.on_end:
            act()

    def drop(self, opened: Open) -> None:
        """One descriptor of it less."""
        opened.holders -= 1
        if not opened.holders:
            opened.closed()

    def signal(self, process: Process, number: int) -> None:
        """A signal that is not SIGKILL: its handler, if it has one, runs in it at its next step."""
        if process.condition is not Condition.ENDED and number in process.handlers:
            process.pending.append(number)
            self._wake(process)

    def stop(self, process: Process) -> None:
        """SIGSTOP."""
        if process.condition in (Condition.READY, Condition.WAITING):
            process.condition = Condition.STOPPED
            if process in self._ready:
                self._ready.remove(process)

    def go_on(self, process: Process) -> None:
        """SIGCONT. What it waited for may have come meanwhile: it looks again."""
        if process.condition is Condition.STOPPED:
            process.condition = Condition.READY
            process.wait += 1
            self._ready.append(process)

    # -- system calls ------------------------------------------------------------------------

    def enter(self, call: str, about: object = "") -> Process:
        """A system call begins: a step. Gives who makes it."""
        process = self.current
        if process is None:
            raise RuntimeError(f"{call} outside any process")
        if process.doomed:
            raise Killed
        self.steps += 1
        process.host.steps += 1
        self.now_ns += _COST_NS.get(call, _DEFAULT_NS)
        if self._trace.on:
            self.say(f"{process.host.name}/{process.name}", f"{call} {about}")
        if self.before_step is not None:
            self.before_step(process, call)
            if process.doomed:
                raise Killed
        if self._chance.below(_SWITCH_ONE_IN) == 0:
            self._ready.append(process)
            self._switch(process)
        self._handle(process)
        return process

    def _switch(self, process: Process) -> None:
        self._main.switch()
        if process.doomed:
            raise Killed

    @staticmethod
    def _handle(process: Process) -> None:
        while process.pending:
            number = process.pending.pop(0)
            process.handlers[number](number, None)

    def pause(self, files: Iterable[Open], until_ns: int | None) -> None:
        """The current process waits until one of these changes or the time comes."""
        process = self.current
        if process is None:
            raise RuntimeError("nobody waits")
        process.wait += 1
        process.condition = Condition.WAITING
        waited = list(files)
        for opened in waited:
            opened.waiters[process] = None
        if until_ns is not None:
            self._push(until_ns, process, process.wait, None)
        try:
            self._switch(process)
        finally:
            for opened in waited:
                opened.waiters.pop(process, None)
        self._handle(process)

    def wake(self, waiters: "dict[Process, None]") -> None:
        """Who waits for this looks again."""
        for process in list(waiters):
            self._wake(process)
        waiters.clear()

    def _wake(self, process: Process) -> None:
        if process.condition is Condition.WAITING:
            process.condition = Condition.READY
            process.wait += 1
            self._ready.append(process)

    # -- what is due -------------------------------------------------------------------------

    def at(self, when_ns: int, act: Callable[[], None]) -> None:
        """Something happens to the world then."""
        self._push(when_ns, None, 0, act)

    def _push(
        self, when_ns: int, process: Process | None, wait: int, act: Callable[[], None] | None
    ) -> None:
        self._order += 1
        heapq.heappush(self._due, (when_ns, self._order, process, wait, act))

    def run(self, until: Callable[[], bool]) -> None:
        """Let everything go on until this is true, asked whenever the clock has jumped."""
        while True:
            self._bury()
            while self._due and self._due[0][0] <= self.now_ns:
                self._do(heapq.heappop(self._due))
            if self._ready:
                self._resume(self._take_ready())
                continue
            if until():
                return
            if not self._due:
                raise failure(errno.EDEADLK, "nothing is due and nobody can go on")
            self.now_ns = max(self.now_ns, self._due[0][0])

    def _do(self, due: tuple[int, int, Process | None, int, Callable[[], None] | None]) -> None:
        _, _, process, wait, act = due
        if act is not None:
            act()
        elif process is not None and process.wait == wait:
            self._wake(process)

    def _take_ready(self) -> Process:
        at = self._chance.below(len(self._ready))
        self._ready[at], self._ready[-1] = self._ready[-1], self._ready[at]
        return self._ready.pop()

    def _resume(self, process: Process) -> None:
        self.current = process
        try:
            if process.greenlet:
                process.greenlet.switch()
            else:
                process.greenlet.switch(process)
        finally:
            self.current = None
