"""The one error family of every boundary.

Takes nothing, gives the exception types that the rest of the program raises. Outside bytes
raise `Malformed`; cryptography that does not verify raises `Forged`; a limit that is reached
raises `Overload`; a mistake of our own raises `Broken` and stops the process. Policy does not
raise: it answers `Refuse` or `Hold` (see `schemas.verdict`).
"""

from schemas.reasons import Reason


class CheckvalveError(Exception):
    """The root of the family: a reason code for machines and a sentence for people."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}")
        self.reason = reason
        self.sentence = sentence


class Malformed(CheckvalveError):
    """Bytes from outside are not of the format they must be. A recogniser raises nothing else."""


class Forged(CheckvalveError):
    """A signature, a MAC or a tag does not verify, or speaks of something else."""


class Overload(CheckvalveError):
    """A bound on size, count, rate or time was reached."""


class Broken(CheckvalveError):
    """Our own invariant does not hold. The process that finds this stops."""
