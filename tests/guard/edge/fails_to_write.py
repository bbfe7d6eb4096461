"""A role that meets what its spec names, before it is ready: tests/guard/edge/test_processes.py."""

from collections.abc import Callable
from pathlib import Path

from guard.edge.spec import Spec


def prepare(spec: Spec) -> Callable[[], None]:
    """`/dev/full` for a full disk; any other path must be there."""
    with Path(spec.text("path")).open("r+b", buffering=0) as file:
        file.write(b"x")
    return lambda: None
