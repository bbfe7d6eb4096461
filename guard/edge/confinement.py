"""What a process may do, and what became of it: the nouns of the sandbox.

`Confinement` is one role's rights as `guard.low` and `guard.high` derive them from the journey
table; `Report` says layer by layer what is in force, in words for `guard status` and the ledger.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from guard.edge.seccomp import Calls


@dataclass(frozen=True, slots=True)
class Confinement:
    """One role's rights. What is not listed is not possible.

    read, write         directories (or files) for Landlock; both empty: no file system at all
    calls               groups of system calls; BASE is always among them
    descriptors         the numbers the role keeps; every other is closed
    memory_bytes_max    what it may map on top of what it has mapped when it is confined
    cpu_seconds_max     CPU time from now on, None for no limit; then the process is killed
    memfd_bytes_max     the size of one memfd with MEMFD, None for memory_bytes_max
    files_max           descriptor numbers it may have open at once
    uid, gid            dropped to when started as root; None keeps the user
    network_namespace   give it an empty network of its own when started as root
    root                the directory that becomes its root when started as root; None: an empty one
    """

    read: tuple[Path, ...]
    write: tuple[Path, ...]
    calls: frozenset[Calls]
    descriptors: frozenset[int]
    memory_bytes_max: int
    cpu_seconds_max: int | None
    files_max: int
    uid: int | None
    gid: int | None
    network_namespace: bool
    memfd_bytes_max: int | None = None
    root: Path | None = None

    def __post_init__(self) -> None:
        """Hold the bounds together. Raises `ValueError`."""
        if not 0 < self.memory_bytes_max <= 2**46 or not 0 < self.files_max <= 2**20:
            raise ValueError("memory_bytes_max or files_max is out of bounds")
        if self.cpu_seconds_max is not None and not 0 < self.cpu_seconds_max <= 2**31:
            raise ValueError("cpu_seconds_max is out of bounds")
        if any(number < 0 or number >= self.files_max for number in self.descriptors):
            raise ValueError("a descriptor is not below files_max")
        if (self.uid is None) != (self.gid is None) or self.uid == 0 or self.gid == 0:
            raise ValueError("uid and gid go together, and neither is root's")
        if {Calls.UDP_SEND, Calls.UDP_RECEIVE} <= self.calls:
            raise ValueError("no role both sends and receives UDP")


class State(StrEnum):
    """How a layer stands."""

    ON = "on"
    NOT_ASKED = "not asked"  # the role's row does not want it
    NOT_ROOT = "not root"  # possible only when started as root
    MISSING = "missing"  # this host does not have it: a reason not to start


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the sandbox: its name, how it stands, and a sentence for people."""

    name: str
    state: State
    sentence: str

    @property
    def line(self) -> str:
        """For people: "landlock: on, ABI 7: 1 readable, 0 writable"."""
        return f"{self.name}: {self.state}, {self.sentence}"


@dataclass(frozen=True, slots=True)
class Report:
    """Every layer, in the order they were put on; `landlock_abi` is 0 when it is off."""

    layers: tuple[Layer, ...]
    landlock_abi: int

    def state(self, name: str) -> State:
        """How the layer of this name stands. Raises `KeyError`."""
        return {layer.name: layer.state for layer in self.layers}[name]

    @property
    def missing(self) -> tuple[Layer, ...]:
        """What this host lacks: without `--insecure` a reason to refuse to start."""
        return tuple(layer for layer in self.layers if layer.state is State.MISSING)

    @property
    def on(self) -> list[str]:
        """The layers in force, a line each."""
        return [each.line for each in self.layers if each.state is State.ON]

    @property
    def off(self) -> list[str]:
        """The layers that are wanted and not in force (missing, or not root), a line each."""
        wanted = (State.MISSING, State.NOT_ROOT)
        return [each.line for each in self.layers if each.state in wanted]

    def __str__(self) -> str:
        """One line a layer."""
        return "\n".join(each.line for each in self.layers)
