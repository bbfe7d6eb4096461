"""What is left behind, and when: with threads that wait, work and allocate."""

import ctypes
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.edge.left_behind import bounder, works_on
from schemas.effort import Effort
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

MIB = 2**20
MUCH = Effort(10**12, 2**40)
WITHIN = bounder()

pytestmark = pytest.mark.usefixtures("_alone")


@pytest.fixture
def _alone() -> None:
    """What a test leaves behind has ended before the next begins."""
    while works_on():
        time.sleep(0.01)


def busy(cpu_s: float) -> Callable[[], float]:
    def work() -> float:
        until_s = time.thread_time() + cpu_s
        while time.thread_time() < until_s:
            pass
        return cpu_s

    return work


def heap(megabytes: int, keeps_s: float) -> Callable[[], int]:
    def work() -> int:
        held = (ctypes.c_char * (megabytes * MIB))()
        time.sleep(keeps_s)
        return len(held)

    return work


def test_what_stays_within_its_bounds_gives_what_it_gives_and_tells_what_it_took() -> None:
    made, taken = WITHIN(MUCH, "working", busy(0.05))
    assert made == 0.05
    assert 0.05e9 <= taken.cpu_ns < 5e9
    kept, taken = WITHIN(MUCH, "keeping", lambda: (ctypes.c_char * (9 * MIB))())
    assert 9 * MIB <= taken.heap_bytes < 10 * MIB
    del kept
    assert not works_on()


def test_its_exceptions_are_its_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        WITHIN(MUCH, "dividing", lambda: 1 // 0)
    assert not works_on()


@pytest.mark.parametrize(
    ("most", "work", "said"),
    [
        (Effort(10**7, 2**40), busy(0.5), "working takes too much processor time"),
        (Effort(10**12, 50 * MIB), heap(60, 0.5), "working takes too much memory"),
    ],
    ids=["time", "memory"],
)
def test_what_takes_more_is_refused_and_left_behind(
    most: Effort, work: Callable[[], object], said: str
) -> None:
    with pytest.raises(Malformed, match=said) as refused:
        WITHIN(most, "working", work)
    assert refused.value.reason is Reason.EFFORT_OUT_OF_BOUNDS
    assert works_on()
    with pytest.raises(Broken, match="still at work"):
        WITHIN(MUCH, "working", busy(0))


def test_one_that_waits_takes_nothing() -> None:
    assert WITHIN(Effort(10**7, 2**40), "waiting", lambda: time.sleep(0.2))[0] is None
    assert WITHIN(Effort(10**12, 50 * MIB), "waiting", heap(40, 0.1))[0] == 40 * MIB


def test_afterwards_the_process_has_one_thread_again() -> None:
    before = len(list(Path("/proc/self/task").iterdir()))
    for _ in range(200):
        WITHIN(MUCH, "working", threading.get_ident)
        assert len(list(Path("/proc/self/task").iterdir())) == before
