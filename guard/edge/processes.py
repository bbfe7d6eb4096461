"""Starting, watching and ending the processes of a side.

Each is exec'd (never forked from the supervisor's memory) with an environment of four constants,
the descriptors its spec names and no other. System calls: the ones of subprocess, pidfd_open,
kill, waitpid, memfd_create.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from guard.edge.spec import Spec
from schemas.errors import Broken
from schemas.reasons import Reason

PROGRAM = "guard.process"
READY_WITHIN_MS = 60_000
_READY_BYTES_MAX = 65_536
LAST_WORDS_BYTES_MAX = 512
STILL_S_MAX = 5.0
_STAT_BYTES_MAX = 4096
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",  # a second thread would stand outside the sandbox
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}


@dataclass(slots=True)
class Process:
    """A process that was started: its name, how to watch it, and where it says that it is ready."""

    name: str
    popen: "subprocess.Popen[bytes]"
    pidfd: int
    ready_fd: int
    still_since_s: float | None = None
    words: bytes = b""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.popen.pid

    def await_ready(self) -> dict[str, Any]:
        """What it reported when its confinement was on. Raises `Broken` if it ended before."""
        poller = select.poll()
        poller.register(self.ready_fd, select.POLLIN)
        report = os.read(self.ready_fd, _READY_BYTES_MAX) if poller.poll(READY_WITHIN_MS) else b""
        line, _, self.words = report.partition(b"\n")  # it may have failed since, and said why
        if not line.startswith(b"{"):
            said = f": {_sentence(report)[1]}" if report else ""
            raise Broken(Reason.ROLE_FAILED, f"{self.name} ended before it was ready{said}")
        content: dict[str, Any] = json.loads(line)
        return content

    def last_words(self) -> tuple[str, str]:
        """(reason, sentence) that it gave for its end, or two empty texts. Read them once."""
        poller = select.poll()
        poller.register(self.ready_fd, select.POLLIN)
        more = os.read(self.ready_fd, LAST_WORDS_BYTES_MAX) if poller.poll(0) else b""
        words, self.words = self.words + more, b""
        return _sentence(words)

    def end_if_still(self) -> None:
        """Kill it when a signal has stopped it for too long: it neither works nor ends then."""
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as file:
                still = file.read(_STAT_BYTES_MAX).rpartition(b") ")[2].startswith(b"T")
        except OSError:
            still = False
        if not still:
            self.still_since_s = None
        elif self.still_since_s is None:
            self.still_since_s = time.monotonic()
        elif time.monotonic() - self.still_since_s > STILL_S_MAX:
            self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to exactly this process; nothing happens if it has ended."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def ended(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self.popen.poll()

    def end(self) -> int:
        """Kill it if it runs, wait, and give its exit code."""
        self.signal(signal.SIGKILL)
        code = self.popen.wait()
        self.forget()
        return code

    def forget(self) -> None:
        """Close what was used to watch it."""
        for descriptor in (self.pidfd, self.ready_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self.pidfd = self.ready_fd = -1


def _sentence(words: bytes) -> tuple[str, str]:
    reason, _, sentence = words.decode("ascii", "backslashreplace").partition("|")
    return (reason, sentence) if reason in set(Reason) else ("", "")


def start(spec: Spec, program: str = PROGRAM) -> Process:
    """Start the process of this spec. The caller closes its own copies of the descriptors.

    program: the module that reads the spec, or a file; only trials and tests name another.
    """
    run = [program] if program.endswith(".py") else ["-m", program]
    ready_reading, ready_writing = os.pipe()
    spec.descriptors["ready"] = ready_writing
    orders = spec.write()
    try:
        popen = subprocess.Popen(  # noqa: S603 - this interpreter and a number
            [sys.executable, "-I", *run, str(orders)],
            stdin=subprocess.DEVNULL,
            pass_fds=(orders, *spec.descriptors.values()),
            env=ENVIRONMENT,
            cwd="/",
        )
    except OSError:
        os.close(ready_reading)
        raise
    finally:
        os.close(orders)
        os.close(ready_writing)
    return Process(spec.name, popen, os.pidfd_open(popen.pid), ready_reading)
