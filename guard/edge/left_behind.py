"""Foreign code that is left behind when it takes too much processor time or memory.

Takes a function and what it may take; runs it in a thread, and looks at that thread's processor
time and at the heap of the process while it runs. A look needs Python's lock: a library that keeps
it is looked at between its calls alone. Nothing but the end of the process ends such a thread:
`works_on` is true from then on, and the stage's process (`guard.roles.stage`) is replaced before
the next message.
docs/adr/0017-foreign-code-is-left-behind.md

The heap is what the C library has given out (mallinfo2(3), of glibc 2.33): memory that is asked
for counts before it is used.
"""

import ctypes
import threading
import time
from collections.abc import Callable
from typing import Any, Generic

from schemas.effort import Effort, Made, Within
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

STACK_BYTES = 8 * 2**20  # as the first thread of a process has it
LOOK_S = 0.002
LOOKS_WAIT = 20  # times as long as a look takes, which in a heap of many pieces is long
_ARENA_MAX = -8  # mallopt(3)


class _Heap(ctypes.Structure):
    """struct mallinfo2 of malloc.h."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                     "uordblks", "fordblks", "keepcost")
    )  # fmt: skip


class _Thread(Generic[Made]):
    """One function in a thread."""

    def __init__(self, work: Callable[[], Made]) -> None:
        self._work = work
        self._made: list[Made] = []
        self._failed: BaseException | None = None
        self._clock = 0
        self._cpu_ns = 0
        self._has_clock = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._has_clock.wait()

    def _run(self) -> None:
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._has_clock.set()
        try:
            self._made.append(self._work())
        except BaseException as error:  # raised again by `made`
            self._failed = error
        self._cpu_ns = time.thread_time_ns()

    def ended(self, wait_s: float) -> bool:
        """Whether it has ended, once it has or after so long."""
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def cpu_ns(self) -> int:
        """The processor time that it has taken."""
        try:
            return time.clock_gettime_ns(self._clock)
        except OSError:  # it has ended just now
            return self._cpu_ns

    def made(self) -> tuple[Made, int]:
        """What its function gave or raised, and its processor time, when the kernel's thread is
        gone too: a process of one thread is one again."""
        while self._is_there():
            time.sleep(0)
        if self._failed is not None:
            raise self._failed
        return self._made[0], self._cpu_ns

    def _is_there(self) -> bool:
        try:
            time.clock_gettime_ns(self._clock)
        except OSError:
            return False
        return True


_left: list[_Thread[Any]] = []


def works_on() -> bool:
    """Whether something is running that was left behind."""
    return any(not thread.ended(0) for thread in _left)


def bounder() -> Within:
    """Who holds foreign code to its bounds. Once a process, before it is confined.

    Raises `Broken` where the C library is too old. What it gives raises `Broken` while something
    that was left behind is at work.
    """
    if not hasattr(_LIBRARY, "mallinfo2"):
        raise Broken(Reason.ARGUMENT, "the C library has no mallinfo2: glibc 2.33 is needed")
    threading.stack_size(STACK_BYTES)
    _LIBRARY.mallopt(_ARENA_MAX, 1)  # threads share one heap: none reserves a new one
    return _within


def _within(most: Effort, what: str, work: Callable[[], Made]) -> tuple[Made, Effort]:
    if works_on():  # the library serves one at a time, and this process is to be replaced
        raise Broken(Reason.STAGE_FAILED, "what was left behind is still at work")
    before = _heap_bytes()
    thread, wait_s = _Thread(work), LOOK_S
    while not thread.ended(wait_s):
        looked_s = time.thread_time()
        if thread.cpu_ns() > most.cpu_ns:
            taken = "processor time"
        elif _heap_bytes() - before > most.heap_bytes:
            taken = "memory"
        else:
            wait_s = max(LOOK_S, LOOKS_WAIT * (time.thread_time() - looked_s))
            continue
        _left.append(thread)
        raise Malformed(Reason.EFFORT_OUT_OF_BOUNDS, f"{what} takes too much {taken}")
    made, cpu_ns = thread.made()
    return made, Effort(cpu_ns, _heap_bytes() - before)


def _heap_bytes() -> int:
    heap = _LIBRARY.mallinfo2()
    return int(heap.uordblks + heap.hblkhd)


_LIBRARY = ctypes.CDLL(None)
if hasattr(_LIBRARY, "mallinfo2"):
    _LIBRARY.mallinfo2.restype = _Heap
