"""How a supervisor says how its side is: the status file, the metrics feed, and why a lane broke.

Takes what the supervisor knows, writes `run/status.json` for `guard status` and a packet of numbers
for the metrics role. A full disk or feed must not end the supervisor: what finds no room is not
told, and told anew the next time.
"""

import contextlib
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from guard.edge.seats import Seat
from schemas.reasons import Reason

_NO_REASON = "none"


class Ended(NamedTuple):
    """One process that ended: its name, whether it is a stage's, its exit code, its last words."""

    name: str
    of_a_stage: bool
    code: int
    reason: str
    sentence: str


def cause_of(ended: list[Ended]) -> tuple[str, str]:
    """(a sentence that names the process at fault, a reason code) of those that ended together.

    Which was the first is not known. But neighbours of one that failed end in good order, a stage
    is more often the reason than who waited for it, and why a ledger cannot be written only `audit`
    knows: the others have seen it gone.
    """
    one = min(ended, key=_guilt)
    told = f"{one.name}: {one.sentence}" if one.sentence else f"{one.name} ended ({_how(one.code)})"
    return told, one.reason or _NO_REASON


def _guilt(each: Ended) -> tuple[bool, bool, bool, bool]:
    saw_it_gone = each.reason == Reason.LEDGER_UNWRITABLE and each.name != "audit"
    return each.code == 0, not each.of_a_stage, saw_it_gone, not each.sentence


def processes_told(seats: Sequence[Seat], layers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The running processes, for the status file. layers: of the sandbox, by seat."""
    return [
        {
            "name": seat.name,
            "domain": seat.role.domain,
            "pid": seat.process.pid,
            "layers": layers.get(seat.name, {}).get("layers", []),
        }
        for seat in seats
        if seat.process is not None
    ]


def write_status(path: Path, status: Mapping[str, Any]) -> None:
    """The status file, whole or as it was."""
    made = path.with_suffix(".tmp")
    with contextlib.suppress(OSError):
        made.write_text(json.dumps(status))
        made.chmod(0o644)
        made.rename(path)


def tell_numbers(feed: socket.socket, counters: Mapping[str, int]) -> None:
    """The supervisor's own counters, as any role tells its."""
    told = {"name": "supervisor", "counters": dict(counters), "latency_us": []}
    with contextlib.suppress(OSError):
        feed.send(json.dumps(told).encode(), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"
