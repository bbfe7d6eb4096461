"""A started role as the supervisor of a simulated side sees it: `guard.edge.processes.Process`."""

import json
from typing import Any

from diode_sim.world.calls import Calls
from diode_sim.world.kernel import SECOND_NS, Condition, Process
from diode_sim.world.open_file import POLLIN
from schemas.errors import Broken
from schemas.reasons import Reason

STILL_NS_MAX = 5 * SECOND_NS


class RoleProcess:
    """`guard.edge.processes.Process` of the simulated kernel."""

    def __init__(self, calls: Calls, process: Process, pidfd: int, ready: int) -> None:
        self._calls = calls
        self._process = process
        self.name = process.name
        self.pidfd = pidfd
        self.ready_fd = ready
        self._still_since_ns: int | None = None
        self._words = b""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def await_ready(self) -> dict[str, Any]:
        """What it said when it was ready. Raises `Broken` if it ended before."""
        report = self._calls.read(self.ready_fd, 65_536)
        line, _, self._words = report.partition(b"\n")
        if not line.startswith(b"{"):
            raise Broken(Reason.ROLE_FAILED, f"{self.name} ended before it was ready")
        content: dict[str, Any] = json.loads(line)
        return content

    def last_words(self) -> tuple[str, str]:
        """(reason, sentence) that it gave for its end, or two empty texts."""
        waits = self._calls.poll({self.ready_fd: POLLIN}, 0)
        more = self._calls.read(self.ready_fd, 512) if waits else b""
        words, self._words = self._words + more, b""
        reason, _, sentence = words.decode().partition("|")
        return (reason, sentence) if sentence else ("", "")

    def end_if_still(self) -> None:
        """Kill it when it has been stopped for too long."""
        if self._process.condition is not Condition.STOPPED:
            self._still_since_ns = None
        elif self._still_since_ns is None:
            self._still_since_ns = self._calls.kernel.now_ns
        elif self._calls.kernel.now_ns - self._still_since_ns > STILL_NS_MAX:
            self._calls.kernel.kill(self._process)

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._calls.kernel.enter("kill", (self.name, int(number)))
        self._calls.kernel.signal(self._process, int(number))

    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.exit_code

    def end(self) -> int:
        """Kill it if it runs; gives its exit code."""
        self._calls.kernel.kill(self._process)
        self.forget()
        return self._process.exit_code or 0

    def forget(self) -> None:
        """Close what it was watched by."""
        for descriptor in (self.pidfd, self.ready_fd):
            if descriptor >= 0:
                self._calls.files.close(descriptor)
        self.pidfd = self.ready_fd = -1
