"""A simulated machine room: hosts that run the real supervisor and the real roles.

Takes a seed and mutations; gives hosts on which a side can be started, killed, cut from power and
started again. `guard.edge.processes` is stood in for: a started role is a process of the simulated
kernel instead of an exec, and it runs what `guard.process` runs, without the sandbox (which has
tests of its own with real processes).
"""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from diode_sim.chance import Chance
from diode_sim.trace import Trace
from diode_sim.world.calls import Calls
from diode_sim.world.channels import Datagrams, Watched
from diode_sim.world.disk import Disk
from diode_sim.world.hostile import HostileStage
from diode_sim.world.kernel import Host, Kernel, Killed, Process
from diode_sim.world.loading import Loader, Mutation
from diode_sim.world.role_process import RoleProcess
from diode_sim.world.sides import SideParts
from diode_sim.world.stages import Stages
from diode_sim.world.stand_ins import stand_ins
from guard.core.journey import Journey
from schemas.errors import CheckvalveError

PROGRAM = "guard.process"
LAST_WORDS_BYTES_MAX = 512
_EXIT_BROKEN = 70
_UDP = "udp"


class Crash(BaseException):
    """A process ended in a way that the real one must not: a traceback."""


class Machines:
    """The kernel, the loaded modules, and what happened to whom."""

    def __init__(self, seed: int, trace: Trace, mutations: tuple[Mutation, ...] = ()) -> None:
        self.kernel = Kernel(seed, trace)
        self.calls = Calls(self.kernel)
        self.stages = Stages(self.kernel)
        self.loader = Loader(stand_ins(self.calls), mutations)
        self.loader.stand_in(
            "guard.edge.system_calls", call=self.calls.by_name, NUMBERS={}, MACHINE=""
        )
        self.loader.stand_in(
            "guard.edge.processes", Process=RoleProcess, start=self._start_role, PROGRAM=PROGRAM,
            LAST_WORDS_BYTES_MAX=LAST_WORDS_BYTES_MAX,
        )  # fmt: skip
        self.loader.stand_in("filters.catalog", entry=self.stages.entry, load=self.stages.load)
        self.loader.stand_in("guard.version", VERSION="simulated")  # no trace hangs on it
        self.hosts: list[Host] = []
        self.hijacked: dict[tuple[str, str], HostileStage] = {}

    def host(self, name: str, capacity_bytes: int) -> Host:
        """A new machine with an empty disk."""
        made = Host(name, Disk(capacity_bytes, lambda: self.kernel.now_ns), 0)
        self.hosts.append(made)
        return made

    # -- starting ----------------------------------------------------------------------------

    def start_side(self, host: Host, site: SideParts, journey: Journey,
                   adopt: Callable[[Datagrams], None]) -> Process:  # fmt: skip
        """The side's supervisor, as `guard run` starts it. adopt: is shown its UDP sockets."""
        return self.kernel.start(
            host, "supervisor", lambda: self._supervise(host, site, journey, adopt), {}
        )

    def _supervise(self, host: Host, site: SideParts, journey: Journey,
                   adopt: Callable[[Datagrams], None]) -> int:  # fmt: skip
        def body() -> None:
            module = self.loader.load("guard.supervise")
            own = site.made(self.loader.load)
            memory = self.loader.load("guard.edge.policy_memory").policy_memory(own.folder)
            supervisor = module.Supervisor(own, journey, partial(self._tell, host), memory)
            process = self.kernel.current
            if process is None:
                raise RuntimeError("a supervisor outside any process")
            process.handlers[15] = supervisor.stop
            for opened in process.descriptors.values():
                if isinstance(opened, Datagrams):
                    adopt(opened)
            supervisor.run()

        return self._guarded(host, "supervisor", body)

    def _start_role(self, spec: Any, program: str = PROGRAM) -> "RoleProcess":
        """`guard.edge.processes.start`."""
        parent = self.kernel.enter("exec", spec.name)
        reading, writing = self.calls.pipe()
        given = {n: parent.descriptors[n] for n in spec.descriptors.values()}
        ready_number = max(given, default=2) + 1
        given[ready_number] = parent.descriptors[writing]

        spec.values.pop("isolation", None)  # a stage does its work itself: nothing forks here

        def run() -> int:
            return self._guarded(
                parent.host, spec.name, lambda: self._work(spec, ready_number), ready_number
            )

        started = self.kernel.start(parent.host, spec.name, run, given, parent)
        self.calls.files.close(writing)
        watched = Watched(started)
        started.end_is_open.append(watched)
        return RoleProcess(self.calls, started, self.calls.files.give(parent, watched), reading)

    def _work(self, spec: Any, ready: int) -> None:
        """What `guard.process` does between exec and exit."""
        hostile = self.hijacked.get((spec.side, spec.name))
        if hostile is not None:
            work = partial(hostile.work, spec, self.loader.load)
        else:
            module, _, function = spec.run.partition(":")
            work = getattr(self.loader.load(module), function)(spec)
        self.calls.write(ready, json.dumps({"name": spec.name, "layers": []}).encode() + b"\n")
        work()

    def _guarded(
        self, host: Host, name: str, body: Callable[[], None], ready: int | None = None
    ) -> int:
        """The exit code of a process that does this, as `guard.process` gives it.

        ready: where its last words go.
        """
        try:
            body()
        except CheckvalveError as error:
            self._say(host, name, error.sentence)
            if ready is not None:
                words = f"{error.reason}|{error.sentence}".encode()[:LAST_WORDS_BYTES_MAX]
                with suppress(OSError):
                    self.calls.write(ready, words)
            return _EXIT_BROKEN
        except ConnectionError:
            return 0
        except OSError as error:
            self._say(host, name, str(error))
            return _EXIT_BROKEN
        except Killed:
            raise
        except Exception as error:
            raise Crash(f"{host.name}/{name} ended with {type(error).__name__}: {error}") from error
        return 0

    def _tell(self, host: Host, event: dict[str, Any]) -> None:
        self._say(host, "supervisor", json.dumps(event, sort_keys=True))

    def _say(self, host: Host, name: str, sentence: str) -> None:
        self.kernel.say(f"{host.name}/{name}", f"says: {sentence}")

    # -- breaking ----------------------------------------------------------------------------

    def kill_all(self, host: Host) -> None:
        """Every process of a host ends at once; its page cache stays."""
        current = self.kernel.current
        for process in list(self.kernel.processes):
            if process.host is host and process is not current:
                self.kernel.kill(process)
        if current is not None and current.host is host:
            current.doomed = True

    def power_cut(self, host: Host, chance: Chance) -> None:
        """As a host without a battery: its processes and what was not synced are gone."""
        self.kernel.say(host.name, "power cut")
        host.up = False
        self.kill_all(host)
        host.disk.power_cut(chance)
