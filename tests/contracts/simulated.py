"""A simulated kernel of which the running test is a process.

The test's own greenlet is entered into the kernel as a process of a host, and the kernel's loop
runs in a greenlet beside it: so a test calls what the guard's code would call, with the stand-ins
for `os`, `socket` and the others, and the clock is virtual. When the test waits for something that
can never come, the kernel's error is raised in the test.
"""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import greenlet

from diode_sim.chance import Chance
from diode_sim.trace import Trace
from diode_sim.world.calls import Calls
from diode_sim.world.channels import Datagrams, Deaf
from diode_sim.world.disk import Disk
from diode_sim.world.kernel import Host, Kernel, Process
from diode_sim.world.loading import Loader, Mutation
from diode_sim.world.stand_ins import stand_ins

TOP = "/simulated"
CAPACITY_BYTES = 64 * 1024 * 1024
_PID = 7


@dataclass(eq=False)
class Simulated:
    """A kernel and the modules loaded for it. It keeps no host: a disk may be large."""

    seed: int = 0
    mutations: tuple[Mutation, ...] = ()
    more: tuple[str, ...] = ()
    trace: Trace = field(default_factory=Trace.off)

    def __post_init__(self) -> None:
        self.kernel = Kernel(self.seed, self.trace)
        self.calls = Calls(self.kernel)
        self.modules = stand_ins(self.calls)
        self.loader = Loader(self.modules, self.mutations, more=self.more)
        self.loader.stand_in("guard.edge.system_calls", call=self.calls.by_name, NUMBERS={})
        path = self.modules["pathlib"].Path
        self.loader._builtins["open"] = partial(_open, self.calls)
        self.loader.stand_in("shutil", copytree=_copier(path), rmtree=_remover(path))

    def load(self, name: str) -> ModuleType:
        """A module as it runs in the simulated kernel."""
        return self.loader.load(name)

    def host(self, capacity_bytes: int = CAPACITY_BYTES) -> Host:
        """A new machine whose disk has one empty directory, durably: `TOP`."""
        disk = Disk(capacity_bytes, lambda: self.kernel.now_ns)
        disk.create(disk.root, TOP[1:].encode(), folder=True)
        disk.create(disk.create(disk.root, b"dev", folder=True), b"zero")
        disk.sync_all()
        return Host("host", disk, 0)

    @contextlib.contextmanager
    def process(self, host: Host) -> Iterator[Process]:
        """The caller is a process of this host until it leaves."""
        kernel = self.kernel
        kernel._main = greenlet.greenlet(lambda: kernel.run(lambda: False))
        kernel._ready.clear()
        made = Process(host, "test", _PID, None, lambda: 0, greenlet.getcurrent())
        for number in range(3):
            made.descriptors[number] = Deaf(holders=1)
        kernel.processes.append(made)
        kernel.current = made
        try:
            yield made
        finally:
            kernel.current = made
            kernel._end(made, 0)
            kernel.current = None

    def power_cut(self, process: Process, chance: Chance) -> None:
        """At this moment: the process does nothing more, and its host's disk forgets."""
        process.doomed = True
        process.host.disk.power_cut(chance)

    def cable(self, sending: int, receiving: int) -> None:
        """What leaves by one UDP socket of the running process arrives at the other."""
        current = self.kernel.current
        assert current is not None
        out, into = current.descriptors[sending], current.descriptors[receiving]
        assert isinstance(out, Datagrams)
        assert isinstance(into, Datagrams)

        def transmit(burst: bytes, segment_bytes: int) -> None:
            for at in range(0, len(burst), segment_bytes):
                into.arrive(burst[at : at + segment_bytes])

        out.transmit = transmit


class _Writing(io.RawIOBase):
    """A file that was opened for writing, unbuffered."""

    def __init__(self, calls: Calls, path: Any) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self._calls, self._number = calls, calls.files.open(path, flags, 0o666)

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        return self._calls.write(self._number, bytes(content))

    def close(self) -> None:
        if not self.closed:
            self._calls.files.close(self._number)
        super().close()


def _open(calls: Calls, path: Any, mode: str) -> io.BufferedWriter:
    """`open` as the tests call it."""
    if mode != "wb":
        raise ValueError(f"open with {mode} is not simulated")
    return io.BufferedWriter(_Writing(calls, path))


def _copier(path: Any) -> Callable[[Any, Any], None]:
    def copytree(source: Any, target: Any) -> None:
        path(target).mkdir()
        for each in path(source).iterdir():
            if each.is_dir():
                copytree(each, path(target) / each.name)
            else:
                (path(target) / each.name).write_bytes(each.read_bytes())

    return copytree


def _remover(path: Any) -> Callable[[Any], None]:
    def rmtree(folder: Any) -> None:
        for each in path(folder).iterdir():
            if each.is_dir():
                rmtree(each)
            else:
                each.unlink()
        path(folder).rmdir()

    return rmtree
