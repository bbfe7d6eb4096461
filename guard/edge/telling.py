"""How a supervisor says how its side is: the status file and the metrics feed.

Takes what the supervisor knows, writes `run/status.json` for `guard status` and a packet of numbers
for the metrics role. A full disk or feed must not end the supervisor: what finds no room is not
told, and told anew the next time.
"""

import contextlib
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guard.edge.seats import Seat


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
