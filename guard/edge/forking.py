"""A child of a confined process, one at a time: started by fork, confined further, watched, ended.

Takes the parent's `Confinement` and the descriptors that a child keeps. A child may do what its
parent may, less these: start, wait for or kill a process, change a limit, and use any other of the
parent's descriptors. It ends with its parent. The parent never reads what a child reads: it forks
before there is anything to read. What the two share is a `Page` of numbers.

System calls: clone, wait4, rt_sigtimedwait, kill, and in the child prctl, prlimit64, seccomp.
"""

import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from guard.edge import seccomp
from guard.edge.confinement import Confinement
from guard.edge.sandbox_probe import self_test
from guard.edge.seccomp import Calls
from guard.edge.system_calls import call
from schemas.errors import Broken, CheckvalveError
from schemas.reasons import Reason

EXIT_BROKEN = 70  # sysexits(3): internal software error
EXIT_ORPHAN = 71
EXIT_ALONE = 72  # a neighbour is gone: the supervisor has seen it too
_PR_SET_PDEATHSIG = 1
_CLOCK_OF_A_PROCESS = 2  # CPUCLOCK_SCHED: posix-timers(7), as clock_getcpuclockid(3) makes it
_NUMBERS_MAX = 16


class Page:
    """Numbers that a child writes and its parent reads: a mapped page that fork leaves in common.

    The child may write anything there; whoever reads it has 64-bit numbers and no more.
    """

    def __init__(self) -> None:
        self.numbers = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")[:_NUMBERS_MAX]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its exit code, or the signal that ended it; `stopped` if it only stands
    still (a signal can do that), and has not ended."""

    code: int = 0
    signal: int = 0
    stopped: bool = False

    @property
    def words(self) -> str:
        """For people."""
        if self.stopped:
            return "was stopped by a signal"
        return f"ended by signal {self.signal}" if self.signal else f"ended with exit {self.code}"


class Children:
    """The children of this process, one at a time. Make it before the process is confined."""

    def __init__(self, confinement: Confinement, keeps: frozenset[int]) -> None:
        """keeps: the descriptors that a child may use, of those that the parent keeps."""
        self.confinement = replace(
            confinement, calls=confinement.calls - {Calls.FORK}, descriptors=keeps
        )
        kept = seccomp.Descriptors(keeps)
        self._filter = seccomp.ready(seccomp.program(self.confinement.calls, kept))
        self._parent = os.getpid()
        self._pid = 0
        # Blocked, so that waiting for it can have an end (rt_sigtimedwait).
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})

    def start(self, work: Callable[[], int], cpu_s_max: int | None = None) -> None:
        """Fork; the child does `work` and ends with the code it gives. It never returns here."""
        pid = os.fork()
        if pid == 0:
            self._be_child(work, cpu_s_max)
        self._pid = pid

    def wait(self, wait_ms: int) -> Ended | None:
        """How the child ended, or None if it runs on; waits up to `wait_ms`, or for less."""
        signal.sigtimedwait([signal.SIGCHLD], wait_ms / 1000)
        pid, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return None
        if os.WIFSTOPPED(status):
            return Ended(stopped=True)
        self._pid = 0
        if os.WIFSIGNALED(status):
            return Ended(signal=os.WTERMSIG(status))
        return Ended(code=os.WEXITSTATUS(status))

    def kill(self) -> None:
        """End the child, and wait until it has ended."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def cpu_ns(self) -> int:
        """The processor time that the child has used."""
        return time.clock_gettime_ns(~self._pid << 3 | _CLOCK_OF_A_PROCESS)

    def prove(self) -> None:
        """Start a child that tries what none may do. Raises `Broken` when any of it is possible."""

        def attempts() -> int:
            self_test(self.confinement)
            return 0

        self.start(attempts)
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        signal.sigtimedwait([signal.SIGCHLD], 0)
        if status != 0:
            raise Broken(Reason.SANDBOX_MISSING, "a child of this process may do too much")

    def _be_child(self, work: Callable[[], int], cpu_s_max: int | None) -> None:
        code = EXIT_BROKEN
        try:
            call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != self._parent:  # it ended before we could ask to be told
                os._exit(EXIT_ORPHAN)
            if Calls.THREADS not in self.confinement.calls:
                resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            if cpu_s_max is not None:
                resource.setrlimit(resource.RLIMIT_CPU, (cpu_s_max, cpu_s_max))
            seccomp.put_on(self._filter)
            code = work()
        except CheckvalveError as error:
            print(error.sentence, file=sys.stderr, flush=True)
        except (BrokenPipeError, ConnectionError):
            code = EXIT_ALONE
        except BaseException as error:
            print(f"a child failed with {type(error).__name__}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
