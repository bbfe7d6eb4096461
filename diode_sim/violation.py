"""A promise that was not kept: the one thing that a simulated run raises."""

from schemas.errors import Broken
from schemas.reasons import Reason


class Violation(Broken):
    """Which invariant broke, at which step, when in virtual time, and how."""

    def __init__(self, invariant: str, step: int, now_ns: int, sentence: str) -> None:
        super().__init__(Reason.ROLE_FAILED, sentence)
        self.invariant = invariant
        self.step = step
        self.now_ns = now_ns

    def __str__(self) -> str:
        seconds, rest = divmod(self.now_ns, 1_000_000_000)
        return f"{self.invariant}: step {self.step}, {seconds}.{rest:09} s: {self.sentence}"
