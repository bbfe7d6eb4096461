"""Starts a process of a side as `process.py` does, with a wall clock that somebody steps.

Every `CALLS` looks at the wall clock it is another day: now, tomorrow, the day before yesterday.
The monotonic clock goes on as it does.
"""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from guard.edge import clock
from guard.process import main

CALLS = 20
DAYS = (0, 1, -2)
_looks = [0]


def _step_ns() -> int:
    _looks[0] += 1
    return DAYS[_looks[0] // CALLS % len(DAYS)] * 86_400 * 10**9


if __name__ == "__main__":
    stepped = SimpleNamespace(
        time=lambda: (time.time_ns() + _step_ns()) / 1e9,
        time_ns=lambda: time.time_ns() + _step_ns(),
        monotonic_ns=time.monotonic_ns,
    )
    vars(clock)["time"] = stepped  # all that the module uses of it
    sys.exit(main(sys.argv))
