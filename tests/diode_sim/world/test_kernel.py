"""The simulated kernel: one seed one trace, the dead do nothing, and nobody waits in silence."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from diode_sim.trace import Trace
from diode_sim.world.inotify import Inotify, Watches
from diode_sim.world.kernel import Host, Kernel, Killed, Process
from tests.contracts.simulated import TOP, Simulated

TRACE = """
from diode_sim.world.guard_options import GuardOptions
from diode_sim.trace import Trace
from diode_sim.world.guard_run import GuardRun
for seed in (1, 2):
    options = GuardOptions(messages=4, within_s=2, faults=3)
    print(GuardRun(options, seed, Trace()).run())
"""


def test_a_seed_has_one_trace_whatever_python_hashes() -> None:
    traces = []
    for hash_seed in ("0", "4711"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()}
        ran = subprocess.run(
            [sys.executable, "-c", TRACE], env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        traces.append(ran.stdout.splitlines())
    assert traces[0] == traces[1]
    first, second = traces[0]
    assert first.partition("trace=")[2] != second.partition("trace=")[2] != ""


class World:
    """A kernel with one host, and processes that write to one log."""

    def __init__(self, seed: int = 0) -> None:
        self.trace = Trace()
        self.world = Simulated(seed, trace=self.trace)
        self.kernel: Kernel = self.world.kernel
        self.host: Host = self.world.host()
        self.os: Any = self.world.load("os")
        self.log: list[str] = []

    def start(self, name: str, body: Callable[[], None], parent: Process | None = None) -> Process:
        def run() -> int:
            body()
            return 0

        return self.kernel.start(self.host, name, run, {}, parent)

    def run(self) -> None:
        self.kernel.run(lambda: True)

    def tick(self, name: str, count: int) -> None:
        for number in range(count):
            descriptor = self.os.open(f"{TOP}/{name}-{number}", os.O_WRONLY | os.O_CREAT)
            self.os.write(descriptor, b"x")
            self.os.close(descriptor)
            self.log.append(f"{name}-{number}")

    def names(self) -> list[str]:
        return sorted(name.decode() for name in self.host.disk.find(TOP.encode()).entries)


def test_processes_take_turns_by_the_seed_alone() -> None:
    def order(seed: int) -> tuple[str, ...]:
        world = World(seed)
        for name in ("a", "b", "c"):
            world.start(name, lambda name=name: world.tick(name, 10))  # type: ignore[misc]  # typed as none
        world.run()
        assert len(world.log) == 30
        return (*world.log, world.trace.digest)

    assert order(1) == order(1)
    assert order(1) != order(2)


@pytest.mark.parametrize("step", range(1, 31))
def test_who_is_killed_at_any_step_does_nothing_more(step: int) -> None:
    """Nor does what it still runs on the way out, nor its child."""
    world = World()
    after: list[str] = []

    def body() -> None:
        parent = world.kernel.current
        world.start("child", lambda: world.tick("child", 1000), parent)
        try:
            world.tick("a", 10)
        finally:
            after.append("finally")
            with pytest.raises(Killed):
                world.os.unlink(f"{TOP}/a-0")
            with pytest.raises(Killed):
                world.tick("late", 1)

    process = world.start("parent", body)
    left = step

    def strike(acting: Process, call: str) -> None:
        nonlocal left
        left -= acting is process
        if left == 0:
            process.doomed = True

    world.kernel.before_step = strike
    world.run()
    assert after == ["finally"]
    assert process.exit_code == -9
    assert not any(name.startswith("late") for name in world.names())
    assert "a-0" in world.names() or step <= 1
    assert not world.kernel.processes
    assert process.descriptors == {}


def test_who_ends_lets_go_of_what_it_had_open_and_others_see_it() -> None:
    world = World()
    calls = world.world.calls
    ended: list[bool] = []

    def reads() -> None:
        reading, writing = calls.pipe()
        current = world.kernel.current
        assert current is not None

        def writes() -> int:
            world.os.write(3, b"to somebody")
            ended.append(False)
            return 0

        given = {3: current.descriptors[writing]}
        world.kernel.start(world.host, "writer", writes, given)
        world.os.close(writing)
        world.os.read(reading, 100)
        world.os.read(reading, 100)
        ended.append(True)

    waiting = world.start("reader", reads)
    world.run()
    assert ended == [False, True]
    assert waiting.exit_code == 0


def test_time_jumps_to_what_is_due_and_a_wait_without_end_is_an_error() -> None:
    world = World()
    sleep: Callable[[float], None] = world.world.load("time").sleep
    clock: Callable[[], float] = world.world.load("time").monotonic
    slept: list[float] = []

    def body() -> None:
        before = clock()
        sleep(86_400)
        slept.append(clock() - before)

    world.start("sleeper", body)
    world.kernel.run(lambda: bool(slept))
    assert 86_400 <= slept[0] < 86_401

    def waits() -> None:
        reading, writing = world.world.calls.pipe()
        world.os.read(reading, 1)
        world.os.close(writing)

    world.start("waiting", waits)
    with pytest.raises(OSError, match="nobody can go on"):
        world.kernel.run(lambda: False)


def test_a_stopped_process_goes_on_where_it_was() -> None:
    world = World()
    process = world.start("a", lambda: world.tick("a", 5))
    world.kernel.stop(process)
    world.run()
    assert world.log == []
    world.kernel.go_on(process)
    world.run()
    assert world.log == [f"a-{number}" for number in range(5)]


def test_an_overflow_of_events_is_told_once_at_the_end() -> None:
    world = World()
    ear = Inotify(world.kernel, Watches())
    ear.watch(world.host.disk.root, 0x100)
    for number in range(20_000):
        ear.hear(world.host.disk.root, b"%d" % number, 0x100)
    sizes = []
    last = b""
    while ear.queue:
        last = ear.read(64 * 1024)
        sizes.append(len(last))
    assert sum(sizes) == 16_384 * 32 + 16
    assert last[-16:-12] == (-1).to_bytes(4, "little", signed=True)
    assert int.from_bytes(last[-12:-8], "little") == 0x4000
