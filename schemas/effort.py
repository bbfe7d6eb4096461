"""What foreign code may take of a process, and who holds it to that.

A stage that calls a library whose work no look at the input bounds is made with a `Within`
(`StageType.make_bounded`): it hands over the call, and what the call may take.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

Made = TypeVar("Made")


class Effort(NamedTuple):
    """Processor time in nanoseconds, and bytes of the heap at one time."""

    cpu_ns: int
    heap_bytes: int


class Within(Protocol):
    """Does some work."""

    def __call__(self, most: Effort, what: str, work: Callable[[], Made]) -> tuple[Made, Effort]:
        """What `work` gives, the processor time that it took, and what it has added to the heap.

        most: raises `Malformed` (EFFORT_OUT_OF_BOUNDS) once it takes more; it may go on then, and
        nothing that it uses can be used again. what: what it does, for the sentence.
        """


def unbounded(most: Effort, what: str, work: Callable[[], Made]) -> tuple[Made, Effort]:
    """For where nobody holds it to anything: nothing is told."""
    return work(), Effort(0, 0)
