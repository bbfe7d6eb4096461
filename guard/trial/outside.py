"""What the kernel says of a confined process, read by another: proc(5).

Takes a process id and the layers it reported, gives a sentence for each thing that is not so.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from guard.edge.confinement import State
from guard.edge.processes import ENVIRONMENT

_ZERO_LIMITS = ("Max core file size", "Max locked memory", "Max msgqueue size")
_SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")
_FILTERED = "2"


def faults_from_outside(pid: int, layers: list[list[str]], *, forks: bool) -> Iterator[str]:
    """Every sentence; without root only what any user may read of the process.

    forks: whether its row lets it start children: how many is then seccomp's and the user's.
    """
    proc = Path(f"/proc/{pid}")
    states = {name: state for name, state, _ in layers}
    status = dict(line.split(":", 1) for line in (proc / "status").read_text("utf-8").splitlines())
    yield from _status_faults({name: value.strip() for name, value in status.items()}, states)
    yield from _limit_faults((proc / "limits").read_text("utf-8"), forks=forks)
    if (proc / "mem").stat().st_uid != 0:
        yield "it is dumpable: its user may look into its memory"
    if os.geteuid() == 0:
        yield from _root_faults(proc, states)


def _status_faults(status: dict[str, str], states: dict[str, str]) -> Iterator[str]:
    if status["NoNewPrivs"] != "1":
        yield "it may gain privileges"
    if states["seccomp"] == State.ON and status["Seccomp"] != _FILTERED:
        yield "no filter of system calls is on it"
    if status["Threads"] != "1":
        yield f"it has {status['Threads']} threads"
    for name in _SETS:
        if int(status[name], 16):
            yield f"it has capabilities ({name} {status[name]})"
    users = set(status["Uid"].split())
    if states["user"] == State.ON and (len(users) != 1 or "0" in users or status["Groups"]):
        yield f"it is user {status['Uid']} with groups {status['Groups'] or 'none'}"


def _limit_faults(limits: str, *, forks: bool) -> Iterator[str]:
    zero = _ZERO_LIMITS if forks else ("Max processes", *_ZERO_LIMITS)
    for line in limits.splitlines():
        for name in zero:
            if line.startswith(name) and line.removeprefix(name).split()[:2] != ["0", "0"]:
                yield f"its limit is not 0: {' '.join(line.split())}"
        if line.startswith("Max address space") and "unlimited" in line:
            yield "its memory has no limit"


def _root_faults(proc: Path, states: dict[str, str]) -> Iterator[str]:
    environment = (proc / "environ").read_bytes().split(b"\0")
    names = {entry.partition(b"=")[0].decode("utf-8", "replace") for entry in environment if entry}
    if more := names - ENVIRONMENT.keys():
        yield f"its environment has {', '.join(sorted(more))}"
    for layer, namespace in (("network namespace", "net"),):
        own = os.readlink(f"/proc/self/ns/{namespace}")
        if states[layer] == State.ON and os.readlink(proc / "ns" / namespace) == own:
            yield f"it shares the host's {namespace} namespace"
