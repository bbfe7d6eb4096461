"""How a side is: what its supervisor wrote, what its processes are, what its metrics role counts.

Takes a side's folder, gives a `SideStatus`. Reads `run/status.json`, /proc, the folders where
messages wait, and asks the metrics role for `/status`; writes nothing and locks nothing, so that
asking never disturbs a side. What this user may not read is None, not an error.
"""

import json
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guard.edge.site import SiteFile, read_site_file
from guard.edge.spool_names import is_drop
from guard.edge.udp import read_address
from schemas.entry import Kind
from schemas.errors import Malformed
from schemas.reasons import Reason

ANSWER_BYTES_MAX = 4 * 2**20
_ANSWER_WITHIN_S = 2.0
_STATUS_BYTES_MAX = 2**20
_OUTCOMES = {
    "low": (Kind.COMMITTED, Kind.SENT, Kind.REFUSED, Kind.HELD, Kind.SPOOL_REFUSED, Kind.ALARM),
    "high": (Kind.DELIVERING, Kind.DELIVERED, Kind.HELD, Kind.DUPLICATE, Kind.GAP, Kind.ALARM),
}
_LINK_ROLE = {"low": "send", "high": "receive"}

Counters = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process: `user` is a name or number, "" when it is gone; layers are [name, state]."""

    name: str
    domain: str
    pid: int
    alive: bool
    user: str
    layers: list[list[str]]


@dataclass(frozen=True, slots=True)
class SideStatus:
    """A side as it is now.

    state      starting, running, stopping, stopped; "never started"; "died" when it is gone
    outcomes   entries of this run by kind (messages for sent, delivered and gap)
    refusals   "stage: reason" of what was refused or held in this run, counted
    queues     files that wait, by folder; None where this user may not look
    link       counters of the role at the link
    ledger_entries  in the whole ledger; None when the metrics role did not answer
    metrics    a sentence when it did not answer, else ""
    """

    side: str
    state: str
    pid: int
    restarts: int
    cause: str
    processes: list[ProcessStatus] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    queues: dict[str, int | None] = field(default_factory=dict)
    link: dict[str, int] = field(default_factory=dict)
    ledger_entries: int | None = None
    metrics: str = ""
    policy_version: int = 0
    posture_version: int = 0
    demo: bool = False

    @property
    def runs(self) -> bool:
        """Whether the side is up: its supervisor and every process of it."""
        return self.state == "running" and all(process.alive for process in self.processes)


def side_status(folder: Path) -> SideStatus:
    """Raises `Malformed` when the folder is no side's, or its status file is not readable."""
    file = read_site_file(folder)
    written = _read_status(folder)
    pid = int(written.get("pid", 0))
    state = str(written.get("state", "never started"))
    if state in ("starting", "running", "stopping") and not _holds(pid, folder / "run"):
        state = "died"
    processes = [_process(line, pid) for line in written.get("processes", ())]
    counters, metrics = _ask(folder, file) if state == "running" else ({}, "the side does not run")
    return SideStatus(
        side=file.side,
        state=state,
        pid=pid,
        restarts=int(written.get("restarts", 0)),
        cause=str(written.get("cause", "")),
        processes=processes if state not in ("stopped", "died") else [],
        outcomes=_outcomes(counters, file.side) if counters else {},
        refusals=_refusals(counters),
        queues=_queues(folder, file.side),
        link=counters.get(_LINK_ROLE[file.side], {}),
        policy_version=int(written.get("policy_version", 0)),
        posture_version=int(written.get("posture_version", 0)),
        demo=file.demo,
        ledger_entries=counters.get("audit", {}).get("ledger_size"),
        metrics=metrics,
    )


def _read_status(folder: Path) -> dict[str, Any]:
    """What the supervisor wrote; nothing when it never did."""
    path = folder / "run" / "status.json"
    try:
        with open(path, "rb") as file:
            return dict(json.loads(file.read(_STATUS_BYTES_MAX)))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise Malformed(Reason.SITE_MALFORMED, f"{path} is not what guard run writes") from error


