"""What a check-up finds: a grade, what was found, and the command that mends it."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How good it is."""

    OK = "ok"
    WARN = "warn"  # it runs, with less: slower, or with fewer layers
    FAIL = "fail"  # it will not run, or not safely


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, the grade, a sentence for people, and what mends it ("" nothing)."""

    name: str
    grade: Grade
    found: str
    mend: str = ""


def ok(name: str, found: str) -> Finding:
    """All is well."""
    return Finding(name, Grade.OK, found)


def warn(name: str, found: str, mend: str) -> Finding:
    """It runs, with less."""
    return Finding(name, Grade.WARN, found, mend)


def fail(name: str, found: str, mend: str) -> Finding:
    """It will not run, or not safely."""
    return Finding(name, Grade.FAIL, found, mend)
