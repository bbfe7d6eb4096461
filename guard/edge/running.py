"""A side that runs, as another process sees it: tell it to look, and wait for what it says.

Takes a side's folder. Reads `run/status.json` and /proc, sends SIGHUP to the supervisor that holds
the side's `run` folder, and to nobody else.
"""

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from guard.edge.side_status import side_status

LOOKS_AGAIN_S = 0.05


def tell_to_look(folder: Path) -> bool:
    """Whether the side runs; then it looks for a new policy and posture at once."""
    found = side_status(folder)
    if found.state not in ("running", "restarting") or not found.pid:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGHUP)
    return True


def await_status(folder: Path, name: str, wanted: object, within_s: float) -> bool:
    """Whether the supervisor's status has this value before so many seconds are over."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        status = _status(folder)
        if status.get(name) == wanted and status.get("state") == "running":
            return True
        time.sleep(LOOKS_AGAIN_S)
    return False


def _status(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "run" / "status.json").read_bytes()))
    except (OSError, ValueError):
        return {}