def _process(line: dict[str, Any], supervisor: int) -> ProcessStatus:
    """Alive is what is a child of the supervisor and no zombie: a number can be used again."""
    pid = int(line["pid"])
    facts = _facts_of(pid)
    alive = facts.get("PPid") == str(supervisor) and facts.get("State", "Z")[:1] not in "ZX"
    layers = [[str(layer[0]), str(layer[1])] for layer in line["layers"]]
    user = facts.get("Uid", "").partition("\t")[0] if alive else ""
    return ProcessStatus(str(line["name"]), str(line["domain"]), pid, alive, user, layers)


def _facts_of(pid: int) -> dict[str, str]:
    """From the status file: of a process that is not dumpable the folder itself is root's."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _holds(pid: int, run: Path) -> bool:
    """Whether this process has the lock on the side's `run` folder that a supervisor takes."""
    try:
        inode = str(run.stat().st_ino)
        lines = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return False
    locks = (line.split() for line in lines)
    return any(
        lock[1] == "FLOCK" and lock[4] == str(pid) and lock[5].rpartition(":")[2] == inode
        for lock in locks
        if len(lock) > 5
    )


# -- the metrics role ----------------------------------------------------------------------------


def read_counters(folder: Path) -> Counters:
    """Every process's counters of a running side, by process; empty when it does not answer."""
    return _ask(folder, read_site_file(folder))[0]


def _ask(folder: Path, file: SiteFile) -> tuple[Counters, str]:
    """(every process's counters, or a sentence that says why there are none)."""
    try:
        if file.metrics == "unix":
            told = _get(socket.AF_UNIX, str(folder / "run" / "metrics.sock"))
        else:
            host, port = read_address(file.metrics)
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            told = _get(family, (host, port))
        counters = json.loads(told)
        return {str(name): dict(values) for name, values in counters.items()}, ""
    except OSError as error:
        return {}, f"the metrics role does not answer ({error.strerror or error})"
    except (ValueError, TypeError, AttributeError):
        return {}, "the metrics role answers something else than its status"


def _get(family: int, address: str | tuple[str, int]) -> bytes:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(_ANSWER_WITHIN_S)
        client.connect(address)
        client.sendall(b"GET /status HTTP/1.0\r\n\r\n")
        answer = b""
        while len(answer) < ANSWER_BYTES_MAX and (part := client.recv(65_536)):
            answer += part
    return answer.partition(b"\r\n\r\n")[2]


def _entries(counters: Counters) -> list[tuple[str, str, str, int]]:
    """(kind, stage, reason, count) of what the audit role wrote in this run."""
    found = []
    for key, count in counters.get("audit", {}).items():
        parts = key.split("|")
        if len(parts) == 4 and parts[0] == "entry":
            found.append((parts[1], parts[2], parts[3], int(count)))
    return found


def _outcomes(counters: Counters, side: str) -> dict[str, int]:
    totals = {kind.value: 0 for kind in _OUTCOMES[side]}
    for kind, _, _, count in _entries(counters):
        if kind in totals:
            totals[kind] += count
    return totals


def _refusals(counters: Counters) -> dict[str, int]:
    stopped = (Kind.REFUSED, Kind.HELD, Kind.SPOOL_REFUSED)
    found: dict[str, int] = {}
    for kind, stage, reason, count in _entries(counters):
        if kind in stopped:
            place = f"{stage}: {reason}" if stage else reason
            found[place] = found.get(place, 0) + count
    return dict(sorted(found.items(), key=lambda item: -item[1]))


# -- what waits ----------------------------------------------------------------------------------


def _queues(folder: Path, side: str) -> dict[str, int | None]:
    queues: dict[str, int | None] = {}
    if side == "low":
        for sender in _names(folder / "spool" / "drop") or ():
            drops = _names(folder / "spool" / "drop" / sender)
            waiting = None if drops is None else [n for n in drops if is_drop(os.fsencode(n))]
            queues[f"drop/{sender}"] = None if waiting is None else len(waiting)
    else:
        for name in _names(folder / "queue") or ():
            if name != "tmp":
                queues[f"queue/{name}"] = _count(folder / "queue" / name)
    queues["held"] = _count(folder / "held")
    return queues


def _count(folder: Path) -> int | None:
    """Messages in an output queue or among the held; a message's metadata is not counted."""
    names = _names(folder)
    if names is not None and "new" in names:
        names = _names(folder / "new")
    if names is None:
        return None
    return len([n for n in names if not n.startswith(".") and not n.endswith(".meta.json")])


def _names(folder: Path) -> list[str] | None:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return None
